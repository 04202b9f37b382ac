//! Objects and properties of the standard: tables and columns.
//!
//! The logical type is the promise; a physical type that keeps it makes it exact (`number` stored as `decimal(12,2)` promises
//! the decimal).
//!
//! Start reading at [`tables`].

use super::super::blocks::columns::Names;
use super::super::fields::{Fields, Value, keep};
use super::super::node::Kind;
use super::super::parts::{FoundTable, Mention, Parts};
use super::super::report::Report;
use super::super::type_words;
use super::{properties, quality};
use crate::model::{Column, Custom, Partitioning, Relationship};
use crate::problem::code;
use crate::types::{LogicalType as T, StructField, TimeUnit};

const MAX_DEPTH: usize = 32;

/// Reads `schema`: one table per object.
pub(super) fn tables(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    for item in value.items(report) {
        table(&item, parts, report);
    }
}

fn table(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let name = fields.need("name", "Name the object.", report);
    let text = name.as_ref().and_then(|v| v.text(report)).unwrap_or_default();
    let place = name.as_ref().map_or(fields.place, Value::place);
    let Some(mut found) = FoundTable::empty(Some(text.to_owned()), place) else { return };
    found.table.description = fields.text("description", report);
    if let Some(kind) = fields.take("logicalType") {
        kind.word(&[("object", ())], code::BAD_TYPE, report);
    }
    let kept = [
        "id",
        "physicalName",
        "physicalType",
        "businessName",
        "dataGranularityDescription",
        "tags",
        "authoritativeDefinitions",
        "customProperties",
        "context",
        "synonyms",
        "deprecated",
    ];
    for key in kept {
        fields.keep(key, &mut found.table.custom);
    }
    let mut reader = Columns { table: text, partitions: Vec::new(), next_key: 1 };
    if let Some(list) = fields.take("properties") {
        found.table.columns = reader.columns(&list, &mut found.table.relationships, parts, report);
    }
    for item in fields.items("relationships", report) {
        found.table.relationships.extend(relationship(&item, None, text, parts, report));
    }
    if let Some(value) = fields.take("relationships") {
        keep(&mut found.table.custom, "relationships", value.json());
    }
    if let Some(value) = fields.take("quality") {
        quality::rules(&value, text, None, parts, report);
    }
    fields.finish_into(&mut found.table.custom, report);
    reader.partitions.sort_by_key(|(position, _)| *position);
    found.partitioning = reader.partitions.into_iter().map(|(_, p)| p).collect();
    parts.tables.push(found);
}

/// Reads the columns of one table.
struct Columns<'t> {
    table: &'t str,
    partitions: Vec<(u64, Partitioning)>,
    next_key: u32,
}

impl Columns<'_> {
    fn columns(
        &mut self,
        list: &Value<'_>,
        relationships: &mut Vec<Relationship>,
        parts: &mut Parts,
        report: &mut Report,
    ) -> Vec<Column> {
        let mut names = Names::default();
        let mut columns = Vec::new();
        for item in list.items(report) {
            let Some(mut fields) = item.fields(report) else { continue };
            let name = fields.need("name", "Name the property.", report).and_then(|v| v.text(report));
            let Some(name) = name else { continue };
            names.add(name, &item, report);
            let mut column = Column::new(name, T::Any);
            self.key(&mut fields, &mut column, report);
            self.partition(&mut fields, &mut column, report);
            property(&mut fields, &mut column, 0, report);
            if let Some(value) = fields.take("quality") {
                quality::rules(&value, self.table, Some(name), parts, report);
            }
            for item in fields.items("relationships", report) {
                relationships.extend(relationship(&item, Some(name), self.table, parts, report));
            }
            if let Some(value) = fields.take("relationships") {
                keep(&mut column.custom, "relationships", value.json());
            }
            fields.finish_into(&mut column.custom, report);
            columns.push(column);
        }
        columns
    }

    fn key(&mut self, fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
        let is_key = fields.flag("primaryKey", report).unwrap_or_default();
        // The standard's default position is -1: none.
        let position = fields.take("primaryKeyPosition").filter(|v| v.node.scalar() != Some("-1"));
        let position = position.and_then(|v| v.whole(report)).and_then(|p| u32::try_from(p).ok());
        column.nullable = !fields.flag("required", report).unwrap_or_default() && !is_key;
        if is_key {
            column.key_position = Some(position.unwrap_or(self.next_key));
            self.next_key = column.key_position.unwrap_or_default().saturating_add(1).max(self.next_key);
        }
    }

    fn partition(&mut self, fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
        let is_partition = fields.flag("partitioned", report).unwrap_or_default();
        for key in ["partitioned", "partitionKeyPosition"] {
            fields.keep(key, &mut column.custom);
        }
        let position = fields.take("partitionKeyPosition").filter(|v| v.node.scalar() != Some("-1"));
        let position = position.and_then(|v| v.whole(report));
        if is_partition {
            let position = position.unwrap_or(u64::MAX);
            self.partitions.push((position, Partitioning { field: column.name.clone(), granularity: None }));
        }
    }
}

