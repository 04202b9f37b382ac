//! The statistics that a Delta log keeps of one data file, from the file's own footer.
//!
//! Holds always: floating columns get no bounds, because a footer leaves NaN out and a log may not;
//! decimals of more than 15 digits get none, because a JSON number may not carry them.
//!
//! Start reading at [`of`].

use arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use arrow::compute::{self, SortOptions};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use arrow::util::display::array_value_to_string;
use chrono::SecondsFormat;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::file::WrittenFile;

/// Decimal digits that every reader of JSON numbers keeps.
const JSON_DIGITS: u8 = 15;

/// `numRecords`, and `minValues`, `maxValues`, `nullCount` of every top-level column of a simple type.
pub(super) fn of(file: &WrittenFile) -> Result<Value> {
    let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
    let groups = file.footer.row_groups();
    for field in file.schema.fields().iter().filter(|field| !field.data_type().is_nested()) {
        let parquet_schema = file.footer.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), &file.schema, parquet_schema)?;
        put(&mut min, field.name(), first(&converter.row_group_mins(groups)?, false)?);
        put(&mut max, field.name(), first(&converter.row_group_maxes(groups)?, true)?);
        put(&mut nulls, field.name(), total(&converter.row_group_null_counts(groups)?));
    }
    Ok(json!({"numRecords": file.rows(), "minValues": min, "maxValues": max, "nullCount": nulls}))
}

fn put(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value);
    }
}

/// The sum, when every row group told its count.
fn total(counts: &UInt64Array) -> Option<Value> {
    (counts.null_count() == 0).then(|| json!(compute::sum(counts).unwrap_or(0)))
}

/// The lowest value, or with `descending` the highest; none when there is none or JSON cannot carry it.
fn first(values: &ArrayRef, descending: bool) -> Result<Option<Value>> {
    let order = compute::sort_to_indices(values, Some(SortOptions { descending, nulls_first: false }), Some(1))?;
    match order.values().first().map(|&at| at as usize) {
        Some(at) if values.is_valid(at) => json_value(values, at),
        _ => Ok(None),
    }
}

fn json_value(values: &ArrayRef, at: usize) -> Result<Option<Value>> {
    let text = array_value_to_string(values, at)?;
    Ok(match values.data_type() {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            text.parse::<i64>().ok().map(Value::from)
        }
        DataType::Decimal128(precision, _) if *precision <= JSON_DIGITS => text.parse::<f64>().ok().map(Value::from),
        DataType::Date32 | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Value::from(text)),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().value(at);
            let moment = timestamp_us_to_datetime(micros);
            moment.map(|time| time.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true).into())
        }
        _ => None,
    })
}
