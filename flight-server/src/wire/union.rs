//! Unions as JSON text: what drivers that know no unions can show.
//!
//! In: a union array. Out: one JSON value per row; a null member is a null. Text that is marked as JSON stays as it is.
//!
//! Start reading at [`union_to_json`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, UnionArray};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use super::convert::convert;
use super::json::values_to_json;

/// One JSON value per row.
///
/// # Errors
/// A member has no JSON form.
pub(super) fn union_to_json(array: &UnionArray) -> Result<ArrayRef, ArrowError> {
    let DataType::Union(fields, _) = array.data_type() else {
        return Err(ArrowError::InvalidArgumentError("not a union".to_owned()));
    };
    let members = fields.iter().map(|(id, field)| Ok((id, member_to_json(array.child(id), field)?)));
    let members = members.collect::<Result<Vec<_>, ArrowError>>()?;
    let mut out = StringBuilder::new();
    for row in 0..array.len() {
        let id = array.type_id(row);
        let at = array.value_offset(row);
        match members.iter().find(|(member, _)| *member == id) {
            Some((_, values)) if !values.as_string::<i32>().is_null(at) => {
                out.append_value(values.as_string::<i32>().value(at))
            }
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

/// A member's values as JSON texts.
fn member_to_json(values: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    let is_text = matches!(values.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    if is_text && field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.json") {
        return convert(values, &DataType::Utf8);
    }
    if let DataType::Union(..) = values.data_type() {
        return union_to_json(values.as_union());
    }
    values_to_json(values, field)
}
