//! How stored columns differ from promised ones: one comparison for every connector.
//!
//! In: promised columns, and the columns of a file or a table. Out: differences, which the query's log of drift weighs.
//! Holds always: names are matched exactly; types by [`keeps`].
//!
//! Start reading at [`differences`] and [`widened`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use meshweave_engine::QueryContext;
use meshweave_engine::drift::{Change, Difference, Done, DriftPolicy, shortened};
use meshweave_engine::types::logical_type;

use super::types::keeps;

/// What differs, promised columns first. Nulls are for the caller to look for.
///
/// A missing column is fatal when it may not be null; the caller may know that it is more.
pub(crate) fn differences(promised: &Schema, stored: &Schema) -> Vec<Difference> {
    let of_promised = promised.fields().iter().filter_map(|field| match stored.field_with_name(field.name()) {
        Ok(found) if keeps(field.data_type(), found.data_type()) => None,
        Ok(found) => Some(other_type(field, found)),
        Err(_) => Some(missing(field, stored)),
    });
    let new = stored.fields().iter().filter(|field| promised.field_with_name(field.name()).is_err());
    of_promised.chain(new.map(|field| new_column(field))).collect()
}

/// A promised column that is stored in a type that does not keep the promise.
pub(crate) fn other_type(promised: &Field, stored: &Field) -> Difference {
    let (name, p, s) = (promised.name(), logical_type(promised.data_type()), words(stored.data_type()));
    Difference {
        change: Change::OtherType,
        column: name.clone(),
        promised: Some(p.to_string()),
        message: format!("column \"{name}\" is promised as {p} and stored as {s}"),
        stored: Some(s),
        is_fatal: true,
    }
}

/// The words for a stored type, which may be as wide as a file makes it.
pub(crate) fn words(stored: &DataType) -> String {
    shortened(&logical_type(stored).to_string()).into_owned()
}

/// A promised column that is not among the stored ones.
pub(crate) fn missing(promised: &Field, stored: &Schema) -> Difference {
    let (name, kind) = (promised.name(), logical_type(promised.data_type()));
    let like = stored.fields().iter().find(|field| field.name().eq_ignore_ascii_case(name));
    let like = like.map(|field| format!(" (the table has \"{}\")", field.name())).unwrap_or_default();
    Difference {
        change: Change::MissingColumn,
        column: name.clone(),
        promised: Some(kind.to_string()),
        stored: None,
        is_fatal: !promised.is_nullable(),
        message: format!("column \"{name}\" is not stored{like}, promised is {kind}"),
    }
}

/// A stored column that the contract does not name.
pub(crate) fn new_column(stored: &Field) -> Difference {
    let (name, held) = (shortened(stored.name()), words(stored.data_type()));
    Difference {
        change: Change::NewColumn,
        message: format!("column \"{name}\" ({held}) is stored and not in the contract"),
        column: name.into_owned(),
        promised: None,
        stored: Some(held),
        is_fatal: false,
    }
}

/// Nulls in a column that may have none.
pub(crate) fn nulls(promised: &Field, count: u64) -> Difference {
    let (name, kind) = (promised.name(), logical_type(promised.data_type()));
    Difference {
        change: Change::Nulls,
        column: name.clone(),
        message: format!("column \"{name}\" promises no nulls and holds {count} ({kind})"),
        promised: Some(format!("{kind} without nulls")),
        stored: Some(format!("{kind} with nulls")),
        is_fatal: true,
    }
}

/// The promised columns, where the product's policy is to widen in the stored type when that holds every promised value; reported.
///
/// - `key`: of the version vector, as the port has it.
pub(crate) fn widened(ctx: &QueryContext, key: &str, promised: &SchemaRef, stored: &Schema) -> SchemaRef {
    if ctx.drift.policy(key) != DriftPolicy::Widen {
        return Arc::clone(promised);
    }
    let wide = |field: &FieldRef| {
        let found = stored.field_with_name(field.name()).ok();
        let Some((found, wide)) = found.and_then(|found| Some((found, wider(field.data_type(), found.data_type())?)))
        else {
            return Arc::clone(field);
        };
        ctx.drift.report(key, &other_type(field, found), Done::Widened);
        Arc::new(field.as_ref().clone().with_data_type(wide))
    };
    let fields: Vec<Arc<Field>> = promised.fields().iter().map(wide).collect();
    if fields[..] == promised.fields()[..] {
        return Arc::clone(promised);
    }
    Arc::new(Schema::new_with_metadata(fields, promised.metadata().clone()))
}

