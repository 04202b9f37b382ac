//! What is known of the rows of a scan before it runs: row counts, bounds and nulls, in the order of the scan's columns.
//!
//! Only columns that the scan gives are looked at; the rest is unknown. Sizes are told as DataFusion tells those of its own Parquet
//! tables, column by column and none for the table: its joins choose their sides and their shape by them, and by rows where a size is unknown.
//!
//! Start reading at [`of_table`].

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

use super::footer::Footer;
use crate::common::columns::Columns;

/// The row groups of one file that are read.
pub(crate) struct Part<'a> {
    /// The file's footer.
    pub(crate) footer: &'a Footer,
    /// Its partition values.
    pub(crate) values: &'a [ScalarValue],
    /// Indexes of the row groups.
    pub(crate) groups: &'a [usize],
}

/// Statistics of the rows of one part.
pub(crate) fn of_part(columns: &Columns, part: &Part<'_>, projected: &[&Field]) -> Statistics {
    let all = &part.footer.groups.rows;
    let rows: u64 = part.groups.iter().map(|group| all[*group]).sum();
    let is_wanted = |field: &Field| projected.iter().any(|wanted| wanted.name() == field.name());
    let stored = columns.file_schema.fields().iter().map(|field| {
        if !is_wanted(field) {
            return ColumnStatistics::new_unknown();
        }
        let facts = part.footer.column(field);
        let known = if part.groups.len() == all.len() { facts.whole(all) } else { facts.over(part.groups, all) };
        known.with_byte_size(byte_size(part, field, rows))
    });
    let folders = part.values.iter().map(|value| of_value(value, rows));
    Statistics {
        num_rows: Precision::Exact(count(rows)),
        total_byte_size: Precision::Absent,
        column_statistics: stored.chain(folders).collect(),
    }
}

/// Bytes of a column in memory: exact where every value takes as many, else about as many as it takes unpacked in the file.
fn byte_size(part: &Part<'_>, field: &Field, rows: u64) -> Precision<usize> {
    if let Some(width) = field.data_type().primitive_width() {
        return Precision::Exact(count(rows).saturating_mul(width));
    }
    let mut columns = part.footer.groups.columns.iter();
    match columns.find(|column| column.name == *field.name()) {
        Some(sizes) => Precision::Inexact(count(part.groups.iter().map(|group| sizes.unpacked[*group]).sum())),
        None => Precision::Absent,
    }
}

fn of_value(value: &ScalarValue, rows: u64) -> ColumnStatistics {
    let rows = count(rows);
    if value.is_null() {
        return ColumnStatistics { null_count: Precision::Exact(rows), ..ColumnStatistics::new_unknown() };
    }
    let is_float = value.data_type().is_floating();
    let bound = if is_float { Precision::Absent } else { Precision::Exact(value.clone()) };
    ColumnStatistics {
        null_count: Precision::Exact(0),
        min_value: bound.clone(),
        max_value: bound,
        ..ColumnStatistics::new_unknown()
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Statistics of all parts together.
///
/// - `parts`: as [`of_part`] gives them.
pub(crate) fn of_table(columns: &Columns, parts: &[Arc<Statistics>]) -> Statistics {
    let width = columns.scanned.table_schema().fields().len();
    Statistics {
        num_rows: parts.iter().fold(Precision::Exact(0), |sum, part| sum.add(&part.num_rows)),
        total_byte_size: Precision::Absent,
        column_statistics: (0..width).map(|column| together(parts, column)).collect(),
    }
}

fn together(parts: &[Arc<Statistics>], column: usize) -> ColumnStatistics {
    let nulls = parts
        .iter()
        .fold(Precision::Exact(0), |sum: Precision<usize>, part| sum.add(&part.column_statistics[column].null_count));
    let filled = || {
        let is_filled = |part: &&Arc<Statistics>| {
            let nulls = &part.column_statistics[column].null_count;
            !matches!((nulls, &part.num_rows), (Precision::Exact(n), Precision::Exact(rows)) if n == rows)
        };
        parts.iter().filter(is_filled).map(|part| &part.column_statistics[column])
    };
    let sizes = parts.iter().map(|part| &part.column_statistics[column].byte_size);
    ColumnStatistics {
        null_count: nulls,
        byte_size: sizes.fold(Precision::Exact(0), |sum, bytes| sum.add(bytes)),
        min_value: fold(filled().map(|c| &c.min_value), Precision::min),
        max_value: fold(filled().map(|c| &c.max_value), Precision::max),
        ..ColumnStatistics::new_unknown()
    }
}

fn fold<'a>(
    bounds: impl Iterator<Item = &'a Precision<ScalarValue>>,
    choose: impl Fn(&Precision<ScalarValue>, &Precision<ScalarValue>) -> Precision<ScalarValue>,
) -> Precision<ScalarValue> {
    bounds.cloned().reduce(|one, other| choose(&one, &other)).unwrap_or(Precision::Absent)
}
