//! The engine's façade: one statement in, one answer out.
//!
//! Start reading at [`Engine::query`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::TryStreamExt;

use crate::catalog::{Catalog, CatalogSnapshot, Freshness};
use crate::connect::Connectors;
use crate::context::{QueryContext, ScanReport, Usage};
use crate::error::Result;
use crate::observe::log::QueryLog;
use crate::observe::metrics::Metrics;
use crate::observe::record::Recorder;
use crate::plan::{self, Given};
use crate::policy::PolicyEngine;
use crate::run::{self, Executor, LocalExecutor, Runnable, Runtime};
use crate::settings::Settings;
use crate::state::StateStore;
use crate::temp::{Ingest, Quota, TEMP, TempSchema};
use crate::version::VersionVector;

/// What an engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// The mesh folder (it holds `mesh.yaml`).
    pub mesh: PathBuf,
    /// This process's settings.
    pub settings: Settings,
    /// How each kind of storage is read.
    pub connectors: Connectors,
    /// Who may do what.
    pub policy: Arc<dyn PolicyEngine>,
}

/// The query engine of one mesh; shared by every door of a process.
#[derive(Debug)]
pub struct Engine {
    /// This process's settings.
    pub(crate) settings: Settings,
    /// Products, and where they are registered.
    pub(crate) catalog: Catalog,
    /// How each kind of storage is read.
    pub(crate) connectors: Connectors,
    /// Who may do what.
    pub(crate) policy: Arc<dyn PolicyEngine>,
    /// Manifests by hash, and the tables of the query log.
    pub(crate) state: Arc<StateStore>,
    /// One record per query that ended.
    pub(crate) log: Arc<QueryLog>,
    /// What was done so far, and what is done now.
    pub(crate) metrics: Arc<Metrics>,
    /// What all queries share: memory, places, the executor.
    pub(crate) runtime: Arc<Runtime>,
    /// What the temporary tables of all sessions may hold.
    temp_memory: Arc<Quota>,
}

/// One statement and what fills its parameters.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    /// SQL text.
    pub sql: String,
    /// Values for `$1`, `?` and `:name`.
    pub parameters: Parameters,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), parameters: Parameters::None }
    }
}

/// Values for the parameters of a statement.
#[derive(Debug, Clone, Default)]
pub enum Parameters {
    /// None were given.
    #[default]
    None,
    /// For `$1`, `$2`, … or each `?`, in order.
    Positional(Vec<ScalarValue>),
    /// For `:name`.
    Named(BTreeMap<String, ScalarValue>),
}

/// One parameter of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterInfo {
    /// `$1`, `$2`, …, or the name of a `:name` parameter.
    pub name: String,
    /// Its inferred type; none where the statement does not tell.
    pub data_type: Option<DataType>,
}

/// What can be told of a statement without touching storage.
#[derive(Debug, Clone)]
pub struct StatementInfo {
    /// The columns of its answer.
    pub schema: SchemaRef,
    /// Its parameters, in order.
    pub parameters: Vec<ParameterInfo>,
    /// Whether it writes to a temporary table; its answer is then one row with the number of rows.
    pub writes: bool,
}

/// A statement whose products are granted and pinned and whose plan is made; nothing has run yet.
pub struct Planned {
    runtime: Arc<Runtime>,
    runnable: Runnable,
    recorder: Recorder,
    given: Given,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned")
            .field("schema", &self.runnable.schema)
            .field("versions", &self.runnable.versions)
            .finish_non_exhaustive()
    }
}

impl Planned {
    pub(crate) fn new(runtime: Arc<Runtime>, runnable: Runnable, recorder: Recorder, given: Given) -> Self {
        Self { runtime, runnable, recorder, given }
    }

