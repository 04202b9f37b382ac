//! Values in the type of their column, without loss.
//!
//! One rule for every type: a value fits when casting it back gives the same value. An instant and a wall-clock reading (or a day)
//! never stand for each other, whatever digits they have.
//!
//! Start reading at [`fit`].

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, make_comparator, new_null_array};
use arrow::compute::{CastOptions, SortOptions, can_cast_types, cast_with_options};
use arrow::datatypes::DataType;

use crate::error::{Error, Result};

const SAFE: CastOptions<'static> =
    CastOptions { safe: true, format_options: arrow::util::display::FormatOptions::new() };

/// Values in their column's type.
#[derive(Debug)]
pub(super) struct Fitted {
    /// As many as came; where one does not fit, null.
    pub(super) values: ArrayRef,
    /// The places of those that do not fit, ascending.
    pub(super) unfit: Vec<usize>,
}

/// Whether some value of type `from` may fit a column of type `to`.
pub(super) fn may_fit(from: &DataType, to: &DataType) -> bool {
    let from = unpacked(from);
    if from == to || *from == DataType::Null {
        return true;
    }
    !mixes_times(from, to) && can_cast_types(from, to) && can_cast_types(to, from)
}

/// Casts a column, and finds the values that lose something by it.
///
/// Cost: one cast, and a second one back where the types alone do not tell.
///
/// # Errors
/// [`crate::Failure::Internal`] for an array that Arrow cannot unpack.
pub(super) fn fit(column: &ArrayRef, to: &DataType) -> Result<Fitted> {
    let column = match column.data_type() {
        DataType::Dictionary(_, values) => cast_with_options(column, values, &SAFE).map_err(unpacking)?,
        DataType::RunEndEncoded(_, values) => {
            cast_with_options(column, values.data_type(), &SAFE).map_err(unpacking)?
        }
        _ => Arc::clone(column),
    };
    if column.data_type() == to {
        return Ok(Fitted { values: column, unfit: Vec::new() });
    }
    let unfit = |unfit| Fitted { values: new_null_array(to, column.len()), unfit };
    let Ok(values) = cast_with_options(&column, to, &SAFE) else {
        // Inside of nested values a failure is that of the whole array.
        return Ok(unfit((0..column.len()).filter(|row| !fits_alone(&column.slice(*row, 1), to)).collect()));
    };
    if never_loses(column.data_type(), to) {
        return Ok(Fitted { values, unfit: Vec::new() });
    }
    let Ok(back) = cast_with_options(&values, column.data_type(), &SAFE) else {
        return Ok(unfit((0..column.len()).filter(|row| column.is_valid(*row)).collect()));
    };
    let lost = differing(&column, &back);
    Ok(Fitted { values, unfit: lost })
}

fn fits_alone(one: &ArrayRef, to: &DataType) -> bool {
    let back = cast_with_options(one, to, &SAFE).and_then(|cast| cast_with_options(&cast, one.data_type(), &SAFE));
    back.is_ok_and(|back| differing(one, &back).is_empty())
}

/// The places where two columns of one type differ.
fn differing(one: &ArrayRef, other: &ArrayRef) -> Vec<usize> {
    match make_comparator(one.as_ref(), other.as_ref(), SortOptions::default()) {
        Ok(compare) => (0..one.len()).filter(|row| compare(*row, *row) != Ordering::Equal).collect(),
        Err(_) => (0..one.len()).filter(|row| one.slice(*row, 1).to_data() != other.slice(*row, 1).to_data()).collect(),
    }
}

/// Whether the types alone tell that nothing is lost.
fn never_loses(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let is_text = |t: &T| matches!(t, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    let is_bytes = |t: &T| matches!(t, T::Binary | T::LargeBinary | T::BinaryView);
    let signed = |t: &T| t.is_signed_integer().then(|| t.primitive_width()).flatten();
    *from == T::Null
        || (is_text(from) && is_text(to))
        || (is_bytes(from) && is_bytes(to))
        || signed(from).zip(signed(to)).is_some_and(|(from, to)| from <= to)
        || matches!((from, to), (T::Float32, T::Float64))
}

/// Whether an instant meets a wall-clock reading or a day.
fn mixes_times(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    match (from, to) {
        (T::Timestamp(_, from), T::Timestamp(_, to)) => from.is_some() != to.is_some(),
        (T::Timestamp(_, Some(_)), T::Date32 | T::Date64) | (T::Date32 | T::Date64, T::Timestamp(_, Some(_))) => true,
        (T::List(from) | T::LargeList(from), T::List(to) | T::LargeList(to)) => {
            mixes_times(from.data_type(), to.data_type())
        }
        (T::Map(from, _), T::Map(to, _)) => mixes_times(from.data_type(), to.data_type()),
        (T::Struct(from), T::Struct(to)) => to.iter().any(|to| {
            from.iter().any(|from| from.name() == to.name() && mixes_times(from.data_type(), to.data_type()))
        }),
        _ => false,
    }
}

fn unpacked(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    }
}

