//! The Open Data Product Standard of Bitol, versions 0.9 to 1.1: `apiVersion: v1.1.0, kind: DataProduct`.
//!
//! In: a product document, and the contracts it refers to where they are at hand. Out: a product whose first output port is the one
//! that SQL reads.
//! Holds always: the product document says who the product is; a contract says what its port holds. What a contract says of itself is
//! kept with its port. Who may read is said by the product document, else by the contracts, which then must agree.
//!
//! Start reading at [`product`].

mod compose;
mod ports;

use super::Surroundings;
use super::blocks::access::AccessWords;
use super::blocks::head;
use super::fields::Fields;
use super::odcs::{Given, identity, keep_shaped, people, words};
use super::parts::Parts;
use super::report::Report;
use super::value::Value;
use crate::model::Product;
use crate::standard::{keys, own};

/// Whether this is a version of the standard that is read.
pub(crate) fn is_known(api_version: &str) -> bool {
    let mut numbers = api_version.strip_prefix('v').unwrap_or_default().split('.').map(str::parse::<u32>);
    let (major, minor, patch) = (numbers.next(), numbers.next(), numbers.next());
    matches!(
        (major, minor, patch, numbers.next()),
        (Some(Ok(0)), Some(Ok(9)), Some(Ok(_)), None) | (Some(Ok(1)), Some(Ok(0..=1)), Some(Ok(_)), None)
    )
}

/// Reads a product, with the contracts that are at hand.
pub(crate) fn product(root: &Value<'_>, around: &Surroundings<'_>, report: &mut Report) -> Option<Product> {
    let mut top = root.fields(report)?;
    let api = top.take("apiVersion").and_then(|v| v.node.scalar());
    top.take("kind");
    let mut parts = Parts::default();
    about(&mut top, api, around, &mut parts, report);
    let inputs = top.take("inputPorts");
    let outputs = top.take("outputPorts");
    parts.input_ports = inputs.map_or_else(Vec::new, |v| ports::inputs(&v, report));
    let outputs = outputs.map_or_else(Vec::new, |v| ports::outputs(&v, report));
    top.finish_into(&mut parts.head.custom, report);
    let words_of_access = parts.access_in_words || parts.own.iter().any(|one| one.field == "access");
    let own = std::mem::take(&mut parts.own);
    let said = parts.access.clone();
    let in_words = parts.access_in_words;
    let product = head_only(parts)?;
    let mut product = compose::composed(product, outputs, !words_of_access, around, report);
    own::apply(&mut product, &own, "", own::PRODUCT, report);
    if in_words
        && product.access != said
        && let Some(one) = own.iter().find(|one| one.field == "access")
    {
        let mend = "Say who may read in one way only.";
        report.error(one.place, crate::problem::code::CONFLICT, "who may read is said twice, differently", mend);
    }
    compose::keep_contracts(product)
}

fn about(top: &mut Fields<'_>, api: Option<&str>, around: &Surroundings<'_>, parts: &mut Parts, report: &mut Report) {
    let custom = &mut parts.head.custom;
    let given = Given { domain: around.domain, product: None };
    parts.head.id = identity::identity(top, &["name"], false, given, custom, report);
    match top.take("status") {
        Some(value) => parts.head.status = identity::status(&value, custom, report),
        None if api.is_some_and(|api| api.starts_with("v1.1")) => {}
        None => top.missing("status", "Write draft, active, deprecated or retired.", report),
    }
    if let Some(value) = top.look("productCreatedTs") {
        head::date(&value, report);
    }
    let taken = ["id", "name", "domain", "version", "status"];
    let kept: Vec<keys::Kept> = keys::PRODUCT.iter().filter(|(key, ..)| !taken.contains(key)).copied().collect();
    keep_shaped(top, &kept, custom, report);
    parts.head.tags = top.texts("tags", report);
    if let Some(value) = top.take("description") {
        parts.head.description = identity::description(&value, custom, report);
    }
    parts.head.owner = people::owner(top, report);
    let mut access = AccessWords::default();
    if let Some(list) = top.take("customProperties") {
        keys::CUSTOM.check(&list, report);
        let (own, others) = own::split(&list, &[("", own::PRODUCT)], report);
        parts.own = own;
        own::keep_others(others, &mut parts.head.custom);
        words(&list, &mut access, parts, report);
    }
    parts.access_in_words = access.says_who_reads();
    parts.access = access.finish(&mut parts.head.custom, report);
}

/// The product without its ports.
fn head_only(parts: Parts) -> Option<Product> {
    let mut product = parts.with_ports(Vec::new())?;
    super::odcs::drop_same(&mut product, crate::export::product_head);
    Some(product)
}
