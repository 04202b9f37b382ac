//! What a format must do to be read row by row.
//!
//! Everything here runs on a thread that may block; the bytes come unpacked and pinned.
//!
//! Start reading at [`RowFormat`].

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use meshweave_contract::model::CsvStyle;
use meshweave_engine::Result;

use super::cells::Column;
use super::input::Input;
use super::place::Place;
use super::watch::Watch;
use crate::common::kind::Kind;

/// Bytes of rows that one batch holds at most, before the last row.
const BATCH_BYTES: usize = 8 << 20;

/// A format whose files are read row by row.
pub(crate) trait RowFormat: fmt::Debug + Send + Sync + 'static {
    /// What its files are called, and how they are named.
    fn kind(&self) -> &Kind;

    /// Whether files of this format can hold values of these types.
    ///
    /// # Errors
    /// The column that cannot be held, in words.
    fn can_hold(&self, file_schema: &Schema) -> Result<(), String>;

    /// Starts to read a file.
    ///
    /// # Errors
    /// When its start does not keep the contract.
    fn rows(&self, input: Input, wanted: Wanted) -> Result<Box<dyn Rows>>;

    /// The columns of a file, from its first rows.
    ///
    /// A promised column that all of these rows keep has the promised type.
    ///
    /// # Errors
    /// When what is there cannot be rows.
    fn look(&self, input: Input, look: &Look) -> Result<Schema>;
}

/// The rows of a file, batch by batch.
pub(crate) trait Rows {
    /// The next batch; none at the end of the file.
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// What holds for every file of a table.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How CSV files are written.
    pub(crate) csv: CsvStyle,
    /// The promised columns that files hold, in the promised order.
    pub(crate) file_schema: SchemaRef,
    /// The largest row, bytes.
    pub(crate) row_bytes: usize,
    /// The largest block, bytes, packed or not.
    pub(crate) block_bytes: usize,
}

/// What is wanted of a file.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// What holds for every file of the table.
    pub(crate) rules: Arc<Rules>,
    /// Who hears how its files differ from it.
    pub(crate) watch: Arc<Watch>,
    /// Which of the columns, in this order.
    pub(crate) projection: Vec<usize>,
    /// Rows of a batch, at most.
    pub(crate) batch_rows: usize,
}

impl Wanted {
    /// The wanted columns.
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self.projection.iter().map(|i| Arc::clone(&self.rules.file_schema.fields()[*i]));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// How a file is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What holds for every file of the table.
    pub(crate) rules: Rules,
    /// The promised columns that files hold; none when the contract names no columns.
    pub(crate) promised: Option<SchemaRef>,
    /// Bytes of rows that are looked at.
    pub(crate) sample_bytes: u64,
}

/// Whether every column can be filled from text or JSON.
pub(crate) fn all_can_be_filled(people: &str, file_schema: &Schema) -> Result<(), String> {
    for field in file_schema.fields() {
        Column::of(field).map_err(|why| format!("a {people} file cannot hold column \"{}\": {why}", field.name()))?;
    }
    Ok(())
}

/// A batch that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    schema: SchemaRef,
    /// One for each wanted column.
    pub(crate) columns: Vec<Column>,
    batch_rows: usize,
    rows: usize,
    bytes: usize,
}

impl Filling {
    /// An empty batch.
    ///
    /// # Errors
    /// When a column cannot be filled from text; such a table is not opened.
    pub(crate) fn new(wanted: &Wanted, place: &Place) -> Result<Self> {
        let schema = wanted.schema();
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column::of(field))
            .collect::<Result<_, _>>()
            .map_err(|e| place.broken(&e))?;
        Ok(Self { schema, columns, batch_rows: wanted.batch_rows.max(1), rows: 0, bytes: 0 })
    }

    /// The field of a wanted column.
    pub(crate) fn field(&self, column: usize) -> &Field {
        self.schema.field(column)
    }

    /// Counts a row whose cells were all added.
    ///
    /// - `bytes`: its size in the file.
    pub(crate) fn row_is_done(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Whether the batch is large enough.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.batch_rows || self.bytes >= BATCH_BYTES
    }

    /// Gives the rows; none when there are none.
    ///
    /// # Errors
    /// When Arrow does not take them, which would be a mistake here.
    pub(crate) fn take(&mut self, place: &Place) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        let batch = arrays
            .and_then(|arrays| RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options))
            .map_err(|cause| place.internal(cause))?;
        Ok(Some(batch))
    }
}