/// The promised type with every part in the stored type that holds more; none when they differ otherwise, or not at all.
///
/// Members that are not promised stay out, and promised ones that are not stored stay in: they are null.
fn wider(promised: &DataType, stored: &DataType) -> Option<DataType> {
    use DataType as T;
    if keeps(promised, stored) {
        return None;
    }
    match (promised, stored) {
        (T::Struct(promised), T::Struct(stored)) => {
            let members = promised.iter().map(|field| member(field, stored));
            // Without one member in common they are alike only in name.
            members.collect::<Option<Fields>>().filter(|wide| wide != promised).map(T::Struct)
        }
        (T::List(promised), T::List(stored)) => Some(T::List(wide_member(promised, stored)?)),
        (T::LargeList(promised), T::LargeList(stored)) => Some(T::LargeList(wide_member(promised, stored)?)),
        (T::Map(promised, is_sorted), T::Map(stored, _)) => Some(T::Map(wide_member(promised, stored)?, *is_sorted)),
        (promised, stored) => keeps(stored, promised).then(|| stored.clone()),
    }
}

fn member(promised: &FieldRef, stored: &Fields) -> Option<FieldRef> {
    match stored.iter().find(|field| field.name() == promised.name()) {
        Some(stored) => wide_member(promised, stored),
        None => promised.is_nullable().then(|| Arc::clone(promised)),
    }
}

fn wide_member(promised: &FieldRef, stored: &Field) -> Option<FieldRef> {
    if stored.is_nullable() && !promised.is_nullable() {
        return None;
    }
    if keeps(promised.data_type(), stored.data_type()) {
        return Some(Arc::clone(promised));
    }
    let wide = wider(promised.data_type(), stored.data_type())?;
    Some(Arc::new(promised.as_ref().clone().with_data_type(wide)))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType as T;

    use super::*;

    fn schema(fields: &[(&str, T, bool)]) -> SchemaRef {
        Arc::new(Schema::new(fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect::<Vec<_>>()))
    }

    #[test]
    fn every_difference_is_told_once() {
        let promised =
            schema(&[("a", T::Int32, true), ("b", T::Int64, true), ("c", T::Utf8, false), ("d", T::Utf8, true)]);
        let stored = schema(&[("a", T::Int64, true), ("b", T::Int32, true), ("D", T::Utf8, true)]);
        let found = differences(&promised, &stored);
        let told: Vec<_> = found.iter().map(|d| (d.change, d.column.as_str(), d.is_fatal)).collect();
        let expected = [
            (Change::OtherType, "a", true),
            (Change::MissingColumn, "c", true),
            (Change::MissingColumn, "d", false),
            (Change::NewColumn, "D", false),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn only_a_type_that_holds_every_value_is_wider() {
        let check = |p: &T, s: &T, is_wider: bool| {
            assert_eq!(wider(p, s), is_wider.then(|| s.clone()), "{p} {s}");
        };
        check(&T::Int32, &T::Int64, true);
        check(&T::Float32, &T::Float64, true);
        check(&T::Decimal128(10, 2), &T::Decimal128(12, 2), true);
        check(&T::Int64, &T::Int32, false);
        check(&T::Int64, &T::Utf8, false);
        check(&T::Int64, &T::Int64, false);
    }

    #[test]
    fn members_are_widened_and_neither_lost_nor_added() {
        let of = |fields: &[(&str, T, bool)]| T::Struct(schema(fields).fields().clone());
        let promised = of(&[("a", T::Int32, true), ("b", T::Utf8, true)]);
        let stored = of(&[("c", T::Boolean, true), ("a", T::Int64, true)]);
        let wide = of(&[("a", T::Int64, true), ("b", T::Utf8, true)]);
        assert_eq!(wider(&promised, &stored), Some(wide.clone()));
        let list = |item: &T| T::new_list(item.clone(), true);
        assert_eq!(wider(&list(&promised), &list(&stored)), Some(list(&wide)));
        assert_eq!(wider(&of(&[("a", T::Int32, false)]), &of(&[("a", T::Int64, true)])), None, "nulls may be there");
        assert_eq!(wider(&of(&[("a", T::Int32, true)]), &of(&[("a", T::Utf8, true)])), None);
        assert_eq!(wider(&of(&[("d", T::Int32, true)]), &of(&[("a", T::Int64, true)])), None, "nothing in common");
        assert_eq!(wider(&of(&[("d", T::Int32, false)]), &of(&[("a", T::Int64, true)])), None, "a member is missing");
    }
}