    /// The columns of the answer.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.runnable.schema)
    }

    /// The pinned version of every product in it.
    pub fn versions(&self) -> &VersionVector {
        &self.runnable.versions
    }

    /// Whether it writes to a temporary table when it is run.
    pub fn writes(&self) -> bool {
        self.runnable.change.is_some()
    }

    /// Bytes that its scans read at most, as far as planning knows.
    pub fn scan_bytes(&self) -> u64 {
        self.runnable.scan_bytes
    }

    /// Whether it may still be run instead of planning the statement again: it reads pinned versions only, the catalog is the one that
    /// it was planned over, and the policy decides as it did then.
    ///
    /// - `snapshot`: the catalog as it is now.
    pub fn still_holds(&self, snapshot: &Arc<CatalogSnapshot>) -> bool {
        self.runnable.ground.as_ref().is_some_and(|ground| ground.holds(snapshot, &self.runnable.ctx))
    }

    /// What each scan was given, in planning order.
    pub fn scans(&self) -> Vec<ScanReport> {
        self.runnable.ctx.scans.reports()
    }

    /// The scans and the physical plan, for people.
    pub fn explain(&self) -> String {
        self.given.text(self.runnable.plan.as_ref())
    }

    /// Waits for admission and starts the work; dropping the answer stops it.
    ///
    /// # Errors
    /// [`crate::Failure::Exhausted`] when too many queries wait; cancellation and deadline of the context.
    pub async fn run(self) -> Result<Answer> {
        run::run(&self.runtime, self.runnable, self.recorder).await
    }
}

/// Record batches, and what they were computed from. Dropping it stops the work down to the storage requests.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The batches; its errors carry our [`crate::Error`] inside.
    pub stream: SendableRecordBatchStream,
    /// The pinned version of every product in it.
    pub versions: VersionVector,
    /// What it has asked of storage so far; complete when the stream has ended.
    pub usage: Arc<Usage>,
    /// The query's context.
    pub context: QueryContext,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).field("versions", &self.versions).finish_non_exhaustive()
    }
}

impl Answer {
    /// Reads it to its end.
    ///
    /// # Errors
    /// The first error of the stream.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        let batches: Vec<RecordBatch> = self.stream.try_collect().await?;
        Ok(batches)
    }

    /// What each scan was given, in planning order.
    pub fn scans(&self) -> Vec<ScanReport> {
        self.context.scans.reports()
    }
}

impl Engine {
    /// Reads the mesh's documents, opens its catalog and its state.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] for a wrong document, [`crate::Failure::Unavailable`] for a catalog that does not answer.
    pub async fn open(parts: Parts) -> Result<Arc<Self>> {
        let catalog = Catalog::open(&parts.mesh, &parts.settings).await?;
        Self::with_catalog(parts, catalog).await
    }

    /// An engine over a catalog that the caller brings: for embedding and for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    #[expect(clippy::unused_async, reason = "it stands in for `open` and is awaited like it")]
    pub async fn with_catalog(parts: Parts, catalog: Catalog) -> Result<Arc<Self>> {
        Self::with_executor(parts, catalog, Arc::new(LocalExecutor))
    }

