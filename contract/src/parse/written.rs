//! Reads a schema that a document keeps raw, as the columns it lists.
//!
//! Start reading at [`columns_of`].

use serde_json::Value as Json;

use super::blocks::columns;
use super::json_schema;
use super::node::{Entry, Kind, Node, Place};
use super::parts::FoundTable;
use super::report::Report;
use super::value::Value;
use crate::model::Column;

/// The columns of a raw schema: `{columns: […]}`, `{fields: […]}`, a list of columns, or an object schema with properties; none
/// when it is anything else, or has a fault.
pub(crate) fn columns_of(schema: &Json) -> Option<Vec<Column>> {
    let node = node(schema);
    let value = Value { path: "schema".to_owned(), node: &node };
    let mut report = Report::new("");
    let found = match &node.kind {
        Kind::List(_) => columns::columns(&value, &mut Vec::new(), &mut report),
        Kind::Map(_) if node.get("properties").is_some() => {
            let mut found = FoundTable::empty(None, Place::default())?;
            json_schema::table(&value, &mut found.table, &mut report);
            found.table.columns
        }
        Kind::Map(_) => {
            let list = node.get("columns").or_else(|| node.get("fields"))?;
            columns::columns(&Value { path: "schema".to_owned(), node: list }, &mut Vec::new(), &mut report)
        }
        Kind::Scalar { .. } => return None,
    };
    (!report.has_errors()).then_some(found)
}

/// A raw value as a tree without places.
fn node(value: &Json) -> Node {
    let kind = match value {
        Json::Null => return Node::null(Place::default()),
        Json::String(text) => Kind::Scalar { text: text.clone(), quoted: true },
        Json::Bool(_) | Json::Number(_) => Kind::Scalar { text: value.to_string(), quoted: false },
        Json::Array(items) => Kind::List(items.iter().map(node).collect()),
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| Entry {
                key: key.clone(),
                place: Place::default(),
                value: node(value),
            };
            Kind::Map(map.iter().map(entry).collect())
        }
    };
    Node { place: Place::default(), kind }
}
