//! A part of the log as a system table, read when a scan is planned.
//!
//! Holds always: what a caller may not see is left out before anything is planned over it.
//!
//! Start reading at [`Logged`].

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::log::QueryLog;
use crate::catalog::system;
use crate::error::Result;

/// The rows of one system table that one caller may see.
#[async_trait]
pub(crate) trait Logged: fmt::Debug + Send + Sync + 'static {
    /// The table's name in `mesh`.
    const NAME: &'static str;

    /// The columns, in the order of [`system::columns`], as the log has them now.
    async fn arrays(&self, log: &QueryLog) -> Result<Vec<ArrayRef>>;
}

/// A system table over the log.
#[derive(Debug)]
pub(crate) struct LogTable<T> {
    log: Arc<QueryLog>,
    schema: SchemaRef,
    rows: T,
}

impl<T: Logged> LogTable<T> {
    /// The rows of `log` that `rows` lets through.
    pub(crate) fn new(log: &Arc<QueryLog>, rows: T) -> Self {
        let schema = system::schema_of(&system::columns(T::NAME).unwrap_or_default());
        Self { log: Arc::clone(log), schema, rows }
    }
}

#[async_trait]
impl<T: Logged> TableProvider for LogTable<T> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let arrays = self.rows.arrays(&self.log).await.map_err(DataFusionError::from)?;
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), arrays)?;
        MemTable::try_new(Arc::clone(&self.schema), vec![vec![rows]])?.scan(session, projection, &[], limit).await
    }
}
