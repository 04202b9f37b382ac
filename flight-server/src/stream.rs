//! The messages of one answer, computed as the client reads them.
//!
//! Holds always:
//! - one batch at a time, one message under way and one that waits: the next is computed when there is room, so that a client that
//!   reads slowly holds no more than that, and it is counted in the memory of all queries;
//! - dropping the stream drops the answer, and that stops the work down to the storage;
//! - the deadline holds for the whole stream, not for its first message only.
//!
//! Start reading at [`messages`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::FlightData;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use futures::stream::{self, BoxStream, StreamExt};
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Answer, Error, Parameters, QueryContext, Statement};
use tonic::Status;

use crate::backend::Backend;
use crate::encode::Encoder;
use crate::metadata::Batches;
use crate::running::Inside;
use crate::status::Outcome;
use crate::wire::WireSchema;

/// What DoGet gives.
pub(crate) type Messages = BoxStream<'static, Result<FlightData, Status>>;

/// One answer: a run per parameter row, one after the other.
pub(crate) struct Run {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) ctx: QueryContext,
    pub(crate) sql: String,
    /// Parameter rows that were not started yet.
    pub(crate) waiting: VecDeque<Parameters>,
    /// The versions that every run reads.
    pub(crate) pins: VersionVector,
    pub(crate) wire: WireSchema,
    pub(crate) encoder: Encoder,
    /// The answer being read.
    pub(crate) current: Option<Answer>,
    /// Counts the rows that wait for their reader.
    pub(crate) memory: Option<MemoryReservation>,
    /// Its place among the answers that run.
    pub(crate) _inside: Inside,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("query_id", &self.ctx.query_id).finish_non_exhaustive()
    }
}

/// The schema message, then the rows.
pub(crate) fn messages(run: Run) -> Messages {
    let first = run.encoder.schema(run.wire.schema());
    let next = |state: Option<Run>| async move {
        let mut run = state?;
        match run.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(run))),
            Ok(None) => None,
            Err(fault) => Some((Err(fault.of(run.ctx.query_id).into_status()), None)),
        }
    };
    stream::iter([Ok(first)]).chain(stream::unfold(Some(run), next)).boxed()
}

/// The messages of batches that need no query.
pub(crate) fn ready(schema: &Schema, batches: Batches, encoder: Encoder) -> Messages {
    let first = encoder.schema(schema);
    let next = |state: Option<(Encoder, Batches)>| async move {
        let (mut encoder, mut batches) = state?;
        match next_of(&mut encoder, &mut batches) {
            Ok(message) => message.map(|message| (Ok(message), Some((encoder, batches)))),
            Err(fault) => Some((Err(fault.into_status()), None)),
        }
    };
    stream::iter([Ok(first)]).chain(stream::unfold(Some((encoder, batches)), next)).boxed()
}

/// The next message; none at the end.
fn next_of(encoder: &mut Encoder, batches: &mut Batches) -> Outcome<Option<FlightData>> {
    loop {
        if let Some(message) = encoder.next_message()? {
            return Ok(Some(message));
        }
        match batches.next() {
            Some(batch) => encoder.take(&batch?),
            None => return Ok(None),
        }
    }
}

impl Run {
    /// The next message; none at the end.
    async fn next(&mut self) -> Outcome<Option<FlightData>> {
        loop {
            // A reader that comes late finds out that the time is over, whatever waits for it.
            self.ctx.bounded(std::future::ready(Ok(()))).await?;
            if let Some(message) = self.encoder.next_message()? {
                return Ok(Some(message));
            }
            self.holds(0)?;
            let Some(answer) = &mut self.current else {
                let Some(parameters) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                let statement = Statement { sql: self.sql.clone(), parameters };
                self.current = Some(start(self.backend.as_ref(), &self.ctx, &statement, &self.pins).await?);
                continue;
            };
            match next_batch(&self.ctx, &mut answer.stream).await? {
                Some(batch) => {
                    let batch = self.wire.batch(&batch)?;
                    let bytes = batch.get_array_memory_size();
                    let messages = bytes.min(self.encoder.limit()) + bytes.min(self.encoder.target());
                    self.holds(bytes.saturating_add(messages))?;
                    self.encoder.take(&batch);
                }
                None => self.current = None,
            }
        }
    }

    /// So many bytes wait for the reader: rows, and two messages of them.
    fn holds(&self, bytes: usize) -> Outcome<()> {
        match &self.memory {
            Some(memory) => memory.try_resize(bytes).map_err(|error| Error::from(error).into()),
            None => Ok(()),
        }
    }
}

/// Plans again, with the same versions, and starts: what the policy says now counts.
async fn start(
    backend: &dyn Backend,
    ctx: &QueryContext,
    statement: &Statement,
    pins: &VersionVector,
) -> Outcome<Answer> {
    let work = async { backend.plan(ctx, statement, Some(pins)).await?.run().await };
    Ok(ctx.bounded(work).await?)
}

/// The next batch, as long as the query may run.
async fn next_batch(ctx: &QueryContext, stream: &mut SendableRecordBatchStream) -> Outcome<Option<RecordBatch>> {
    let next = async { stream.next().await.transpose().map_err(Error::from) };
    Ok(ctx.bounded(next).await?)
}
