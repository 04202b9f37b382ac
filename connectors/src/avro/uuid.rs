//! Avro's `uuid`, which is read as 16 bytes, as the text that contracts promise for it.
//!
//! Start reading at [`to_text`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

const BYTES: i32 = 16;

fn is_uuid(field: &Field) -> bool {
    *field.data_type() == DataType::FixedSizeBinary(BYTES)
        && field.metadata().get("logicalType").is_some_and(|logical| logical == "uuid")
}

/// The columns as [`to_text`] gives them.
pub(super) fn as_text(schema: &SchemaRef) -> SchemaRef {
    let field = |field: &FieldRef| {
        let told = if is_uuid(field) { DataType::Utf8 } else { field.data_type().clone() };
        Field::new(field.name(), told, field.is_nullable())
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// A batch with every `uuid` column as text.
///
/// # Errors
/// When Arrow does not take the columns, which would be a mistake here.
pub(super) fn to_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let bytes = column.as_any().downcast_ref::<FixedSizeBinaryArray>().filter(|_| is_uuid(field));
        bytes.map_or_else(|| Arc::clone(column), texts)
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(as_text(&schema), columns.collect(), &options)
}

fn texts(bytes: &FixedSizeBinaryArray) -> ArrayRef {
    Arc::new(bytes.iter().map(|value| value.map(text)).collect::<StringArray>())
}

fn text(bytes: &[u8]) -> String {
    let digits = hex::encode(bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_has_its_dashes() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(super::text(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
