//! Which products take rows, and from whom: what their input ports say.
//!
//! An input port of kind `ingest` takes rows from clients of the mesh; the other kinds (`stream`, `batch`, `cdc`, `api`, …) tell of
//! roads that others built. Its `writers` name teams that may use it beside the owner's team.
//! Holds always: a port whose kind is not exactly that word takes no rows; writers that are no names are nobody.
//!
//! Start reading at [`Product::takes_rows`].

use serde_json::Value;

use crate::model::{Custom, InputPort, Product};
use crate::name::fold;

/// The kind of an input port that takes rows from clients.
pub const INGEST: &str = "ingest";

/// The key of the teams that may use it.
pub const WRITERS: &str = "writers";

impl InputPort {
    /// Whether rows come in through it from clients of the mesh.
    pub fn takes_rows(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| fold(kind) == INGEST)
    }

    /// Teams that may send rows through it, beside the owner's; as written, and as a custom property of the standards.
    pub fn writers(&self) -> Vec<&str> {
        let said = self.custom.get(WRITERS).or_else(|| property(&self.custom));
        let names: Option<Vec<&str>> = match said {
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        names.unwrap_or_default()
    }
}

impl Product {
    /// Whether one of its input ports takes rows from clients of the mesh.
    pub fn takes_rows(&self) -> bool {
        self.input_ports.iter().any(InputPort::takes_rows)
    }

    /// Teams that may send rows, beside the owner's: those of every port that takes rows, each once, in their order.
    pub fn writers(&self) -> Vec<&str> {
        let mut all = Vec::new();
        for team in self.input_ports.iter().filter(|port| port.takes_rows()).flat_map(InputPort::writers) {
            if !all.contains(&team) {
                all.push(team);
            }
        }
        all
    }
}

fn property(custom: &Custom) -> Option<&Value> {
    let lists = custom.iter().filter(|(key, _)| key.ends_with("customProperties"));
    let mut properties = lists.filter_map(|(_, list)| list.as_array()).flatten();
    properties.find(|one| one.get("property").and_then(Value::as_str) == Some(WRITERS))?.get("value")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn port(kind: Option<&str>, custom: &Value) -> InputPort {
        let custom = custom.as_object().unwrap().clone().into_iter().collect();
        InputPort { name: "in".to_owned(), kind: kind.map(str::to_owned), custom }
    }

    #[test]
    fn one_word_takes_rows() {
        for (kind, expected) in [
            (Some("ingest"), true),
            (Some("Ingest"), true),
            (Some("stream"), false),
            (Some("batch"), false),
            (Some("ingestion"), false),
            (None, false),
        ] {
            assert_eq!(port(kind, &json!({})).takes_rows(), expected, "{kind:?}");
        }
    }

    #[test]
    fn writers_are_names_or_nobody() {
        for (custom, expected) in [
            (json!({}), vec![]),
            (json!({ "writers": ["shop", "till"] }), vec!["shop", "till"]),
            (json!({ "writers": "shop" }), vec!["shop"]),
            (json!({ "writers": ["shop", 1] }), vec![]),
            (json!({ "writers": { "team": "shop" } }), vec![]),
            (json!({ "customProperties": [{ "property": "writers", "value": ["shop"] }] }), vec!["shop"]),
            (json!({ "customProperties": [{ "property": "readers", "value": ["shop"] }] }), vec![]),
        ] {
            assert_eq!(port(Some("ingest"), &custom).writers(), expected, "{custom}");
        }
    }

    fn read(text: &str) -> (bool, Vec<String>) {
        let parsed = crate::parse::parse(text.as_bytes(), "a.yaml");
        let product = parsed.product.unwrap_or_else(|| panic!("{:?}", parsed.problems));
        (product.takes_rows(), product.writers().into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn short_forms_and_product_documents_say_it() {
        let expected = (true, vec!["till".to_owned(), "shop".to_owned()]);
        let short = "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata: { name: a, domain: d, version: 1.0.0, owner: { team: t } }\n\
            spec:\n  schema: { columns: [{ name: id, type: long }] }\n  input_ports:\n    - { name: a, type: ingest, writers: [till, shop] }\n    \
            - { name: b, kind: ingest, writers: till }\n    - { name: c, type: batch, writers: [others] }\n";
        assert_eq!(read(short), expected);
        let document = "apiVersion: v1.0.0\nkind: DataProduct\nid: x\nname: a\ndomain: d\nversion: 1.0.0\nstatus: active\n\
            inputPorts:\n  - name: a\n    version: 1.0.0\n    contractId: a\n    customProperties:\n      \
            - { property: meshweave.kind, value: ingest }\n      - { property: writers, value: [till, shop] }\n\
            outputPorts:\n  - { name: b, version: 1.0.0, contractId: b }\n";
        assert_eq!(read(document), expected);
    }

    #[test]
    fn writers_that_are_no_names_are_a_problem() {
        let text = "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata: { name: a, domain: d, version: 1.0.0, owner: { team: t } }\n\
            spec:\n  schema: { columns: [{ name: id, type: long }] }\n  input_ports:\n    - { name: a, type: ingest, writers: [{ team: x }] }\n";
        let problems = crate::parse::parse(text.as_bytes(), "a.yaml").problems;
        assert!(problems.iter().any(|problem| problem.message.contains("writers")), "{problems:?}");
    }
}
