//! Columns that were learnt from the first rows of several files: one type for each.
//!
//! Start reading at [`alike`] and [`settled`].

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

/// Makes whole numbers floating point ones where another file has those, since text tells no more than it shows.
///
/// - `promised`: columns that the contract names; these stay as they were found.
pub(super) fn alike(found: &mut [Schema], promised: Option<&Schema>) {
    let is_free = |field: &Field| promised.is_none_or(|schema| schema.field_with_name(field.name()).is_err());
    let is_float = |field: &&FieldRef| *field.data_type() == DataType::Float64 && is_free(field);
    let floats: HashSet<String> =
        found.iter().flat_map(|schema| schema.fields().iter().filter(is_float)).map(|f| f.name().clone()).collect();
    for schema in found {
        let fields = schema.fields().iter().map(|field| {
            let is_widened = *field.data_type() == DataType::Int64 && floats.contains(field.name());
            match is_widened {
                true => Arc::new(field.as_ref().clone().with_data_type(DataType::Float64)),
                false => Arc::clone(field),
            }
        });
        *schema = Schema::new(fields.collect::<Fields>());
    }
}

/// The type that a column gets in the end: what was null everywhere is text.
pub(crate) fn settled(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| Field::new(field.name(), settled(field.data_type()), field.is_nullable());
    match data_type {
        DataType::Null => DataType::Utf8,
        DataType::List(item) => DataType::List(Arc::new(field(item))),
        DataType::Struct(members) if members.is_empty() => DataType::Utf8,
        DataType::Struct(members) => DataType::Struct(members.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// A column with the type that it gets in the end.
pub(crate) fn settled_field(field: Field) -> Field {
    let data_type = settled(field.data_type());
    field.with_data_type(data_type)
}

/// The columns with the types that they get in the end.
pub(super) fn all_settled(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(|field| settled_field(field.as_ref().clone())).collect::<Fields>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(types: &[(&str, DataType)]) -> Schema {
        Schema::new(types.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect::<Vec<_>>())
    }

    #[test]
    fn numbers_of_several_files_become_alike() {
        let mut found = [
            schema(&[("a", DataType::Int64), ("b", DataType::Int64)]),
            schema(&[("a", DataType::Float64), ("b", DataType::Float64)]),
        ];
        let promised = schema(&[("b", DataType::Int64)]);
        alike(&mut found, Some(&promised));
        assert_eq!(found[0], schema(&[("a", DataType::Float64), ("b", DataType::Int64)]));
        assert_eq!(found[1], schema(&[("a", DataType::Float64), ("b", DataType::Float64)]));
    }

    #[test]
    fn what_was_null_everywhere_is_text() {
        let list = |item| DataType::new_list(item, true);
        let found = schema(&[("a", DataType::Null), ("b", list(DataType::Null)), ("c", DataType::Int64)]);
        let expected = schema(&[("a", DataType::Utf8), ("b", list(DataType::Utf8)), ("c", DataType::Int64)]);
        assert_eq!(all_settled(&found), expected);
    }
}
