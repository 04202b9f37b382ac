//! A table as an object of the standard, with its columns, relationships and rules.
//!
//! Start reading at [`object`].

use serde_json::{Map, Value as Json, json};

use super::column::property;
use super::{kept, others};
use crate::model::{Check, Relationship, Table};
use crate::name::fold;
use crate::parse::slug;
use crate::standard::{keys, rule};

/// The name of a table in the document: as its author spelled it, where that is read as the same table.
///
/// - `is_main`: whatever the main table is called, it is the main one.
pub(super) fn written_name(table: &Table, is_main: bool) -> &str {
    let said = table.custom.get("name").and_then(Json::as_str).filter(|said| !said.is_empty());
    let name = table.name.as_str();
    said.filter(|said| is_main && !slug(said).is_empty() || slug(said) == name).unwrap_or(name)
}

/// The object, and where each of its rules stands in it.
///
/// - `rules`: the rules about this table with their numbers.
/// - returns the object and, per rule in the order in which a reader meets them, its number and the way to it inside the object.
pub(super) fn object(table: &Table, is_main: bool, rules: &[(usize, &Check)]) -> (Json, Vec<(usize, String)>) {
    let mut all = Map::from_iter([("name".to_owned(), json!(written_name(table, is_main)))]);
    kept(&table.custom, keys::TABLE, &mut all);
    all.extend(table.description.as_ref().map(|text| ("description".to_owned(), json!(text))));
    others(&table.custom, "customProperties", &mut all);
    let mut places = Vec::new();
    let partitions = table.storage.as_ref().map_or(&[][..], |s| s.partitioning.as_slice());
    let properties: Vec<Json> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let partition = partitions.iter().position(|p| p.field == column.name).map(|p| p + 1);
            let mut property = property(column, partition);
            let about = |check: &Check| check.column.as_deref() == Some(column.name.as_str());
            put(&mut property, rules.iter().filter(|(_, c)| about(c)), &format!("/properties/{i}"), &mut places);
            let links = column.custom.get("relationships").filter(|v| links_fit(v, false));
            property.extend(links.map(|v| ("relationships".to_owned(), v.clone())));
            Json::Object(property)
        })
        .collect();
    if !properties.is_empty() {
        all.insert("properties".to_owned(), Json::Array(properties));
    }
    let of_column = |check: &Check| table.columns.iter().any(|c| check.column.as_deref() == Some(c.name.as_str()));
    put(&mut all, rules.iter().filter(|(_, c)| !of_column(c)), "", &mut places);
    all.extend(relationships(table, is_main).map(|v| ("relationships".to_owned(), v)));
    (Json::Object(all), places)
}

/// Adds rules to an element.
fn put<'c>(
    element: &mut Map<String, Json>,
    rules: impl Iterator<Item = &'c (usize, &'c Check)>,
    way: &str,
    places: &mut Vec<(usize, String)>,
) {
    let written: Vec<Json> = rules
        .enumerate()
        .map(|(i, (number, check))| {
            places.push((*number, format!("{way}/quality/{i}")));
            rule::written(check)
        })
        .collect();
    if !written.is_empty() {
        element.insert("quality".to_owned(), Json::Array(written));
    }
}

/// Which table a rule is about, by position.
pub(super) fn table_of(check: &Check, tables: &[Table]) -> usize {
    let named = check.table.as_deref().map(fold);
    tables.iter().position(|t| named.as_deref() == Some(fold(t.name.as_str()).as_str())).unwrap_or_default()
}

/// Foreign keys: as the document wrote them, else one for each of the model.
fn relationships(table: &Table, is_main: bool) -> Option<Json> {
    if let Some(raw) = table.custom.get("relationships").filter(|v| links_fit(v, true)) {
        return Some(raw.clone());
    }
    if table.columns.iter().any(|c| c.custom.contains_key("relationships")) {
        return None;
    }
    let declared = |r: &&Relationship| {
        table.columns.is_empty() || r.columns.iter().all(|name| table.columns.iter().any(|c| c.name == *name))
    };
    let links: Vec<Json> =
        table.relationships.iter().filter(declared).filter_map(|r| link(r, written_name(table, is_main))).collect();
    (!links.is_empty()).then_some(Json::Array(links))
}

fn link(relationship: &Relationship, table: &str) -> Option<Json> {
    let path = |table: &str, column: &String| Some(format!("{table}.{column}")).filter(|path| is_reference(path));
    let from: Vec<String> = relationship.columns.iter().map(|c| path(table, c)).collect::<Option<_>>()?;
    let to: Vec<String> = relationship.to_columns.iter().map(|c| path(&relationship.to, c)).collect::<Option<_>>()?;
    let one = |list: Vec<String>| match <[String; 1]>::try_from(list) {
        Ok([one]) => json!(one),
        Err(list) => json!(list),
    };
    let fits = !from.is_empty() && from.len() == to.len();
    fits.then(|| json!({"type": "foreignKey", "from": one(from), "to": one(to)}))
}

/// Whether kept relationships may stand at a table, or at a column.
fn links_fit(links: &Json, at_table: bool) -> bool {
    let right = |link: &Json| match (link.get("from"), link.get("to")) {
        (Some(from), Some(to)) => {
            at_table && references_fit(from) && references_fit(to) && from.is_array() == to.is_array()
        }
        (None, Some(to)) => !at_table && references_fit(to),
        _ => false,
    };
    keys::RELATIONSHIPS.fits(links) && links.as_array().is_some_and(|all| all.iter().all(right))
}

fn references_fit(value: &Json) -> bool {
    let text = |v: &Json| v.as_str().is_some_and(|text| is_reference(text) || is_full_reference(text));
    value.as_array().map_or_else(|| text(value), |all| !all.is_empty() && all.iter().all(text))
}

/// `table.column`, each part a plain word.
fn is_reference(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let word = |w: &str| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && w.chars().all(letters);
    text.contains('.') && text.split('.').all(word)
}

/// `schema/table_id/properties/column_id`, maybe in another file.
fn is_full_reference(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let steps: Vec<&str> =
        text.split_once('#').map_or(text, |(_, way)| way).trim_start_matches('/').split('/').collect();
    let in_file = text.split_once('#').is_none_or(|(file, _)| {
        let plain = file.trim_start_matches("https://").trim_start_matches("http://");
        (file.ends_with(".yaml") || file.ends_with(".yml")) && plain.chars().all(|c| letters(c) || ".-/".contains(c))
    });
    let key = |s: &&str| s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !s.contains('-');
    let full = |s: &&str| !s.is_empty() && s.chars().all(letters);
    in_file && steps.len().is_multiple_of(2) && steps.iter().all(full) && steps.iter().step_by(2).all(key)
}
