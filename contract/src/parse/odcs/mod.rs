//! The Open Data Contract Standard, versions 3.0 to 3.2: `apiVersion: v3.1.0, kind: DataContract`.
//!
//! In: a document with the standard's top-level keys. Out: a product whose name is `dataProduct` (else `name`).
//! Holds always: lists that the model sees only in part (servers, team, support, roles, service levels, custom properties) are
//! kept whole in a `custom` map too. The roles with read access are the readers of the product, unless a custom property says who
//! may read; without either it is private.
//!
//! Start reading at [`product`].

mod levels;
mod property;
mod quality;
mod relationship;
mod schema;
mod servers;

use super::blocks::access::AccessWords;
use super::blocks::{head, policies};
use super::fields::Fields;
use super::node::{Entry, Kind};
use super::parts::Parts;
use super::report::Report;
use super::value::Value;
use crate::model::{Custom, Status};
use crate::problem::code;

/// Words of a role that let its holders read.
const READ: [&str; 6] = ["read", "readonly", "read-only", "read_only", "select", "query"];

/// Whether this is a version of the standard that is read.
pub(crate) fn is_known(api_version: &str) -> bool {
    let mut numbers = api_version.strip_prefix('v').unwrap_or_default().split('.').map(str::parse::<u32>);
    let (major, minor, patch) = (numbers.next(), numbers.next(), numbers.next());
    matches!((major, minor, patch, numbers.next()), (Some(Ok(3)), Some(Ok(0..=2)), Some(Ok(_)), None))
}

