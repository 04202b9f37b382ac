//! The shape of properties inside properties, which the model keeps as they were written.

use super::keys::{ANYTHINGS, CUSTOM, DEFINITIONS, ENUM, RELATIONSHIPS, SYNONYMS, TEXTS};
use super::shape::{Key, Shape, may, must};

const TEXT: &Shape = &Shape::Text;
const FLAG: &Shape = &Shape::Flag;
const LOGICAL: Shape = Shape::Word(&[
    "string",
    "date",
    "timestamp",
    "time",
    "number",
    "integer",
    "object",
    "array",
    "boolean",
    "map",
    "vector",
]);
static WORDS: Shape = LOGICAL;

macro_rules! property {
    ($name:expr, $logical:expr) => {
        &[
            $name,
            $logical,
            may("id", &Shape::Id),
            may("physicalType", TEXT),
            may("physicalName", TEXT),
            may("businessName", TEXT),
            may("description", TEXT),
            may("deprecated", FLAG),
            may("synonyms", &SYNONYMS),
            may("authoritativeDefinitions", &DEFINITIONS),
            may("tags", &TEXTS),
            may("customProperties", &CUSTOM),
            may("primaryKey", FLAG),
            may("primaryKeyPosition", &Shape::Number),
            may("logicalTypeOptions", &Shape::Any),
            may("required", FLAG),
            may("unique", FLAG),
            may("semanticType", TEXT),
            may("partitioned", FLAG),
            may("partitionKeyPosition", &Shape::Number),
            may("classification", TEXT),
            may("encryptedName", TEXT),
            may("transformSourceObjects", &TEXTS),
            may("transformLogic", TEXT),
            may("transformDescription", TEXT),
            may("examples", &ANYTHINGS),
            may("enum", &ENUM),
            may("criticalDataElement", FLAG),
            may("relationships", &RELATIONSHIPS),
            may("quality", &ANYTHINGS),
            may("properties", &PROPERTIES),
            may("items", &ITEM),
            may("map", &MAP),
        ]
    };
}

static NAMED: &[Key] = property!(must("name", TEXT), must("logicalType", &WORDS));
static UNNAMED: &[Key] = property!(may("name", TEXT), must("logicalType", &WORDS));
static NAMED_BLOCK: Shape = Shape::Block(NAMED);
static PROPERTIES: Shape = Shape::List(&NAMED_BLOCK);
static ITEM: Shape = Shape::Block(UNNAMED);
static MAP: Shape = Shape::Block(&[must("key", &ITEM), must("value", &ITEM)]);

/// The shape of `properties`, `items` or `map`.
///
/// A nested property that names no logical type does not fit: what is written always has one.
pub(crate) fn shape(key: &str) -> Option<&'static Shape> {
    match key {
        "properties" => Some(&PROPERTIES),
        "items" => Some(&ITEM),
        "map" => Some(&MAP),
        _ => None,
    }
}
