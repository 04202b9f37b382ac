//! Reads a JSON Schema, as zod and others export it, as the columns of a table.
//!
//! In: an object schema with properties. Out: columns in the order of the properties; a property that is not required is nullable.
//! Holds always: references are followed inside the schema only, and at most 32 deep; keywords without a field in the model go to
//! the column's `custom`.
//!
//! Start reading at [`table`].

use super::blocks::columns::Names;
use super::fields::{Fields, Value};
use super::node::{Kind, Node};
use super::report::Report;
use crate::model::{Column, Table};
use crate::problem::code;
use crate::types::{LogicalType as T, StructField, TimeUnit};

const MAX_DEPTH: usize = 32;

/// Puts the properties of an object schema into `table` as columns.
pub(crate) fn table(value: &Value<'_>, table: &mut Table, report: &mut Report) {
    let reader = Reader { root: value.node };
    let Some(mut fields) = value.fields(report) else { return };
    if let Some(kind) = fields.take("type")
        && kind.text(report).is_some_and(|text| text != "object")
    {
        kind.error(code::BAD_SCHEMA, "is not object", "A table is an object whose properties are its columns.", report);
    }
    let required = fields.take("required");
    let properties = fields.need("properties", "List the columns as properties.", report);
    table.description = fields.text("description", report).or(table.description.take());
    for key in ["$schema", "$id", "title", "$defs", "definitions", "additionalProperties", "examples"] {
        fields.keep(key, &mut table.custom);
    }
    fields.finish_into(&mut table.custom, report);
    let required = names(required.as_ref(), properties.as_ref(), report);
    let mut seen = Names::default();
    for (name, _, value) in properties.map_or_else(Vec::new, |p| p.entries(report)) {
        seen.add(name, &value, report);
        let mut column = Column::new(name, T::Any);
        column.nullable = !required.contains(&name);
        reader.property(&value, &mut column, 0, report);
        table.columns.push(column);
    }
}

/// The names that `required` lists; each must be a property.
fn names<'n>(required: Option<&Value<'n>>, properties: Option<&Value<'n>>, report: &mut Report) -> Vec<&'n str> {
    let mut names = Vec::new();
    for item in required.map_or_else(Vec::new, |r| r.items(report)) {
        let Some(name) = item.text(report) else { continue };
        if properties.is_some_and(|p| p.node.get(name).is_none()) {
            let mend = "Remove it, or add the property.";
            item.error(code::UNKNOWN_COLUMN, &format!("requires `{name}`, which is no property"), mend, report);
        }
        names.push(name);
    }
    names
}

struct Reader<'n> {
    root: &'n Node,
}

impl<'n> Reader<'n> {
    /// Adds to `column` what the schema of one property says.
    fn property(&self, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        if depth > MAX_DEPTH {
            let mend = "Break the circle of references, or flatten the schema.";
            return value.error(code::TOO_DEEP, "is nested or refers to itself without end", mend, report);
        }
        let Some(mut fields) = value.fields(report) else { return };
        if let Some(reference) = fields.take("$ref") {
            self.reference(&reference, column, depth, report);
        }
        let branches = fields.take_any(&["anyOf", "oneOf"], report);
        if let Some(branches) = &branches {
            self.branches(branches, column, depth, report);
        }
        let kind = fields.take("type").and_then(|v| single_type(&v, column, report));
        let format = fields.take("format");
        words(&mut fields, column, report);
        bounds(&mut fields, column, report);
        allowed(&mut fields, column, report);
        if let Some(kind) = kind {
            let format = format.as_ref().and_then(|f| f.text(report));
            column.logical_type = self.logical_type(kind, format, &mut fields, depth, report);
            column.declared_type = Some(format.map_or_else(|| kind.to_owned(), |f| format!("{kind} ({f})")));
        } else if branches.is_none() && column.logical_type == T::Any {
            untyped(column, &fields, report);
        }
        fields.finish_open(&mut column.custom);
    }

    fn reference(&self, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        let Some(text) = value.text(report) else { return };
        let path = text.strip_prefix("#/").or_else(|| (text == "#").then_some(""));
        let target = path.and_then(|path| {
            let steps = path.split('/').filter(|s| !s.is_empty()).map(|s| s.replace("~1", "/").replace("~0", "~"));
            steps.into_iter().try_fold(self.root, |node, step| node.get(&step))
        });
        match target {
            Some(node) => self.property(&Value { path: value.path.clone(), node }, column, depth + 1, report),
            None => {
                let mend = "Refer to a definition inside this schema, such as #/$defs/Address.";
                value.error(
                    code::BAD_SCHEMA,
                    &format!("refers to `{text}`, which is not in this schema"),
                    mend,
                    report,
                );
            }
        }
    }

    /// `anyOf: [X, {type: null}]` is a nullable X; several types are any type, and are kept as written.
    fn branches(&self, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        let all = value.items(report);
        let real: Vec<_> =
            all.iter().filter(|b| b.node.get("type").and_then(Node::scalar_or_null) != Some("null")).collect();
        column.nullable |= real.len() < all.len();
        match real.as_slice() {
            [one] => self.property(one, column, depth + 1, report),
            _ => super::fields::keep(&mut column.custom, "anyOf", value.json()),
        }
    }

