//! Arrays from their stored type to their wire type.
//!
//! Arrow's casts do the work; this walks nested types by position, because a union inside them needs [`super::union`].
//!
//! Start reading at [`convert`].

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, MapArray, StringArray, StructArray,
    UInt64Array, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use super::json::{is_nested, nested_to_json};
use super::union::union_to_json;

/// Casts that fail instead of turning what does not fit into a null.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// The same values as `to`.
///
/// # Errors
/// A value does not fit, or there is no such cast.
pub(crate) fn convert(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType as T;
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to) {
        (T::Dictionary(_, value), _) => convert(&cast_with_options(array, value, &STRICT)?, to),
        (T::RunEndEncoded(_, values), _) => convert(&cast_with_options(array, values.data_type(), &STRICT)?, to),
        (T::Union(..), T::Utf8) => union_to_json(array.as_union()),
        (T::Null, _) => Ok(new_null_array(to, array.len())),
        (T::FixedSizeBinary(16), T::Utf8) => Ok(uuid_texts(array)),
        (from, T::Utf8) if is_nested(from) => {
            nested_to_json(array, |array| convert(array, &super::types::plain(array.data_type())))
        }
        (T::Struct(from), T::Struct(fields)) if from.len() == fields.len() => {
            let array = array.as_struct();
            let columns = array.columns().iter().zip(fields).map(|(column, field)| convert(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                array.nulls().cloned(),
                array.len(),
            )?))
        }
        (T::Map(..), T::Map(entries, sorted)) => {
            let array = array.as_map();
            let inner: ArrayRef = Arc::new(array.entries().clone());
            let inner = convert(&inner, entries.data_type())?.as_struct().clone();
            let offsets = array.offsets().clone();
            Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, inner, array.nulls().cloned(), *sorted)?))
        }
        (T::FixedSizeList(_, n), T::FixedSizeList(item, m)) if n == m => {
            let array = array.as_fixed_size_list();
            let values = convert(array.values(), item.data_type())?;
            let nulls = array.nulls().cloned();
            Ok(Arc::new(FixedSizeListArray::try_new_with_length(Arc::clone(item), *m, values, nulls, array.len())?))
        }
        (T::List(_) | T::LargeList(_) | T::ListView(_) | T::LargeListView(_), T::List(_) | T::LargeList(_)) => {
            list(array, to)
        }
        _ => cast_with_options(array, to, &STRICT),
    }
}

/// Identifiers in the form that people know.
fn uuid_texts(array: &ArrayRef) -> ArrayRef {
    let text =
        |bytes: Option<&[u8]>| bytes.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok()).map(|id| id.to_string());
    Arc::new(array.as_fixed_size_binary().iter().map(text).collect::<StringArray>())
}

/// A list: first the offsets, then the items.
fn list(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let (DataType::List(from) | DataType::LargeList(from) | DataType::ListView(from) | DataType::LargeListView(from)) =
        array.data_type()
    else {
        return cast_with_options(array, to, &STRICT);
    };
    match to {
        DataType::LargeList(item) => {
            let array = cast_with_options(array, &DataType::LargeList(Arc::clone(from)), &STRICT)?;
            let array = array.as_list::<i64>();
            let values = convert(array.values(), item.data_type())?;
            let nulls = array.nulls().cloned();
            Ok(Arc::new(LargeListArray::try_new(Arc::clone(item), array.offsets().clone(), values, nulls)?))
        }
        DataType::List(item) => {
            let array = cast_with_options(array, &DataType::List(Arc::clone(from)), &STRICT)?;
            let array = array.as_list::<i32>();
            let values = convert(array.values(), item.data_type())?;
            let nulls = array.nulls().cloned();
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), array.offsets().clone(), values, nulls)?))
        }
        other => cast_with_options(array, other, &STRICT),
    }
}

/// The same array without the data that a slice of it does not show, where encoding would send that too.
///
/// # Errors
/// Those of Arrow's casts.
pub(crate) fn compact(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data_type = array.data_type();
    if !holds(data_type, &|t| matches!(t, DataType::Utf8View | DataType::BinaryView | DataType::Union(..))) {
        return Ok(Arc::clone(array));
    }
    let indices = UInt64Array::from_iter_values(0..array.len() as u64);
    let taken = take(array, &indices, None)?;
    if !holds(data_type, &|t| matches!(t, DataType::Utf8View | DataType::BinaryView)) {
        return Ok(taken);
    }
    rebuild_views(&taken)
}

/// Copies the bytes that views point to, and nothing else.
fn rebuild_views(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Utf8View => Ok(Arc::new(array.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(array.as_binary_view().gc())),
        _ => {
            let data = array.to_data();
            let children = data
                .child_data()
                .iter()
                .map(|child| rebuild_views(&arrow::array::make_array(child.clone())).map(|array| array.to_data()));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            Ok(arrow::array::make_array(data.into_builder().child_data(children).build()?))
        }
    }
}

/// Whether a type or one inside it satisfies `is`.
fn holds(data_type: &DataType, is: &dyn Fn(&DataType) -> bool) -> bool {
    use DataType as T;
    let inner = |field: &Field| holds(field.data_type(), is);
    is(data_type)
        || match data_type {
            T::List(f)
            | T::LargeList(f)
            | T::ListView(f)
            | T::LargeListView(f)
            | T::FixedSizeList(f, _)
            | T::Map(f, _) => inner(f),
            T::Struct(fields) => fields.iter().any(|f| inner(f)),
            T::Union(fields, _) => fields.iter().any(|(_, f)| inner(f)),
            _ => false,
        }
}
