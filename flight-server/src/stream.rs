//! The messages of one answer, computed as the client reads them.
//!
//! Holds always:
//! - one batch at a time: the next is computed when the messages of the last are gone;
//! - dropping the stream drops the answer, and that stops the work down to the storage;
//! - the deadline holds for the whole stream, not for its first message only.
//!
//! Start reading at [`messages`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use datafusion::execution::SendableRecordBatchStream;
use futures::stream::{self, BoxStream, StreamExt};
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Answer, Error, Parameters, QueryContext, Statement};
use tonic::Status;

use crate::backend::Backend;
use crate::encode::Encoder;
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
    /// Messages not sent yet: those of one batch.
    pub(crate) queue: VecDeque<FlightData>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("query_id", &self.ctx.query_id).finish_non_exhaustive()
    }
}

/// The schema message, then the rows.
pub(crate) fn messages(mut run: Run) -> Messages {
    run.queue.push_back(run.encoder.schema(run.wire.schema()));
    let next = |state: Option<Run>| async move {
        let mut run = state?;
        match run.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(run))),
            Ok(None) => None,
            Err(fault) => Some((Err(fault.of(run.ctx.query_id).into_status()), None)),
        }
    };
    stream::unfold(Some(run), next).boxed()
}

/// The messages of a batch that is there already.
pub(crate) fn ready(batch: &RecordBatch, mut encoder: Encoder) -> Outcome<Messages> {
    let mut queue = VecDeque::from([encoder.schema(batch.schema_ref())]);
    encoder.encode(batch, &mut queue)?;
    Ok(stream::iter(queue.into_iter().map(Ok)).boxed())
}

impl Run {
    /// The next message; none at the end.
    async fn next(&mut self) -> Outcome<Option<FlightData>> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Ok(Some(message));
            }
            let Some(answer) = &mut self.current else {
                let Some(parameters) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                let statement = Statement { sql: self.sql.clone(), parameters };
                self.current = Some(start(self.backend.as_ref(), &self.ctx, &statement, &self.pins).await?);
                continue;
            };
            match next_batch(&self.ctx, &mut answer.stream).await? {
                Some(batch) => self.encoder.encode(&self.wire.batch(&batch)?, &mut self.queue)?,
                None => self.current = None,
            }
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
