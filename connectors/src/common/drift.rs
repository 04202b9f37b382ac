//! How stored columns differ from promised ones: one comparison for every connector.
//!
//! In: promised columns, and the columns of a file or a table. Out: differences, which the query's log of drift weighs.
//! Holds always: names are matched exactly; types by [`keeps`].
//!
//! Start reading at [`differences`] and [`widened`].

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use meshweave_engine::QueryContext;
use meshweave_engine::drift::{Change, Difference, Done, DriftPolicy};
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

fn other_type(promised: &Field, stored: &Field) -> Difference {
    let (name, p, s) = (promised.name(), logical_type(promised.data_type()), logical_type(stored.data_type()));
    Difference {
        change: Change::OtherType,
        column: name.clone(),
        promised: Some(p.to_string()),
        stored: Some(s.to_string()),
        is_fatal: true,
        message: format!("column \"{name}\" is promised as {p} and stored as {s}"),
    }
}

fn missing(promised: &Field, stored: &Schema) -> Difference {
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

fn new_column(stored: &Field) -> Difference {
    let (name, held) = (stored.name(), logical_type(stored.data_type()));
    Difference {
        change: Change::NewColumn,
        column: name.clone(),
        promised: None,
        stored: Some(held.to_string()),
        is_fatal: false,
        message: format!("column \"{name}\" ({held}) is stored and not in the contract"),
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
    let wide = |field: &Arc<Field>| match stored.field_with_name(field.name()) {
        Ok(found) if is_wider(field, found) => {
            ctx.drift.report(key, &other_type(field, found), Done::Widened);
            Arc::new(field.as_ref().clone().with_data_type(found.data_type().clone()))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<Arc<Field>> = promised.fields().iter().map(wide).collect();
    if fields[..] == promised.fields()[..] {
        return Arc::clone(promised);
    }
    Arc::new(Schema::new_with_metadata(fields, promised.metadata().clone()))
}

fn is_wider(promised: &Field, stored: &Field) -> bool {
    let (p, s) = (promised.data_type(), stored.data_type());
    !keeps(p, s) && keeps(s, p)
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
        let check = |p: &T, s: &T, expected| {
            assert_eq!(
                is_wider(&Field::new("a", p.clone(), true), &Field::new("a", s.clone(), true)),
                expected,
                "{p} {s}"
            );
        };
        check(&T::Int32, &T::Int64, true);
        check(&T::Float32, &T::Float64, true);
        check(&T::Decimal128(10, 2), &T::Decimal128(12, 2), true);
        check(&T::Int64, &T::Int32, false);
        check(&T::Int64, &T::Utf8, false);
        check(&T::Int64, &T::Int64, false);
    }
}
