//! A session's tables in `information_schema`, behind those of the catalog.
//!
//! Start reading at [`listed`].

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::concat_batches;

use super::{TEMP, TempSchema};
use crate::error::{Error, Result};
use crate::types::for_clients;

/// A table of `information_schema` with the session's tables in it.
///
/// - `name`: `schemata`, `tables` or `columns`.
/// - `rows`: what the catalog has; as it is when the session has no tables.
pub(crate) fn listed(name: &str, catalog: &str, rows: RecordBatch, temp: &TempSchema) -> Result<RecordBatch> {
    let tables = temp.tables();
    if tables.is_empty() {
        return Ok(rows);
    }
    let mut columns: Vec<Vec<Option<String>>> = Vec::new();
    let mut positions = Vec::new();
    let some = |text: &str| Some(text.to_owned());
    match name {
        "schemata" => columns.push(vec![some(catalog), some(TEMP), None]),
        "tables" => {
            columns.extend(
                tables.iter().map(|t| vec![some(catalog), some(TEMP), some(t.name()), some("LOCAL TEMPORARY")]),
            );
        }
        _ => {
            for table in &tables {
                for (place, field) in table.schema().fields().iter().enumerate() {
                    let nullable = if field.is_nullable() { "YES" } else { "NO" };
                    let kind = for_clients(field.data_type()).to_string();
                    let row = [catalog, TEMP, table.name(), field.name(), "", "", nullable, &kind];
                    columns.push(row.iter().map(|text| some(text)).collect());
                    positions.push(i32::try_from(place + 1).ok());
                }
            }
        }
    }
    let count = columns.len();
    let text = |place: usize| -> ArrayRef {
        Arc::new(columns.iter().map(|row| row.get(place).cloned().flatten()).collect::<StringArray>())
    };
    let schema = rows.schema();
    let arrays = schema.fields().iter().enumerate().map(|(place, field)| match field.name().as_str() {
        "ordinal_position" => Arc::new(positions.iter().copied().collect::<Int32Array>()) as ArrayRef,
        "column_default" | "character_maximum_length" | "numeric_precision" | "numeric_scale" => {
            new_null_array(field.data_type(), count)
        }
        _ => text(place),
    });
    let more = RecordBatch::try_new(Arc::clone(&schema), arrays.collect());
    let all = more.and_then(|more| concat_batches(&schema, [&rows, &more]));
    all.map_err(|error| Error::internal("listing temporary tables", error))
}
