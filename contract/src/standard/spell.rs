//! How the standard spells a type: `logicalType`, `physicalType`, options and nested properties.
//!
//! Holds always: what is spelled here is read as the same type, but for spans of time, for which the standard has no word.
//!
//! Start reading at [`spelled`].

use serde_json::{Map, Value as Json, json};

use crate::parse::type_words;
use crate::types::{LogicalType as T, TimeUnit};

/// A type in the words of the standard.
#[derive(Debug, Default)]
pub(crate) struct Spelling {
    /// `number`.
    pub(crate) logical: &'static str,
    /// `decimal(12,2)`; none when the logical type says it all.
    pub(crate) physical: Option<String>,
    /// `logicalTypeOptions`: `format`, `timezone`.
    pub(crate) options: Map<String, Json>,
    /// `properties`, `items` or `map`.
    pub(crate) nested: Option<(&'static str, Json)>,
}

/// Spells a type.
///
/// - `declared`: as the document spelled it that the type came from; its spelling is taken when it means the type.
pub(crate) fn spelled(logical_type: &T, declared: Option<&str>) -> Spelling {
    let mut spelling = plain(logical_type);
    let Some(declared) = declared else { return spelling };
    if let ("vector", Some(vector)) = (declared, vector(logical_type)) {
        return vector;
    }
    if declared == spelling.logical {
        return spelling;
    }
    // What is no type that a system could have (`string (date-time)`) is not offered as one.
    let Some(read) = type_words::type_of(declared) else { return spelling };
    let same = read.logical_type == *logical_type;
    spelling.physical = Some(declared.to_owned());
    // A type that its physical spelling makes exact needs no options; binary data does, since the logical word means text.
    if same && !matches!(logical_type, T::Binary | T::FixedBinary { .. }) {
        spelling.options = Map::new();
    }
    spelling
}

/// A list of numbers as the standard's vector; single precision is what it means without a word.
fn vector(logical_type: &T) -> Option<Spelling> {
    let T::List { item, item_nullable: false } = logical_type else { return None };
    let word = match **item {
        T::Float32 => return Some(Spelling { logical: "vector", ..Spelling::default() }),
        T::Float64 => "float64",
        T::Float16 => "float16",
        T::Int8 => "int8",
        T::UInt8 => "uint8",
        _ => return None,
    };
    let options = Map::from_iter([("elementType".to_owned(), json!(word))]);
    Some(Spelling { logical: "vector", options, ..Spelling::default() })
}

fn plain(logical_type: &T) -> Spelling {
    let word = |logical| Spelling { logical, ..Spelling::default() };
    let format = |logical, format: &str| {
        let options = Map::from_iter([("format".to_owned(), json!(format))]);
        Spelling { logical, options, ..Spelling::default() }
    };
    let physical = |logical, text: String| Spelling { logical, physical: Some(text), ..Spelling::default() };
    match logical_type {
        T::Boolean => word("boolean"),
        T::Int8 => format("integer", "i8"),
        T::Int16 => format("integer", "i16"),
        T::Int32 => format("integer", "i32"),
        T::Int64 => format("integer", "i64"),
        T::UInt8 => format("integer", "u8"),
        T::UInt16 => format("integer", "u16"),
        T::UInt32 => format("integer", "u32"),
        T::UInt64 => format("integer", "u64"),
        T::Float16 => physical("number", "float16".to_owned()),
        T::Float32 => format("number", "f32"),
        T::Float64 => format("number", "f64"),
        T::Number => word("number"),
        T::Integer => word("integer"),
        T::Decimal { .. } => physical("number", logical_type.to_string()),
        T::String => word("string"),
        T::Uuid => format("string", "uuid"),
        T::Json => physical("string", "json".to_owned()),
        T::Binary => format("string", "binary"),
        T::FixedBinary { .. } => Spelling { physical: Some(logical_type.to_string()), ..format("string", "binary") },
        T::Date => word("date"),
        T::Time { unit: TimeUnit::Micro } => word("time"),
        T::Time { unit } => physical("time", format!("time({})", digits(*unit))),
        T::Timestamp { unit: TimeUnit::Micro, utc: false } => word("timestamp"),
        T::Timestamp { unit: TimeUnit::Micro, utc: true } => {
            let options = Map::from_iter([("timezone".to_owned(), json!(true))]);
            Spelling { logical: "timestamp", options, ..Spelling::default() }
        }
        T::Timestamp { unit, utc } => {
            let zone = if *utc { " with time zone" } else { "" };
            physical("timestamp", format!("timestamp({}){zone}", digits(*unit)))
        }
        T::Interval | T::Duration { .. } => physical("string", logical_type.to_string()),
        T::List { item, item_nullable } if **item == T::Any && *item_nullable => word("array"),
        T::List { item, item_nullable } => {
            Spelling { nested: Some(("items", property(item, *item_nullable))), ..word("array") }
        }
        T::Struct { fields } => {
            let member = |f: &crate::types::StructField| named(&f.name, property(&f.logical_type, f.nullable));
            Spelling { nested: Some(("properties", fields.iter().map(member).collect())), ..word("object") }
        }
        T::Map { key, value, value_nullable } => {
            let map = json!({"key": property(key, true), "value": property(value, *value_nullable)});
            Spelling { nested: Some(("map", map)), ..word("map") }
        }
        T::Any => word("object"),
    }
}

fn digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Milli => 3,
        TimeUnit::Micro => 6,
        TimeUnit::Nano => 9,
    }
}

/// A nested property without a name.
fn property(logical_type: &T, nullable: bool) -> Json {
    let Spelling { logical, physical, options, nested } = plain(logical_type);
    let mut all = Map::from_iter([("logicalType".to_owned(), json!(logical))]);
    all.extend(physical.map(|text| ("physicalType".to_owned(), json!(text))));
    if !nullable {
        all.insert("required".to_owned(), json!(true));
    }
    if !options.is_empty() {
        all.insert("logicalTypeOptions".to_owned(), Json::Object(options));
    }
    all.extend(nested.map(|(key, value)| (key.to_owned(), value)));
    Json::Object(all)
}

fn named(name: &str, property: Json) -> Json {
    let mut all = Map::from_iter([("name".to_owned(), json!(name))]);
    if let Json::Object(rest) = property {
        all.extend(rest);
    }
    Json::Object(all)
}
