//! Parameters of prepared statements: what is announced, what was bound, and what the engine is given.
//!
//! In: a statement's parameters as the engine infers them, and rows that a driver bound. Out: one [`Parameters`] per row.
//! Holds always:
//! - a bound value keeps its meaning: it is cast to the inferred type only where nothing can be lost, else the engine compares as it is;
//! - no row and no column means "no parameters".
//!
//! Start reading at [`Bound`].

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use datafusion::common::ScalarValue;
use meshweave_engine::Parameters;
use meshweave_engine::engine::ParameterInfo;

use crate::status::{Fault, Outcome};
use crate::wire::convert;

/// The columns that a driver is asked to bind, in order; every one nullable.
///
/// - `is_jdbc`: the Apache JDBC driver binds nothing to a column without a type, and writes milliseconds into any time unit.
pub(crate) fn announced(parameters: &[ParameterInfo], is_jdbc: bool) -> Schema {
    let undetermined = if is_jdbc { DataType::Utf8 } else { DataType::Null };
    let field = |parameter: &ParameterInfo| {
        let data_type = match &parameter.data_type {
            None | Some(DataType::Null) => undetermined.clone(),
            Some(data_type) => plain_type(data_type, is_jdbc),
        };
        Field::new(&parameter.name, data_type, true)
    };
    Schema::new(parameters.iter().map(field).collect::<Vec<_>>())
}

/// A type that drivers can write.
fn plain_type(data_type: &DataType, is_jdbc: bool) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => plain_type(value, is_jdbc),
        DataType::Timestamp(_, zone) if is_jdbc => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time32(_) | DataType::Time64(_) if is_jdbc => DataType::Time32(TimeUnit::Millisecond),
        other => other.clone(),
    }
}

/// Parameter rows of one statement, as a handle carries them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    /// All with the same columns; none: nothing was bound.
    batches: Vec<RecordBatch>,
}

impl Bound {
    /// Checks the rows that a driver sent, and brings them to the inferred types.
    ///
    /// # Errors
    /// Another number of columns than the statement has parameters; a text that does not read as the inferred type.
    pub(crate) fn new(batches: &[RecordBatch], parameters: &[ParameterInfo]) -> Outcome<Self> {
        let columns = batches.first().map_or(0, RecordBatch::num_columns);
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if columns == 0 || (rows == 0 && parameters.is_empty()) {
            return if parameters.is_empty() || (columns == 0 && rows <= 1) {
                Ok(Self::default())
            } else {
                Err(wrong_count(parameters.len(), columns))
            };
        }
        if columns != parameters.len() {
            return Err(wrong_count(parameters.len(), columns));
        }
        let batches = batches.iter().map(|batch| fit_batch(batch, parameters)).collect::<Outcome<Vec<_>>>()?;
        Ok(Self { batches })
    }

    /// As bytes for an envelope; empty when nothing was bound.
    pub(crate) fn to_ipc(&self) -> Outcome<Bytes> {
        let Some(first) = self.batches.first() else {
            return Ok(Bytes::new());
        };
        let writing = |e| Fault::internal("writing parameters", &e);
        let mut writer = StreamWriter::try_new(Vec::new(), &first.schema()).map_err(writing)?;
        for batch in &self.batches {
            writer.write(batch).map_err(writing)?;
        }
        Ok(writer.into_inner().map_err(writing)?.into())
    }

    /// Reads what [`Self::to_ipc`] wrote.
    pub(crate) fn from_ipc(bytes: &Bytes) -> Outcome<Self> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let reading = |e| Fault::internal("reading parameters", &e);
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(reading)?;
        Ok(Self { batches: reader.collect::<Result<_, _>>().map_err(reading)? })
    }

    /// What to plan with: the first row, or nulls when there are columns and no row.
    pub(crate) fn sample(&self) -> Outcome<Parameters> {
        let Some(first) = self.batches.first() else {
            return Ok(Parameters::None);
        };
        if let Some(row) = self.rows()?.into_iter().next() {
            return Ok(row);
        }
        let schema = first.schema();
        let nulls = schema.fields().iter().map(|field| {
            ScalarValue::try_from(field.data_type()).map_err(|e| Fault::internal("reading a parameter", &e))
        });
        Ok(named_or_positional(&schema, nulls.collect::<Outcome<Vec<_>>>()?))
    }

    /// Whether nothing was bound at all.
    pub(crate) fn is_absent(&self) -> bool {
        self.batches.is_empty()
    }

    /// One set of parameters per row; exactly one empty set when nothing was bound.
    pub(crate) fn rows(&self) -> Outcome<Vec<Parameters>> {
        let Some(first) = self.batches.first() else {
            return Ok(vec![Parameters::None]);
        };
        let schema = first.schema();
        let mut rows = Vec::new();
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                let value = |column: &ArrayRef| {
                    ScalarValue::try_from_array(column, row).map_err(|e| Fault::internal("reading a parameter", &e))
                };
                let values = batch.columns().iter().map(value).collect::<Outcome<Vec<_>>>()?;
                rows.push(named_or_positional(&schema, values));
            }
        }
        Ok(rows)
    }
}

