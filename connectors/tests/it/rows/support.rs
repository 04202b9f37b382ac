//! Connectors, files and ports of formats that are read row by row.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::arrow_avro::writer::AvroWriter;
use meshweave_connectors::{avro, csv, json};
use meshweave_engine::Failure;
use meshweave_engine::connect::{Connector, Port};
use meshweave_engine::settings::{ByteSize, Limits, Settings};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::{Map, Value};

use crate::support::{failure, port, put_bytes};

pub(crate) fn limits() -> Limits {
    Settings::default().limits
}

pub(crate) fn csv_connector() -> Arc<dyn Connector> {
    Arc::new(csv::connector(&limits()))
}

pub(crate) fn json_connector() -> Arc<dyn Connector> {
    Arc::new(json::connectors(&limits()).next().unwrap())
}

pub(crate) fn avro_connector() -> Arc<dyn Connector> {
    Arc::new(avro::connector(&limits()))
}

/// Limits with rows of at most `bytes`.
pub(crate) fn rows_of_at_most(bytes: u64) -> Limits {
    Limits { row_size: ByteSize(bytes), ..limits() }
}

/// Columns from names and types; a `!` behind the name says that it is never null.
pub(crate) fn columns(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| match name.strip_suffix('!') {
        Some(name) => Field::new(name, data_type.clone(), false),
        None => Field::new(*name, data_type.clone(), true),
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// A port of files in memory.
pub(crate) async fn files(files: &[(&str, &[u8])], schema: Option<SchemaRef>) -> Port {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (path, bytes) in files {
        put_bytes(store.as_ref(), &format!("orders/{path}"), Bytes::copy_from_slice(bytes)).await;
    }
    port(store, "memory", "orders", schema)
}

/// What is said of a contract that is not kept.
pub(crate) async fn broken(connector: &dyn Connector, port: &Port) -> String {
    let error = failure(connector, port).await;
    match error.failure() {
        Failure::ContractBroken { product, message, .. } if product == "shop.orders" => message.clone(),
        other => panic!("it is another failure: {other:?}"),
    }
}

/// The rows of a batch as JSON objects; NaN stands in quotes.
fn objects(batch: &RecordBatch) -> Vec<Map<String, Value>> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    let mut rows: Vec<Map<String, Value>> = serde_json::from_slice(&writer.into_inner()).unwrap();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_floating() {
            for (index, row) in rows.iter_mut().enumerate().filter(|(index, _)| column.is_valid(*index)) {
                row.insert(field.name().clone(), Value::String(shown(column.as_ref(), index)));
            }
        }
    }
    rows
}

fn shown(column: &dyn Array, row: usize) -> String {
    ArrayFormatter::try_new(column, &FormatOptions::new()).unwrap().value(row).to_string()
}

/// A batch as JSON lines.
pub(crate) fn json_file(batch: &RecordBatch) -> Bytes {
    let lines: Vec<String> = objects(batch).into_iter().map(|row| Value::Object(row).to_string()).collect();
    (lines.join("\n") + "\n").into()
}

/// A batch as CSV with a header; text in quotes, nested values as JSON.
pub(crate) fn csv_file(batch: &RecordBatch) -> Bytes {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut text = names.join(",") + "\r\n";
    for (index, object) in objects(batch).into_iter().enumerate() {
        let cells: Vec<String> = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| match &object[field.name()] {
                Value::Null => String::new(),
                nested @ (Value::Array(_) | Value::Object(_)) => quoted(&nested.to_string()),
                _ if matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View) => {
                    quoted(&shown(column.as_ref(), index))
                }
                _ => shown(column.as_ref(), index),
            })
            .collect();
        text.push_str(&(cells.join(",") + "\r\n"));
    }
    text.into()
}

/// Avro has no views.
fn without_views(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let field = |field: &FieldRef| match field.data_type() {
        DataType::Utf8View => field.as_ref().clone().with_data_type(DataType::Utf8),
        _ => field.as_ref().clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().map(field).collect();
    let columns = fields.iter().zip(batch.columns()).map(|(f, c)| arrow::compute::cast(c, f.data_type()).unwrap());
    RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns.collect()).unwrap()
}

/// A batch as an Avro file.
pub(crate) fn avro_file(batch: &RecordBatch) -> Bytes {
    let batch = without_views(batch);
    let mut writer = AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().into()
}
