//! Reads a JSON Schema, as zod and others export it, as the columns of a table.
//!
//! In: an object schema with properties. Out: columns in the order of the properties; a property that is not required is nullable.
//! Holds always: references are followed inside the schema only, and at most 32 deep; keywords without a field in the model go to
//! the column's `custom`.
//!
//! Start reading at [`table`].

use std::cell::Cell;
use std::collections::HashSet;

use super::blocks::columns::Names;
use super::fields::Fields;
use super::node::{Kind, Node};
use super::report::Report;
use super::value::Value;
use crate::model::{Column, Table};
use crate::problem::code;
use crate::types::{LogicalType as T, StructField, TimeUnit};

const MAX_DEPTH: usize = 32;
/// Properties and allowed values that a schema may have when its references are written out.
const MAX_PARTS: usize = 100_000;
/// Keys that may be looked at to find what references stand for.
const MAX_LOOKS: usize = 10_000_000;

/// Puts the properties of an object schema into `table` as columns.
pub(crate) fn table(value: &Value<'_>, table: &mut Table, report: &mut Report) {
    let reader = Reader { root: value.node, spent: Cell::new(0), looks: Cell::new(0) };
    let Some(mut fields) = value.fields(report) else { return };
    if let Some(kind) = fields.take("type")
        && kind.text(report).is_some_and(|text| text != "object")
    {
        kind.error(code::BAD_SCHEMA, "is not object", "A table is an object whose properties are its columns.", report);
    }
    let required = fields.take("required");
    let properties = fields.need("properties", "List the columns as properties.", report);
    table.description = fields.text("description", report).or_else(|| table.description.take());
    for key in ["$schema", "$id", "title", "$defs", "definitions", "additionalProperties", "examples"] {
        fields.keep(key, &mut table.custom);
    }
    fields.finish_into(&mut table.custom, report);
    let required = names(required.as_ref(), properties.as_ref(), report);
    let mut seen = Names::default();
    for (name, _, value) in properties.map_or_else(Vec::new, |p| p.entries(report)) {
        seen.add(name, &value, report);
        let mut column = Column::new(name, T::Any);
        column.nullable = !required.contains(name);
        reader.property(&value, &mut column, 0, report);
        table.columns.push(column);
    }
}

/// The names that `required` lists; each must be a property.
fn names<'n>(required: Option<&Value<'n>>, properties: Option<&Value<'n>>, report: &mut Report) -> HashSet<&'n str> {
    let known: HashSet<&str> = match properties.map(|p| &p.node.kind) {
        Some(Kind::Map(entries)) => entries.iter().map(|e| e.key.as_str()).collect(),
        _ => HashSet::new(),
    };
    let mut names = HashSet::new();
    for item in required.map_or_else(Vec::new, |r| r.items(report)) {
        let Some(name) = item.text(report) else { continue };
        if properties.is_some() && !known.contains(name) {
            let mend = "Remove it, or add the property.";
            item.error(code::UNKNOWN_COLUMN, &format!("requires `{name}`, which is no property"), mend, report);
        }
        names.insert(name);
    }
    names
}

struct Reader<'n> {
    root: &'n Node,
    /// Properties and allowed values so far; a reference may stand for a large schema many times.
    spent: Cell<usize>,
    /// Keys that were looked at for references.
    looks: Cell<usize>,
}

impl<'n> Reader<'n> {
    /// Adds to `column` what the schema of one property says.
    fn property(&self, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        if depth > MAX_DEPTH {
            let mend = "Break the circle of references, or flatten the schema.";
            return value.error(code::TOO_DEEP, "is nested or refers to itself without end", mend, report);
        }
        if !self.spend(value, report) {
            return;
        }
        let Some(mut fields) = value.fields(report) else { return };
        if let Some(reference) = fields.take("$ref") {
            self.reference(&reference, column, depth, report);
        }
        let mut has_branches = false;
        for key in ["anyOf", "oneOf"] {
            if let Some(branches) = fields.take(key) {
                has_branches = true;
                self.branches(key, &branches, column, depth, report);
            }
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
        } else if !has_branches && column.logical_type == T::Any {
            untyped(column, &fields, report);
        }
        // What lies deeper is kept with the raw value that holds it: `properties`, `items`, `anyOf`, `$defs`.
        if depth == 0 {
            fields.finish_open(&mut column.custom);
        }
    }

