//! Whether a value that a custom property gives to a field is one that a reader of the short forms would have accepted.
//!
//! Holds always: no way into the model is wider than another; a location with a password or a span of no length is refused here too.
//!
//! Start reading at [`is_sound`].

use serde_json::Value as Json;

use crate::layout;
use crate::model::CsvStyle;
use crate::name::{LocalName, TableName};
use crate::parse::{date_is_known, location_fault, reference_is_known, span_is_known};
use crate::types::LogicalType as T;

/// Whether `value`, which has the shape of the field, may stand there; null empties a field and always may.
pub(super) fn is_sound(field: &str, value: &Json) -> bool {
    let texts = |key: &str, fits: &dyn Fn(&str) -> bool| value.get(key).and_then(Json::as_str).is_none_or(fits);
    let each = |fits: &dyn Fn(&Json) -> bool| value.as_array().is_none_or(|all| all.iter().all(fits));
    match field {
        _ if value.is_null() => true,
        "storage" | "schema_source" => {
            texts("location", &|text| location_fault(text).is_none())
                && texts("layout", &|text| layout::fault(text).is_none())
                && value.get("csv").is_none_or(csv)
        }
        "freshness" | "retention" => value.as_str().is_some_and(span_is_known),
        "availability_ppm" => value.as_u64().is_some_and(|ppm| (1..=1_000_000).contains(&ppm)),
        "latency" => each(&latency),
        "lifecycle" => {
            texts("deprecated_at", &date_is_known)
                && texts("sunset_at", &date_is_known)
                && texts("successor", &reference_is_known)
        }
        "upstream" => each(&|one| one["product"].as_str().is_some_and(is_product)),
        "relationships" => each(&relationship),
        "input_ports" => each(&|one| one["name"].as_str().is_some_and(|name| !name.is_empty())),
        "key_position" => value.as_u64().is_some_and(|place| place > 0),
        "type" => serde_json::from_value(value.clone()).is_ok_and(|logical_type| type_is_sound(&logical_type)),
        "body" => texts("sql", &|sql| !sql.trim().is_empty()),
        _ => true,
    }
}

fn csv(style: &Json) -> bool {
    style.is_null() || serde_json::from_value::<CsvStyle>(style.clone()).is_ok_and(|style| style.fault().is_none())
}

fn latency(one: &Json) -> bool {
    one["percentile"].as_u64().is_some_and(|p| (1..10_000).contains(&p))
        && one["below"].as_str().is_some_and(span_is_known)
}

fn is_product(text: &str) -> bool {
    LocalName::new(text.split('@').next().unwrap_or(text)).is_ok()
}

fn relationship(one: &Json) -> bool {
    let count = |key: &str| one[key].as_array().map_or(0, Vec::len);
    let known =
        |to: &str| (1..=3).contains(&to.split('.').count()) && to.split('.').all(|part| TableName::new(part).is_ok());
    count("columns") > 0 && count("columns") == count("to_columns") && one["to"].as_str().is_some_and(known)
}

fn type_is_sound(logical_type: &T) -> bool {
    match logical_type {
        T::Decimal { precision, scale } => {
            (1..=76).contains(precision) && *scale >= 0 && i16::from(*scale) <= i16::from(*precision)
        }
        T::FixedBinary { size } => *size > 0,
        T::List { item, .. } => type_is_sound(item),
        T::Map { key, value, .. } => type_is_sound(key) && type_is_sound(value),
        T::Struct { fields } => fields.iter().all(|field| type_is_sound(&field.logical_type)),
        _ => true,
    }
}
