//! What the protocol needs of an engine, and nothing more.
//!
//! The protocol layer speaks to a [`Backend`], so that it can be tested against fixed answers; the real one is the [`Engine`].
//! Holds always: nothing here runs before [`Plan::run`]; listings come from the catalog and never from storage.
//!
//! Start reading at [`Backend`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use meshweave_contract::model::Product;
use meshweave_engine::catalog::CatalogSnapshot;
use meshweave_engine::catalog::registrations::{Done, Task};
use meshweave_engine::catalog::system::{self, ColumnDoc};
use meshweave_engine::ingest::Offer;
use meshweave_engine::temp::{Ingest, TempSchema};
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Answer, Engine, Failure, Planned, QueryContext, Result, Statement, StatementInfo};

/// A table of the engine itself.
#[derive(Debug, Clone)]
pub struct SystemTable {
    /// Its schema: `mesh` or `information_schema`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns, with their meaning.
    pub columns: Vec<ColumnDoc>,
}

/// Plans and runs statements, and tells what there is.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The time one statement may take.
    fn statement_timeout(&self) -> Duration;

    /// The catalog as it is now.
    fn catalog(&self) -> Arc<CatalogSnapshot>;

    /// Whether the caller may find `product`.
    fn discovers(&self, ctx: &QueryContext, product: &Product) -> bool;

    /// The tables of the engine itself.
    fn system_tables(&self) -> Vec<SystemTable>;

    /// The columns and the parameters of a statement; touches no storage.
    ///
    /// # Errors
    /// As [`Engine::describe`].
    async fn describe(&self, ctx: &QueryContext, sql: &str) -> Result<StatementInfo>;

    /// Grants, pins and plans one statement; nothing runs yet.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    async fn plan(
        &self,
        ctx: &QueryContext,
        statement: &Statement,
        pins: Option<&VersionVector>,
    ) -> Result<Box<dyn Plan>>;

    /// An empty schema for the temporary tables of one session; none where there are no temporary tables.
    fn temp_schema(&self) -> Option<Arc<TempSchema>> {
        None
    }

    /// Takes rows into a temporary table of the context's session, all or none; gives their number.
    ///
    /// # Errors
    /// As [`Engine::ingest`].
    async fn ingest(&self, ctx: &QueryContext, ingest: Ingest, rows: SendableRecordBatchStream) -> Result<u64> {
        let _ = (ctx, ingest, rows);
        Err(Failure::Unsupported { what: "bulk ingestion".to_owned(), hint: None }.into())
    }

    /// Registers product versions, each for itself; gives what became of each.
    async fn register(&self, ctx: &QueryContext, tasks: Vec<Task>) -> Vec<Done> {
        let _ = ctx;
        let refused = || Failure::Unsupported { what: "registering".to_owned(), hint: None }.into();
        tasks.into_iter().map(|task| (task.registration.file, Err(refused()))).collect()
    }

    /// Adds rows to a product that takes them, all or none; gives their number. Keeps to the context's deadline itself.
    ///
    /// # Errors
    /// As [`Engine::append`].
    async fn append(&self, ctx: &QueryContext, offer: Offer, rows: SendableRecordBatchStream) -> Result<u64> {
        let _ = (ctx, offer, rows);
        Err(Failure::Unsupported { what: "bulk ingestion".to_owned(), hint: None }.into())
    }

    /// Where messages that wait for their reader are counted; none: nowhere.
    fn message_memory(&self) -> Option<MemoryReservation> {
        None
    }
}

/// One planned statement.
#[async_trait]
pub trait Plan: Send + Sync {
    /// The columns of the answer.
    fn schema(&self) -> SchemaRef;

    /// The pinned version of every product in it.
    fn versions(&self) -> VersionVector;

    /// Whether it writes to a temporary table when it is run.
    fn writes(&self) -> bool {
        false
    }

    /// Bytes that its scans read at most; 0 when nobody knows.
    fn scan_bytes(&self) -> u64 {
        0
    }

    /// Whether it may still be run instead of planning the statement again, over the catalog as it is now.
    fn still_holds(&self, catalog: &Arc<CatalogSnapshot>) -> bool {
        let _ = catalog;
        false
    }

    /// Starts the work; dropping the answer stops it.
    ///
    /// # Errors
    /// As [`Planned::run`].
    async fn run(self: Box<Self>) -> Result<Answer>;
}

#[async_trait]
impl Backend for Engine {
    fn statement_timeout(&self) -> Duration {
        self.settings().limits.statement_timeout.0
    }

    fn catalog(&self) -> Arc<CatalogSnapshot> {
        self.snapshot()
    }

    fn discovers(&self, ctx: &QueryContext, product: &Product) -> bool {
        self.may_discover(ctx, product)
    }

    fn system_tables(&self) -> Vec<SystemTable> {
        let table = |schema: &str, name: &str, columns| SystemTable {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns,
        };
        let own = system::names().into_iter().filter_map(|name| Some(table("mesh", name, system::columns(name)?)));
        let standard = system::information_schema_names().into_iter();
        own.chain(
            standard
                .filter_map(|name| Some(table("information_schema", name, system::information_schema_columns(name)?))),
        )
        .collect()
    }

    async fn describe(&self, ctx: &QueryContext, sql: &str) -> Result<StatementInfo> {
        Self::describe(self, ctx, sql).await
    }

    async fn plan(
        &self,
        ctx: &QueryContext,
        statement: &Statement,
        pins: Option<&VersionVector>,
    ) -> Result<Box<dyn Plan>> {
        Ok(Box::new(Self::plan(self, ctx, statement, pins).await?))
    }

    fn temp_schema(&self) -> Option<Arc<TempSchema>> {
        Some(Self::temp_schema(self))
    }

    async fn ingest(&self, ctx: &QueryContext, ingest: Ingest, rows: SendableRecordBatchStream) -> Result<u64> {
        Self::ingest(self, ctx, ingest, rows).await
    }

    async fn register(&self, ctx: &QueryContext, tasks: Vec<Task>) -> Vec<Done> {
        self.register_all(tasks, |_| ctx.clone(), |_, _| ()).await
    }

    async fn append(&self, ctx: &QueryContext, offer: Offer, rows: SendableRecordBatchStream) -> Result<u64> {
        Ok(Self::append(self, ctx, offer, rows).await?.rows)
    }

    fn message_memory(&self) -> Option<MemoryReservation> {
        Some(self.reservation("answers on their way"))
    }
}

#[async_trait]
impl Plan for Planned {
    fn schema(&self) -> SchemaRef {
        Self::schema(self)
    }

    fn versions(&self) -> VersionVector {
        Self::versions(self).clone()
    }

    fn writes(&self) -> bool {
        Self::writes(self)
    }

    fn scan_bytes(&self) -> u64 {
        Self::scan_bytes(self)
    }

    fn still_holds(&self, catalog: &Arc<CatalogSnapshot>) -> bool {
        Self::still_holds(self, catalog)
    }

    async fn run(self: Box<Self>) -> Result<Answer> {
        Self::run(*self).await
    }
}
