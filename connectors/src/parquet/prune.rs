//! Drops the row groups that cannot hold a row of the answer, from partition values and footers alone.
//!
//! Holds always: what is not known is kept; a predicate that cannot be evaluated on statistics prunes nothing.
//!
//! Start reading at [`known_files`] and [`groups`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use arrow::compute::concat;
use arrow::error::ArrowError;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use tracing::debug;

use super::footer::Footer;
use super::known::{Bounds, FileStatistics};
use crate::common::columns::Columns;
use crate::common::filters::Judged;

/// For each file whether a row in it may satisfy every predicate, as far as the table's log tells.
///
/// - returns one flag per file, in the order of the table's files.
pub(crate) fn known_files(columns: &Columns, known: &dyn FileStatistics, predicates: &[Judged]) -> Vec<bool> {
    let rows = known.rows();
    let mut keep = vec![true; rows.len()];
    for judged in predicates {
        let Some(pruning) = &judged.pruning else { continue };
        let of = |name: &String| {
            let bounds = known.bounds(columns.file_schema.field_with_name(name).ok()?)?;
            Some((name.clone(), bounds))
        };
        let told = Known { columns: judged.columns.iter().filter_map(of).collect(), rows: Arc::clone(&rows) };
        drop_refuted(&mut keep, judged, pruning, &told);
    }
    keep
}

/// Drops what a predicate cannot be true of; keeps everything when it cannot be evaluated.
fn drop_refuted(keep: &mut [bool], judged: &Judged, pruning: &PruningPredicate, known: &Known) {
    match pruning.prune(known) {
        Ok(may_match) => keep.iter_mut().zip(may_match).for_each(|(keep, may)| *keep &= may),
        Err(error) => debug!(predicate = %judged.text, %error, "a predicate could not prune"),
    }
}

/// A file that passed by its partition values, and its footer.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    /// Its partition values.
    pub(crate) values: &'a [ScalarValue],
    /// Its footer.
    pub(crate) footer: &'a Footer,
}

/// For each file the row groups that may hold a row of the answer, ascending.
///
/// Cost: one vectorized pass over all row groups for each predicate; no storage is read.
pub(crate) fn groups(columns: &Columns, files: &[Candidate<'_>], predicates: &[Judged]) -> Vec<Vec<usize>> {
    let sizes: Vec<usize> = files.iter().map(|file| file.footer.groups.rows.len()).collect();
    let mut keep = vec![true; sizes.iter().sum()];
    for judged in predicates {
        let Some(pruning) = &judged.pruning else { continue };
        let known = match Known::of(columns, files, &judged.columns) {
            Ok(known) => known,
            Err(error) => {
                debug!(predicate = %judged.text, %error, "statistics could not be put together");
                continue;
            }
        };
        drop_refuted(&mut keep, judged, pruning, &known);
    }
    let mut flags = keep.into_iter();
    sizes
        .into_iter()
        .map(|size| flags.by_ref().take(size).enumerate().filter_map(|(i, k)| k.then_some(i)).collect())
        .collect()
}

/// Statistics of all row groups of all files, one after the other.
struct Known {
    columns: HashMap<String, Bounds>,
    rows: ArrayRef,
}

impl Known {
    fn of(columns: &Columns, files: &[Candidate<'_>], names: &[String]) -> Result<Self> {
        let rows: UInt64Array = files.iter().flat_map(|file| file.footer.groups.rows.iter().copied()).collect();
        let bounds = names
            .iter()
            .map(|name| {
                let bounds = match columns.partitions.iter().position(|field| field.name() == name) {
                    Some(position) => of_partition(position, files)?,
                    None => of_file_column(columns, name, files)?,
                };
                Ok((name.clone(), bounds))
            })
            .collect::<Result<_>>()?;
        Ok(Self { columns: bounds, rows: Arc::new(rows) })
    }
}

fn of_partition(position: usize, files: &[Candidate<'_>]) -> Result<Bounds> {
    let mut values = Vec::with_capacity(files.len());
    let mut nulls = Vec::new();
    for file in files {
        let value = &file.values[position];
        let rows = &file.footer.groups.rows;
        values.push(value.to_array_of_size(rows.len())?);
        nulls.extend(rows.iter().map(|count| if value.is_null() { *count } else { 0 }));
    }
    let mins = joined(values.iter())?;
    Ok(Bounds { maxes: Arc::clone(&mins), mins, nulls: Arc::new(UInt64Array::from(nulls)) })
}

fn of_file_column(columns: &Columns, name: &str, files: &[Candidate<'_>]) -> Result<Bounds> {
    let promised = columns.file_schema.field_with_name(name)?;
    let facts: Vec<_> = files.iter().map(|file| file.footer.column(promised)).collect();
    let nulls: Vec<ArrayRef> = facts.iter().map(|f| Arc::new(f.nulls.clone()) as ArrayRef).collect();
    Ok(Bounds {
        mins: joined(facts.iter().map(|f| &f.mins))?,
        maxes: joined(facts.iter().map(|f| &f.maxes))?,
        nulls: joined(nulls.iter())?,
    })
}

fn joined<'a>(arrays: impl Iterator<Item = &'a ArrayRef>) -> Result<ArrayRef, ArrowError> {
    let arrays: Vec<&dyn Array> = arrays.map(AsRef::as_ref).collect();
    concat(&arrays)
}

#[deny(clippy::missing_trait_methods)]
impl PruningStatistics for Known {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(column.name()).map(|bounds| Arc::clone(&bounds.mins))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(column.name()).map(|bounds| Arc::clone(&bounds.maxes))
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(column.name()).map(|bounds| Arc::clone(&bounds.nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::clone(&self.rows))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
