//! What the statistics of a file say of one column, per row group, in the type that the contract promises.
//!
//! Holds always: what is not known is null here, and null keeps a row group; a bound is called exact only when a row has it.
//!
//! Start reading at [`ColumnFacts::of`].

use std::cmp::Ordering;
use std::sync::OnceLock;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;

use super::footer::Footer;

/// Bounds and null counts of one column, one entry per row group.
#[derive(Debug)]
pub(crate) struct ColumnFacts {
    /// Smallest values; null where unknown.
    pub(crate) mins: ArrayRef,
    /// Largest values; null where unknown.
    pub(crate) maxes: ArrayRef,
    /// Null counts; null where unknown.
    pub(crate) nulls: UInt64Array,
    mins_exact: BooleanArray,
    maxes_exact: BooleanArray,
    /// Those of all row groups together, once somebody asked.
    whole: OnceLock<ColumnStatistics>,
}

impl ColumnFacts {
    /// Reads the statistics of one column.
    ///
    /// A column that the file lacks is null in every row. Nested columns have no statistics of their own.
    pub(crate) fn of(footer: &Footer, promised: &Field) -> Self {
        let rows = &footer.groups.rows;
        let unknown = || Self::unknown(promised.data_type(), rows.len());
        match footer.schema.field_with_name(promised.name()) {
            Err(_) => Self { nulls: UInt64Array::from(rows.clone()), ..unknown() },
            Ok(stored) if stored.data_type().is_nested() || promised.data_type().is_nested() => unknown(),
            Ok(_) => Self::read(footer, promised).unwrap_or_else(|_| unknown()),
        }
    }

    fn unknown(data_type: &DataType, groups: usize) -> Self {
        let inexact = BooleanArray::from(vec![false; groups]);
        Self {
            mins: new_null_array(data_type, groups),
            maxes: new_null_array(data_type, groups),
            nulls: UInt64Array::new_null(groups),
            mins_exact: inexact.clone(),
            maxes_exact: inexact,
            whole: OnceLock::new(),
        }
    }

    fn read(footer: &Footer, promised: &Field) -> Result<Self, ParquetError> {
        let descriptor = footer.metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(promised.name(), &footer.schema, descriptor)?
            .with_missing_null_counts_as_zero(false);
        let groups = footer.metadata.row_groups();
        let promised_type = |array: &ArrayRef| {
            let options = CastOptions { safe: true, ..CastOptions::default() };
            cast_with_options(array, promised.data_type(), &options)
        };
        let is_whole = converter.parquet_column_index().is_some_and(|leaf| {
            let stored = descriptor.column(leaf).physical_type();
            matches!(stored, PhysicalType::INT32 | PhysicalType::INT64 | PhysicalType::BOOLEAN)
        });
        let exact = |flags: BooleanArray| -> BooleanArray {
            (0..groups.len()).map(|i| Some(is_whole || (flags.is_valid(i) && flags.value(i)))).collect()
        };
        Ok(Self {
            mins: promised_type(&converter.row_group_mins(groups)?)?,
            maxes: promised_type(&converter.row_group_maxes(groups)?)?,
            nulls: converter.row_group_null_counts(groups)?,
            mins_exact: exact(converter.row_group_is_min_value_exact(groups)?),
            maxes_exact: exact(converter.row_group_is_max_value_exact(groups)?),
            whole: OnceLock::new(),
        })
    }

    /// Whether a row group of so many rows holds nothing but nulls.
    pub(crate) fn is_all_null(&self, group: usize, rows: u64) -> bool {
        self.nulls.is_valid(group) && self.nulls.value(group) == rows
    }

    /// Nulls in all row groups; none when not all counts are known.
    pub(crate) fn null_count(&self) -> Option<u64> {
        (self.nulls.null_count() == 0).then(|| self.nulls.values().iter().sum())
    }

    /// The statistics of all row groups together; put together once.
    ///
    /// - `rows`: rows of every row group of the file.
    pub(crate) fn whole(&self, rows: &[u64]) -> ColumnStatistics {
        let all = || self.over(&(0..rows.len()).collect::<Vec<usize>>(), rows);
        self.whole.get_or_init(all).clone()
    }

    /// The statistics of the chosen row groups together.
    ///
    /// - `groups`: indexes of row groups.
    /// - `rows`: rows of every row group of the file.
    pub(crate) fn over(&self, groups: &[usize], rows: &[u64]) -> ColumnStatistics {
        let counts: Option<Vec<u64>> =
            groups.iter().map(|i| self.nulls.is_valid(*i).then(|| self.nulls.value(*i))).collect();
        let filled: Vec<usize> = groups.iter().copied().filter(|i| !self.is_all_null(*i, rows[*i])).collect();
        let nulls = counts.map_or(Precision::Absent, |counts| {
            Precision::Exact(usize::try_from(counts.iter().sum::<u64>()).unwrap_or(usize::MAX))
        });
        ColumnStatistics {
            null_count: nulls,
            min_value: extreme(&self.mins, &self.mins_exact, &filled, Ordering::Less),
            max_value: extreme(&self.maxes, &self.maxes_exact, &filled, Ordering::Greater),
            ..ColumnStatistics::new_unknown()
        }
    }
}

/// The smallest or largest of the bounds; absent when one of them is unknown.
fn extreme(bounds: &ArrayRef, exact: &BooleanArray, groups: &[usize], wanted: Ordering) -> Precision<ScalarValue> {
    let mut best: Option<ScalarValue> = None;
    for &group in groups {
        let Ok(value) = ScalarValue::try_from_array(bounds, group) else {
            return Precision::Absent;
        };
        if value.is_null() {
            return Precision::Absent;
        }
        let is_better = best.as_ref().is_none_or(|known| value.partial_cmp(known) == Some(wanted));
        if is_better {
            best = Some(value);
        }
    }
    match best {
        None => Precision::Absent,
        Some(value) if groups.iter().all(|&group| exact.value(group)) => Precision::Exact(value),
        Some(value) => Precision::Inexact(value),
    }
}
