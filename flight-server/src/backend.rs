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
use meshweave_contract::model::Product;
use meshweave_engine::catalog::CatalogSnapshot;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Answer, Engine, Planned, QueryContext, Result, Statement, StatementInfo};

/// A table of the engine itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemTable {
    /// Its schema: `mesh` or `information_schema`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: SchemaRef,
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
}

/// One planned statement.
#[async_trait]
pub trait Plan: Send + Sync {
    /// The columns of the answer.
    fn schema(&self) -> SchemaRef;

    /// The pinned version of every product in it.
    fn versions(&self) -> VersionVector;

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
        Vec::new()
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
}

#[async_trait]
impl Plan for Planned {
    fn schema(&self) -> SchemaRef {
        Self::schema(self)
    }

    fn versions(&self) -> VersionVector {
        Self::versions(self).clone()
    }

    async fn run(self: Box<Self>) -> Result<Answer> {
        Self::run(*self).await
    }
}
