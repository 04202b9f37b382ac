//! Maps and vectors of the standard (3.2).
//!
//! Start reading at [`map`].

use super::super::report::Report;
use super::super::value::Value;
use super::property::{MAX_DEPTH, nested};
use crate::problem::code;
use crate::types::LogicalType as T;

/// `map: {key, value}`; without it, text to whatever is stored.
pub(super) fn map(block: Option<&Value<'_>>, depth: usize, report: &mut Report) -> T {
    let any = T::Map { key: Box::new(T::String), value: Box::new(T::Any), value_nullable: true };
    let Some(block) = block else { return any };
    if depth >= MAX_DEPTH {
        block.error(code::TOO_DEEP, "is nested too deep", "Flatten this part of the schema.", report);
        return any;
    }
    let Some(mut fields) = block.fields(report) else { return any };
    let mut side = |key: &'static str, report: &mut Report| {
        let value = fields.need(key, "Say what it holds, such as `logicalType: string`.", report)?;
        let mut inner = value.fields(report)?;
        let column = nested(&mut inner, key, depth, report);
        inner.finish(report);
        Some(column)
    };
    let (key, value) = (side("key", report), side("value", report));
    fields.finish(report);
    match (key, value) {
        (Some(key), Some(value)) => T::Map {
            key: Box::new(key.logical_type),
            value: Box::new(value.logical_type),
            value_nullable: value.nullable,
        },
        _ => any,
    }
}

/// A list of numbers of one kind; single-precision floats unless the options say otherwise.
pub(super) fn vector(options: Option<&Value<'_>>) -> T {
    let item = match options.and_then(|o| o.node.get("elementType")).and_then(|e| e.scalar()) {
        None | Some("float32") => T::Float32,
        Some("float64") => T::Float64,
        Some("float16") => T::Float16,
        Some("int8") => T::Int8,
        Some("uint8") => T::UInt8,
        // Bits and `bfloat16` have no type of their own here.
        Some(_) => T::Any,
    };
    T::List { item: Box::new(item), item_nullable: false }
}
