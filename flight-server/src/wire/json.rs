//! Values as JSON text, one text per row.
//!
//! Start reading at [`nested_to_json`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};

/// Lists, structs and maps as JSON; what JSON's writer does not know is made plain before.
///
/// - `plain`: brings values to types that every driver reads.
///
/// # Errors
/// A value has no JSON form.
pub(super) fn nested_to_json(
    values: &ArrayRef,
    plain: impl FnOnce(&ArrayRef) -> Result<ArrayRef, ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let values = plain(values)?;
    values_to_json(&values, &Field::new("", values.data_type().clone(), true))
}

/// Each value as JSON; a null stays a null.
///
/// # Errors
/// A value has no JSON form.
pub(super) fn values_to_json(values: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    let mut out = StringBuilder::new();
    let field = Arc::new(field.clone());
    let options = EncoderOptions::default();
    let mut encoder = make_encoder(&field, values.as_ref(), &options)?;
    for row in 0..values.len() {
        if encoder.is_null(row) {
            out.append_null();
            continue;
        }
        let mut text = Vec::new();
        encoder.encode(row, &mut text);
        let text = String::from_utf8(text).map_err(|e| ArrowError::JsonError(e.to_string()))?;
        out.append_value(text);
    }
    Ok(Arc::new(out.finish()))
}

/// Whether a type is made of others, and is no encoding of one.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested()
        && !matches!(data_type, DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Union(..))
}
