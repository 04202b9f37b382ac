//! A column as a property of the standard.
//!
//! Start reading at [`property`].

use serde_json::{Map, Value as Json, json};

use super::{kept, others};
use crate::model::Column;
use crate::standard::options::options_of;
use crate::standard::shape::Shape;
use crate::standard::spell::{self, Spelling};
use crate::standard::{keys, nested};

/// The words of `logicalType`.
const LOGICAL: [&str; 11] =
    ["string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"];

/// The property; its rules and what is ours are added later.
///
/// - `partition`: its place among the partitions of the table, from 1.
pub(crate) fn property(column: &Column, partition: Option<usize>) -> Map<String, Json> {
    let mut all = Map::from_iter([("name".to_owned(), json!(column.name))]);
    kept(&column.custom, keys::COLUMN, &mut all);
    types(column, &mut all);
    key(column, &mut all);
    partitioned(column, partition, &mut all);
    let mut add = |key: &str, value: Option<Json>| all.extend(value.map(|value| (key.to_owned(), value)));
    add("required", (!column.nullable).then_some(json!(true)));
    add("unique", column.unique.then_some(json!(true)));
    add("description", column.description.as_ref().map(|text| json!(text)));
    add("classification", column.classification.as_ref().map(|text| json!(text)));
    add("tags", (!column.tags.is_empty()).then(|| json!(column.tags)));
    add("enum", allowed(column));
    others(&column.custom, "customProperties", &mut all);
    all
}

fn types(column: &Column, all: &mut Map<String, Json>) {
    let Spelling { logical, physical, options, nested } =
        spell::spelled(&column.logical_type, column.declared_type.as_deref());
    let custom = |key: &str| column.custom.get(key);
    let word = custom("logicalType").and_then(Json::as_str).filter(|word| LOGICAL.contains(word)).unwrap_or(logical);
    all.insert("logicalType".to_owned(), json!(word));
    let physical = custom("physicalType").filter(|v| v.is_string()).cloned().or_else(|| physical.map(Json::String));
    all.extend(physical.map(|text| ("physicalType".to_owned(), text)));
    let mut options = self::options(column, word, &options);
    if word == "vector" && !options.contains_key("dimensions") {
        // The standard has no options of a vector without its length.
        options.clear();
    }
    if !options.is_empty() {
        all.insert("logicalTypeOptions".to_owned(), Json::Object(options));
    }
    let place = match word {
        "object" => "properties",
        "array" => "items",
        "map" => "map",
        _ => return,
    };
    let raw = custom(place).filter(|value| nested::shape(place).is_some_and(|shape| shape.fits(value)));
    let made = nested.filter(|(key, _)| *key == place).map(|(_, value)| value);
    all.extend(raw.cloned().or(made).map(|value| (place.to_owned(), value)));
    // A map must say what it holds.
    if place == "map" && !all.contains_key("map") {
        all.insert("map".to_owned(), json!({"key": {"logicalType": "string"}, "value": {"logicalType": "object"}}));
    }
}

/// Bounds and formats that the standard has for this logical type.
fn options(column: &Column, logical: &str, spelled: &Map<String, Json>) -> Map<String, Json> {
    let mut all = Map::new();
    let range = &column.range;
    for key in options_of(logical) {
        let said = match key.name {
            "minimum" => range.min.clone(),
            "maximum" => range.max.clone(),
            "exclusiveMinimum" => range.above.clone(),
            "exclusiveMaximum" => range.below.clone(),
            "minLength" => range.min_length.map(Json::from),
            "maxLength" => range.max_length.map(Json::from),
            "pattern" => column.pattern.as_ref().map(|text| json!(text)),
            other => column.custom.get(&format!("logicalTypeOptions.{other}")).cloned(),
        };
        let value = said.or_else(|| spelled.get(key.name).cloned());
        if let Some(value) = value.filter(|value| key.shape.fits(value)) {
            all.insert(key.name.to_owned(), value);
        }
    }
    all
}

fn key(column: &Column, all: &mut Map<String, Json>) {
    let raw = column.custom.get("primaryKeyPosition").filter(|v| v.is_i64() || v.is_u64());
    if let Some(position) = column.key_position {
        all.insert("primaryKey".to_owned(), json!(true));
        all.insert("primaryKeyPosition".to_owned(), raw.cloned().unwrap_or_else(|| json!(position)));
    } else if let Some(raw) = raw {
        all.insert("primaryKeyPosition".to_owned(), raw.clone());
    }
}

fn partitioned(column: &Column, partition: Option<usize>, all: &mut Map<String, Json>) {
    let raw = |key: &str, shape: Shape| column.custom.get(key).filter(|v| shape.fits(v) || **v == json!(-1)).cloned();
    let flag = raw("partitioned", Shape::Flag).or_else(|| partition.map(|_| json!(true)));
    let position = raw("partitionKeyPosition", Shape::Whole).or_else(|| partition.map(|p| json!(p)));
    all.extend(flag.filter(Json::is_boolean).map(|value| ("partitioned".to_owned(), value)));
    all.extend(position.map(|value| ("partitionKeyPosition".to_owned(), value)));
}

/// The allowed values, in the document's own words where it said more of them.
fn allowed(column: &Column) -> Option<Json> {
    let values = column.allowed_values.as_ref()?;
    let is_single = |value: &Json| !value.is_array() && !value.is_object();
    let same = |a: &Json, b: &Json| a == b || a.as_f64().is_some_and(|x| b.as_f64() == Some(x));
    let unique = values.iter().enumerate().all(|(i, a)| values[..i].iter().all(|b| !same(a, b)));
    let usable = !values.is_empty() && unique && values.iter().all(is_single);
    if !usable {
        return None;
    }
    let raw = column.custom.get("enum").filter(|raw| keys::ENUM.fits(raw));
    let of_raw = raw.and_then(Json::as_array).map(|all| all.iter().map(|one| one["value"].clone()).collect::<Vec<_>>());
    if of_raw.as_ref() == Some(values) {
        return raw.cloned();
    }
    Some(values.iter().map(|value| json!({"value": value})).collect())
}
