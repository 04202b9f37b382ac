//! Partition folders of the form `column=value`.
//!
//! In: the path of a file below its table's folder. Out: its partition values, decoded, and typed when asked for.
//! Holds always: `__HIVE_DEFAULT_PARTITION__` is null; a value that does not fit its type exactly is an error, never null or rounded.
//!
//! Start reading at [`folders`].

use arrow::datatypes::{DataType, Field};
use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;

use crate::rows::cells::{Cell, Column};

/// The folder name that stands for null.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// One partition folder: the column, and its value as text; none is null.
pub(crate) type Folder = (String, Option<String>);

/// The partition folders of a file, outermost first; other folders are passed over.
///
/// - `relative`: the file's path below the table's folder; its last part is the file's name.
///
/// Names and values are percent-decoded once; what does not decode to UTF-8 stays as it is written.
pub(crate) fn folders(relative: &str) -> Vec<Folder> {
    let Some((folders, _file)) = relative.rsplit_once('/') else {
        return Vec::new();
    };
    folders
        .split('/')
        .filter_map(|part| part.split_once('='))
        .filter(|(column, _)| !column.is_empty())
        .map(|(column, value)| (decoded(column), (value != NULL_FOLDER).then(|| decoded(value))))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3).and_then(|digits| hex::decode(digits).ok()?.first().copied()))
            .flatten();
        match code {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The type of a partition column of which only its values are known: whole numbers, days, else text.
pub(crate) fn inferred<'a>(values: impl Iterator<Item = Option<&'a str>> + Clone) -> DataType {
    let mut known = values.flatten().peekable();
    if known.peek().is_none() {
        return DataType::Utf8;
    }
    let known: Vec<&str> = known.collect();
    if known.iter().all(|value| value.parse::<i64>().is_ok()) {
        DataType::Int64
    } else if known.iter().all(|value| NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok()) {
        DataType::Date32
    } else {
        DataType::Utf8
    }
}

/// The value of a partition folder in the type of its column.
///
/// # Errors
/// When the text is not a value of that type.
pub(crate) fn typed(value: Option<&str>, data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
    match value {
        None => ScalarValue::try_new_null(data_type),
        Some(text) if may_round(data_type) => exact(text, data_type),
        Some(text) => ScalarValue::Utf8(Some(text.to_owned())).cast_to(data_type),
    }
}

/// Whether a cast from text rounds, cuts or moves some values of a type.
fn may_round(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal()
}

fn exact(text: &str, data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
    let mut column = Column::of(&Field::new("", data_type.clone(), false)).map_err(DataFusionError::Plan)?;
    column.push(Cell::Text(text)).map_err(DataFusionError::Execution)?;
    ScalarValue::try_from_array(&column.finish()?, 0)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    fn check(relative: &str, expected: &[(&str, Option<&str>)]) {
        let expected: Vec<Folder> = expected.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        assert_eq!(folders(relative), expected, "{relative}");
    }

    #[test]
    fn folders_are_read_outermost_first() {
        check("year=2024/month=01/part-0.parquet", &[("year", Some("2024")), ("month", Some("01"))]);
        check("plain/part-0.parquet", &[]);
        check("part=0.parquet", &[]);
    }

    #[test]
    fn values_are_decoded_once_and_the_default_is_null() {
        check("a=x%3Dy%20z/f", &[("a", Some("x=y z"))]);
        check("a=%2541/f", &[("a", Some("%41"))]);
        check("a=100%/f", &[("a", Some("100%"))]);
        check("a=5%+f/f", &[("a", Some("5%+f"))]);
        check("a=x=y/f", &[("a", Some("x=y"))]);
        check("a=__HIVE_DEFAULT_PARTITION__/f", &[("a", None)]);
        check("a=/f", &[("a", Some(""))]);
        check("a=%C3%BC/f", &[("a", Some("ü"))]);
    }

    #[test]
    fn types_are_inferred_from_every_value() {
        assert_eq!(inferred([Some("1"), None, Some("-20")].into_iter()), DataType::Int64);
        assert_eq!(inferred([Some("2024-02-29"), None].into_iter()), DataType::Date32);
        assert_eq!(inferred([Some("2024-02-30")].into_iter()), DataType::Utf8);
        assert_eq!(inferred([Some("1"), Some("x")].into_iter()), DataType::Utf8);
        assert_eq!(inferred([None].into_iter()), DataType::Utf8);
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        assert_eq!(typed(Some("7"), &DataType::Int32).unwrap(), ScalarValue::Int32(Some(7)));
        assert_eq!(typed(None, &DataType::Int32).unwrap(), ScalarValue::Int32(None));
        assert!(typed(Some("seven"), &DataType::Int32).is_err());
        assert!(typed(Some("2024-13-01"), &DataType::Date32).is_err());
    }

    /// A folder's value is held to the same rules as a value in a file: nothing is rounded, cut or moved.
    #[test]
    fn a_value_that_would_be_rounded_is_an_error() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let refused = [
            ("12.505", DataType::Decimal128(10, 2)),
            ("123456789.00", DataType::Decimal128(10, 2)),
            ("1e999", DataType::Float64),
            ("2024-01-01T10:00:00", DataType::Date32),
            ("2024-01-01T00:00:00+02:00", micros.clone()),
            ("2024-01-01 00:00:00.0000001", micros.clone()),
            ("2024-01-01 00:00:00.0001", instant.clone()),
            ("1.5", DataType::Int64),
        ];
        let read: Vec<_> = refused.iter().filter_map(|(text, t)| Some((text, t, typed(Some(text), t).ok()?))).collect();
        assert_eq!(read, []);
        let at = |text, data_type: &DataType| typed(Some(text), data_type).unwrap().to_string();
        assert_eq!(at("12.5", &DataType::Decimal128(10, 2)), "12.50");
        assert_eq!(at("2024-01-01 10:00:00", &micros), "1704103200000000");
        assert_eq!(at("2024-01-01T10:00:00+02:00", &instant), "1704096000000");
        assert_eq!(at("-Infinity", &DataType::Float64), "-inf");
        assert_eq!(at("ü", &DataType::Utf8View), "ü");
        assert_eq!(at("on", &DataType::Boolean), "true");
    }
}
