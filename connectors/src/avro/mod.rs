//! Avro files as a table.
//!
//! A file tells its own columns. Promised columns are found in them by name; a stored type must keep the promised one, as with
//! Parquet files. A nullable column that a file lacks is null.
//!
//! Start reading at [`connector`].

mod blocks;
mod header;
mod number;
mod packing;
mod uuid;

use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::arrow_avro::reader::{Reader, ReaderBuilder};
use datafusion::physical_expr_adapter::{BatchAdapter, BatchAdapterFactory};
use meshweave_engine::settings::Limits;
use meshweave_engine::{Error, Result};

use self::blocks::{Blocks, Learnt};
use crate::common::from_datafusion;
use crate::common::kind::Kind;
use crate::rows::RowFiles;
use crate::rows::format::{Look, RowFormat, Rows, Wanted};
use crate::rows::input::Input;
use crate::rows::place::Place;
use crate::rows::watch::Watch;

/// What Avro files are called, and how they are named.
const KIND: Kind = Kind { word: "avro", people: "Avro", endings: &[".avro"], may_be_packed: false };

/// The connector for Avro files.
pub fn connector(limits: &Limits) -> RowFiles {
    RowFiles::new(Arc::new(Avro), limits)
}

#[derive(Debug)]
struct Avro;

impl RowFormat for Avro {
    fn kind(&self) -> &Kind {
        &KIND
    }

    fn can_hold(&self, _file_schema: &Schema) -> std::result::Result<(), String> {
        Ok(())
    }

    fn rows(&self, input: Input, wanted: Wanted) -> Result<Box<dyn Rows>> {
        let place = input.place().clone();
        let (header, blocks) = Blocks::open(input, wanted.rules.block_bytes)?;
        let learnt = blocks.learnt();
        let unreadable = |error: ArrowError| unreadable(&place, &learnt, &error);
        let stored = ReaderBuilder::new().build(header.as_slice()).map_err(unreadable)?.schema();
        let told = uuid::as_text(&stored);
        wanted.watch.stored(&place, &told)?;

        let promised = wanted.schema();
        let columns: Vec<usize> = (0..stored.fields().len())
            .filter(|i| promised.fields().iter().any(|field| field.name() == stored.field(*i).name()))
            .collect();
        let bytes: Box<dyn Read> = Box::new(Cursor::new(header).chain(blocks));
        // A reader of no columns would not tell how many rows there are.
        let columns = if columns.is_empty() { vec![0] } else { columns };
        let builder = ReaderBuilder::new().with_batch_size(wanted.batch_rows.max(1));
        let builder = if stored.fields().is_empty() { builder } else { builder.with_projection(columns) };
        let reader = builder.build(BufReader::new(bytes)).map_err(unreadable)?;
        let adapter = BatchAdapterFactory::new(nullable(&promised))
            .make_adapter(&uuid::as_text(&reader.schema()))
            .map_err(|error| from_datafusion("rows of an Avro file could not be adapted", error))?;
        Ok(Box::new(AvroRows { reader, learnt, place, adapter, promised, watch: wanted.watch, rows: 0 }))
    }

    fn look(&self, input: Input, look: &Look) -> Result<Schema> {
        let place = input.place().clone();
        let (header, blocks) = Blocks::open(input, look.rules.block_bytes)?;
        let reader = ReaderBuilder::new().build(header.as_slice());
        let schema = reader.map_err(|error| unreadable(&place, &blocks.learnt(), &error))?.schema();
        Ok(uuid::as_text(&schema).as_ref().clone())
    }
}

fn unreadable(place: &Place, learnt: &Learnt, error: &ArrowError) -> Error {
    learnt.error().unwrap_or_else(|| place.broken(&format!("is no readable Avro file: {error}")))
}

/// The same columns, each allowed to be null: nulls are looked for before the columns get their promise.
fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The rows of one file.
struct AvroRows {
    reader: Reader<BufReader<Box<dyn Read>>>,
    learnt: Learnt,
    place: Place,
    adapter: BatchAdapter,
    promised: SchemaRef,
    watch: Arc<Watch>,
    rows: u64,
}

impl Rows for AvroRows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next() else { return self.end() };
        let batch = batch.map_err(|error| unreadable(&self.place, &self.learnt, &error))?;
        let batch = uuid::to_text(&batch).map_err(|error| self.place.internal(error))?;
        let adapted = self.adapter.adapt_batch(&batch);
        let adapted = adapted.map_err(|error| from_datafusion("rows of an Avro file could not be adapted", error))?;
        self.no_broken_null(&adapted)?;
        self.rows += adapted.num_rows() as u64;
        let options = RecordBatchOptions::new().with_row_count(Some(adapted.num_rows()));
        let promised =
            RecordBatch::try_new_with_options(Arc::clone(&self.promised), adapted.columns().to_vec(), &options);
        Ok(Some(promised.map_err(|error| self.place.internal(error))?))
    }
}

impl AvroRows {
    fn no_broken_null(&self, batch: &RecordBatch) -> Result<()> {
        for (field, column) in self.promised.fields().iter().zip(batch.columns()) {
            if field.is_nullable() || column.null_count() == 0 {
                continue;
            }
            let first = (0..column.len()).find(|row| column.is_null(*row)).unwrap_or(0) as u64;
            self.watch.value_is_refused(field, None);
            let what = format!("column \"{}\" is null, which it may not be", field.name());
            return Err(self.place.broken_row(self.rows + first + 1, &what));
        }
        Ok(())
    }

    /// The reader has no more rows; that is right only at the end of the file, with all rows that the blocks announced.
    fn end(&self) -> Result<Option<RecordBatch>> {
        if let Some(error) = self.learnt.error() {
            return Err(error);
        }
        match self.learnt.whole() {
            Some(rows) if rows == self.rows => Ok(None),
            Some(rows) => Err(self.place.broken(&format!("announces {rows} rows and holds {}", self.rows))),
            None => Err(self.place.broken("was not read to its end")),
        }
    }
}
