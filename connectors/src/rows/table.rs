//! One pinned version of a table of files that are read row by row, as DataFusion plans over it.
//!
//! Start reading at [`RowTable`], then `scan.rs`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use meshweave_engine::QueryContext;

use super::format::{RowFormat, Rules};
use crate::common::columns::{Columns, Identity, TableFile};
use crate::common::filters;
use crate::common::read_only::Scanned;
use crate::common::source::Source;

/// A pinned table of files of rows.
#[derive(Debug)]
pub(super) struct RowTable {
    /// The query it is read for.
    pub(super) ctx: QueryContext,
    /// What the scan reports of the table.
    pub(super) identity: Identity,
    /// Its columns.
    pub(super) columns: Columns,
    /// Its files, by path.
    pub(super) files: Vec<TableFile>,
    /// Reads them.
    pub(super) source: Source,
    /// Their format.
    pub(super) format: Arc<dyn RowFormat>,
    /// What holds for each of them.
    pub(super) rules: Arc<Rules>,
    /// What its store is called in plans.
    pub(super) url: ObjectStoreUrl,
}

#[async_trait]
impl Scanned for RowTable {
    fn key(&self) -> &str {
        &self.identity.key
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    fn pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let partitions = self.columns.partition_names();
        Ok(filters.iter().map(|predicate| filters::pushdown(predicate, &partitions)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.plan_scan(state, projection, filters, limit)
    }
}
