//! Checks the one custom key that has a meaning for queries: `schema_drift`.
//!
//! Start reading at [`check`].

use super::node::{Kind, Node, Place};
use super::report::Report;
use crate::drift::{DriftPolicy, is_key};
use crate::model::Product;
use crate::problem::code;

/// Notes a policy that there is not, where it is written.
pub(super) fn check(product: &Product, root: &Node, report: &mut Report) {
    let Err(bad) = product.schema_drift() else { return };
    let words = DriftPolicy::ALL.map(DriftPolicy::word).join(", ");
    let place = place_of(root).unwrap_or(root.place);
    report.error(place, code::BAD_WORD, bad.to_string(), format!("Write one of: {words}."));
}

/// Where the first policy stands: behind its key, or as the value of a custom property.
fn place_of(node: &Node) -> Option<Place> {
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::List(items) => items.iter().find_map(place_of),
        Kind::Map(entries) => {
            let is_property = node.get("property").and_then(Node::scalar).is_some_and(is_key);
            let own = if is_property { node.get("value").map(|value| value.place) } else { None };
            let keyed = || entries.iter().find(|entry| is_key(&entry.key)).map(|entry| entry.value.place);
            own.or_else(keyed).or_else(|| entries.iter().find_map(|entry| place_of(&entry.value)))
        }
    }
}