fn wrong_count(expected: usize, bound: usize) -> Fault {
    let s = if expected == 1 { "" } else { "s" };
    Fault::invalid(format!("the statement has {expected} parameter{s}, and {bound} were bound"))
}

/// `$1`, `$2` go by their number, a number that is not used stands for a null; other names go by name.
fn named_or_positional(schema: &SchemaRef, values: Vec<ScalarValue>) -> Parameters {
    let number = |name: &str| name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()).filter(|n| *n >= 1);
    let numbers: Option<Vec<usize>> = schema.fields().iter().map(|field| number(field.name())).collect();
    let Some(numbers) = numbers else {
        let names = schema.fields().iter().map(|field| field.name().clone());
        return Parameters::Named(names.zip(values).collect::<BTreeMap<_, _>>());
    };
    let mut positional = vec![ScalarValue::Null; numbers.iter().copied().max().unwrap_or_default()];
    for (number, value) in numbers.into_iter().zip(values) {
        positional[number - 1] = value;
    }
    Parameters::Positional(positional)
}

/// The rows with the parameters' names and, where nothing is lost, their types.
fn fit_batch(batch: &RecordBatch, parameters: &[ParameterInfo]) -> Outcome<RecordBatch> {
    let columns = batch.columns().iter().zip(parameters).map(|(column, parameter)| fit(column, parameter));
    let columns = columns.collect::<Outcome<Vec<_>>>()?;
    let fields = columns.iter().zip(parameters).map(|(c, p)| Field::new(&p.name, c.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|e| Fault::internal("binding parameters", &e))
}

fn fit(column: &ArrayRef, parameter: &ParameterInfo) -> Outcome<ArrayRef> {
    let refused = |e| Fault::invalid(format!("parameter {} cannot be bound: {e}", parameter.name));
    let column = match column.data_type() {
        DataType::Dictionary(_, value) => convert(column, value),
        DataType::RunEndEncoded(_, values) => convert(column, values.data_type()),
        _ => Ok(Arc::clone(column)),
    }
    .map_err(refused)?;
    match &parameter.data_type {
        Some(to) if keeps_meaning(column.data_type(), to) && can_cast_types(column.data_type(), to) => {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(&column, to, &strict).map_err(refused)
        }
        _ => Ok(column),
    }
}

/// Whether every value of `from` either becomes the same value of `to` or cannot be cast at all.
fn keeps_meaning(from: &DataType, to: &DataType) -> bool {
    use DataType as T;
    let is_text = |t: &T| matches!(t, T::Utf8 | T::LargeUtf8 | T::Utf8View);
    let is_bytes = |t: &T| matches!(t, T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_));
    match (from, to) {
        (T::Null, _) => true,
        (from, to) if is_text(from) => is_text(to) || to.is_numeric() || to.is_temporal() || *to == T::Boolean,
        (from, to) if is_bytes(from) => is_bytes(to),
        (from, to) if from.is_integer() => to.is_integer() || matches!(to, T::Decimal128(..) | T::Decimal256(..)),
        (T::Float16 | T::Float32, T::Float32 | T::Float64) => true,
        (T::Date32, T::Date64 | T::Timestamp(_, None)) => true,
        (T::Timestamp(a, x), T::Timestamp(b, y)) => x.is_some() == y.is_some() && a <= b,
        (T::Time32(a), T::Time64(b) | T::Time32(b)) | (T::Time64(a), T::Time64(b)) => a <= b,
        (from, to) => from == to,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, NullArray, StringArray, TimestampMillisecondArray};
    use tonic::Code;

    use super::*;

    fn parameter(name: &str, data_type: Option<DataType>) -> ParameterInfo {
        ParameterInfo { name: name.into(), data_type }
    }

    fn bind(columns: Vec<ArrayRef>, parameters: &[ParameterInfo]) -> Outcome<Vec<Parameters>> {
        let fields: Vec<_> = columns.iter().map(|c| Field::new("", c.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let bound = Bound::new(&[batch], parameters)?;
        Bound::from_ipc(&bound.to_ipc()?)?.rows()
    }

    #[track_caller]
    fn check(column: ArrayRef, inferred: Option<DataType>, expected: ScalarValue) {
        match bind(vec![column], &[parameter("$1", inferred)]).unwrap().as_slice() {
            [Parameters::Positional(values)] => assert_eq!(values, &[expected]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_cast_where_nothing_is_lost() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["2020-01-01"]));
        check(Arc::clone(&text), Some(DataType::Date32), ScalarValue::Date32(Some(18262)));
        check(text, None, ScalarValue::Utf8(Some("2020-01-01".into())));
        check(Arc::new(Int64Array::from(vec![5])), Some(DataType::Int32), ScalarValue::Int32(Some(5)));
        check(Arc::new(Float64Array::from(vec![2.5])), Some(DataType::Int32), ScalarValue::Float64(Some(2.5)));
        check(Arc::new(NullArray::new(1)), Some(DataType::Int32), ScalarValue::Int32(None));
        let zone: Option<Arc<str>> = Some("UTC".into());
        check(
            Arc::new(TimestampMillisecondArray::from(vec![7]).with_timezone("UTC")),
            Some(DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())),
            ScalarValue::TimestampNanosecond(Some(7_000_000), zone),
        );
        let coded: arrow::array::DictionaryArray<arrow::datatypes::Int8Type> = vec!["x"].into_iter().collect();
        check(Arc::new(coded), None, ScalarValue::Utf8(Some("x".into())));
    }

    #[test]
    fn a_text_that_does_not_read_as_the_type_is_refused() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["never"]));
        let fault = bind(vec![text], &[parameter("$1", Some(DataType::Date32))]).unwrap_err();
        assert_eq!(fault.code(), Code::InvalidArgument);
        assert!(fault.message().starts_with("parameter $1 cannot be bound"), "{}", fault.message());
    }

    #[test]
    fn another_number_of_columns_is_refused() {
        let one: ArrayRef = Arc::new(Int64Array::from(vec![5]));
        for parameters in [vec![], vec![parameter("$1", None), parameter("$2", None)]] {
            assert_eq!(bind(vec![Arc::clone(&one)], &parameters).unwrap_err().code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn nothing_bound_is_one_run_without_parameters() {
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        for batches in [vec![], vec![empty]] {
            let rows = Bound::new(&batches, &[]).unwrap().rows().unwrap();
            assert!(matches!(rows.as_slice(), [Parameters::None]));
        }
    }

    #[test]
    fn columns_without_rows_are_planned_with_nulls_and_never_run() {
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let parameters = [parameter("$1", Some(DataType::Int32))];
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let bound = Bound::new(&[RecordBatch::try_new(schema, vec![none]).unwrap()], &parameters).unwrap();
        assert!(bound.rows().unwrap().is_empty());
        let Parameters::Positional(values) = bound.sample().unwrap() else { panic!("{bound:?}") };
        assert_eq!(values, [ScalarValue::Int32(None)]);
    }

    #[test]
    fn rows_keep_their_order_and_numbers_their_place() {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(Int64Array::from(vec![10, 20]))];
        let rows = bind(columns.clone(), &[parameter("$1", None), parameter("$3", None)]).unwrap();
        let Parameters::Positional(second) = &rows[1] else { panic!("{rows:?}") };
        assert_eq!(second, &[ScalarValue::Int64(Some(2)), ScalarValue::Null, ScalarValue::Int64(Some(20))]);
        let rows = bind(columns, &[parameter("low", None), parameter("high", None)]).unwrap();
        let Parameters::Named(first) = &rows[0] else { panic!("{rows:?}") };
        assert_eq!(first["high"], ScalarValue::Int64(Some(10)));
    }

    #[test]
    fn jdbc_is_asked_for_what_it_can_bind() {
        let parameters = [
            parameter("$1", None),
            parameter("$2", Some(DataType::Timestamp(TimeUnit::Nanosecond, None))),
            parameter("$3", Some(DataType::Utf8View)),
        ];
        let types = |is_jdbc| {
            let schema = announced(&parameters, is_jdbc);
            assert!(schema.fields().iter().all(|f| f.is_nullable()));
            schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>()
        };
        assert_eq!(types(true), [DataType::Utf8, DataType::Timestamp(TimeUnit::Millisecond, None), DataType::Utf8]);
        assert_eq!(types(false), [DataType::Null, DataType::Timestamp(TimeUnit::Nanosecond, None), DataType::Utf8]);
    }
}
