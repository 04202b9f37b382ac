//! Nothing of a contract is silently dropped: every value of every example stands in the product, and is told by `describe`.
//!
//! The documents are read a second time by another YAML reader; each of its leaves must be found again, as it was written or in
//! the canonical spelling of its kind (spans of time, shares, latency).

use std::collections::HashSet;

use meshweave_contract::describe::describe;
use meshweave_contract::export;
use serde_json::Value;

use crate::forms::{document, names, read};

/// Words by which a form is recognised, and the fixed word that says a schema is a table.
const STRUCTURE: [&str; 13] = [
    "apiVersion datamesh.io/v1",
    "apiVersion meshweave/v1",
    "apiVersion v3.1.0",
    "apiVersion v3.2.0",
    "apiVersion v1.0.0",
    "apiVersion v3.0.2",
    "kind DataProduct",
    "kind View",
    "kind Materialization",
    "kind DataContract",
    "schema.type object",
    "schema.logicalType object",
    "schema.type table",
];

/// Every leaf with the way to it; positions in lists are left out.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, found)),
        Value::Null => {}
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

/// Every leaf and key of a JSON value.
fn words(value: &Value, found: &mut HashSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                words(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        Value::String(text) => drop(found.insert(text.clone())),
        other => drop(found.insert(other.to_string())),
    }
}

/// The spellings under which a leaf may stand in a product.
fn spellings(leaf: &str) -> Vec<String> {
    let mut all = vec![leaf.to_owned(), leaf.to_lowercase()];
    if let Ok(span) = leaf.replace('_', " ").parse::<jiff::Span>() {
        all.push(span.to_string());
    }
    let share = leaf.trim_end_matches('%');
    if let Ok(number) = share.parse::<f64>() {
        let fraction = if share.len() < leaf.len() { number / 100.0 } else { number };
        all.extend([number.to_string(), format!("{number:?}"), format!("{fraction:?}")]);
        all.push(format!("{:.0}", number * 10_000.0));
        all.push(format!("{:.0}", number * 1_000_000.0));
    }
    if let Some((percentile, bound)) = leaf.split_once('<') {
        let span = bound.trim_start_matches('=').trim().parse::<jiff::Span>();
        all.extend(span.map(|span| format!("{} < {span}", percentile.trim())));
    }
    all
}

fn lost(name: &str, drop_from_product: Option<&str>) -> Vec<String> {
    let product = read(name).product.unwrap();
    let mut json = serde_json::to_value(&product).unwrap();
    if let Some(key) = drop_from_product {
        json.as_object_mut().unwrap().remove(key);
    }
    let mut kept = HashSet::new();
    words(&json, &mut kept);
    if drop_from_product.is_none() {
        // References are told as they were written; the product holds them in parts.
        kept.extend(describe(&product).into_iter().map(|item| item.value));
        // What the standards say in words that the model has as values is written again in those words.
        if name.starts_with("od") {
            export::odcs(&product).unwrap().iter().for_each(|c| words(c.document.value(), &mut kept));
            words(export::odps(&product).unwrap().value(), &mut kept);
        }
    }
    let text = document(name);
    let document: Value = match name.ends_with(".json") {
        true => serde_json::from_slice(&text).unwrap(),
        false => yaml_serde::from_slice(&text).unwrap(),
    };
    let mut all = Vec::new();
    leaves(&document, "", &mut all);
    assert!(all.len() > 5, "{name} says nothing");
    let is_structure = |path: &str, leaf: &str| STRUCTURE.iter().any(|s| format!("{path} {leaf}").ends_with(s));
    let is_kept = |path: &str, leaf: &str| {
        let column = path.ends_with("references").then(|| leaf.rsplit_once('.')).flatten();
        let in_parts = column.is_some_and(|(to, column)| kept.contains(to) && kept.contains(column));
        // A format is told with its type: `string (date-time)`.
        let as_format = path.ends_with(".format") && kept.iter().any(|k| k.ends_with(&format!(" ({leaf})")));
        in_parts || as_format || spellings(leaf).iter().any(|s| kept.contains(s))
    };
    let lost = all.into_iter().filter(|(path, leaf)| !is_structure(path, leaf) && !is_kept(path, leaf));
    lost.map(|(path, leaf)| format!("{name}: {path}: {leaf}")).collect()
}

#[test]
fn every_leaf_is_kept() {
    for name in names("") {
        assert_eq!(lost(&name, None), Vec::<String>::new());
    }
}

#[test]
fn the_search_would_notice_a_loss() {
    assert!(lost("form-a.full.yaml", Some("retention")).iter().any(|l| l.contains("retention")));
    assert!(lost("form-a.full.yaml", Some("custom")).iter().any(|l| l.contains("reviewed_by")));
    assert!(lost("odcs-3.1-payments.yaml", Some("custom")).iter().any(|l| l.contains("priceCurrency")));
}

#[test]
fn every_value_of_a_product_is_told() {
    for name in names("") {
        let product = read(&name).product.unwrap();
        let told: String = describe(&product).iter().map(|i| format!("{} {} {}\n", i.group, i.name, i.value)).collect();
        let mut all = Vec::new();
        leaves(&serde_json::to_value(&product).unwrap(), "", &mut all);
        for (path, leaf) in all {
            // Flags, positions, parts per million and the structure of types are told in other words.
            let other_words =
                ["kind", "nullable", "unit", "utc", "percentile", "availability_ppm", "row_policy_required"];
            let in_type = path.contains(".type.");
            let is_port = path == "output_ports.name";
            if in_type || is_port || other_words.iter().any(|w| path.ends_with(w)) {
                continue;
            }
            assert!(
                told.contains(&leaf) || told.contains(&leaf.replace('"', "\\\"")),
                "{name}: {path}: {leaf}\n{told}"
            );
        }
    }
}
