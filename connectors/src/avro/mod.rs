//! Avro files as a table.
//!
//! A file tells its own columns. Promised columns are found in them by name; a stored type must keep the promised one, as with
//! Parquet files. A nullable column that a file lacks is null.
//!
//! Start reading at [`connector`].

mod framing;
mod tee;
mod uuid;

use std::io::{BufReader, Read};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::arrow_avro::reader::{Reader, ReaderBuilder};
use datafusion::physical_expr_adapter::{BatchAdapter, BatchAdapterFactory};
use meshweave_engine::settings::Limits;
use meshweave_engine::types::logical_type;
use meshweave_engine::{Error, Result};

use self::tee::Tee;
use crate::common::from_datafusion;
use crate::common::kind::Kind;
use crate::common::types::keeps;
use crate::rows::RowFiles;
use crate::rows::format::{Look, RowFormat, Rows, Wanted};
use crate::rows::input::{Failures, Input};
use crate::rows::place::Place;

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
        let failures = input.failed();
        let unreadable = |error: ArrowError| unreadable(&place, &failures, &error);
        let tee = Tee::new(input);
        let stored = ReaderBuilder::new().build(BufReader::new(tee.clone())).map_err(unreadable)?.schema();
        let told = uuid::as_text(&stored);
        promise_is_kept(&wanted.rules.file_schema, &told, &place)?;

        let promised = wanted.schema();
        let columns: Vec<usize> = (0..stored.fields().len())
            .filter(|i| promised.fields().iter().any(|field| field.name() == stored.field(*i).name()))
            .collect();
        let bytes: Box<dyn Read> = Box::new(tee.again());
        // A reader of no columns would not tell how many rows there are.
        let columns = if columns.is_empty() { vec![0] } else { columns };
        let builder = ReaderBuilder::new().with_batch_size(wanted.batch_rows.max(1));
        let builder = if stored.fields().is_empty() { builder } else { builder.with_projection(columns) };
        let reader = builder.build(BufReader::new(bytes)).map_err(unreadable)?;
        let adapter = BatchAdapterFactory::new(nullable(&promised))
            .make_adapter(&uuid::as_text(&reader.schema()))
            .map_err(|error| from_datafusion("rows of an Avro file could not be adapted", error))?;
        Ok(Box::new(AvroRows { reader, tee, failures, place, adapter, promised, rows: 0 }))
    }

    fn look(&self, input: Input, _look: &Look) -> Result<Schema> {
        let place = input.place().clone();
        let failures = input.failed();
        let reader = ReaderBuilder::new().build(BufReader::new(input));
        let schema = reader.map_err(|error| unreadable(&place, &failures, &error))?.schema();
        Ok(uuid::as_text(&schema).as_ref().clone())
    }
}

fn unreadable(place: &Place, failures: &Failures, error: &ArrowError) -> Error {
    failures.get().unwrap_or_else(|| place.broken(&format!("is no readable Avro file: {error}")))
}

/// Checks the stored columns against the promised ones, whichever are wanted.
fn promise_is_kept(promised: &Schema, stored: &Schema, place: &Place) -> Result<()> {
    for field in promised.fields() {
        let (name, wanted) = (field.name(), logical_type(field.data_type()));
        match stored.field_with_name(name) {
            Ok(held) if keeps(field.data_type(), held.data_type()) => {}
            Ok(held) => {
                let held = logical_type(held.data_type());
                return Err(place.broken(&format!("holds column \"{name}\" as {held}, promised is {wanted}")));
            }
            Err(_) if field.is_nullable() => {}
            Err(_) => return Err(place.broken(&format!("lacks column \"{name}\" ({wanted}), which may not be null"))),
        }
    }
    Ok(())
}

/// The same columns, each allowed to be null: nulls are looked for before the columns get their promise.
fn nullable(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The rows of one file.
struct AvroRows {
    reader: Reader<BufReader<Box<dyn Read>>>,
    tee: Tee,
    failures: Failures,
    place: Place,
    adapter: BatchAdapter,
    promised: SchemaRef,
    rows: u64,
}

impl Rows for AvroRows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next() else { return self.end() };
        let batch = batch.map_err(|error| unreadable(&self.place, &self.failures, &error))?;
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
            let what = format!("column \"{}\" is null, which it may not be", field.name());
            return Err(self.place.broken_row(self.rows + first + 1, &what));
        }
        Ok(())
    }

    /// The reader has no more rows; that is right only at the end of a block, with all rows that the blocks announced.
    fn end(&self) -> Result<Option<RecordBatch>> {
        if let Some(error) = self.failures.get() {
            return Err(error);
        }
        match self.tee.whole() {
            Some(rows) if rows == self.rows => Ok(None),
            Some(rows) => Err(self.place.broken(&format!("announces {rows} rows and holds {}", self.rows))),
            None => Err(self.place.broken("is cut within a block")),
        }
    }
}