/// Reads a product.
pub(crate) fn product(root: &Value<'_>, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    let Some(mut top) = root.fields(report) else { return parts };
    top.take("apiVersion");
    top.take("kind");
    identity(&mut top, &mut parts, report);
    people(&mut top, &mut parts, report);
    parts.port_name = Some("contract".to_owned());
    if let Some(value) = top.take("schema") {
        schema::tables(&value, &mut parts, report);
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

fn identity(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let id = top.need("id", "Write an identifier, such as a UUID.", report);
    let name = top.take("name");
    let product = top.take("dataProduct");
    let domain = top.need("domain", "Name the domain that owns it.", report);
    let version = top.need("version", "Write a version such as 1.0.0.", report);
    let status = top.need("status", "Write draft, active, deprecated or retired.", report);
    let custom = &mut parts.head.custom;
    if let Some(id) = id.and_then(|v| v.text(report)) {
        custom.insert("id".to_owned(), id.into());
    }
    if let (Some(name), Some(_)) = (&name, &product) {
        custom.insert("name".to_owned(), name.json());
    }
    if product.is_none() && name.is_none() {
        top.missing("name", "Name the product by `dataProduct` or `name`.", report);
    }
    let version = version.and_then(|v| head::version(&v, report));
    parts.head.id = head::id(domain.as_ref(), product.as_ref().or(name.as_ref()), version, report);
    if let Some(value) = status {
        parts.head.status = self::status(&value, custom, report);
    }
    for key in ["tenant", "price", "authoritativeDefinitions"] {
        top.keep(key, custom);
    }
    if let Some(value) = top.take("contractCreatedTs")
        && let Some(date) = head::date(&value, report)
    {
        custom.insert("contractCreatedTs".to_owned(), date.into());
    }
    parts.head.tags = top.texts("tags", report);
    if let Some(value) = top.take("description") {
        description(&value, parts, report);
    }
}

/// The standard also has `proposed`, which is a draft here; the word itself is kept.
fn status(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Status {
    let words = [
        ("proposed", Status::Draft),
        ("draft", Status::Draft),
        ("active", Status::Active),
        ("deprecated", Status::Deprecated),
        ("retired", Status::Retired),
    ];
    let status = value.word(&words, code::BAD_WORD, report).unwrap_or_default();
    if let Some(word) = value.node.scalar().filter(|w| w.eq_ignore_ascii_case("proposed")) {
        custom.insert("status".to_owned(), word.into());
    }
    status
}

/// `purpose` is the description; usage, limitations and the like are kept beside it.
fn description(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    if let Some(text) = value.node.scalar() {
        parts.head.description = Some(text.to_owned());
        return;
    }
    let Some(mut fields) = value.fields(report) else { return };
    parts.head.description = fields.text("purpose", report);
    let mut more = Custom::new();
    for key in ["usage", "limitations", "authoritativeDefinitions", "customProperties"] {
        fields.keep(key, &mut more);
    }
    fields.finish_into(&mut more, report);
    for (key, value) in more {
        parts.head.custom.insert(format!("description.{key}"), value);
    }
}

fn people(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    for value in top.items("support", report) {
        let known = ["id", "channel", "url", "description", "tool", "scope", "invitationUrl", "customProperties"];
        let Some(mut fields) = known_only(&value, &known, report) else { continue };
        let channel = fields.need("channel", "Name the channel.", report).and_then(|v| v.text(report));
        let url = fields.text("url", report);
        parts.head.owner.support.extend(url.or_else(|| channel.map(str::to_owned)));
    }
    if let Some(value) = top.take("team") {
        team(&value, parts, report);
    }
    for value in top.items("roles", report) {
        let known =
            ["id", "role", "description", "access", "firstLevelApprovers", "secondLevelApprovers", "customProperties"];
        let Some(mut fields) = known_only(&value, &known, report) else { continue };
        let role = fields.need("role", "Name the role.", report).and_then(|v| v.text(report));
        let access = fields.text("access", report).unwrap_or_default().to_lowercase();
        if let Some(role) = role.filter(|_| READ.contains(&access.as_str())) {
            parts.access.readers.push(role.to_owned());
        }
    }
    for key in ["support", "team", "roles"] {
        if let Some(value) = top.look(key) {
            parts.head.custom.insert(key.to_owned(), value.json());
        }
    }
}

/// A block with a name and members (3.1), or a list of members (3.0).
fn team(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let members = if matches!(value.node.kind, Kind::List(_)) {
        value.items(report)
    } else {
        let known = ["id", "name", "description", "members", "tags", "customProperties", "authoritativeDefinitions"];
        let Some(mut fields) = known_only(value, &known, report) else { return };
        parts.head.owner.team = fields.text("name", report);
        fields.items("members", report)
    };
    let known = [
        "id",
        "username",
        "name",
        "description",
        "role",
        "dateIn",
        "dateOut",
        "replacedByUsername",
        "tags",
        "customProperties",
        "authoritativeDefinitions",
    ];
    let mut contact: Option<(bool, String)> = None;
    for member in members {
        let Some(mut fields) = known_only(&member, &known, report) else { continue };
        let username = fields.need("username", "Write the member's user name.", report).and_then(|v| v.text(report));
        let owns = fields.text("role", report).is_some_and(|role| role.to_lowercase().contains("owner"));
        let left = fields.take("dateOut").is_some();
        // The first address of an owner, else the first address of anybody who is still there.
        if let Some(address) = username.filter(|u| u.contains('@') && !left)
            && contact.as_ref().is_none_or(|(already_owner, _)| owns && !already_owner)
        {
            contact = Some((owns, address.to_owned()));
        }
    }
    parts.head.owner.contact = contact.map(|(_, address)| address);
}

/// Reports keys that the standard does not have; gives fresh fields to read from.
fn known_only<'n>(value: &Value<'n>, known: &[&'static str], report: &mut Report) -> Option<Fields<'n>> {
    let mut fields = value.fields(report)?;
    for key in known {
        fields.take(key);
    }
    fields.finish(report);
    value.fields(report)
}

/// Custom properties that mean something here: who may read, how long rows are kept, how they are encrypted.
fn ours(top: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    let mut access = AccessWords::default();
    if let Some(list) = top.take("customProperties") {
        let entry =
            |p: Property<'_>| Entry { key: p.name.to_owned(), place: p.value.place(), value: p.value.node.clone() };
        let entries: Vec<Entry> = properties(&list, report).into_iter().map(entry).collect();
        let mut fields = Fields::over(&entries, &list);
        access.read(&mut fields, report);
        policies::kept(&mut fields, parts, report);
        parts.head.custom.insert("customProperties".to_owned(), list.json());
    }
    if !access.says_who_reads() {
        access.add_readers(std::mem::take(&mut parts.access.readers), top.place);
    }
    parts.access = access.finish(&mut parts.head.custom, report);
}

/// One custom property: its name and value.
struct Property<'n> {
    name: &'n str,
    value: Value<'n>,
}

/// `customProperties: [{property, value}]`.
fn properties<'n>(list: &Value<'n>, report: &mut Report) -> Vec<Property<'n>> {
    let mut found = Vec::new();
    for item in list.items(report) {
        let Some(mut fields) = known_only(&item, &["id", "property", "value", "description"], report) else { continue };
        let name = fields.need("property", "Name the property.", report).and_then(|v| v.text(report));
        let value = fields.look_raw("value");
        if value.is_none() {
            fields.missing("value", "Give the property a value.", report);
        }
        found.extend(name.zip(value).map(|(name, value)| Property { name, value }));
    }
    found
}
