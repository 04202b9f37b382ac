//! The stream of an answer: our errors, our deadline, and an end that stops the work.
//!
//! Holds always:
//! - an answer that is larger than it may be ends with an error, and never looks complete;
//! - every error that leaves it is a [`crate::Error`] inside [`DataFusionError::External`];
//! - after an error, a cancellation or the deadline nothing runs any more, even when nobody polls: the watch drops the work;
//! - dropping it drops the work, the watch, and the query's place;
//! - while its reader pauses it may be without a place, and computes nothing then.
//!
//! Start reading at [`AnswerStream`].

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::ExecutionPlan;
use futures::Stream;
use parking_lot::Mutex;
use tracing::Span;

use crate::context::{QueryContext, Usage};
use crate::error::{Error, Failure, Kind, Result};
use crate::observe::record::Recorder;
use crate::plan::{Measured, spilled};
use crate::settings::Limits;

use super::seat::Seat;

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
    seat: Seat,
    recorder: Recorder,
    usage: Arc<Usage>,
    /// From the first to the last row.
    span: Span,
}

impl Running {
    pub(super) fn new(
        batches: SendableRecordBatchStream,
        plan: Arc<dyn ExecutionPlan>,
        seat: Seat,
        recorder: Recorder,
        usage: Arc<Usage>,
        span: Span,
    ) -> Self {
        Self { batches, plan, seat, recorder, usage, span }
    }
}

impl Drop for Running {
    /// Counts what the plan's nodes have counted, before the record of the query is handed in.
    fn drop(&mut self) {
        self.usage.add_rows(rows_of_scans(self.plan.as_ref()));
        self.usage.add_spilled(spilled(self.plan.as_ref()));
    }
}

/// What goes before the batches of the plan.
#[derive(Debug, Default)]
pub(crate) enum Head {
    /// Nothing.
    #[default]
    None,
    /// This batch.
    Ready(RecordBatch),
    /// What is measured when the statement has run: the plan's first batch is its last word.
    Measured(Measured),
}

/// How large an answer may be, and how large it is so far.
#[derive(Debug, Default)]
pub(crate) struct ResultLimits {
    rows: Option<u64>,
    bytes: Option<u64>,
    rows_given: u64,
    bytes_given: u64,
}

impl ResultLimits {
    /// As the settings say.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { rows: limits.result_rows, bytes: limits.result_bytes.map(|bytes| bytes.0), ..Self::default() }
    }

    /// Takes one more batch.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when the answer is larger with it than it may be.
    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows_given += batch.num_rows() as u64;
        if let Some(limit) = self.rows.filter(|limit| self.rows_given > *limit) {
            return Err(too_large(&format!("{limit} rows"), "limits.result_rows"));
        }
        if let Some(limit) = self.bytes {
            self.bytes_given += bytes_of(batch);
            if self.bytes_given > limit {
                return Err(too_large(&crate::usage::told(limit), "limits.result_bytes"));
            }
        }
        Ok(())
    }
}

/// Bytes of a batch as its columns lie in memory, without what its buffers hold for others.
pub(crate) fn bytes_of(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(bytes_of_column).sum::<usize>() as u64
}

fn bytes_of_column(column: &ArrayRef) -> usize {
    let own = column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size());
    // The words that views point at are not in the sizes of their arrays.
    own + match column.data_type() {
        DataType::Utf8View => column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    }
}

fn too_large(limit: &str, setting: &str) -> Error {
    Failure::Exhausted {
        message: format!("the answer holds more than {limit}, the limit of {setting}"),
        hint: Some(
            "Select less: add a filter, an aggregate or a LIMIT; what came before this error is not the whole answer."
                .to_owned(),
        ),
    }
    .into()
}

/// The batches of one answer.
pub(super) struct AnswerStream {
    schema: SchemaRef,
    head: Head,
    /// A batch that waits behind the head.
    next: Option<RecordBatch>,
    limits: ResultLimits,
    work: Arc<Mutex<Work>>,
    products: Arc<[String]>,
    _watch: SpawnedTask<()>,
}

