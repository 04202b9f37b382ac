//! Reads an Avro schema as columns.
//!
//! In: the text of an `.avsc` file whose root is a record. Out: one column per field, in order.
//! Holds always: what a column has no field for (default, aliases, properties of one's own) is kept in its `custom`, and the
//! type as it was written in `declared_type`; a schema that contains itself is refused, since a table has no endless rows.
//!
//! Start reading at [`avro_columns`].

use std::collections::HashMap;

use apache_avro::Schema;

use super::blocks::columns::Names;
use super::node::Node;
use super::report::Report;
use super::tables::MAX_NAME;
use super::value::Value;
use super::{avro_faults, text};
use crate::model::Column;
use crate::problem::{Problem, code};
use crate::types::{LogicalType as T, MAX_TYPE_DEPTH, StructField, TimeUnit};

/// Fields and symbols that a schema may have when its named types are written out.
const MAX_PARTS: usize = 100_000;
const MEND: &str = "Mend the schema; the Avro specification says what may stand here.";

/// Reads an Avro schema (`.avsc`) as columns, in the order of its fields.
///
/// A union with `null` makes a column nullable, a union of several other types is any type, an enum is text with its symbols as
/// allowed values, and timestamps are instants unless they are `local-`.
///
/// # Errors
/// Every problem, with its place in the text.
pub fn avro_columns(text: &[u8], file: &str) -> Result<Vec<Column>, Vec<Problem>> {
    let mut report = Report::new(file);
    let columns = text::read(text, file, &mut report).map(|root| columns(&root, &mut report)).unwrap_or_default();
    if report.has_errors() { Err(report.finish()) } else { Ok(columns) }
}

/// Reads an Avro schema whose root is a record.
///
/// # Errors
/// Every problem, with its place in the text.
pub(crate) fn avro_schema(text: &[u8], file: &str) -> Result<Schema, Vec<Problem>> {
    let mut report = Report::new(file);
    let schema = text::read(text, file, &mut report).and_then(|root| schema(&root, &mut report));
    schema.ok_or_else(|| report.finish())
}

fn schema(root: &Node, report: &mut Report) -> Option<Schema> {
    avro_faults::find(root, report);
    if report.has_errors() {
        return None;
    }
    let wrong = |error| format!("the schema is no Avro schema: {error}");
    Schema::parse(&root.json()).map_err(|e| report.error(root.place, code::BAD_SCHEMA, wrong(e), MEND)).ok()
}

fn columns(root: &Node, report: &mut Report) -> Vec<Column> {
    let Some(schema) = schema(root, report) else { return Vec::new() };
    let mut reader = Reader { named: HashMap::new(), open: Vec::new(), spent: 0 };
    reader.collect(&schema);
    let Schema::Record(record) = &schema else { return Vec::new() };
    let Some(fields) = root.get("fields") else { return Vec::new() };
    let mut names = Names::default();
    let mut columns = Vec::new();
    reader.open.push(record.name.fullname(None));
    let list = Value { path: "fields".to_owned(), node: fields };
    for (value, field) in list.items(report).iter().zip(&record.fields) {
        names.add(&field.name, value, report);
        columns.extend(reader.column(value, field, report));
        if reader.spent > MAX_PARTS {
            break;
        }
    }
    columns
}

/// Named types of the schema, and the names of those that are being read.
struct Reader<'s> {
    named: HashMap<String, &'s Schema>,
    open: Vec<String>,
    /// Fields and symbols so far; a name may stand for a large type many times.
    spent: usize,
}

impl<'s> Reader<'s> {
    fn collect(&mut self, schema: &'s Schema) {
        if let Some(name) = schema.name() {
            if matches!(schema, Schema::Ref { .. }) {
                return;
            }
            self.named.insert(name.fullname(None), schema);
        }
        match schema {
            Schema::Record(record) => record.fields.iter().for_each(|f| self.collect(&f.schema)),
            Schema::Array(array) => self.collect(&array.items),
            Schema::Map(map) => self.collect(&map.types),
            Schema::Union(union) => union.variants().iter().for_each(|v| self.collect(v)),
            _ => {}
        }
    }

    fn column(
        &mut self,
        value: &Value<'_>,
        field: &'s apache_avro::schema::RecordField,
        report: &mut Report,
    ) -> Option<Column> {
        let mut fields = value.fields(report)?;
        fields.take("name");
        let written = fields.take("type")?;
        let (logical_type, nullable) = self.nullable(&field.schema, &written, report)?;
        if field.name.len() > MAX_NAME {
            let what = format!("is of a field whose name has {} bytes", field.name.len());
            written.error(code::BAD_COLUMN, &what, &format!("Use at most {MAX_NAME} bytes."), report);
        }
        if logical_type.depth() > MAX_TYPE_DEPTH {
            let what = format!("is nested deeper than {MAX_TYPE_DEPTH} levels");
            written.error(code::TOO_DEEP, &what, "Flatten this part of the schema.", report);
        }
        let mut column = Column::new(&field.name, logical_type);
        column.nullable = nullable;
        column.declared_type = Some(match written.node.scalar() {
            Some(word) => word.to_owned(),
            None => written.json().to_string(),
        });
        column.allowed_values = self.symbols(&field.schema);
        self.spend(column.allowed_values.as_ref().map_or(0, Vec::len), &written, report)?;
        column.description = fields.text("doc", report);
        column.pii = fields.take("pii").and_then(|v| v.flag(report));
        column.encrypted = fields.take("encrypted").and_then(|v| v.flag(report));
        column.classification = fields.text("classification", report);
        fields.finish_open(&mut column.custom);
        Some(column)
    }

