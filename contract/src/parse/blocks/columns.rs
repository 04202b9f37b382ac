//! Reads tables and columns as the short forms write them, and schemas that lie elsewhere.
//!
//! Start reading at [`schema`] and [`column`].

use std::collections::HashMap;

use super::super::fields::keep;
use super::super::parts::{FoundTable, Mention, Parts};
use super::super::report::Report;
use super::super::type_words::{self, WORDS};
use super::super::value::Value;
use crate::model::{Column, Relationship, SchemaSource, Table};
use crate::name::fold;
use crate::problem::code;
use crate::types::{LogicalType, StructField};

/// The `schema` block: columns, or where the schema is written.
pub(crate) fn schema(value: &Value<'_>, found: &mut FoundTable, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let kind = fields.text("type", report);
    let location = fields.take("location");
    let columns = fields.take_any(&["columns", "fields"], report);
    let key = fields.take_any(&["primary_key", "primaryKey"], report);
    fields.keep("compatibility", &mut found.table.custom);
    let place = fields.place;
    fields.finish_into(&mut found.table.custom, report);
    if let Some(columns) = columns {
        found.table.columns = self::columns(&columns, &mut found.table.relationships, report);
    }
    if let Some(key) = key {
        table_key(&key, &mut found.table, found.name.as_deref(), parts, report);
    }
    match (kind, location) {
        (kind, Some(location)) => {
            let Some(location) = super::storage::location(&location, report) else { return };
            let Some(kind) = kind.filter(|k| k != "table") else {
                let mend = "Add `type: avro`.";
                return report.error(place, code::MISSING, format!("`{}.type` is missing", value.path), mend);
            };
            parts.schema_source = Some(SchemaSource { kind, location });
        }
        (Some(kind), None) if kind == "avro" => {
            let mend = "Say where the .avsc file lies.";
            report.error(place, code::MISSING, format!("`{}.location` is missing", value.path), mend);
        }
        (Some(kind), None) if !matches!(kind.as_str(), "table" | "inline") => {
            keep(&mut found.table.custom, "schema.type", kind.into());
        }
        (Some(_) | None, None) => {}
    }
}

/// `primary_key: [a, b]` beside the columns.
pub(crate) fn table_key(
    value: &Value<'_>,
    table: &mut Table,
    name: Option<&str>,
    parts: &mut Parts,
    report: &mut Report,
) {
    let mut index: HashMap<String, usize> = HashMap::new();
    for (i, column) in table.columns.iter().enumerate() {
        index.entry(column.name.clone()).or_insert(i);
    }
    for (item, position) in value.one_or_many().into_iter().zip(1..) {
        let Some(column) = item.text(report) else { continue };
        let mention = Mention { table: name.map(str::to_owned), column: column.to_owned(), place: item.place() };
        parts.mentions.push(mention);
        if let Some(column) = index.get(column).and_then(|i| table.columns.get_mut(*i)) {
            column.key_position = Some(position);
            column.nullable = false;
        }
    }
}

/// Further tables: `tables: [{name, columns, storage}]`.
pub(crate) fn tables(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    for item in value.items(report) {
        let Some(mut fields) = item.fields(report) else { continue };
        let name = fields.need("name", "Give the table a name.", report);
        let name_text = name.as_ref().and_then(|n| n.text(report)).map(str::to_owned);
        let place = name.as_ref().map_or(fields.place, Value::place);
        let Some(mut found) = FoundTable::empty(name_text.clone(), place) else { continue };
        found.table.description = fields.text("description", report);
        if let Some(value) = fields.take("schema") {
            schema(&value, &mut found, parts, report);
        }
        if let Some(value) = fields.take("columns") {
            found.table.columns = columns(&value, &mut found.table.relationships, report);
        }
        if let Some(value) = fields.take_any(&["primary_key", "primaryKey"], report) {
            table_key(&value, &mut found.table, found.name.as_deref(), parts, report);
        }
        if let Some(value) = fields.take("storage") {
            super::storage::storage(&value, &mut found, parts, report);
        }
        if let Some(value) = fields.take("relationships") {
            relationships(&value, &mut found.table, found.name.as_deref(), parts, report);
        }
        for check in fields.items("checks", report) {
            super::quality::check(&check, name_text.as_deref(), parts, report);
        }
        fields.finish_into(&mut found.table.custom, report);
        parts.tables.push(found);
    }
}

