//! Rows that a client sends, decoded with care: they are the one thing that comes in as it lies in memory.
//!
//! In: the messages of a DoPut. Out: record batches, or a fault that says that they cannot be read.
//! Holds always:
//! - no message makes this process read past a body, or reserve more than was sent: bodies are not unpacked, buffers lie inside them;
//! - what the decoder does not expect ends the call and nothing else.
//!
//! Start reading at [`SentRows`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::{Message, RecordBatch as Rows, root_as_message};
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::{Stream, StreamExt, TryStreamExt, future, ready};
use tonic::Status;

use crate::status::{Fault, Outcome};

/// The rows of one call.
pub(crate) struct SentRows {
    /// None after the end, or after a fault.
    rows: Option<FlightRecordBatchStream>,
    schema: Option<SchemaRef>,
}

impl SentRows {
    /// - `messages`: from the first on; those that only carry the command are passed over.
    pub(crate) fn new(messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static) -> Self {
        let says_something = |message: &FlightData| !message.data_header.is_empty() || !message.data_body.is_empty();
        let messages = messages
            .try_filter(move |message| future::ready(says_something(message)))
            .map(|message| checked(message.map_err(FlightError::from)?));
        Self { rows: Some(FlightRecordBatchStream::new_from_flight_data(messages)), schema: None }
    }

    /// The columns, when they have come; they stay known after the end.
    pub(crate) fn schema(&self) -> Option<SchemaRef> {
        self.schema.clone()
    }
}

impl Stream for SentRows {
    type Item = Outcome<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(rows) = &mut self.rows else { return Poll::Ready(None) };
        // What panicked is not polled again: it is dropped below.
        let polled = catch_unwind(AssertUnwindSafe(|| rows.poll_next_unpin(context)));
        let schema = rows.schema().cloned();
        let next = match polled {
            Ok(polled) => ready!(polled),
            Err(_) => Some(Err(FlightError::DecodeError("they are not as their columns say".to_owned()))),
        };
        if schema.is_some() {
            self.schema = schema;
        }
        match next {
            Some(Ok(batch)) => Poll::Ready(Some(Ok(batch))),
            Some(Err(error)) => {
                self.rows = None;
                Poll::Ready(Some(Err(wrong(&error))))
            }
            None => {
                self.rows = None;
                Poll::Ready(None)
            }
        }
    }
}

/// A message whose buffers lie inside its body.
fn checked(message: FlightData) -> Result<FlightData, FlightError> {
    let refused = |why: &str| Err(FlightError::DecodeError(why.to_owned()));
    // What is no message at all is refused by the decoder.
    let Ok(header) = root_as_message(&message.data_header) else { return Ok(message) };
    let Some(rows) = rows_of(&header) else { return Ok(message) };
    if rows.compression().is_some() {
        return refused("compressed rows are not taken");
    }
    let body = message.data_body.len();
    let inside = |offset: i64, length: i64| {
        let (offset, length) = (usize::try_from(offset).ok(), usize::try_from(length).ok());
        offset.zip(length).and_then(|(offset, length)| offset.checked_add(length)).is_some_and(|end| end <= body)
    };
    if !rows.buffers().into_iter().flatten().all(|buffer| inside(buffer.offset(), buffer.length())) {
        return refused("a column lies outside of what was sent");
    }
    Ok(message)
}

/// The rows of a message, those of a dictionary too.
fn rows_of<'a>(header: &Message<'a>) -> Option<Rows<'a>> {
    header.header_as_record_batch().or_else(|| header.header_as_dictionary_batch()?.data())
}

/// The fault of rows that broke off or cannot be read.
fn wrong(error: &FlightError) -> Fault {
    match error {
        FlightError::Tonic(status) => Fault::invalid(format!("the sent rows broke off: {}", status.message())),
        other => Fault::invalid(format!("the sent rows cannot be read: {}", first_line(&other.to_string()))),
    }
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}
