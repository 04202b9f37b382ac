//! From a physical plan to a stream of batches, within the limits of the process.
//!
//! In: a planned statement. Out: an [`Answer`]. Holds always:
//! - nothing runs before it was admitted, and the place is free again when the stream ends or is dropped;
//! - what would read more than a statement may, as far as planning knows, is not admitted;
//! - memory and spill space have one limit for all queries; stores and caches are never shared by path;
//! - no task outlives the stream it works for.
//!
//! Start reading at [`Executor`].

pub(crate) mod admission;
mod cooperative;
mod counted;
mod in_lists;
mod memory;
mod rewrites;
mod seat;
pub(crate) mod session;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use tracing::{Instrument as _, Span};

use crate::context::QueryContext;
use crate::engine::Answer;
use crate::error::{Error, Result};
use crate::observe::record::Recorder;
use crate::plan::Ground;
use crate::settings::Settings;
use crate::temp::Change;
use crate::version::VersionVector;
use admission::{Admission, Place};
pub(crate) use counted::counted;
use seat::Seat;
use session::Template;
use stream::{AnswerStream, Running};
pub(crate) use stream::{Head, ResultLimits, bytes_of};

/// Runs physical plans: in this process, or on many machines.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Starts a plan; dropping the stream must stop all of its work.
    ///
    /// # Errors
    /// What the plan says when it starts.
    fn execute(&self, plan: Arc<dyn ExecutionPlan>, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream>;
}

/// Runs plans in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalExecutor;

impl Executor for LocalExecutor {
    fn execute(&self, plan: Arc<dyn ExecutionPlan>, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(execute_stream(plan, task)?)
    }
}

/// The shortest time between two looks at what a reader does.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// What all queries of a process share.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) template: Template,
    pub(crate) admission: Admission,
    /// Between two looks at what a reader does; none: places are not lent.
    reader_pause: Option<Duration>,
    executor: Arc<dyn Executor>,
}

impl Runtime {
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] when the spill folder cannot be used.
    pub(crate) fn new(settings: &Settings, executor: Arc<dyn Executor>) -> Result<Self> {
        let limits = &settings.limits;
        let reader_pause = (limits.paused_queries > 0).then(|| limits.reader_pause.0.max(SHORTEST_PAUSE));
        Ok(Self { template: Template::new(limits)?, admission: Admission::new(limits), reader_pause, executor })
    }
}

/// A plan that is ready to run.
pub(crate) struct Runnable {
    pub(crate) ctx: QueryContext,
    pub(crate) schema: SchemaRef,
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    pub(crate) task: Arc<TaskContext>,
    pub(crate) versions: VersionVector,
    /// What goes before the plan's batches: the first rows of `EXPLAIN`.
    pub(crate) head: Head,
    /// Bytes that the scans will read at most.
    pub(crate) scan_bytes: u64,
    /// How large the answer may be.
    pub(crate) limits: ResultLimits,
    /// The products that are read, for errors of storage.
    pub(crate) products: Arc<[String]>,
    /// What is done with the rows, instead of giving them.
    pub(crate) change: Option<Change>,
    /// What it stands on; none: it is run at once or not at all.
    pub(crate) ground: Option<Ground>,
}

/// Waits for a place and starts the work.
///
/// # Errors
/// [`crate::Failure::Exhausted`] when too many queries wait; cancellation and deadline of the context.
pub(crate) async fn run(runtime: &Runtime, runnable: Runnable, mut recorder: Recorder) -> Result<Answer> {
    recorder.runs(&runnable.versions);
    let span = recorder.span().clone();
    let (place, batches) = match start(runtime, &runnable, &mut recorder, &span).await {
        Ok(started) => started,
        Err(error) => {
            recorder.failed(&error);
            return Err(error);
        }
    };
    let Runnable { ctx, schema, plan, versions, head, limits, products, .. } = runnable;
    let usage = Arc::clone(&ctx.usage);
    let execution = tracing::info_span!(parent: &span, "execute");
    let seat = Seat::new(runtime.admission.clone(), ctx.clone(), place);
    let running = Running::new(batches, plan, seat, recorder, Arc::clone(&usage), execution);
    let stream = AnswerStream::new(&ctx, runtime.reader_pause, Arc::clone(&schema), head, limits, running, products);
    Ok(Answer { schema, stream: Box::pin(stream), versions, usage, context: ctx })
}

async fn start(
    runtime: &Runtime,
    runnable: &Runnable,
    recorder: &mut Recorder,
    span: &Span,
) -> Result<(Place, SendableRecordBatchStream)> {
    runnable.ctx.usage.may_scan(runnable.scan_bytes)?;
    let arrived = Instant::now();
    let admission = tracing::info_span!(parent: span, "admission");
    let place = runtime.admission.enter(&runnable.ctx).instrument(admission).await?;
    recorder.admitted(arrived.elapsed());
    runnable.ctx.bounded(std::future::ready(Ok(()))).await?;
    let batches = runtime
        .executor
        .execute(Arc::clone(&runnable.plan), Arc::clone(&runnable.task))
        .map_err(|error| Error::from_datafusion(error.into(), &runnable.products))?;
    let batches = match &runnable.change {
        Some(change) => change.clone().carried_out(batches),
        None => batches,
    };
    Ok((place, batches))
}
