//! Which stored types keep which promised types: one rule for every connector.
//!
//! Holds always:
//! - a stored type keeps a promise only when no value can be lost: equal, a legal widening, another unit or encoding of the same thing;
//! - an instant and a wall-clock reading never stand for each other; names are matched exactly.
//!
//! Start reading at [`keeps`].

use arrow::datatypes::{DataType, Field, FieldRef, Fields};

/// Whether values stored as `stored` can be read as `promised` without loss; the rules of
/// [`meshweave_contract::types::LogicalType::accepts`], on Arrow types.
///
/// Any unit of a time keeps the promise of any other; an instant never stands for a wall-clock reading.
pub(crate) fn keeps(promised: &DataType, stored: &DataType) -> bool {
    use DataType as T;
    if promised == stored || *stored == T::Null {
        return true;
    }
    match (promised, stored) {
        (T::Dictionary(_, promised), T::Dictionary(_, stored)) => keeps(promised, stored),
        (T::Dictionary(_, promised), stored) => keeps(promised, stored),
        (promised, T::Dictionary(_, stored)) => keeps(promised, stored),
        (p, s) if is_text(p) && is_text(s) => true,
        (p, s) if is_bytes(p) && (is_bytes(s) || matches!(s, T::FixedSizeBinary(_))) => true,
        (T::Float64, T::Float32 | T::Float16) | (T::Float32, T::Float16) => true,
        (T::Float32, s) => whole_bits(s).is_some_and(|(bits, _)| bits <= 16),
        (T::Float64, s) => whole_bits(s).is_some_and(|(bits, _)| bits <= 32),
        (T::Timestamp(_, p), T::Timestamp(_, s)) => p.is_some() == s.is_some(),
        (T::Timestamp(_, None), T::Date32 | T::Date64) | (T::Date32, T::Date64) | (T::Date64, T::Date32) => true,
        (T::Time32(_) | T::Time64(_), T::Time32(_) | T::Time64(_)) | (T::Duration(_), T::Duration(_)) => true,
        (T::Struct(promised), T::Struct(stored)) => members_keep(promised, stored),
        (T::Map(p, _), T::Map(s, _)) => item_keeps(p, s),
        (p, s) => match (decimal(p), decimal(s), item(p), item(s)) {
            (Some(p), Some(s), ..) => decimal_holds(p, s),
            (.., Some(p), Some(s)) => item_keeps(p, s),
            _ => whole_holds(p, s),
        },
    }
}

fn members_keep(promised: &Fields, stored: &Fields) -> bool {
    promised.iter().all(|field| match stored.iter().find(|s| s.name() == field.name()) {
        Some(stored) => item_keeps(field, stored),
        None => field.is_nullable(),
    }) && promised.iter().any(|field| stored.iter().any(|s| s.name() == field.name()))
}

fn item_keeps(promised: &Field, stored: &Field) -> bool {
    keeps(promised.data_type(), stored.data_type()) && (promised.is_nullable() || !stored.is_nullable())
}

fn whole_holds(wide: &DataType, narrow: &DataType) -> bool {
    match (whole_bits(wide), whole_bits(narrow)) {
        (Some((w, true)), Some((n, true))) | (Some((w, false)), Some((n, false))) => w >= n,
        (Some((w, true)), Some((n, false))) => w > n,
        _ => false,
    }
}

fn decimal_holds((p, s): (u8, i8), (q, r): (u8, i8)) -> bool {
    s >= r && i16::from(p) - i16::from(s) >= i16::from(q) - i16::from(r)
}

fn whole_bits(data_type: &DataType) -> Option<(u8, bool)> {
    Some(match data_type {
        DataType::Int8 => (8, true),
        DataType::Int16 => (16, true),
        DataType::Int32 => (32, true),
        DataType::Int64 => (64, true),
        DataType::UInt8 => (8, false),
        DataType::UInt16 => (16, false),
        DataType::UInt32 => (32, false),
        DataType::UInt64 => (64, false),
        _ => return None,
    })
}

/// Precision and scale of a decimal type.
pub(crate) fn decimal(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => Some((*p, *s)),
        _ => None,
    }
}

fn item(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) => Some(field),
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit::{Microsecond, Millisecond};

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn check(promised: DataType, stored: DataType, expected: bool) {
        assert_eq!(keeps(&promised, &stored), expected, "promised {promised}, stored {stored}");
    }

    #[test]
    fn widening_keeps_and_narrowing_breaks() {
        check(DataType::Int64, DataType::Int32, true);
        check(DataType::Int32, DataType::Int64, false);
        check(DataType::Float64, DataType::Int32, true);
        check(DataType::Float64, DataType::Int64, false);
        check(DataType::Float32, DataType::Float64, false);
        check(DataType::Decimal128(12, 2), DataType::Decimal128(10, 2), true);
        check(DataType::Decimal128(12, 4), DataType::Decimal128(12, 2), false);
    }

    #[test]
    fn an_instant_is_no_wall_clock() {
        let utc = || Some("UTC".into());
        check(DataType::Timestamp(Microsecond, utc()), DataType::Timestamp(Millisecond, Some("+00:00".into())), true);
        check(DataType::Timestamp(Microsecond, None), DataType::Timestamp(Microsecond, utc()), false);
        check(DataType::Timestamp(Microsecond, utc()), DataType::Date32, false);
    }

    #[test]
    fn structs_are_held_member_by_member() {
        let stored = DataType::Struct(
            vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)].into(),
        );
        let promise = |name: &str, t: DataType, nullable| DataType::Struct(vec![Field::new(name, t, nullable)].into());
        check(promise("a", DataType::Int64, true), stored.clone(), true);
        check(promise("a", DataType::Int64, false), stored.clone(), false);
        check(promise("b", DataType::Int64, true), stored.clone(), false);
        // Without one member in common, a null struct and a struct of nulls could not be told apart.
        check(promise("c", DataType::Int64, true), stored, false);
    }
}
