//! The Open Data Contract Standard, versions 3.0 to 3.2: `apiVersion: v3.2.0, kind: DataContract`.
//!
//! In: a document with the standard's top-level keys. Out: a product whose name is `dataProduct` (else `name`, else `id`).
//! Holds always: lists that the model sees only in part (servers, team, support, roles, service levels, custom properties) are
//! kept whole in a `custom` map too, unless the model would write them again as they were. The roles with read access are the
//! readers of the product, unless a custom property says who may read; without either it is private.
//!
//! Start reading at [`product`].

pub(crate) mod identity;
mod ids;
mod levels;
mod maps;
mod options;
pub(crate) mod people;
mod property;
mod quality;
mod relationship;
mod schema;
mod servers;
mod tidy;
mod variables;

pub(crate) use identity::Given;
pub(crate) use tidy::drop_same;

use super::blocks::access::AccessWords;
use super::blocks::{head, policies};
use super::fields::{Fields, keep};
use super::node::{Entry, Node};
use super::parts::{FoundTable, Parts};
use super::report::Report;
use super::value::Value;
use crate::model::Custom;
use crate::standard::keys::{self, Kept};
use crate::standard::own;

/// Fields that custom properties of ours may set at the top of a document, by the prefix of their names.
pub(crate) const TOP: [(&str, &[&str]); 3] = [("", own::PRODUCT), ("port.", own::PORT), ("sla.", own::LEVELS)];

/// Whether this is a version of the standard that is read.
pub(crate) fn is_known(api_version: &str) -> bool {
    let mut numbers = api_version.strip_prefix('v').unwrap_or_default().split('.').map(str::parse::<u32>);
    let (major, minor, patch) = (numbers.next(), numbers.next(), numbers.next());
    matches!((major, minor, patch, numbers.next()), (Some(Ok(3)), Some(Ok(0..=2)), Some(Ok(_)), None))
}

/// Reads a product.
pub(crate) fn product(root: &Value<'_>, given: Given<'_>, report: &mut Report) -> Parts {
    let mut parts = Parts { finish: Some(tidy::tidy), ..Parts::default() };
    let Some(mut top) = root.fields(report) else { return parts };
    let api = top.take("apiVersion").and_then(|v| v.node.scalar());
    top.take("kind");
    let custom = &mut parts.head.custom;
    parts.head.id = identity::identity(&mut top, &["dataProduct", "name"], true, given, custom, report);
    match top.take("status") {
        Some(value) => parts.head.status = identity::status(&value, custom, report),
        None if api.is_some_and(|api| api.starts_with("v3.2")) => {}
        None => top.missing("status", "Write draft, active, deprecated or retired.", report),
    }
    about(&mut top, &mut parts, report);
    parts.port_name = Some("contract".to_owned());
    match top.take("schema") {
        Some(value) => schema::tables(&value, &mut parts, report),
        // A contract without a schema is about one table, whose columns are observed at registration.
        None => parts.tables.extend(FoundTable::empty(None, top.place)),
    }
    if let Some(value) = top.take("servers") {
        servers::servers(&value, &mut parts, report);
    }
    let element = top.text("slaDefaultElement", report);
    if let Some(value) = top.take("slaProperties") {
        levels::levels(&value, element.as_deref(), &mut parts, report);
    }
    if let Some(element) = element {
        parts.service_levels.custom.insert("slaDefaultElement".to_owned(), element.into());
    }
    ours(&mut top, &mut parts, report);
    top.finish_into(&mut parts.head.custom, report);
    parts
}

/// What the document says about itself beside its name.
fn about(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let custom = &mut parts.head.custom;
    if let Some(value) = top.look("contractCreatedTs") {
        head::date(&value, report);
    }
    let kept =
        ["tenant", "price", "context", "authoritativeDefinitions", "contractCreatedTs", "support", "team", "roles"];
    let kept: Vec<Kept> = keys::CONTRACT.iter().filter(|(key, ..)| kept.contains(key)).copied().collect();
    keep_shaped(top, &kept, custom, report);
    parts.head.tags = top.texts("tags", report);
    if let Some(value) = top.take("description") {
        parts.head.description = identity::description(&value, custom, report);
    }
    parts.head.owner = people::owner(top, report);
}

/// Checks the shapes of keys that are kept as they are, and keeps them.
pub(crate) fn keep_shaped(fields: &mut Fields<'_>, kept: &[Kept], custom: &mut Custom, report: &mut Report) {
    for (key, name, shape) in kept {
        if let Some(value) = fields.take(key) {
            shape.check(&value, report);
            keep(custom, name, value.json());
        }
    }
}

/// Custom properties that mean something here: fields of the model, who may read, how long rows are kept, how they are encrypted.
fn ours(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let mut access = AccessWords::default();
    if let Some(list) = top.take("customProperties") {
        keys::CUSTOM.check(&list, report);
        let (own, others) = own::split(&list, &TOP, report);
        parts.own = own;
        own::keep_others(others, &mut parts.head.custom);
        words(&list, &mut access, parts, report);
    }
    parts.access_in_words = access.says_who_reads();
    if !access.says_who_reads() {
        access.add_readers(people::readers(top), top.place);
    }
    parts.access = access.finish(&mut parts.head.custom, report);
}

/// Access, retention and encryption as plain custom properties: `{property: access, value: restricted}`.
pub(crate) fn words(list: &Value<'_>, access: &mut AccessWords, parts: &mut Parts, report: &mut Report) {
    let entry = |p: Property<'_>| Entry { key: p.name.to_owned(), place: p.value.place(), value: p.value.node.clone() };
    let entries: Vec<Entry> = properties(list).into_iter().map(entry).collect();
    let mut fields = Fields::over(&entries, list);
    access.read(&mut fields, report);
    policies::kept(&mut fields, parts, report);
}

/// One custom property: its name and value.
struct Property<'n> {
    name: &'n str,
    value: Value<'n>,
}

/// `customProperties: [{property, value}]`, whose shape was checked.
fn properties<'n>(list: &Value<'n>) -> Vec<Property<'n>> {
    let one = |item: Value<'n>| {
        let name = item.node.get("property").and_then(Node::scalar)?;
        let node = item.node.get("value")?;
        Some(Property { name, value: Value { path: format!("{}.value", item.path), node } })
    };
    list.one_or_many().into_iter().filter_map(one).collect()
}

/// The custom properties of an element: those that set fields of the model, with the others kept.
fn own_of(
    fields: &mut Fields<'_>,
    known: &'static [&'static str],
    custom: &mut Custom,
    report: &mut Report,
) -> Vec<own::Own> {
    let Some(list) = fields.take("customProperties") else { return Vec::new() };
    keys::CUSTOM.check(&list, report);
    let (own, others) = own::split(&list, &[("", known)], report);
    own::keep_others(others, custom);
    own
}
