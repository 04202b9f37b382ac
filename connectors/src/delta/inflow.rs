//! Rows on their way into one Delta table: files first, outside of the log, then one commit that names them.
//!
//! A task of the connector does all the work, so that nothing that was begun breaks off half way: whoever waits may go away, and what
//! was not committed is then taken back.
//! Holds always: a table is changed by one entry of its log, the last thing that is written.
//!
//! Start reading at [`Worker::run`].

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use deltalake::kernel::Add;
use deltalake::operations::write::WriterStatsConfig;
use deltalake::operations::write::writer::{DeltaWriter, WriterConfig};
use deltalake::{DeltaResult, DeltaTableError};
use meshweave_engine::connect::{Inflow, Landed, Port};
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Failure, QueryContext, Result};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::commit::{self, Base, Outcome};
use super::intake;
use super::snapshots::Snapshots;
use super::storable::Columns;
use super::store::TableFolder;
use super::writes::Writes;
use crate::common::find;

/// How often a table that others make at the same moment is looked at again.
const ATTEMPTS: usize = 3;

/// The tasks of all inflows of a connector; they end with it.
#[derive(Debug, Default)]
pub(super) struct Workers(Mutex<JoinSet<()>>);

impl Workers {
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut workers = self.0.lock();
        while workers.try_join_next().is_some() {}
        workers.spawn(work);
    }
}

/// What is asked of the task.
enum Ask {
    Write(RecordBatch, oneshot::Sender<Result<()>>),
    Seal(oneshot::Sender<Result<()>>),
    Commit(oneshot::Sender<Result<Landed>>),
    Abandon(oneshot::Sender<()>),
}

/// The caller's end of an inflow.
pub(super) struct DeltaInflow {
    schema: SchemaRef,
    asks: mpsc::Sender<Ask>,
}

impl fmt::Debug for DeltaInflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaInflow").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl DeltaInflow {
    /// Asks the task for something, and waits for its answer.
    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::internal("adding rows to a delta table", std::io::Error::other("its task has ended"));
        self.asks.send(ask(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }
}

#[async_trait]
impl Inflow for DeltaInflow {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.ask(|answer| Ask::Write(batch.clone(), answer)).await?
    }

    async fn seal(&mut self) -> Result<()> {
        self.ask(Ask::Seal).await?
    }

    async fn commit(self: Box<Self>) -> Result<Landed> {
        self.ask(Ask::Commit).await?
    }

    async fn abandon(self: Box<Self>) {
        // When the task is gone already there is nothing to wait for.
        let _gone = self.ask(Ask::Abandon).await;
    }
}

/// Answers; whoever asked may be gone.
fn tell<T>(answer: oneshot::Sender<T>, what: T) {
    let _gone = answer.send(what);
}

/// Where rows go.
pub(super) struct Place {
    pub(super) port: Port,
    pub(super) folder: TableFolder,
    pub(super) writes: Arc<Writes>,
    pub(super) snapshots: Arc<Snapshots>,
}

/// What the task works with.
pub(super) struct Worker {
    place: Place,
    base: Base,
    columns: Columns,
    config: WriterConfig,
    writer: Option<DeltaWriter>,
    adds: Vec<Add>,
    /// Who adds rows, for the log's entry.
    notes: Vec<(String, serde_json::Value)>,
}

impl Worker {
    pub(super) fn new(ctx: &QueryContext, place: Place, base: Base, columns: Columns) -> Self {
        let state = base.state();
        let partitions = state.metadata().partition_columns().to_vec();
        let stats = WriterStatsConfig::from_config(state.snapshot().table_configuration());
        let (indexed, listed) = (stats.num_indexed_cols, stats.stats_columns);
        let config = WriterConfig::new(Arc::clone(&columns.stored), partitions, None, None, None, indexed, listed);
        let notes = vec![
            ("userName".to_owned(), ctx.principal.user.clone().into()),
            ("meshweaveQueryId".to_owned(), ctx.query_id.to_string().into()),
        ];
        Self { place, base, columns, config, writer: None, adds: Vec::new(), notes }
    }

    /// Begins to work.
    pub(super) fn start(self, workers: &Workers) -> DeltaInflow {
        let (asks, asked) = mpsc::channel(1);
        let schema = Arc::clone(&self.columns.taken);
        workers.spawn(self.run(asked));
        DeltaInflow { schema, asks }
    }

