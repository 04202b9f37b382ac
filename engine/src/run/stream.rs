//! The stream of an answer: our errors, our deadline, and an end that stops the work.
//!
//! Holds always:
//! - every error that leaves it is a [`crate::Error`] inside [`DataFusionError::External`];
//! - after an error, a cancellation or the deadline nothing runs any more, even when nobody polls: the watch drops the work;
//! - dropping it drops the work, the watch, and the query's place.
//!
//! Start reading at [`AnswerStream`].

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::ExecutionPlan;
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

use crate::context::{QueryContext, Usage};
use crate::error::{Error, Result};
use crate::observe::record::Recorder;

/// What runs, shared by the stream and its watch.
struct Work {
    /// None once it has ended or was stopped.
    running: Option<Running>,
    /// Why it was stopped; told once.
    stopped: Option<Error>,
    waker: Option<Waker>,
}

/// The batches, and what they hold on to.
pub(super) struct Running {
    batches: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    _place: OwnedSemaphorePermit,
    recorder: Recorder,
    usage: Arc<Usage>,
    /// From the first to the last row.
    span: Span,
}

impl Running {
    pub(super) fn new(
        batches: SendableRecordBatchStream,
        plan: Arc<dyn ExecutionPlan>,
        place: OwnedSemaphorePermit,
        recorder: Recorder,
        usage: Arc<Usage>,
        span: Span,
    ) -> Self {
        Self { batches, plan, _place: place, recorder, usage, span }
    }
}

impl Drop for Running {
    /// Counts the rows that the scans produced, before the record of the query is handed in.
    fn drop(&mut self) {
        self.usage.add_rows(rows_of_scans(self.plan.as_ref()));
    }
}

/// The batches of one answer.
pub(super) struct AnswerStream {
    schema: SchemaRef,
    head: Option<RecordBatch>,
    work: Arc<Mutex<Work>>,
    products: Arc<[String]>,
    _watch: SpawnedTask<()>,
}

impl AnswerStream {
    /// Wraps running work.
    ///
    /// - `head`: a batch that goes first.
    /// - `products`: what the query reads, to name it when storage fails.
    pub(super) fn new(
        ctx: &QueryContext,
        schema: SchemaRef,
        head: Option<RecordBatch>,
        running: Running,
        products: Arc<[String]>,
    ) -> Self {
        let work = Arc::new(Mutex::new(Work { running: Some(running), stopped: None, waker: None }));
        let watch = SpawnedTask::spawn(watch(ctx.clone(), Arc::clone(&work)));
        Self { schema, head, work, products, _watch: watch }
    }

    fn next(&self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let mut work = self.work.lock();
        if let Some(error) = work.stopped.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(running) = &mut work.running else { return Poll::Ready(None) };
        let polled = {
            let _inside = running.span.enter();
            Pin::new(&mut running.batches).poll_next(context)
        };
        match polled {
            Poll::Pending => {
                work.waker = Some(context.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Some(Ok(batch))) => {
                running.recorder.add_rows(batch.num_rows());
                Poll::Ready(Some(conform(batch, &self.schema)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = Error::from_datafusion(error, &self.products);
                running.recorder.failed(&error);
                let done = work.running.take();
                // What ends is dropped without the lock.
                drop(work);
                drop(done);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                running.recorder.finished();
                let done = work.running.take();
                drop(work);
                drop(done);
                Poll::Ready(None)
            }
        }
    }
}

/// Waits for cancellation or the deadline, then stops the work even when nobody polls it.
async fn watch(ctx: QueryContext, work: Arc<Mutex<Work>>) {
    let ended: Result<()> = ctx.bounded(std::future::pending()).await;
    let Err(error) = ended else { return };
    let (running, waker) = {
        let mut work = work.lock();
        let mut running = work.running.take();
        if let Some(running) = &mut running {
            running.recorder.failed(&error);
            work.stopped = Some(error);
        }
        (running, work.waker.take())
    };
    drop(running);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The batch under the answer's schema, which may differ in nullability and metadata only.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if Arc::ptr_eq(batch.schema_ref(), schema) || batch.schema_ref() == schema {
        return Ok(batch);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)
        .map_err(|error| Error::internal("a batch of the answer is not of the announced schema", error))
}

/// Rows that the leaves of a plan produced.
fn rows_of_scans(plan: &dyn ExecutionPlan) -> u64 {
    let children = plan.children();
    if children.is_empty() {
        let rows = plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0);
        return rows as u64;
    }
    children.into_iter().map(|child| rows_of_scans(child.as_ref())).sum()
}

impl Stream for AnswerStream {
    type Item = DfResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(head)));
        }
        self.next(context).map(|item| item.map(|batch| batch.map_err(DataFusionError::from)))
    }
}

impl RecordBatchStream for AnswerStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
