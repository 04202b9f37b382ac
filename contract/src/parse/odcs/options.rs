//! `logicalTypeOptions`: bounds and formats of a property.
//!
//! Start reading at [`options`].

use super::super::fields::{Fields, keep};
use super::super::report::Report;
use super::super::value::Value;
use crate::model::{Column, Custom};
use crate::standard::options::options_of;
use crate::types::LogicalType as T;

/// Every key of `logicalTypeOptions`, whatever the logical type.
const ALL: [&str; 23] = [
    "format",
    "timezone",
    "defaultTimezone",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "maxProperties",
    "minProperties",
    "required",
    "maxItems",
    "minItems",
    "uniqueItems",
    "dimensions",
    "elementType",
    "distanceMetric",
    "embeddingModel",
    "embeddingModelVersion",
    "normalized",
];

/// Adds bounds to `column` and makes `promised` exact; what has no field is kept.
pub(super) fn options(
    value: &Value<'_>,
    word: Option<&str>,
    column: &mut Column,
    promised: &mut T,
    report: &mut Report,
) {
    let Some(mut fields) = value.fields(report) else { return };
    for key in word.map_or(&[][..], options_of) {
        fields.look(key.name).iter().for_each(|value| key.shape.check(value, report));
    }
    let is_number = matches!(promised, T::Number | T::Integer);
    let bound = |fields: &mut Fields<'_>, key, report: &mut Report| {
        let value: Value<'_> = fields.take(key)?;
        // Dates and times have bounds that are texts.
        if is_number { value.number(report) } else { Some(value.json()) }
    };
    column.range.min = bound(&mut fields, "minimum", report);
    column.range.max = bound(&mut fields, "maximum", report);
    column.range.above = bound(&mut fields, "exclusiveMinimum", report);
    column.range.below = bound(&mut fields, "exclusiveMaximum", report);
    column.range.min_length = fields.take("minLength").and_then(|v| v.whole(report));
    column.range.max_length = fields.take("maxLength").and_then(|v| v.whole(report));
    column.pattern = fields.text("pattern", report);
    if let (Some(zone), T::Timestamp { utc, .. }) = (fields.look("timezone"), &mut *promised) {
        *utc = zone.flag(report).unwrap_or_default();
    }
    if let Some(format) = fields.look("format").and_then(|v| v.text(report)) {
        *promised = formatted(promised, format);
    }
    let mut more = Custom::new();
    ALL.iter().filter(|key| !fields.known.contains(key)).copied().collect::<Vec<_>>().into_iter().for_each(|key| {
        fields.keep(key, &mut more);
    });
    fields.finish_into(&mut more, report);
    for (key, value) in more {
        keep(&mut column.custom, &format!("logicalTypeOptions.{key}"), value);
    }
}

/// A format that makes a type exact: `i32`, `f64`, `uuid`.
fn formatted(promised: &T, format: &str) -> T {
    match (promised, format) {
        (T::Integer, "i8") => T::Int8,
        (T::Integer, "i16") => T::Int16,
        (T::Integer, "i32") => T::Int32,
        (T::Integer, "i64") => T::Int64,
        (T::Integer, "u8") => T::UInt8,
        (T::Integer, "u16") => T::UInt16,
        (T::Integer, "u32") => T::UInt32,
        (T::Integer, "u64") => T::UInt64,
        (T::Number, "f32") => T::Float32,
        (T::Number, "f64") => T::Float64,
        (T::String, "uuid") => T::Uuid,
        (T::String, "binary") => T::Binary,
        _ => promised.clone(),
    }
}
