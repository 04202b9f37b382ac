//! The data files of a version as its log tells them, for tables that ask for nothing but plain files.
//!
//! In: a version's log. Out: every file with its partition values, and what the log knows of the rows in it; nothing for a
//! table that needs more (deletion vectors, column mapping): that one is read by deltalake.
//! Holds always:
//! - a table is taken only when every feature that its protocol asks of a reader is one of [`KNOWN`];
//! - a bound of the log is never narrower than the rows: instants are written to the millisecond, so their maxima are rounded up;
//!   floating point bounds leave NaN out and are not told.
//!
//! Start reading at [`DataFiles::of`].
//!
//! # Source
//! Delta protocol, "Per-file Statistics", "Partition Value Serialization" and "Valid Feature Names in Table Features".

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, Scalar};
use arrow::compute::kernels::numeric::add_wrapping;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use deltalake::DeltaResult;
use deltalake::table::state::DeltaTableState;
use object_store::path::Path;

use crate::parquet::known::{Bounds, FileStatistics};

/// What a protocol may ask of a reader that needs no more than plain files: the log is read by deltalake, widened types are
/// cast, and the features of the last two need checking file by file and property by property.
const KNOWN: [&str; 7] = [
    "timestampNtz",
    "typeWidening",
    "typeWidening-preview",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "deletionVectors",
    "columnMapping",
];

/// One data file.
#[derive(Debug)]
pub(super) struct DataFile {
    /// Below the table's folder, as the store spells it.
    pub(super) path: Path,
    /// Bytes on storage.
    pub(super) size: u64,
    /// When it was written.
    pub(super) modified: DateTime<Utc>,
    /// By partition column; none is null.
    pub(super) values: HashMap<String, Option<String>>,
}

/// All data files of a version, in the order of the log.
#[derive(Debug)]
pub(super) struct DataFiles {
    pub(super) files: Vec<DataFile>,
    /// What the log says of the rows of each.
    pub(super) statistics: Arc<LogStatistics>,
}

impl DataFiles {
    /// The files of a table that needs no more than plain files; none for another.
    ///
    /// Cost: one pass over the log's entries, in memory.
    pub(super) fn of(state: &DeltaTableState) -> Option<Self> {
        if !is_plain(state) {
            return None;
        }
        Self::read(state).ok().flatten()
    }

    fn read(state: &DeltaTableState) -> DeltaResult<Option<Self>> {
        let mut files = Vec::new();
        for file in state.snapshot().try_log_data()?.iter() {
            let (Ok(size), Ok(modified)) = (u64::try_from(file.size()), file.modification_datetime()) else {
                return Ok(None);
            };
            if file.deletion_vector_descriptor().is_some() || is_elsewhere(&file.path()) {
                return Ok(None);
            }
            files.push(DataFile {
                path: file.object_store_path(),
                size,
                modified,
                values: file.partition_values_map(),
            });
        }
        let table = state.add_actions_table(true)?;
        let statistics = Arc::new(LogStatistics { table });
        Ok((statistics.table.num_rows() == files.len()).then_some(Self { files, statistics }))
    }
}

fn is_plain(state: &DeltaTableState) -> bool {
    let is_known = |feature: &str| KNOWN.contains(&feature);
    let features = state.protocol().reader_features().unwrap_or_default();
    let mapping = state.metadata().configuration().get("delta.columnMapping.mode");
    features.iter().all(|feature| is_known(feature.as_ref())) && mapping.is_none_or(|mode| mode == "none")
}

/// Whether a log entry names a file outside of its table's folder.
fn is_elsewhere(path: &str) -> bool {
    path.starts_with('/') || path.contains("://") || path.split('/').any(|part| part == "..")
}

/// What a log says of the rows of its files.
#[derive(Debug)]
pub(super) struct LogStatistics {
    /// One row per file: `min.C`, `max.C`, `null_count.C`, `num_records`.
    table: RecordBatch,
}

impl LogStatistics {
    fn cast(&self, prefix: &str, promised: &Field) -> Result<Option<ArrayRef>, ArrowError> {
        let Some(found) = self.table.column_by_name(&format!("{prefix}.{}", promised.name())) else { return Ok(None) };
        let options = CastOptions { safe: true, ..CastOptions::default() };
        cast_with_options(found, promised.data_type(), &options).map(Some)
    }
}

impl FileStatistics for LogStatistics {
    fn rows(&self) -> ArrayRef {
        let count = self.table.num_rows();
        let known = self.table.column_by_name("num_records").and_then(|c| c.as_primitive_opt::<Int64Type>().cloned());
        let unsigned = |rows: i64| u64::try_from(rows).ok();
        let rows = |file: usize| known.as_ref().filter(|k| k.is_valid(file)).and_then(|k| unsigned(k.value(file)));
        Arc::new((0..count).map(rows).collect::<arrow::array::UInt64Array>())
    }