    fn logical_type(
        &self,
        kind: &str,
        format: Option<&str>,
        fields: &mut Fields<'n>,
        depth: usize,
        report: &mut Report,
    ) -> T {
        const MICRO: TimeUnit = TimeUnit::Micro;
        match (kind, format) {
            ("string", Some("uuid" | "guid")) => T::Uuid,
            ("string", Some("date-time")) => T::Timestamp { unit: MICRO, utc: true },
            ("string", Some("date")) => T::Date,
            ("string", Some("time")) => T::Time { unit: MICRO },
            ("string", Some("byte" | "binary" | "base64")) => T::Binary,
            ("string", _) => T::String,
            ("integer", Some("int32")) => T::Int32,
            ("integer", Some("int64")) => T::Int64,
            ("integer", _) => T::Integer,
            ("number", Some("float")) => T::Float32,
            ("number", Some("double")) => T::Float64,
            ("number", _) => T::Number,
            ("boolean", _) => T::Boolean,
            ("array", _) => self.list(fields, depth, report),
            ("object", _) => self.object(fields, depth, report),
            _ => T::Any,
        }
    }

    fn list(&self, fields: &mut Fields<'n>, depth: usize, report: &mut Report) -> T {
        let mut item = Column::new("item", T::Any);
        item.nullable = false;
        if let Some(value) = fields.look("items") {
            self.property(&value, &mut item, depth + 1, report);
        } else {
            item.nullable = true;
        }
        T::List { item: Box::new(item.logical_type), item_nullable: item.nullable }
    }

    fn object(&self, fields: &mut Fields<'n>, depth: usize, report: &mut Report) -> T {
        if let Some(properties) = fields.look("properties") {
            let required = fields.look("required");
            let required = names(required.as_ref(), Some(&properties), report);
            let entries = properties.entries(report);
            let member = |(name, _, value): (&str, _, Value<'n>)| {
                let mut member = Column::new(name, T::Any);
                member.nullable = !required.contains(&name);
                self.property(&value, &mut member, depth + 1, report);
                StructField { name: member.name, logical_type: member.logical_type, nullable: member.nullable }
            };
            return T::Struct { fields: entries.into_iter().map(member).collect() };
        }
        match fields.look("additionalProperties") {
            Some(value) if matches!(value.node.kind, Kind::Map(_)) => {
                let mut item = Column::new("value", T::Any);
                item.nullable = false;
                self.property(&value, &mut item, depth + 1, report);
                let value = Box::new(item.logical_type);
                T::Map { key: Box::new(T::String), value, value_nullable: item.nullable }
            }
            _ => T::Any,
        }
    }
}

/// The type that is not `null`; a list with `null` makes the column nullable, a list of several types is any type.
fn single_type<'n>(value: &Value<'n>, column: &mut Column, report: &mut Report) -> Option<&'n str> {
    const KNOWN: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
    let mut real = Vec::new();
    for item in value.one_or_many() {
        // An unquoted null in YAML means the type.
        match item.node.scalar_or_null() {
            Some("null") => column.nullable = true,
            Some(text) if KNOWN.contains(&text) => real.push(text),
            _ => {
                let mend = "Write string, number, integer, boolean, array, object or null.";
                item.error(code::BAD_TYPE, "is no type of JSON Schema", mend, report);
            }
        }
    }
    match real.as_slice() {
        [one] => Some(one),
        [] => None,
        _ => {
            super::fields::keep(&mut column.custom, "type", value.json());
            None
        }
    }
}

/// What people and policies read.
fn words(fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
    column.description = fields.text("description", report).or(column.description.take());
    column.pattern = fields.text("pattern", report).or(column.pattern.take());
    column.pii = fields.flag("pii", report).or(column.pii);
    column.encrypted = fields.flag("encrypted", report).or(column.encrypted);
    column.classification = fields.text("classification", report).or(column.classification.take());
}

fn bounds(fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
    let range = &mut column.range;
    let number =
        |fields: &mut Fields<'_>, key, report: &mut Report| fields.take(key).and_then(|v: Value<'_>| v.number(report));
    range.min = number(fields, "minimum", report).or(range.min.take());
    range.above = number(fields, "exclusiveMinimum", report).or(range.above.take());
    range.max = number(fields, "maximum", report).or(range.max.take());
    range.below = number(fields, "exclusiveMaximum", report).or(range.below.take());
    range.min_length = fields.take("minLength").and_then(|v| v.whole(report)).or(range.min_length);
    range.max_length = fields.take("maxLength").and_then(|v| v.whole(report)).or(range.max_length);
}

fn allowed(fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
    if let Some(value) = fields.take("enum") {
        let values = value.items(report);
        if values.is_empty() {
            value.error(code::BAD_CHECK, "allows no value at all", "List the values that are allowed.", report);
        }
        column.allowed_values = Some(values.iter().map(Value::json).collect());
    }
    if let Some(value) = fields.take("const") {
        column.allowed_values = Some(vec![value.json()]);
    }
}

/// A property without `type`: its allowed values tell what it holds.
fn untyped(column: &mut Column, fields: &Fields<'_>, report: &mut Report) {
    let kind = |value: &serde_json::Value| match value {
        serde_json::Value::String(_) => Some(T::String),
        serde_json::Value::Bool(_) => Some(T::Boolean),
        serde_json::Value::Number(n) if n.is_f64() => Some(T::Number),
        serde_json::Value::Number(_) => Some(T::Integer),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    };
    let values = column.allowed_values.as_deref().unwrap_or_default();
    column.nullable |= values.iter().any(serde_json::Value::is_null);
    let mut kinds: Vec<T> = values.iter().filter_map(kind).collect();
    kinds.dedup();
    match kinds.as_slice() {
        [one] => column.logical_type = one.clone(),
        _ if values.is_empty() && column.custom.is_empty() => {
            let message = format!("nothing says what `{}` holds; any stored type will do", column.name);
            report.warning(fields.place, code::UNKNOWN_TYPE, message, "Add `type`.");
        }
        _ => {}
    }
}
