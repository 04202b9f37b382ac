//! Rows on their way into a table: cast to its columns, compacted, and counted before they are kept.
//!
//! Start reading at [`Gathered`].

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{BatchCoalescer, CastOptions, cast_with_options, concat_batches};
use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::error::ArrowError;

use super::{Budget, Room};
use crate::error::{Error, Result};

/// Rows of one batch of a table.
const BATCH_ROWS: usize = 8192;

/// Rows that are kept, and the room they take.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) batch: RecordBatch,
    _room: Arc<Room>,
}

impl Held {
    fn new(budget: &Arc<Budget>, batch: RecordBatch) -> Result<Self> {
        let room = Arc::new(budget.take(batch.get_array_memory_size())?);
        Ok(Self { batch, _room: room })
    }
}

/// Rows that came, ready to be kept.
pub(super) struct Gathered {
    budget: Arc<Budget>,
    schema: SchemaRef,
    coalescer: BatchCoalescer,
    held: Vec<Held>,
    rows: u64,
}

impl Gathered {
    /// Nothing yet.
    ///
    /// - `schema`: the columns of the table.
    pub(super) fn new(budget: &Arc<Budget>, schema: &SchemaRef) -> Self {
        Self {
            budget: Arc::clone(budget),
            schema: Arc::clone(schema),
            coalescer: BatchCoalescer::new(Arc::clone(schema), BATCH_ROWS),
            held: Vec::new(),
            rows: 0,
        }
    }

    /// Takes rows whose columns are those of the table, by place.
    ///
    /// # Errors
    /// A value that does not fit its column; no room.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        if self.schema.fields().is_empty() {
            return Ok(());
        }
        self.coalescer.push_batch(fit(batch, &self.schema)?).map_err(keeping)?;
        self.keep()
    }

    fn keep(&mut self) -> Result<()> {
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.held.push(Held::new(&self.budget, batch)?);
        }
        Ok(())
    }

    /// Everything that came, and how many rows it is.
    ///
    /// # Errors
    /// No room.
    pub(super) fn finish(mut self) -> Result<(Vec<Held>, u64)> {
        self.coalescer.finish_buffered_batch().map_err(keeping)?;
        self.keep()?;
        Ok((self.held, self.rows))
    }
}

/// Adds batches behind others. Small ones become one with their neighbours, so that a table that grows row by row is not one
/// batch per row, and a row is copied a few times at most.
pub(super) fn append(budget: &Arc<Budget>, held: &mut Vec<Held>, more: Vec<Held>) -> Result<()> {
    for next in more {
        held.push(next);
        while let [.., last, next] = held.as_slice()
            && last.batch.num_rows() <= next.batch.num_rows() * 2
            && last.batch.num_rows() + next.batch.num_rows() <= BATCH_ROWS
        {
            let schema = next.batch.schema();
            let one = concat_batches(&schema, [&last.batch, &next.batch]).map_err(keeping)?;
            let one = Held::new(budget, one)?;
            held.truncate(held.len() - 2);
            held.push(one);
        }
    }
    Ok(())
}

/// The rows under exactly these columns.
pub(super) fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        return Err(Error::invalid_query(format!(
            "the table has {} columns, and rows with {} came",
            schema.fields().len(),
            batch.num_columns()
        )));
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| fit_column(column, field));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(keeping)
}

fn fit_column(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef> {
    if !field.is_nullable() && column.logical_null_count() > 0 {
        return Err(Error::invalid_query(format!("the column \"{}\" takes no nulls, and one came", field.name())));
    }
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, field.data_type(), &strict).map_err(|error| {
        Error::invalid_query(format!(
            "a value of type {} does not fit the column \"{}\" of type {}: {error}",
            column.data_type(),
            field.name(),
            field.data_type()
        ))
    })
}

fn keeping(error: ArrowError) -> Error {
    Error::internal("keeping rows of a temporary table", error)
}
