//! The suite over the Parquet connector, and over four connectors that are broken on purpose.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as PlanResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::{ExecutionPlan, collect};
use meshweave_connectors::conformance::{CHECKS, run};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Observed, Opened, Pinned, Port};
use meshweave_engine::{QueryContext, Result};
use meshweave_test_peers::S3Server;
use object_store::memory::InMemory;

use crate::support::{FileFixture, Place, connector};

fn in_memory() -> FileFixture {
    FileFixture::new(Place::Store(Arc::new(InMemory::new())))
}

pub(crate) async fn check(fixture: FileFixture, expected_failures: &[&str]) {
    let verdicts = run(&fixture).await;
    assert_eq!(verdicts.len(), CHECKS.len());
    let failed: Vec<_> = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).collect();
    let names: Vec<_> = failed.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected_failures, "{failed:#?}");
}

#[tokio::test]
async fn parquet_in_memory_passes() {
    check(in_memory(), &[]).await;
}

#[tokio::test]
async fn parquet_in_local_files_passes() {
    check(FileFixture::new(Place::Local(tempfile::tempdir().unwrap())), &[]).await;
}

#[tokio::test]
async fn parquet_on_s3_passes() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("conformance").unwrap();
    let store = server.root().store(&server.url(), "conformance").unwrap();
    check(FileFixture::new(Place::Store(Arc::new(store))), &[]).await;
}

#[tokio::test]
async fn a_lost_row_fails_by_name() {
    check(broken(Fault::LostRow), &["no lost row"]).await;
}

#[tokio::test]
async fn a_false_exact_fails_by_name() {
    check(broken(Fault::FalseExact), &["filter exactness"]).await;
}

#[tokio::test]
async fn an_ignored_limit_fails_by_name() {
    check(broken(Fault::IgnoredLimit), &["limit"]).await;
}

#[tokio::test]
async fn a_moved_version_fails_by_name() {
    check(broken(Fault::MovedVersion), &["pinned version"]).await;
}

/// What a broken connector does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A scan with a predicate gives one row less.
    LostRow,
    /// Every predicate is called exact, and none is applied.
    FalseExact,
    /// A limit makes no difference.
    IgnoredLimit,
    /// What is opened is the newest version, whatever was pinned.
    MovedVersion,
}

fn broken(fault: Fault) -> FileFixture {
    in_memory().with(Arc::new(Broken { inner: Arc::new(connector()), fault }))
}

#[derive(Debug)]
struct Broken {
    inner: Arc<dyn Connector>,
    fault: Fault,
}

#[async_trait]
impl Connector for Broken {
    fn format(&self) -> &'static str {
        self.inner.format()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed> {
        self.inner.probe(ctx, port).await
    }

    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        self.inner.pin(ctx, port, as_of).await
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        if self.fault == Fault::MovedVersion {
            let newest = self.inner.pin(ctx, port, &AsOf::Latest).await?;
            return self.inner.open(ctx, port, &newest).await;
        }
        let opened = self.inner.open(ctx, port, pinned).await?;
        Ok(Opened { provider: Arc::new(BrokenTable { inner: opened.provider, fault: self.fault }), ..opened })
    }
}

#[derive(Debug)]
struct BrokenTable {
    inner: Arc<dyn TableProvider>,
    fault: Fault,
}

#[async_trait]
impl TableProvider for BrokenTable {
    fn schema(&self) -> arrow::datatypes::SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        self.inner.table_type()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        match self.fault {
            Fault::LostRow if !filters.is_empty() => {
                let plan = self.inner.scan(state, projection, filters, None).await?;
                one_row_less(plan, state).await
            }
            Fault::FalseExact => self.inner.scan(state, projection, &[], limit).await,
            Fault::IgnoredLimit => self.inner.scan(state, projection, filters, None).await,
            Fault::LostRow | Fault::MovedVersion => self.inner.scan(state, projection, filters, limit).await,
        }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> PlanResult<Vec<TableProviderFilterPushDown>> {
        Ok(match self.fault {
            Fault::LostRow => vec![TableProviderFilterPushDown::Inexact; filters.len()],
            Fault::FalseExact => vec![TableProviderFilterPushDown::Exact; filters.len()],
            Fault::IgnoredLimit | Fault::MovedVersion => self.inner.supports_filters_pushdown(filters)?,
        })
    }
}

/// The rows of a plan without the first row of each batch.
async fn one_row_less(plan: Arc<dyn ExecutionPlan>, state: &dyn Session) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let schema = plan.schema();
    let batches: Vec<RecordBatch> = collect(plan, state.task_ctx()).await?;
    let shorter: Vec<RecordBatch> =
        batches.iter().map(|batch| batch.slice(1.min(batch.num_rows()), batch.num_rows().saturating_sub(1))).collect();
    Ok(MemorySourceConfig::try_new_exec(&[shorter], schema, None)?)
}