/// `relationships: [{columns, to, to_columns}]`.
pub(crate) fn relationships(
    value: &Value<'_>,
    table: &mut Table,
    name: Option<&str>,
    parts: &mut Parts,
    report: &mut Report,
) {
    for item in value.items(report) {
        let Some(mut fields) = item.fields(report) else { continue };
        let from = fields.take_any(&["columns", "column"], report);
        let to = fields.need("to", "Write domain.product.", report).and_then(|v| reference(&v, report));
        let to_columns = fields.take_any(&["to_columns", "toColumns", "to_column"], report);
        let path = item.path.clone();
        for value in from.iter().flat_map(Value::one_or_many) {
            let Some(column) = value.text(report) else { continue };
            let mention = Mention { table: name.map(str::to_owned), column: column.to_owned(), place: value.place() };
            parts.mentions.push(mention);
        }
        let columns = from.map_or_else(Vec::new, |v| v.texts(report));
        let to_columns = to_columns.map_or_else(Vec::new, |v| v.texts(report));
        if columns.is_empty() || columns.len() != to_columns.len() {
            let message = format!("`{path}` pairs {} columns with {}", columns.len(), to_columns.len());
            report.error(fields.place, code::BAD_REFERENCE, message, "Name as many `to_columns` as `columns`.");
        }
        fields.finish_under("relationships", &mut table.custom, report);
        table.relationships.extend(to.map(|to| Relationship { columns, to, to_columns }));
    }
}

/// The name of a product or of one of its tables, as written.
fn reference(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let text = value.text(report)?;
    let known =
        (1..=3).contains(&text.split('.').count()) && text.split('.').all(|p| crate::name::TableName::new(p).is_ok());
    if !known {
        let mend = "Write domain.product, domain.product.table, or a table of this product.";
        value.error(code::BAD_REFERENCE, &format!("is no reference: `{text}`"), mend, report);
    }
    known.then(|| text.to_owned())
}

/// The columns of one table, in order; names that fold alike are a problem.
pub(crate) fn columns(value: &Value<'_>, relationships: &mut Vec<Relationship>, report: &mut Report) -> Vec<Column> {
    let mut next_key = 1;
    let mut names = Names::default();
    let mut columns = Vec::new();
    for item in value.items(report) {
        let Some(column) = column(&item, &mut next_key, relationships, report) else { continue };
        names.add(&column.name, &item, report);
        columns.push(column);
    }
    columns
}

/// Watches that columns differ under folding.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Notes a name; reports it when it folds like an earlier one.
    pub(crate) fn add(&mut self, name: &str, at: &Value<'_>, report: &mut Report) {
        if let Some(first) = self.0.get(&fold(name)) {
            let what = format!("is named `{name}`, like the column `{first}`");
            let mend = "Give each column a name that differs by more than case, `-` and `_`.";
            at.error(code::DUPLICATE_COLUMN, &what, mend, report);
        }
        self.0.entry(fold(name)).or_insert_with(|| name.to_owned());
    }
}

fn column(
    value: &Value<'_>,
    next_key: &mut u32,
    relationships: &mut Vec<Relationship>,
    report: &mut Report,
) -> Option<Column> {
    let mut fields = value.fields(report)?;
    let name = fields.need("name", "Give the column a name.", report);
    let spelled = fields.take("type");
    let members = fields.take("fields");
    let mut column = Column::new(name.as_ref().and_then(|n| n.text(report)).unwrap_or_default(), LogicalType::Any);
    match &spelled {
        Some(spelled) => typed(&mut column, spelled, report),
        None if members.is_none() => fields.missing("type", "Say what the column holds, such as string.", report),
        None => {}
    }
    if let Some(members) = &members {
        let fields = columns(members, &mut Vec::new(), report).into_iter().map(member).collect();
        let inner = LogicalType::Struct { fields };
        column.logical_type = match column.logical_type {
            LogicalType::List { item_nullable, .. } => LogicalType::List { item: Box::new(inner), item_nullable },
            _ => inner,
        };
        keep(&mut column.custom, "fields", members.json());
    }
    column.description = fields.text("description", report);
    column.unique = fields.flag("unique", report).unwrap_or_default();
    column.classification = fields.text("classification", report);
    column.pii = fields.take_any(&["pii", "contains_pii"], report).and_then(|v| v.flag(report));
    column.encrypted = fields.take_any(&["encrypted", "encryption_enabled"], report).and_then(|v| v.flag(report));
    column.pattern = fields.text("pattern", report);
    column.glossary_ref =
        fields.take_any(&["glossary_ref", "glossary"], report).and_then(|v| v.text(report)).map(str::to_owned);
    column.tags = fields.texts("tags", report);
    nullability(&mut column, &mut fields, report);
    bounds(&mut column, &mut fields, report);
    if let Some(value) = fields.take_any(&["primary_key", "primaryKey"], report) {
        primary_key(&mut column, &value, next_key, report);
    }
    if let Some(value) = fields.take("references") {
        relationships.extend(column_reference(&column.name, &value, report));
    }
    fields.finish_into(&mut column.custom, report);
    column_name(&name?, column, report)
}