fn unpacking(error: arrow::error::ArrowError) -> Error {
    Error::internal("unpacking a column of rows that come in", error)
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray, StringArray, StructArray,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::{Field, Int32Type, Int64Type, TimeUnit};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn check(values: ArrayRef, to: &DataType, unfit: &[usize]) {
        assert!(may_fit(values.data_type(), to), "{} as {to}", values.data_type());
        let fitted = fit(&values, to).unwrap();
        assert_eq!((fitted.values.data_type(), fitted.values.len()), (to, values.len()));
        assert_eq!(fitted.unfit, unfit, "{} as {to}", values.data_type());
    }

    #[test]
    fn a_value_fits_when_it_comes_back() {
        let whole = || Arc::new(Int64Array::from(vec![Some(1), None, Some(300), Some(-1)]));
        check(whole(), &DataType::Int8, &[2]);
        check(whole(), &DataType::UInt16, &[3]);
        check(whole(), &DataType::Float64, &[]);
        check(Arc::new(Int64Array::from(vec![(1 << 53) + 1])), &DataType::Float64, &[0]);
        check(Arc::new(Float64Array::from(vec![2.0, 2.5, f64::NAN])), &DataType::Int32, &[1, 2]);
        check(Arc::new(Float64Array::from(vec![0.5, 0.1, f64::NAN])), &DataType::Float32, &[1]);
        check(Arc::new(Float64Array::from(vec![12.25, 0.125])), &DataType::Decimal128(10, 2), &[1]);
        let decimals = Decimal128Array::from(vec![1250, 1255]).with_precision_and_scale(10, 3).unwrap();
        check(Arc::new(decimals), &DataType::Decimal128(10, 2), &[1]);
    }

    #[test]
    fn text_fits_where_it_is_written_the_same_way() {
        check(Arc::new(StringArray::from(vec!["7", "007", "x"])), &DataType::Int64, &[1, 2]);
        check(Arc::new(StringArray::from(vec!["2024-01-31", "31.1.2024"])), &DataType::Date32, &[1]);
        let coded: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
        check(Arc::new(coded), &DataType::Utf8View, &[]);
    }

    #[test]
    fn times_keep_their_digits_and_their_kind() {
        let nanos = || TimestampNanosecondArray::from(vec![1_000, 1_001]);
        check(Arc::new(nanos()), &DataType::Timestamp(TimeUnit::Microsecond, None), &[1]);
        let paris = nanos().with_timezone("+01:00");
        check(Arc::new(paris), &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), &[]);
        check(Arc::new(Date32Array::from(vec![19_000])), &DataType::Timestamp(TimeUnit::Microsecond, None), &[]);
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert!(!may_fit(&DataType::Date32, &instant) && !may_fit(&instant, &DataType::Date32));
        assert!(!may_fit(&DataType::Timestamp(TimeUnit::Microsecond, None), &instant));
        let list = |of: &DataType| DataType::List(Arc::new(Field::new_list_field(of.clone(), true)));
        assert!(!may_fit(&list(&DataType::Timestamp(TimeUnit::Microsecond, None)), &list(&instant)));
    }

    #[test]
    fn nested_values_are_weighed_whole() {
        let lists =
            ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)]), Some(vec![Some(300)])]);
        let narrow = DataType::List(Arc::new(Field::new_list_field(DataType::Int8, true)));
        check(Arc::new(lists), &narrow, &[1]);
        let field = |data_type, nullable| Arc::new(Field::new("n", data_type, nullable));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let structs = StructArray::from(vec![(field(DataType::Int64, true), numbers)]);
        check(Arc::new(structs), &DataType::Struct(vec![field(DataType::Int64, false)].into()), &[1]);
    }
}