    /// An engine whose plans run elsewhere.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn with_executor(parts: Parts, catalog: Catalog, executor: Arc<dyn Executor>) -> Result<Arc<Self>> {
        let state = Arc::new(StateStore::new(&parts.mesh, &parts.settings)?);
        let metrics = Arc::new(Metrics::default());
        let queue = parts.settings.state.query_queue;
        let log = Arc::new(QueryLog::new(Arc::clone(&state), queue, Arc::clone(&metrics)));
        let runtime = Arc::new(Runtime::new(&parts.settings, executor)?);
        let Parts { settings, connectors, policy, .. } = parts;
        let temp_memory = settings.sessions.temp_memory_of_all.0;
        let temp_memory = Arc::new(Quota::new(temp_memory, "all sessions", "sessions.temp_memory_of_all"));
        Ok(Arc::new(Self { settings, catalog, connectors, policy, state, log, metrics, runtime, temp_memory }))
    }

    /// The catalog as it is now.
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        self.catalog.snapshot()
    }

    /// This process's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Plans and runs one statement.
    ///
    /// # Errors
    /// Every kind; see [`crate::Failure`].
    pub async fn query(&self, ctx: &QueryContext, statement: &Statement) -> Result<Answer> {
        self.plan(ctx, statement, None).await?.run().await
    }

    /// Grants, pins and plans one statement; nothing runs yet.
    ///
    /// - `pins`: versions to use instead of the newest, from an earlier answer or a ticket.
    ///
    /// # Errors
    /// Every kind; see [`crate::Failure`].
    pub async fn plan(
        &self,
        ctx: &QueryContext,
        statement: &Statement,
        pins: Option<&VersionVector>,
    ) -> Result<Planned> {
        plan::plan(self, ctx, statement, pins).await
    }

    /// Tells the columns and the parameters of a statement. Decides the policy; touches no storage.
    ///
    /// # Errors
    /// As [`Self::plan`], except those of storage.
    pub async fn describe(&self, ctx: &QueryContext, sql: &str) -> Result<StatementInfo> {
        ctx.bounded(std::future::ready(plan::describe(self, ctx, sql))).await
    }

    /// An empty schema for temporary tables: one per session, handed to its queries in [`QueryContext::temp`].
    pub fn temp_schema(&self) -> Arc<TempSchema> {
        let limit = self.settings.sessions.temp_memory.0;
        Arc::new(TempSchema::new(limit, &self.temp_memory, self.runtime.template.pool()))
    }

    /// Takes rows into a temporary table of the context's session, all or none; gives their number.
    ///
    /// # Errors
    /// No session; a table that exists or does not, values that do not fit, no room; those of `rows`.
    pub async fn ingest(&self, ctx: &QueryContext, ingest: Ingest, rows: SendableRecordBatchStream) -> Result<u64> {
        let ctx = ctx.clone().with_timeout(self.settings.limits.statement_timeout.0);
        let temp = ctx.temp.as_ref().ok_or_else(plan::no_session)?;
        self.log.start();
        let mut recorder = Recorder::new(&self.log, &ctx, &format!("INGEST INTO {TEMP}.{}", ingest.table));
        recorder.runs(&VersionVector::default());
        let taken = ctx.bounded(ingest.take_in(temp, rows)).await;
        match &taken {
            Ok(_) => recorder.finished(),
            Err(error) => recorder.failed(error),
        }
        taken
    }

    /// A reservation in the memory that all queries share, for what a door holds of their answers. It is empty.
    ///
    /// - `what`: its name in errors.
    pub fn reservation(&self, what: &str) -> MemoryReservation {
        MemoryConsumer::new(what).register(self.runtime.template.pool())
    }

    /// What is remembered: manifests, queries, and who reads which product.
    pub fn state(&self) -> &StateStore {
        &self.state
    }

    /// Waits until the records of all queries that ended are written; a process calls it before it exits.
    pub async fn flush(&self) {
        self.log.flush().await;
    }

    /// Memory that all queries hold now, bytes.
    pub fn reserved_bytes(&self) -> usize {
        self.runtime.template.reserved_bytes()
    }

    /// Disk that spilled data of all queries takes now, bytes.
    pub fn spilled_bytes(&self) -> u64 {
        self.runtime.template.spilled_bytes()
    }

    /// What was done so far, and what is done now.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How old the catalog's snapshot is, and whether its store answers.
    pub fn catalog_freshness(&self) -> Freshness {
        self.catalog.freshness()
    }

    /// Queries that run now.
    pub fn running_queries(&self) -> usize {
        self.runtime.admission.running()
    }

    /// Answers that have lent their places to others while their readers pause.
    pub fn paused_queries(&self) -> usize {
        self.runtime.admission.lent()
    }

    /// Queries that wait for a place now.
    pub fn waiting_queries(&self) -> usize {
        self.runtime.admission.waiting()
    }
}
