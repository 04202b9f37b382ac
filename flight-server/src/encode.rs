//! Record batches as Flight messages of a bounded size.
//!
//! In: batches with the wire schema. Out: messages whose encoded size was measured, never guessed.
//! Holds always:
//! - no message is larger than the limit: a batch is halved until it fits, and one row that does not fit is an error that
//!   names its largest column;
//! - rows keep their order, and none is lost or repeated;
//! - one message is made at a time, when it is asked for: what waits here are rows, not their encoding.
//!
//! Start reading at [`Encoder::next_message`].

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_flight::{FlightData, SchemaAsIpc};
use prost::Message;

use crate::status::{Fault, Outcome};
use crate::wire::compact;

/// Encodes the messages of one stream.
pub(crate) struct Encoder {
    options: IpcWriteOptions,
    tracker: DictionaryTracker,
    scratch: IpcWriteContext,
    /// Messages are cut to about this size, bytes.
    target: usize,
    /// No message is larger, bytes.
    limit: usize,
    /// Rows that are to be sent; the last ones first.
    waiting: Vec<RecordBatch>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("target", &self.target).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder for messages of about `target` and at most `limit` bytes.
    pub(crate) fn new((target, limit): (usize, usize)) -> Self {
        Self {
            options: IpcWriteOptions::default(),
            tracker: DictionaryTracker::new(false),
            scratch: IpcWriteContext::default(),
            target: target.clamp(1, limit),
            limit,
            waiting: Vec::new(),
        }
    }

    /// The first message of every stream.
    pub(crate) fn schema(&self, schema: &Schema) -> FlightData {
        SchemaAsIpc::new(schema, &self.options).into()
    }

    /// Takes the rows of one batch; they are sent after those that were taken before.
    pub(crate) fn take(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows();
        let parts = estimated_bytes(batch).div_ceil(self.target).max(1);
        let step = rows.div_ceil(parts).max(1);
        let parts = (0..rows).step_by(step).map(|start| batch.slice(start, step.min(rows - start)));
        let parts: Vec<RecordBatch> = parts.collect();
        self.waiting.splice(0..0, parts.into_iter().rev());
    }

    /// The next message; none when every row was sent.
    ///
    /// # Errors
    /// A single row is larger than the limit.
    pub(crate) fn next_message(&mut self) -> Outcome<Option<FlightData>> {
        while let Some(part) = self.waiting.pop() {
            let message = self.message(&part)?;
            if message.encoded_len() <= self.limit {
                return Ok(Some(message));
            }
            drop(message);
            let rows = part.num_rows();
            if rows <= 1 {
                return Err(self.too_large(&part));
            }
            // Halved until it fits: the first half is the next to be sent.
            self.waiting.push(part.slice(rows / 2, rows - rows / 2));
            self.waiting.push(part.slice(0, rows / 2));
        }
        Ok(None)
    }

    /// Bytes that a message is cut to, about.
    pub(crate) fn target(&self) -> usize {
        self.target
    }

    /// Bytes of the largest message.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// One message with exactly these rows.
    fn message(&mut self, batch: &RecordBatch) -> Outcome<FlightData> {
        let encoded = compacted(batch).and_then(|batch| {
            IpcDataGenerator::default().encode(&batch, &mut self.tracker, &self.options, &mut self.scratch)
        });
        match encoded {
            Ok((dictionaries, message)) if dictionaries.is_empty() => Ok(message.into()),
            Ok(_) => Err(Fault::internal("encoding rows", &"a dictionary reached the wire")),
            Err(error) => Err(Fault::internal("encoding rows", &error)),
        }
    }

    /// The error for one row that no message can hold; names the column that makes it so.
    fn too_large(&mut self, row: &RecordBatch) -> Fault {
        let limit = self.limit;
        let sizes = (0..row.num_columns()).filter_map(|column| {
            let one = row.project(&[column]).ok()?;
            Some((self.message(&one).ok()?.encoded_len(), column))
        });
        match sizes.max() {
            Some((bytes, column)) => Fault::exhausted(format!(
                "one value of column \"{}\" takes {bytes} bytes, and a message may take {limit}",
                row.schema_ref().field(column).name()
            )),
            None => Fault::exhausted(format!("one row takes more than the {limit} bytes that a message may take")),
        }
        .hint("Ask for larger messages with the header `x-meshweave-max-message-bytes`, or for a part of the value.")
    }
}

/// Encoded size of the rows that a batch shows, about; views and shared buffers may make the true size larger.
fn estimated_bytes(batch: &RecordBatch) -> usize {
    let of = |column: &arrow::array::ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size())
    };
    batch.columns().iter().map(of).sum()
}

fn compacted(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(compact).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(batch.schema_ref()), columns, &options)
}

#[cfg(test)]
mod tests;
