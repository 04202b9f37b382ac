//! Record batches as CSV, JSON, NDJSON, Parquet or Arrow, written batch by batch as they come.
//!
//! Holds always: an answer without rows is a whole file too: a header, `[]`, a schema.
//!
//! Start reading at [`Records`].

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::json;
use arrow::json::writer::{EncoderOptions, JsonArray, LineDelimited, make_encoder};
use meshweave_engine::Error;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::sink::{Sink, Trouble};
use crate::args::Format;
use crate::failure::{Fault, Outcome};

/// Bytes of encoded rows that a Parquet row group may hold in memory before it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A writer of record batches in one format.
#[derive(Debug)]
pub(crate) struct Records {
    encoder: Encoder,
    format: &'static str,
    trouble: Trouble,
}

enum Encoder {
    Csv(csv::Writer<Sink>, SchemaRef),
    Json(json::Writer<Sink, JsonArray>),
    Ndjson(json::Writer<Sink, LineDelimited>),
    Parquet(Box<ArrowWriter<Sink>>),
    File(FileWriter<Sink>),
    Stream(StreamWriter<Sink>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Records {
    /// Starts an answer with the columns of `schema`.
    ///
    /// - `format`: any but [`Format::Table`], which is written as CSV here.
    ///
    /// # Errors
    /// A column whose type the format cannot hold; a sink that cannot be written.
    pub(crate) fn open(format: Format, schema: &SchemaRef, sink: Sink) -> Outcome<Self> {
        let trouble = sink.trouble();
        let (word, encoder) = match format {
            Format::Table | Format::Csv => ("csv", open_csv(schema, sink)),
            Format::Json => ("json", Ok(Encoder::Json(json_builder().build(sink)))),
            Format::Ndjson => ("ndjson", Ok(Encoder::Ndjson(json_builder().build(sink)))),
            Format::Parquet => ("parquet", open_parquet(schema, sink)),
            Format::Arrow if sink.is_file() => ("arrow", FileWriter::try_new(sink, schema).map(Encoder::File)),
            Format::Arrow => ("arrow", StreamWriter::try_new(sink, schema).map(Encoder::Stream)),
        };
        let encoder = encoder.map_err(|error| not_written(word, &trouble, &error))?;
        Ok(Self { encoder, format: word, trouble })
    }

    /// Writes one batch.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Outcome {
        let written = match &mut self.encoder {
            Encoder::Csv(writer, schema) => flat(batch, schema).and_then(|batch| writer.write(&batch)),
            Encoder::Json(writer) => writer.write(batch),
            Encoder::Ndjson(writer) => writer.write(batch),
            Encoder::Parquet(writer) => write_parquet(writer, batch).map_err(ArrowError::from),
            Encoder::File(writer) => writer.write(batch),
            Encoder::Stream(writer) => writer.write(batch),
        };
        written.map_err(|error| not_written(self.format, &self.trouble, &error))
    }

    /// Ends the answer; a file takes its name now.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn finish(self) -> Outcome {
        let Self { encoder, format, trouble } = self;
        let sink = match encoder {
            Encoder::Csv(writer, _) => Ok(writer.into_inner()),
            Encoder::Json(mut writer) => writer.finish().and_then(|()| {
                let mut sink = writer.into_inner();
                sink.write_all(b"\n")?;
                Ok(sink)
            }),
            Encoder::Ndjson(mut writer) => writer.finish().map(|()| writer.into_inner()),
            Encoder::Parquet(writer) => writer.into_inner().map_err(ArrowError::from),
            Encoder::File(writer) => writer.into_inner(),
            Encoder::Stream(writer) => writer.into_inner(),
        };
        sink.map_err(|error| not_written(format, &trouble, &error))?.commit()
    }
}

fn json_builder() -> json::WriterBuilder {
    json::WriterBuilder::new().with_explicit_nulls(true)
}

/// Starts a CSV answer with its header, which must stand there even when no batch ever comes.
fn open_csv(schema: &SchemaRef, sink: Sink) -> Result<Encoder, ArrowError> {
    let flat_fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type().is_nested() {
            true => Field::new(field.name(), DataType::Utf8, true),
            false => field.as_ref().clone(),
        })
        .collect();
    let schema = Arc::new(Schema::new(flat_fields));
    let mut writer = csv::WriterBuilder::new().with_header(true).build(sink);
    writer.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
    Ok(Encoder::Csv(writer, schema))
}

/// The batch with nested columns as JSON text: CSV has no other way to hold them.
fn flat(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| match field.data_type().is_nested() {
            true => json_texts(field, column),
            false => Ok(Arc::clone(column)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Each value as JSON text; null stays null.
fn json_texts(field: &Arc<Field>, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, column.as_ref(), &options)?;
    let mut text = Vec::new();
    let mut texts = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        if encoder.is_null(row) {
            texts.push(None);
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        texts.push(Some(String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(Arc::new(StringArray::from(texts)))
}

fn open_parquet(schema: &SchemaRef, sink: Sink) -> Result<Encoder, ArrowError> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let writer = ArrowWriter::try_new(sink, Arc::clone(schema), Some(properties))?;
    Ok(Encoder::Parquet(Box::new(writer)))
}

/// Adds a batch, and ends the row group when it has grown to its size.
fn write_parquet(writer: &mut ArrowWriter<Sink>, batch: &RecordBatch) -> Result<(), ParquetError> {
    writer.write(batch)?;
    if writer.in_progress_size() >= ROW_GROUP_BYTES {
        writer.flush()?;
    }
    Ok(())
}

/// The sink's own error when it had one; else the format cannot hold this answer.
fn not_written(format: &str, trouble: &Trouble, error: &ArrowError) -> Fault {
    trouble.take().unwrap_or_else(|| {
        let message = format!("the answer cannot be written as {format}: {error}");
        let hint = "Choose another --output, or cast the column (`CAST(column AS VARCHAR)`).";
        Error::invalid_query_hint(message, hint).into()
    })
}

#[cfg(test)]
mod tests;