    fn bounds(&self, promised: &Field) -> Option<Bounds> {
        let data_type = promised.data_type();
        if data_type.is_nested() || data_type.is_floating() {
            return None;
        }
        let nulls = self.table.column_by_name(&format!("null_count.{}", promised.name()));
        let nulls = nulls.and_then(|nulls| arrow::compute::cast(nulls, &DataType::UInt64).ok())?;
        let mins = self.cast("min", promised).ok()??;
        let maxes = self.cast("max", promised).and_then(|max| max.map(|max| rounded_up(&max)).transpose()).ok()??;
        Some(Bounds { mins, maxes, nulls })
    }
}

/// Maxima of instants and wall-clock times, one millisecond later; others as they are.
fn rounded_up(maxes: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let DataType::Timestamp(unit, _) = maxes.data_type() else { return Ok(Arc::clone(maxes)) };
    let later = match unit {
        TimeUnit::Second => ScalarValue::DurationSecond(Some(1)),
        TimeUnit::Millisecond => ScalarValue::DurationMillisecond(Some(1)),
        TimeUnit::Microsecond => ScalarValue::DurationMicrosecond(Some(1_000)),
        TimeUnit::Nanosecond => ScalarValue::DurationNanosecond(Some(1_000_000)),
    };
    let later = later.to_array().map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    add_wrapping(maxes, &Scalar::new(later))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn statistics() -> LogStatistics {
        let column = |array: ArrayRef| array;
        let table = RecordBatch::try_from_iter([
            ("num_records", column(Arc::new(Int64Array::from(vec![Some(3), None])))),
            ("min.n", column(Arc::new(Int32Array::from(vec![Some(1), None])))),
            ("max.n", column(Arc::new(Int32Array::from(vec![Some(2), None])))),
            ("null_count.n", column(Arc::new(Int64Array::from(vec![Some(1), None])))),
            ("min.at", column(Arc::new(TimestampMicrosecondArray::from(vec![5_000, 6_000])))),
            ("max.at", column(Arc::new(TimestampMicrosecondArray::from(vec![7_000, 8_000])))),
            ("null_count.at", column(Arc::new(Int64Array::from(vec![0, 0])))),
            ("min.x", column(Arc::new(Float64Array::from(vec![0.5, 0.5])))),
            ("max.x", column(Arc::new(Float64Array::from(vec![1.5, 1.5])))),
            ("null_count.x", column(Arc::new(Int64Array::from(vec![0, 0])))),
            ("min.s", column(Arc::new(StringArray::from(vec!["a", "b"])))),
        ]);
        LogStatistics { table: table.unwrap() }
    }

    #[test]
    fn bounds_have_the_promised_type_and_unknown_stays_unknown() {
        let bounds = statistics().bounds(&Field::new("n", DataType::Int64, true)).unwrap();
        assert_eq!(bounds.mins.as_ref(), &Int64Array::from(vec![Some(1), None]) as &dyn Array);
        assert_eq!(bounds.maxes.as_ref(), &Int64Array::from(vec![Some(2), None]) as &dyn Array);
        assert!(bounds.nulls.is_null(1));
        assert!(statistics().rows().is_null(1));
    }

    #[test]
    fn a_time_may_be_a_millisecond_later_than_the_log_says() {
        let promised = Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true);
        let bounds = statistics().bounds(&promised).unwrap();
        assert_eq!(bounds.maxes.as_ref(), &TimestampMicrosecondArray::from(vec![8_000, 9_000]) as &dyn Array);
        assert_eq!(bounds.mins.as_ref(), &TimestampMicrosecondArray::from(vec![5_000, 6_000]) as &dyn Array);
    }

    #[test]
    fn what_may_be_nan_or_is_not_written_is_not_told() {
        assert!(statistics().bounds(&Field::new("x", DataType::Float64, true)).is_none());
        assert!(statistics().bounds(&Field::new("s", DataType::Utf8View, true)).is_none());
        assert!(statistics().bounds(&Field::new("absent", DataType::Int64, true)).is_none());
    }

    #[test]
    fn files_outside_of_the_folder_are_not_ours() {
        assert!(
            is_elsewhere("/tmp/a.parquet") && is_elsewhere("s3://b/a.parquet") && is_elsewhere("x/../../a.parquet")
        );
        assert!(!is_elsewhere("day=2024-01-01/a..b.parquet"));
    }
}