    /// Counts a property with its allowed values; false when the schema is larger than a table can use.
    fn spend(&self, value: &Value<'n>, report: &mut Report) -> bool {
        let before = self.spent.get();
        let values = match value.node.get("enum").map(|node| &node.kind) {
            Some(Kind::List(items)) => items.len(),
            _ => 0,
        };
        self.spent.set(before + 1 + values);
        if before <= MAX_PARTS && self.spent.get() > MAX_PARTS {
            let what =
                format!("makes the schema larger than {MAX_PARTS} properties and values, references written out");
            value.error(code::TOO_LARGE, &what, "Split the table.", report);
        }
        self.spent.get() <= MAX_PARTS
    }

    /// The entry of a map, counting what it takes to find it.
    fn look(&self, node: &'n Node, key: &str) -> Option<&'n Node> {
        if let Kind::Map(entries) = &node.kind {
            self.looks.set(self.looks.get().saturating_add(entries.len()));
        }
        if self.looks.get() > MAX_LOOKS { None } else { node.get(key) }
    }

    fn reference(&self, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        let Some(text) = value.text(report) else { return };
        let path = text.strip_prefix("#/").or_else(|| (text == "#").then_some(""));
        let target = path.and_then(|path| {
            let steps = path.split('/').filter(|s| !s.is_empty()).map(|s| s.replace("~1", "/").replace("~0", "~"));
            steps.into_iter().try_fold(self.root, |node, step| self.look(node, &step))
        });
        if self.looks.get() > MAX_LOOKS {
            let mend = "Split the schema.";
            return value.error(code::TOO_LARGE, "is one of too many references into too large a schema", mend, report);
        }
        match target {
            Some(node) => {
                if depth == 0 {
                    super::fields::keep(&mut column.custom, "$ref", text.into());
                }
                let path = value.path.trim_end_matches(".$ref").to_owned();
                self.property(&Value { path, node }, column, depth + 1, report);
            }
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
    fn branches(&self, key: &str, value: &Value<'n>, column: &mut Column, depth: usize, report: &mut Report) {
        let all = value.items(report);
        let real: Vec<_> =
            all.iter().filter(|b| b.node.get("type").and_then(Node::scalar_or_null) != Some("null")).collect();
        column.nullable |= real.len() < all.len();
        if depth == 0 {
            super::fields::keep(&mut column.custom, key, value.json());
        }
        if let [one] = real.as_slice() {
            self.property(one, column, depth + 1, report);
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
                member.nullable = !required.contains(name);
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
    column.description = fields.text("description", report).or_else(|| column.description.take());
    column.pattern = fields.text("pattern", report).or_else(|| column.pattern.take());
    column.pii = fields.flag("pii", report).or(column.pii);
    column.encrypted = fields.flag("encrypted", report).or(column.encrypted);
    column.classification = fields.text("classification", report).or_else(|| column.classification.take());
}

fn bounds(fields: &mut Fields<'_>, column: &mut Column, report: &mut Report) {
    let range = &mut column.range;
    let number =
        |fields: &mut Fields<'_>, key, report: &mut Report| fields.take(key).and_then(|v: Value<'_>| v.number(report));
    range.min = number(fields, "minimum", report).or_else(|| range.min.take());
    range.above = number(fields, "exclusiveMinimum", report).or_else(|| range.above.take());
    range.max = number(fields, "maximum", report).or_else(|| range.max.take());
    range.below = number(fields, "exclusiveMaximum", report).or_else(|| range.below.take());
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
    if kinds.contains(&T::Number) && kinds.iter().all(|k| matches!(k, T::Number | T::Integer)) {
        kinds = vec![T::Number];
    }
    kinds.dedup();
    match kinds.as_slice() {
        [one] => column.logical_type = one.clone(),
        _ if !["$ref", "type", "enum", "const"].iter().any(|key| fields.has(key)) => {
            let message = format!("nothing says what `{}` holds; any stored type will do", column.name);
            report.warning(fields.place, code::UNKNOWN_TYPE, message, "Add `type`.");
        }
        _ => {}
    }
}
