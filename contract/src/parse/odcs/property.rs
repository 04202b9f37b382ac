//! What the standard says of one property, at the top of an object or nested: words, types, bounds.
//!
//! The logical type is the promise; a physical type that keeps it makes it exact (`number` stored as `decimal(12,2)` promises
//! the decimal).
//!
//! Start reading at [`property`].

use serde_json::Value as Json;

use super::super::blocks::columns::Names;
use super::super::fields::{Fields, keep};
use super::super::node::Node;
use super::super::report::Report;
use super::super::type_words;
use super::super::value::Value;
use super::{keep_shaped, maps, options, own_of, properties};
use crate::model::Column;
use crate::problem::code;
use crate::standard::keys;
use crate::standard::own::Own;
use crate::types::{LogicalType as T, StructField, TimeUnit};

pub(super) const MAX_DEPTH: usize = 32;

/// Adds to `column` what any property says, at the top or nested; gives the custom properties that set its fields.
///
/// - `own`: the fields that may be set here.
pub(super) fn property(
    fields: &mut Fields<'_>,
    column: &mut Column,
    own: &'static [&'static str],
    depth: usize,
    report: &mut Report,
) -> Vec<Own> {
    column.description = fields.text("description", report);
    column.unique = fields.flag("unique", report).unwrap_or_default();
    column.classification = fields.text("classification", report);
    column.tags = fields.texts("tags", report);
    keep_shaped(fields, keys::COLUMN, &mut column.custom, report);
    for item in fields.look("customProperties").iter().flat_map(properties) {
        // The names are anybody's: what is no flag is kept and means nothing here.
        let flag = match item.value.json() {
            Json::Bool(flag) => Some(flag),
            _ => None,
        };
        match item.name {
            "pii" => column.pii = flag,
            "encrypted" => column.encrypted = flag,
            _ => {}
        }
    }
    if let Some(value) = fields.take("enum") {
        keys::ENUM.check(&value, report);
        let items = value.one_or_many();
        let values = items.iter().map(|item| item.node.get("value").map_or(Json::Null, Node::json));
        column.allowed_values = Some(values.collect());
        keep(&mut column.custom, "enum", value.json());
    }
    types(fields, column, depth, report);
    own_of(fields, own, &mut column.custom, report)
}

fn types(fields: &mut Fields<'_>, column: &mut Column, depth: usize, report: &mut Report) {
    let words = [
        ("string", "string"),
        ("date", "date"),
        ("timestamp", "timestamp"),
        ("time", "time"),
        ("number", "number"),
        ("integer", "integer"),
        ("object", "object"),
        ("array", "array"),
        ("boolean", "boolean"),
        ("map", "map"),
        ("vector", "vector"),
    ];
    let logical = fields.take("logicalType");
    let word = logical.as_ref().and_then(|v| v.word(&words, code::BAD_TYPE, report));
    let physical = fields.take("physicalType").and_then(|v| v.text(report).map(|text| (text, v)));
    let options = fields.take("logicalTypeOptions");
    let members = fields.take("properties");
    let items = fields.take("items");
    let map = fields.take("map");
    let mut promised = match word {
        None | Some("object") => members.as_ref().map_or(T::Any, |m| object(m, depth, report)),
        Some("array") => array(items.as_ref(), depth, report),
        Some("vector") => maps::vector(options.as_ref()),
        Some("map") => maps::map(map.as_ref(), depth, report),
        Some(word) => scalar(word),
    };
    for (key, value) in [("properties", &members), ("items", &items), ("map", &map)] {
        value.iter().for_each(|v| keep(&mut column.custom, key, v.json()));
    }
    if let Some(value) = &options {
        options::options(value, word, column, &mut promised, report);
    }
    column.logical_type = match &physical {
        Some((text, value)) => exact(promised, word, text, value, column, report),
        None => promised,
    };
    column.declared_type = physical.map(|(text, _)| text.to_owned()).or_else(|| word.map(str::to_owned));
    if column.declared_type.is_none() && logical.is_none() && members.is_none() {
        let message = format!("nothing says what `{}` holds; any stored type will do", column.name);
        report.warning(fields.place, code::UNKNOWN_TYPE, message, "Add `logicalType`.");
    }
}