    /// Does what is asked, until the commit; without one everything is taken back in the end. Whoever asked may be gone.
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        while let Some(ask) = asked.recv().await {
            match ask {
                Ask::Write(batch, answer) => tell(answer, self.write(&batch).await),
                Ask::Seal(answer) => tell(answer, self.seal().await),
                Ask::Commit(answer) => {
                    let landed = self.commit().await;
                    if landed.is_err() {
                        self.undo().await;
                    }
                    tell(answer, landed);
                    return;
                }
                Ask::Abandon(answer) => {
                    self.undo().await;
                    tell(answer, ());
                    return;
                }
            }
        }
        self.undo().await;
    }

    async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = self.columns.arranged(batch)?;
        let writer =
            self.writer.get_or_insert_with(|| DeltaWriter::new(self.place.folder.store(), self.config.clone()));
        let written = writer.write(&batch).await;
        written.map_err(|error| self.failed(error))
    }

    async fn seal(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let adds = writer.close().await.map_err(|error| self.failed(error))?;
            self.adds.extend(adds);
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<Landed> {
        self.seal().await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let notes = self.notes.clone();
            match commit::append(&self.base, self.place.folder.log_store(), &self.adds, notes).await {
                Outcome::Landed(version) => {
                    self.place.writes.keep();
                    return self.landed(version);
                }
                Outcome::Unknown(version, error) => {
                    self.place.writes.keep();
                    let message = format!(
                        "the storage did not say whether it took the rows: version {version} has them all, or no version has any"
                    );
                    return Err(Error::unavailable(&self.place.port.key, message, error));
                }
                Outcome::Refused(error) if attempt == ATTEMPTS => return Err(self.failed(error)),
                Outcome::Refused(error) => self.look_again(error).await?,
            }
        }
    }

    fn landed(&self, version: u64) -> Result<Landed> {
        let version = i64::try_from(version)
            .map_err(|error| Error::internal("a version of a delta table does not fit 64 bits", error))?;
        let bytes = self.adds.iter().map(|add| u64::try_from(add.size).unwrap_or(0)).sum();
        Ok(Landed { version: Version::Delta(version), files: self.adds.len() as u64, bytes })
    }

    /// After a refusal: a table that somebody else has made meanwhile is added to, when it is the one that was to be made.
    async fn look_again(&mut self, error: DeltaTableError) -> Result<()> {
        if matches!(self.base, Base::Table(_)) {
            return Err(self.failed(error));
        }
        let base = match intake::base(&self.place.snapshots, &self.place.folder, &self.place.port).await? {
            Base::New(_) => return Err(self.failed(error)),
            base @ Base::Table(_) => base,
        };
        let promised = self.place.port.schema.clone().unwrap_or_else(|| Arc::clone(&self.columns.taken));
        let columns = Columns::of(&self.place.port, &promised, base.state())?;
        let partitions = |base: &Base| base.state().metadata().partition_columns().to_vec();
        if columns.stored != self.columns.stored || partitions(&base) != partitions(&self.base) {
            return Err(self.changed());
        }
        self.base = base;
        Ok(())
    }

    fn changed(&self) -> Error {
        let message = "its table was changed by somebody else while the rows came; none was added".to_owned();
        Failure::Unavailable { what: self.place.port.key.clone(), message, cause: None }.into()
    }

    fn failed(&self, error: DeltaTableError) -> Error {
        if let Some(ours) = find(&error) {
            return ours.clone();
        }
        if let Some(met) = self.place.folder.failed().first() {
            return met;
        }
        if matches!(error, DeltaTableError::Transaction { .. }) {
            tracing::warn!(product = %self.place.port.key, %error, "a commit met another one that it cannot stand beside");
            return self.changed();
        }
        Error::unavailable(
            &self.place.port.key,
            format!("the rows could not be written to {}", self.place.folder.place),
            error,
        )
    }

    /// Ends what is open and removes what was written.
    async fn undo(&mut self) {
        if let Some(writer) = self.writer.take() {
            let ended: DeltaResult<()> = writer.abort().await;
            if let Err(error) = ended {
                tracing::debug!(%error, "an open file of rows that are not taken could not be ended; its upload is");
            }
        }
        self.place.writes.undo().await;
    }
}