/// Adds to `column` what any property says, at the top or nested.
fn property(fields: &mut Fields<'_>, column: &mut Column, depth: usize, report: &mut Report) {
    column.description = fields.text("description", report);
    column.unique = fields.flag("unique", report).unwrap_or_default();
    column.classification = fields.text("classification", report);
    column.tags = fields.texts("tags", report);
    let kept = [
        "id",
        "physicalName",
        "businessName",
        "encryptedName",
        "transformSourceObjects",
        "transformLogic",
        "transformDescription",
        "examples",
        "criticalDataElement",
        "authoritativeDefinitions",
        "semanticType",
        "synonyms",
        "deprecated",
        "context",
        "vectorDimensions",
    ];
    for key in kept {
        fields.keep(key, &mut column.custom);
    }
    if let Some(list) = fields.take("customProperties") {
        for item in properties(&list, report) {
            match item.name {
                "pii" => column.pii = item.value.flag(report),
                "encrypted" => column.encrypted = item.value.flag(report),
                _ => {}
            }
        }
        keep(&mut column.custom, "customProperties", list.json());
    }
    if let Some(value) = fields.take("enum") {
        column.allowed_values = Some(value.items(report).iter().map(Value::json).collect());
    }
    types(fields, column, depth, report);
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
    let mut promised = match word {
        None | Some("object") => members.as_ref().map_or(T::Any, |m| object(m, depth, report)),
        Some("array" | "vector") => array(items.as_ref(), depth, report),
        Some("map") => T::Map { key: Box::new(T::String), value: Box::new(T::Any), value_nullable: true },
        Some(word) => scalar(word),
    };
    for (key, value) in [("properties", &members), ("items", &items)] {
        value.iter().for_each(|v| keep(&mut column.custom, key, v.json()));
    }
    if let Some(value) = &options {
        self::options(value, column, &mut promised, report);
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
        (T::Any | T::Struct { .. } | T::List { .. }, _) => word.is_none() && promised == T::Any,
        (promised, physical) => promised.accepts(physical),
    };
    if same_family {
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
fn nested(fields: &mut Fields<'_>, name: &str, depth: usize, report: &mut Report) -> Column {
    let mut member = Column::new(name, T::Any);
    member.nullable = !fields.flag("required", report).unwrap_or_default();
    let raw =
        ["primaryKey", "primaryKeyPosition", "partitioned", "partitionKeyPosition", "quality", "relationships", "name"];
    for key in raw {
        fields.take(key);
    }
    property(fields, &mut member, depth + 1, report);
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

/// `logicalTypeOptions`: bounds and formats; what has no field is kept.
fn options(value: &Value<'_>, column: &mut Column, promised: &mut T, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
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
    if let (Some(zone), T::Timestamp { utc, .. }) = (fields.take("timezone"), &mut *promised) {
        *utc = zone.flag(report).unwrap_or_default();
    }
    if let Some(format) = fields.take("format").and_then(|v| v.text(report)) {
        *promised = formatted(promised, format);
    }
    let mut more = Custom::new();
    let kept = [
        "format",
        "timezone",
        "defaultTimezone",
        "multipleOf",
        "maxProperties",
        "minProperties",
        "required",
        "maxItems",
        "minItems",
        "uniqueItems",
        "dimension",
        "keyType",
        "valueType",
    ];
    for key in kept {
        fields.keep(key, &mut more);
    }
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
        _ => promised.clone(),
    }
}

/// `{from, to}` at a table, `{to}` at a column.
fn relationship(
    value: &Value<'_>,
    column: Option<&str>,
    table: &str,
    parts: &mut Parts,
    report: &mut Report,
) -> Option<Relationship> {
    let mut fields = value.fields(report)?;
    fields.take("id");
    if let Some(kind) = fields.take("type") {
        kind.word(&[("foreignKey", ())], code::BAD_WORD, report);
    }
    fields.take("customProperties");
    let from = fields.take("from");
    let to = fields.need("to", "Write the property that is referred to.", report);
    fields.finish(report);
    let to = to?;
    let columns = match (column, &from) {
        (Some(column), _) => vec![column.to_owned()],
        (None, Some(from)) => mentioned(from, table, parts, report),
        (None, None) => {
            let mend = "Write `from` and `to`.";
            value.error(code::MISSING, "does not say which columns refer", mend, report);
            return None;
        }
    };
    let targets: Vec<(&str, &str)> = to.texts_ref(report).into_iter().filter_map(split_path).collect();
    let same = targets.iter().all(|(to, _)| *to == targets[0].0);
    if targets.is_empty()
        || targets.len() != columns.len()
        || !same
        || !matches!(to.node.kind, Kind::Scalar { .. } | Kind::List(_))
    {
        let mend = "Write one `schema.property` for each column of `from`, all of one table.";
        to.error(code::BAD_REFERENCE, "does not fit the columns that refer", mend, report);
        return None;
    }
    let to_columns = targets.iter().map(|(_, c)| (*c).to_owned()).collect();
    Some(Relationship { columns, to: targets[0].0.to_owned(), to_columns })
}

/// The columns of `from`, whose table is this one.
fn mentioned(from: &Value<'_>, table: &str, parts: &mut Parts, report: &mut Report) -> Vec<String> {
    let mut columns = Vec::new();
    for item in from.one_or_many() {
        let Some(text) = item.text(report) else { continue };
        let column = split_path(text).map_or(text, |(_, column)| column).to_owned();
        let mention = Mention { table: Some(table.to_owned()), column: column.clone(), place: item.place() };
        parts.mentions.push(mention);
        columns.push(column);
    }
    columns
}

/// `schema.property` or `/schema/x/properties/y`, as the table and the column.
fn split_path(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('.').filter(|(table, column)| !table.is_empty() && !column.is_empty())
}
