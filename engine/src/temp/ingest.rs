//! Rows that a door takes in without a statement.
//!
//! Start reading at [`Ingest`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt as _;
use meshweave_contract::name::alike;

use super::change::exists;
use super::rows::fit;
use super::{Change, IfExists, TempSchema, TempTable, What, checked_columns, checked_name};
use crate::catalog::NamePart;
use crate::error::{Error, Failure, Result};

/// Whether a table is made, and what happens to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestMode {
    /// It must not exist.
    Create,
    /// It must exist.
    Append,
    /// It is made anew.
    Replace,
    /// It is made when it does not exist.
    CreateAppend,
}

/// Rows for one table of the session's `temp` schema.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// The table, exactly as it is spelled.
    pub table: String,
    /// Whether it is made.
    pub mode: IngestMode,
}

impl Ingest {
    /// Takes the rows in, all or none; gives their number.
    ///
    /// Appended columns go by name; one that does not come is null.
    ///
    /// # Errors
    /// A table that exists or does not, columns it does not have, values that do not fit, no room; those of `rows`.
    pub(crate) async fn take_in(self, temp: &Arc<TempSchema>, rows: SendableRecordBatchStream) -> Result<u64> {
        checked_name(&self.table)?;
        let there = temp.find(&NamePart::plain(&self.table));
        let change = |what| Change { temp: Arc::clone(temp), table: self.table.clone(), what };
        let columns = rows.schema();
        match (self.mode, there) {
            (IngestMode::Create, Some(_)) => Err(exists(&self.table)),
            (IngestMode::Append, None) => Err(temp.no_table(&self.table)),
            (IngestMode::Append | IngestMode::CreateAppend, Some(table)) => {
                let change = Change { table: table.name().to_owned(), ..change(What::Append(Arc::clone(&table))) };
                change.carry_out(by_name(rows, &table)?).await
            }
            (mode, _) => {
                checked_columns(&columns)?;
                let if_exists = if mode == IngestMode::Replace { IfExists::Replace } else { IfExists::Fail };
                change(What::Create { schema: Some(columns), if_exists }).carry_out(rows).await
            }
        }
    }
}

/// The rows with the table's columns.
fn by_name(rows: SendableRecordBatchStream, table: &TempTable) -> Result<SendableRecordBatchStream> {
    let places = places(&rows.schema(), table)?;
    let schema = Arc::clone(table.schema());
    let out = Arc::clone(&schema);
    let fitted = rows.map(move |batch| Ok(placed(&batch?, &places, &schema)?));
    Ok(Box::pin(RecordBatchStreamAdapter::new(out, fitted)))
}

/// For each column of the table the place of the one that comes.
fn places(rows: &Schema, table: &TempTable) -> Result<Vec<Option<usize>>> {
    let of = |name: &str| {
        let exact = rows.fields().iter().position(|field| field.name() == name);
        exact.or_else(|| rows.fields().iter().position(|field| alike(field.name(), name)))
    };
    let places: Vec<Option<usize>> = table.schema().fields().iter().map(|field| of(field.name())).collect();
    match (0..rows.fields().len()).find(|place| !places.contains(&Some(*place))) {
        None => Ok(places),
        Some(left_over) => Err(Failure::NameNotFound {
            what: "column",
            name: rows.field(left_over).name().clone(),
            product: Some(format!("{}.{}", super::TEMP, table.name())),
            nearest: Vec::new(),
        }
        .into()),
    }
}

fn placed(batch: &RecordBatch, places: &[Option<usize>], schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = places.iter().zip(schema.fields()).map(|(place, field)| match place {
        Some(place) => Arc::clone(batch.column(*place)),
        None => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
    });
    let columns: Vec<_> = columns.collect();
    let fields = columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| arrow::datatypes::Field::new(field.name(), column.data_type().clone(), true));
    let loose = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let batch = RecordBatch::try_new_with_options(loose, columns, &options)
        .map_err(|error| Error::internal("taking rows in", error))?;
    fit(&batch, schema)
}