fn scalar(word: &str) -> T {
    const MICRO: TimeUnit = TimeUnit::Micro;
    match word {
        "string" => T::String,
        "date" => T::Date,
        "timestamp" => T::Timestamp { unit: MICRO, utc: false },
        "time" => T::Time { unit: MICRO },
        "number" => T::Number,
        "integer" => T::Integer,
        "boolean" => T::Boolean,
        _ => T::Any,
    }
}

/// The physical type where it keeps the logical one's promise, or stands alone; else the logical type.
fn exact(
    promised: T,
    word: Option<&str>,
    text: &str,
    value: &Value<'_>,
    column: &mut Column,
    report: &mut Report,
) -> T {
    keep(&mut column.custom, "physicalType", text.into());
    let Some(physical) = type_words::type_of(text) else {
        if word.is_none() && promised == T::Any {
            let what = format!("`{}` is no type that is known; any stored type will do: `{text}`", value.path);
            report.warning(value.place(), code::UNKNOWN_TYPE, what, "Add `logicalType`.");
        }
        return promised;
    };
    let same_family = match (&promised, &physical.logical_type) {
        (T::Timestamp { .. }, T::Timestamp { .. }) => true,
        (T::String, T::Uuid | T::Json) | (T::Binary, T::Binary | T::FixedBinary { .. }) => true,
        (_, T::Any) | (T::Struct { .. }, _) => false,
        (promised, physical) => promised.accepts(physical),
    };
    if same_family {
        if let Some(word) = word {
            keep(&mut column.custom, "logicalType", word.into());
        }
        column.range.max_length = column.range.max_length.or(physical.max_length);
        return physical.logical_type;
    }
    promised
}

fn object(members: &Value<'_>, depth: usize, report: &mut Report) -> T {
    if depth >= MAX_DEPTH {
        members.error(code::TOO_DEEP, "is nested too deep", "Flatten this part of the schema.", report);
        return T::Any;
    }
    let mut fields_of_struct = Vec::new();
    let mut names = Names::default();
    for item in members.items(report) {
        let Some(mut fields) = item.fields(report) else { continue };
        let name = fields.need("name", "Name the property.", report).and_then(|v| v.text(report));
        let member = nested(&mut fields, name.unwrap_or_default(), depth, report);
        fields.finish(report);
        let Some(name) = name else { continue };
        names.add(name, &item, report);
        let (name, nullable) = (name.to_owned(), member.nullable);
        fields_of_struct.push(StructField { name, logical_type: member.logical_type, nullable });
    }
    T::Struct { fields: fields_of_struct }
}

/// A property below the top: its type counts, the rest is kept with the raw properties of the column.
pub(super) fn nested(fields: &mut Fields<'_>, name: &str, depth: usize, report: &mut Report) -> Column {
    let mut member = Column::new(name, T::Any);
    member.nullable = !fields.flag("required", report).unwrap_or_default();
    let raw =
        ["primaryKey", "primaryKeyPosition", "partitioned", "partitionKeyPosition", "quality", "relationships", "name"];
    for key in raw {
        fields.take(key);
    }
    property(fields, &mut member, &[], depth + 1, report);
    member
}

fn array(items: Option<&Value<'_>>, depth: usize, report: &mut Report) -> T {
    let any = T::List { item: Box::new(T::Any), item_nullable: true };
    let Some(items) = items else { return any };
    if depth >= MAX_DEPTH {
        items.error(code::TOO_DEEP, "is nested too deep", "Flatten this part of the schema.", report);
        return any;
    }
    let Some(mut fields) = items.fields(report) else { return any };
    let item = nested(&mut fields, "item", depth, report);
    fields.finish(report);
    T::List { item: Box::new(item.logical_type), item_nullable: item.nullable }
}