impl AnswerStream {
    /// Wraps running work.
    ///
    /// - `head`: what goes first.
    /// - `pause`: between two looks at what the reader does; none: its place is never lent.
    /// - `products`: what the query reads, to name it when storage fails.
    pub(super) fn new(
        ctx: &QueryContext,
        pause: Option<Duration>,
        schema: SchemaRef,
        head: Head,
        limits: ResultLimits,
        running: Running,
        products: Arc<[String]>,
    ) -> Self {
        let work = Arc::new(Mutex::new(Work { running: Some(running), stopped: None, waker: None }));
        let watch = SpawnedTask::spawn(watch(ctx.clone(), pause, Arc::clone(&work)));
        Self { schema, head, next: None, limits, work, products, _watch: watch }
    }

    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let shared = Arc::clone(&self.work);
        let mut work = shared.lock();
        if let Some(error) = work.stopped.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(running) = &mut work.running else { return Poll::Ready(None) };
        let outcome = match running.poll_batch(&self.products, context) {
            Poll::Pending => {
                work.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(batch))) => self.take(batch, running).map(Some),
            Poll::Ready(Some(Err(error))) => Err(error),
            Poll::Ready(None) => Ok(None),
        };
        match &outcome {
            Ok(Some(_)) => return Poll::Ready(outcome.transpose()),
            Ok(None) => running.recorder.finished(),
            Err(error) => running.recorder.failed(error),
        }
        let done = work.running.take();
        // What ends is dropped without the lock.
        drop(work);
        drop(done);
        Poll::Ready(outcome.transpose())
    }

    /// A batch of the plan as it goes out: after what was measured, when that is asked for.
    fn take(&mut self, batch: RecordBatch, running: &mut Running) -> Result<RecordBatch> {
        self.limits.take(&batch)?;
        running.recorder.add_rows(batch.num_rows());
        let batch = conform(batch, &self.schema)?;
        let Head::Measured(measured) = std::mem::take(&mut self.head) else { return Ok(batch) };
        match measured.batch(&self.schema, running.plan.as_ref(), &running.usage)? {
            Some(head) => {
                self.next = Some(batch);
                Ok(head)
            }
            None => Ok(batch),
        }
    }
}

impl Running {
    /// The next batch of the plan, computed in the query's place.
    fn poll_batch(&mut self, products: &[String], context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if let Err(error) = std::task::ready!(self.seat.poll_taken(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        let _inside = self.span.enter();
        match std::task::ready!(Pin::new(&mut self.batches).poll_next(context)) {
            Some(Ok(batch)) => {
                self.seat.rests();
                Poll::Ready(Some(Ok(batch)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(self.fault(Error::from_datafusion(error, products))))),
            None => Poll::Ready(None),
        }
    }

    /// The error of a plan: that of the limit on what may be read, when it was reached and its error came back as another.
    fn fault(&self, error: Error) -> Error {
        match (error.kind(), self.usage.may_read()) {
            (Kind::Cancelled | Kind::TimedOut, _) | (_, Ok(())) => error,
            (_, Err(limit)) => limit,
        }
    }
}

/// Waits for cancellation or the deadline, then stops the work even when nobody polls it; meanwhile looks at the reader.
async fn watch(ctx: QueryContext, pause: Option<Duration>, work: Arc<Mutex<Work>>) {
    let ended: Result<()> = ctx.bounded(look_after(pause, &work)).await;
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

/// Looks at the reader again and again, so that its place is lent while it pauses; never ends.
async fn look_after(pause: Option<Duration>, work: &Mutex<Work>) -> Result<()> {
    let Some(pause) = pause else { return std::future::pending().await };
    loop {
        tokio::time::sleep(pause).await;
        // Whoever holds the lock computes: then the reader does not pause.
        let lent = work.try_lock().and_then(|mut work| work.running.as_mut()?.seat.look());
        if let Some(taken) = lent {
            taken.notified().await;
        }
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
        if let Some(batch) = self.next.take() {
            return Poll::Ready(Some(Ok(batch)));
        }
        match std::mem::take(&mut self.head) {
            Head::Ready(head) => return Poll::Ready(Some(Ok(head))),
            later => self.head = later,
        }
        self.next(context).map(|item| item.map(|batch| batch.map_err(DataFusionError::from)))
    }
}

impl RecordBatchStream for AnswerStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn a_column_has_the_bytes_of_its_own_rows() {
        let long = "a text that is longer than a view can hold by itself";
        let rows = || [Some(long), None, Some("short")];
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
        assert_eq!(bytes_of_column(&numbers.slice(10, 5)), 40, "a slice is not its buffer");
        let text: ArrayRef = Arc::new(StringArray::from_iter(rows()));
        assert!((long.len() + 5..200).contains(&bytes_of_column(&text)), "{}", bytes_of_column(&text));
        let views: ArrayRef = Arc::new(StringViewArray::from_iter(rows()));
        assert!((long.len() + 3 * 16..200).contains(&bytes_of_column(&views)), "{}", bytes_of_column(&views));
    }
}
