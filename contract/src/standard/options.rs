//! The keys of `logicalTypeOptions`, which depend on the logical type.

use super::keys::TEXTS;
use super::shape::{Key, Shape, may};

const TEXT: &Shape = &Shape::Text;
const FLAG: &Shape = &Shape::Flag;
const WHOLE: &Shape = &Shape::Whole;
const NUMBER: &Shape = &Shape::Number;

const STRING: &[Key] = &[may("minLength", WHOLE), may("maxLength", WHOLE), may("pattern", TEXT), may("format", TEXT)];
const DATE: &[Key] = &[
    may("format", TEXT),
    may("minimum", TEXT),
    may("maximum", TEXT),
    may("exclusiveMinimum", TEXT),
    may("exclusiveMaximum", TEXT),
];
const TIME: &[Key] = &[
    may("format", TEXT),
    may("minimum", TEXT),
    may("maximum", TEXT),
    may("exclusiveMinimum", TEXT),
    may("exclusiveMaximum", TEXT),
    may("timezone", FLAG),
    may("defaultTimezone", TEXT),
];
const WIDTHS: &Shape = &Shape::Word(&["i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128"]);
const INTEGER: &[Key] = &[
    may("format", WIDTHS),
    may("multipleOf", NUMBER),
    may("minimum", NUMBER),
    may("maximum", NUMBER),
    may("exclusiveMinimum", NUMBER),
    may("exclusiveMaximum", NUMBER),
];
const NUMERIC: &[Key] = &[
    may("format", &Shape::Word(&["f32", "f64"])),
    may("multipleOf", NUMBER),
    may("minimum", NUMBER),
    may("maximum", NUMBER),
    may("exclusiveMinimum", NUMBER),
    may("exclusiveMaximum", NUMBER),
];
static OBJECT: &[Key] = &[may("maxProperties", WHOLE), may("minProperties", WHOLE), may("required", &TEXTS)];
const ARRAY: &[Key] = &[may("maxItems", WHOLE), may("minItems", WHOLE), may("uniqueItems", FLAG)];
const ELEMENTS: &Shape = &Shape::Word(&["bfloat16", "binary", "float16", "float32", "float64", "int8", "uint8"]);
const DISTANCES: &Shape = &Shape::Word(&["cosine", "dotProduct", "euclidean", "hamming", "manhattan"]);
const VECTOR: &[Key] = &[
    may("dimensions", WHOLE),
    may("elementType", ELEMENTS),
    may("distanceMetric", DISTANCES),
    may("embeddingModel", TEXT),
    may("embeddingModelVersion", TEXT),
    may("normalized", FLAG),
];

/// The keys for a logical type, in the order in which they are written.
pub(crate) fn options_of(logical: &str) -> &'static [Key] {
    match logical {
        "string" => STRING,
        "date" => DATE,
        "timestamp" | "time" => TIME,
        "integer" => INTEGER,
        "number" => NUMERIC,
        "object" => OBJECT,
        "array" => ARRAY,
        "vector" => VECTOR,
        _ => &[],
    }
}
