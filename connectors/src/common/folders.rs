//! Leaves out the files whose partition folders cannot satisfy a predicate.
//!
//! Start reading at [`fitting`].

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;
use meshweave_engine::context::Pushed;

use super::columns::{Columns, TableFile};
use super::filters::Judged;

/// The files whose partition values satisfy the exact predicates.
///
/// # Errors
/// Those of evaluating the predicates, as on rows.
pub(crate) fn fitting<'f>(columns: &Columns, files: &'f [TableFile], judged: &[Judged]) -> Result<Vec<&'f TableFile>> {
    let keep = flags(columns, files, judged)?;
    Ok(files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
}

/// For each file whether its partition values satisfy the exact predicates.
///
/// # Errors
/// As [`fitting`].
pub(crate) fn flags(columns: &Columns, files: &[TableFile], judged: &[Judged]) -> Result<Vec<bool>> {
    let exact: Vec<&Judged> = judged.iter().filter(|predicate| predicate.pushed == Pushed::Exact).collect();
    let values: Vec<_> = files.iter().map(|file| file.values.as_slice()).collect();
    satisfying(columns, &values, &exact)
}

/// For each file whether its partition values satisfy every exact predicate.
///
/// - `values`: partition values of each file, in the order of the partition columns.
///
/// # Errors
/// Those of evaluating the predicates, as on rows.
fn satisfying(columns: &Columns, values: &[&[ScalarValue]], exact: &[&Judged]) -> Result<Vec<bool>> {
    if exact.is_empty() || values.is_empty() {
        return Ok(vec![true; values.len()]);
    }
    let schema = Arc::new(Schema::new(columns.partitions.clone()));
    let arrays = (0..columns.partitions.len())
        .map(|i| ScalarValue::iter_to_array(values.iter().map(|value| value[i].clone())))
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(values.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
    let mut kept = vec![true; values.len()];
    for judged in exact {
        let truth = truth(&judged.physical, &schema, &batch)?;
        for (keep, row) in kept.iter_mut().zip(truth.iter()) {
            *keep &= row == Some(true);
        }
    }
    Ok(kept)
}

fn truth(predicate: &Arc<dyn PhysicalExpr>, schema: &SchemaRef, batch: &RecordBatch) -> Result<BooleanArray> {
    let predicate = reassign_expr_columns(Arc::clone(predicate), schema)?;
    let array = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    let array = cast(&array, &DataType::Boolean)?;
    Ok(datafusion::common::cast::as_boolean_array(&array)?.clone())
}
