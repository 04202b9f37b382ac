//! Reads a table as the engine would, and turns rows into text that can be compared.
//!
//! Start reading at [`Reading`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::MemTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, collect, execute_stream};
use datafusion::prelude::SessionConfig;
use meshweave_engine::QueryContext;
use meshweave_engine::connect::{AsOf, Connector, Opened, Pinned, Port};

use super::table::NewTable;

/// Partitions that checks ask for.
const PARTITIONS: usize = 3;

/// One opened table and a session of its own.
#[derive(Debug)]
pub struct Reading {
    /// The table.
    pub opened: Opened,
    /// The session; it knows the table's stores.
    pub state: SessionState,
}

impl Reading {
    /// A session around an opened table.
    pub fn over(opened: Opened) -> Self {
        let runtime = Arc::new(RuntimeEnv::default());
        for (url, store) in &opened.stores {
            runtime.register_object_store(url.as_ref(), Arc::clone(store));
        }
        Self { state: session(runtime), opened }
    }

    /// Opens what was pinned.
    ///
    /// # Errors
    /// Those of the connector.
    pub async fn of(
        connector: &dyn Connector,
        ctx: &QueryContext,
        port: &Port,
        pinned: &Pinned,
    ) -> meshweave_engine::Result<Self> {
        Ok(Self::over(connector.open(ctx, port, pinned).await?))
    }

    /// Pins the newest version and opens it.
    ///
    /// # Errors
    /// Those of the connector.
    pub async fn latest(connector: &dyn Connector, ctx: &QueryContext, port: &Port) -> meshweave_engine::Result<Self> {
        let pinned = connector.pin(ctx, port, &AsOf::Latest).await?;
        Self::of(connector, ctx, port, &pinned).await
    }

    /// What the provider alone gives, without anything of DataFusion above it.
    ///
    /// # Errors
    /// Those of planning and reading.
    pub async fn scan(
        &self,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Vec<RecordBatch>> {
        let plan = self.opened.provider.scan(&self.state, projection, filters, limit).await?;
        collect(plan, self.task()).await
    }

    /// The optimized plan of a query over the table.
    ///
    /// # Errors
    /// Those of planning.
    pub async fn plan(
        &self,
        shape: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = provider_as_source(Arc::clone(&self.opened.provider));
        let logical = shape(LogicalPlanBuilder::scan("facts", source, None)?)?.build()?;
        self.state.create_physical_plan(&logical).await
    }

    /// The rows of a query over the table.
    ///
    /// # Errors
    /// Those of planning and reading.
    pub async fn query(
        &self,
        shape: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder>,
    ) -> Result<Vec<RecordBatch>> {
        let plan = self.plan(shape).await?;
        collect(plan, self.task()).await
    }

    /// Every row of the table, as a stream that has just been started.
    ///
    /// # Errors
    /// Those of planning.
    pub async fn stream(&self) -> Result<SendableRecordBatchStream> {
        let plan = self.plan(Ok).await?;
        execute_stream(plan, self.task())
    }

    /// The task context of the session.
    pub fn task(&self) -> Arc<TaskContext> {
        Arc::new(TaskContext::from(&self.state))
    }
}

fn session(runtime: Arc<RuntimeEnv>) -> SessionState {
    let config = SessionConfig::new().with_target_partitions(PARTITIONS);
    SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features().build()
}

/// Rows as text, sorted: equal lists mean equal multisets of rows. NULL, NaN and text differ.
///
/// # Errors
/// When a value cannot be shown.
pub fn rows_of(batches: &[RecordBatch]) -> Result<Vec<String>, ArrowError> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let values: Vec<_> = columns.iter().map(|c| format!("{:?}", c.value(row).to_string())).collect();
            rows.push(values.join(" | "));
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// What a query over the table must answer, computed in memory from the table's own batches.
///
/// # Errors
/// Those of planning and of evaluating the query.
pub(super) async fn answer(
    table: &NewTable,
    shape: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder>,
) -> Result<Vec<String>> {
    let memory = MemTable::try_new(Arc::clone(&table.schema), vec![table.batches.clone()])?;
    let state = session(Arc::new(RuntimeEnv::default()));
    let logical: LogicalPlan =
        shape(LogicalPlanBuilder::scan("facts", provider_as_source(Arc::new(memory)), None)?)?.build()?;
    let plan = state.create_physical_plan(&logical).await?;
    let batches = collect(plan, Arc::new(TaskContext::from(&state))).await?;
    rows_of(&batches).map_err(DataFusionError::from)
}

/// The rows of the table that satisfy `predicate`, computed in memory.
///
/// # Errors
/// Those of evaluating the predicate.
pub async fn rows_where(table: &NewTable, predicate: &Expr) -> Result<Vec<String>> {
    answer(table, |plan| plan.filter(predicate.clone())).await
}