fn column_name(name: &Value<'_>, column: Column, report: &mut Report) -> Option<Column> {
    let text = name.text(report)?;
    if text.trim() != text || text.is_empty() {
        name.error(
            code::BAD_COLUMN,
            "is blank, or starts or ends with a blank",
            "Write the name as it is stored.",
            report,
        );
        return None;
    }
    Some(column)
}

fn member(column: Column) -> StructField {
    StructField { name: column.name, logical_type: column.logical_type, nullable: column.nullable }
}

/// Sets the type that a word spells; a word that is no type is a problem.
pub(crate) fn typed(column: &mut Column, spelled: &Value<'_>, report: &mut Report) {
    let Some(text) = spelled.text(report) else { return };
    column.declared_type = Some(text.to_owned());
    match type_words::type_of(text) {
        Some(read) => {
            column.logical_type = read.logical_type;
            column.range.max_length = read.max_length;
        }
        None => {
            let mend = match report.nearest(text, WORDS.iter().copied()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "Write a type such as string, int64, decimal(10,2), timestamp or array<string>.".to_owned(),
            };
            spelled.error(code::BAD_TYPE, &format!("is no type that is known: `{text}`"), &mend, report);
        }
    }
}

fn nullability(column: &mut Column, fields: &mut super::super::fields::Fields<'_>, report: &mut Report) {
    let nullable = fields.flag("nullable", report);
    let required = fields.take("required");
    let stated = required.as_ref().and_then(|v| v.flag(report));
    if let (Some(nullable), Some(required), Some(value)) = (nullable, stated, required)
        && nullable == required
    {
        value.error(code::CONFLICT, "contradicts `nullable`", "Keep one of the two.", report);
    }
    column.nullable = nullable.unwrap_or_else(|| !stated.unwrap_or_default());
}

fn bounds(column: &mut Column, fields: &mut super::super::fields::Fields<'_>, report: &mut Report) {
    column.range.min = fields.take("min").and_then(|v| v.number(report));
    column.range.max = fields.take("max").and_then(|v| v.number(report));
    column.range.min_length = fields.take_any(&["min_length", "minLength"], report).and_then(|v| v.whole(report));
    let longest = fields.take_any(&["max_length", "maxLength"], report).and_then(|v| v.whole(report));
    column.range.max_length = longest.or(column.range.max_length);
    if let Some(value) = fields.take_any(&["enum", "values", "allowed_values"], report) {
        let values = value.items(report);
        if values.is_empty() {
            value.error(code::BAD_CHECK, "allows no value at all", "List the values that are allowed.", report);
        }
        column.allowed_values = Some(values.iter().map(Value::json).collect());
    }
}

/// `primary_key: true`, or the position in the key.
fn primary_key(column: &mut Column, value: &Value<'_>, next_key: &mut u32, report: &mut Report) {
    let position = match value.node.scalar() {
        Some("true") => Some(*next_key),
        Some("false") => return,
        _ => {
            let Some(whole) = value.whole(report) else { return };
            u32::try_from(whole).ok().filter(|p| *p > 0)
        }
    };
    let Some(position) = position else {
        let mend = "Write true, or the column's place in the key, from 1.";
        return value.error(code::BAD_NUMBER, "is no place in a key", mend, report);
    };
    *next_key = position.saturating_add(1).max(*next_key);
    column.key_position = Some(position);
    column.nullable = false;
}

/// `references: domain.product.column`.
fn column_reference(column: &str, value: &Value<'_>, report: &mut Report) -> Option<Relationship> {
    let text = value.text(report)?;
    let split = text.rsplit_once('.').filter(|(to, _)| {
        (1..=3).contains(&to.split('.').count()) && to.split('.').all(|p| crate::name::TableName::new(p).is_ok())
    });
    let Some((to, to_column)) = split.filter(|(_, c)| !c.is_empty()) else {
        let what = format!("is no reference to a column: `{text}`");
        value.error(code::BAD_REFERENCE, &what, "Write domain.product.column.", report);
        return None;
    };
    Some(Relationship { columns: vec![column.to_owned()], to: to.to_owned(), to_columns: vec![to_column.to_owned()] })
}