    /// The type, and whether null may stand beside it.
    fn nullable(&mut self, schema: &'s Schema, at: &Value<'_>, report: &mut Report) -> Option<(T, bool)> {
        let Schema::Union(union) = schema else {
            return Some((self.logical_type(schema, at, report)?, matches!(schema, Schema::Null)));
        };
        let real: Vec<_> = union.variants().iter().filter(|v| !matches!(v, Schema::Null)).collect();
        let nullable = real.len() < union.variants().len();
        match real.as_slice() {
            [one] => Some((self.logical_type(one, at, report)?, nullable)),
            _ => Some((T::Any, nullable)),
        }
    }

    fn logical_type(&mut self, schema: &'s Schema, at: &Value<'_>, report: &mut Report) -> Option<T> {
        let timestamp = |unit, utc| T::Timestamp { unit, utc };
        Some(match schema {
            Schema::Null | Schema::Union(_) => T::Any,
            Schema::Boolean => T::Boolean,
            Schema::Int => T::Int32,
            Schema::Long => T::Int64,
            Schema::Float => T::Float32,
            Schema::Double => T::Float64,
            Schema::Bytes => T::Binary,
            Schema::String | Schema::Enum(_) => T::String,
            Schema::Array(array) => {
                let (item, item_nullable) = self.nullable(&array.items, at, report)?;
                T::List { item: Box::new(item), item_nullable }
            }
            Schema::Map(map) => {
                let (value, value_nullable) = self.nullable(&map.types, at, report)?;
                T::Map { key: Box::new(T::String), value: Box::new(value), value_nullable }
            }
            Schema::Record(record) => return self.record(record, at, report),
            Schema::Fixed(fixed) => T::FixedBinary { size: i32::try_from(fixed.size).ok()? },
            Schema::Decimal(decimal) => return decimal_type(decimal.precision, decimal.scale, at, report),
            Schema::BigDecimal => T::Number,
            Schema::Uuid(_) => T::Uuid,
            Schema::Date => T::Date,
            Schema::TimeMillis => T::Time { unit: TimeUnit::Milli },
            Schema::TimeMicros => T::Time { unit: TimeUnit::Micro },
            Schema::TimestampMillis => timestamp(TimeUnit::Milli, true),
            Schema::TimestampMicros => timestamp(TimeUnit::Micro, true),
            Schema::TimestampNanos => timestamp(TimeUnit::Nano, true),
            Schema::LocalTimestampMillis => timestamp(TimeUnit::Milli, false),
            Schema::LocalTimestampMicros => timestamp(TimeUnit::Micro, false),
            Schema::LocalTimestampNanos => timestamp(TimeUnit::Nano, false),
            Schema::Duration(_) => T::Interval,
            Schema::Ref { name } => {
                let target = self.named.get(&name.fullname(None)).copied()?;
                return self.logical_type(target, at, report);
            }
        })
    }

    fn record(
        &mut self,
        record: &'s apache_avro::schema::RecordSchema,
        at: &Value<'_>,
        report: &mut Report,
    ) -> Option<T> {
        let name = record.name.fullname(None);
        self.spend(record.fields.len(), at, report)?;
        if self.open.contains(&name) || self.open.len() >= text::MAX_DEPTH {
            let what = format!("has the record `{name}` inside itself");
            at.error(code::BAD_SCHEMA, &what, "Flatten the record; a column has no endless type.", report);
            return None;
        }
        self.open.push(name);
        let mut fields = Vec::new();
        for field in &record.fields {
            let (logical_type, nullable) = self.nullable(&field.schema, at, report)?;
            fields.push(StructField { name: field.name.clone(), logical_type, nullable });
        }
        self.open.pop();
        Some(T::Struct { fields })
    }

    /// Counts what was made of the schema; none when it is more than a table can use.
    fn spend(&mut self, count: usize, at: &Value<'_>, report: &mut Report) -> Option<()> {
        self.spent = self.spent.saturating_add(count);
        if self.spent > MAX_PARTS {
            let what = format!("makes the schema larger than {MAX_PARTS} fields and symbols, named types written out");
            at.error(code::TOO_LARGE, &what, "Split the record.", report);
            return None;
        }
        Some(())
    }

    /// The symbols of an enum, also behind a name or beside null.
    fn symbols(&self, schema: &'s Schema) -> Option<Vec<serde_json::Value>> {
        match schema {
            Schema::Enum(symbols) => Some(symbols.symbols.iter().map(|s| s.as_str().into()).collect()),
            Schema::Ref { name } => match self.named.get(&name.fullname(None)) {
                Some(target @ Schema::Enum(_)) => self.symbols(target),
                _ => None,
            },
            Schema::Union(union) => {
                let mut real = union.variants().iter().filter(|v| !matches!(v, Schema::Null));
                let one = real.next()?;
                real.next().is_none().then(|| self.symbols(one))?
            }
            _ => None,
        }
    }
}

fn decimal_type(precision: usize, scale: usize, at: &Value<'_>, report: &mut Report) -> Option<T> {
    let fits = u8::try_from(precision).ok().filter(|p| *p <= 76).zip(i8::try_from(scale).ok());
    let Some((precision, scale)) = fits else {
        let what = format!("is a decimal of {precision} digits");
        at.error(code::BAD_SCHEMA, &what, "At most 76 digits can be read.", report);
        return None;
    };
    Some(T::Decimal { precision, scale })
}

#[cfg(test)]
mod tests;
