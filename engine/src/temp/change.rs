//! One change of a session's tables, carried out when its last row has come.
//!
//! In: what a statement says, and the rows that its query gives. Out: how many rows it is about.
//! Holds always: until the last row has come nothing is changed; two changes of one table at a time do not mix.
//!
//! Start reading at [`Change::carried_out`].

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt as _, stream};
use meshweave_contract::name::fold;

use super::rows::{Gathered, append};
use super::{State, TEMP, TempSchema, TempTable, checked_columns, checked_name};
use crate::catalog::NamePart;
use crate::error::{Error, Failure, Result};

/// A change of one table.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) temp: Arc<TempSchema>,
    /// The table's name as it is spelled.
    pub(crate) table: String,
    pub(crate) what: What,
}

/// What is done when a table of that name exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfExists {
    /// It is an error.
    Fail,
    /// It stays as it is.
    Keep,
    /// It is replaced.
    Replace,
}

/// What is changed.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A new table with these columns and the rows that come.
    Create {
        /// Its columns; none: those of the rows, every one nullable.
        schema: Option<SchemaRef>,
        /// What is done when it exists.
        if_exists: IfExists,
    },
    /// The rows that come are added.
    Append(Arc<TempTable>),
    /// The rows that come take the place of all others. A last column says of each whether it was changed.
    Update(Arc<TempTable>),
    /// The rows that come are those that stay.
    Keep(Arc<TempTable>),
    /// The table goes.
    Drop {
        /// Whether it may be missing.
        if_exists: bool,
    },
}

/// The columns of the answer to a statement that writes.
pub(crate) fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, false)]))
}

impl Change {
    /// The answer: one row with the number of rows that were written, changed or removed. The rows are read, and the change
    /// made, when it is polled.
    pub(crate) fn carried_out(self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let work = async move {
            let count = self.carry_out(rows).await.map_err(DataFusionError::from)?;
            let count = Int64Array::from(vec![i64::try_from(count).unwrap_or(i64::MAX)]);
            Ok(RecordBatch::try_new(count_schema(), vec![Arc::new(count)])?)
        };
        Box::pin(RecordBatchStreamAdapter::new(count_schema(), stream::once(work)))
    }

    /// Reads the rows, then makes the change.
    ///
    /// # Errors
    /// Those of the rows; a value that does not fit; no room; somebody else's change in between.
    pub(crate) async fn carry_out(self, mut rows: SendableRecordBatchStream) -> Result<u64> {
        let schema = self.schema(&rows.schema())?;
        let mut gathered = Gathered::new(&self.temp.budget, &schema);
        let mut marked = 0;
        while let Some(batch) = rows.next().await {
            let mut batch = batch?;
            if matches!(self.what, What::Update(_)) {
                marked += take_mark(&mut batch)?;
            }
            gathered.add(&batch)?;
        }
        // Only what came is held from here on, not the query that gave it.
        drop(rows);
        let (held, rows) = gathered.finish()?;
        let mut state = self.temp.state.lock();
        state.last += 1;
        let table = TempTable { name: self.table.clone(), schema, held, version: state.last };
        let (count, dropped) = self.settle(&mut state, table, rows, marked)?;
        drop(state);
        drop(dropped);
        Ok(count)
    }

    /// The columns of the table that the rows go into.
    fn schema(&self, rows: &SchemaRef) -> Result<SchemaRef> {
        match &self.what {
            What::Create { schema: Some(schema), .. } => Ok(Arc::clone(schema)),
            What::Create { schema: None, .. } => {
                let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
                let schema = Arc::new(Schema::new(rows.fields().iter().map(nullable).collect::<Vec<_>>()));
                checked_columns(&schema)?;
                Ok(schema)
            }
            What::Append(table) | What::Update(table) | What::Keep(table) => Ok(Arc::clone(&table.schema)),
            What::Drop { .. } => Ok(Arc::clone(rows)),
        }
    }

    /// Makes the change; gives the number of rows, and what is not needed any more.
    fn settle(
        &self,
        state: &mut State,
        mut table: TempTable,
        rows: u64,
        marked: u64,
    ) -> Result<(u64, Option<Arc<TempTable>>)> {
        let key = fold(&self.table);
        let there = state.tables.get(&key).cloned();
        let same = |known: &Arc<TempTable>| there.as_ref().is_some_and(|there| there.version == known.version);
        let count = match &self.what {
            What::Create { if_exists, .. } => match (there.is_some(), if_exists) {
                (true, IfExists::Fail) => return Err(exists(&self.table)),
                (true, IfExists::Keep) => return Ok((0, None)),
                (true, IfExists::Replace) | (false, _) => {
                    checked_name(&self.table)?;
                    rows
                }
            },
            What::Append(known) => {
                let Some(there) = there.as_ref().filter(|there| there.schema == known.schema) else {
                    return Err(changed(&self.table));
                };
                let mut held = there.held.clone();
                append(&self.temp.budget, &mut held, std::mem::take(&mut table.held))?;
                table.held = held;
                rows
            }
            What::Update(known) if same(known) => marked,
            What::Keep(known) if same(known) => known.rows() - rows,
            What::Update(_) | What::Keep(_) => return Err(changed(&self.table)),
            What::Drop { if_exists } => {
                let dropped = state.tables.remove(&key);
                if dropped.is_none() && !if_exists {
                    return Err(missing(&self.table));
                }
                return Ok((0, dropped));
            }
        };
        let dropped = state.tables.insert(key, Arc::new(table));
        Ok((count, dropped))
    }
}

impl TempSchema {
    /// Whether a table of that name exists, for statements that must say so before they run.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(&NamePart::plain(name)).is_some()
    }
}

/// Takes the last column off, and counts the rows that it marks.
fn take_mark(batch: &mut RecordBatch) -> Result<u64> {
    let last = batch.num_columns().checked_sub(1).ok_or_else(unmarked)?;
    let marks = batch.remove_column(last);
    let marks = marks.as_boolean_opt().ok_or_else(unmarked)?;
    Ok((0..marks.len()).filter(|row| marks.is_valid(*row) && marks.value(*row)).count() as u64)
}

fn unmarked() -> Error {
    Error::internal("changing a temporary table", std::io::Error::other("its rows came without their marks"))
}

pub(crate) fn exists(table: &str) -> Error {
    Failure::TempTableExists { table: format!("{TEMP}.{table}") }.into()
}

fn missing(table: &str) -> Error {
    let name = format!("{TEMP}.{table}");
    Failure::NameNotFound { what: "temporary table", name, product: None, nearest: Vec::new() }.into()
}

fn changed(table: &str) -> Error {
    let what = format!("{TEMP}.{table}");
    let message = "another statement of this session has changed it meanwhile".to_owned();
    Failure::Unavailable { what, message, cause: None }.into()
}
