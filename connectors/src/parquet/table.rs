//! One pinned version of a table of Parquet files, as DataFusion plans over it.
//!
//! Holds always:
//! - the columns are the port's, in the port's order, wherever the partition columns stand;
//! - every file that will be opened has been checked against the promise from its footer, while planning;
//! - nothing stands above DataFusion's own scan node, so dynamic filters, sorts and limits reach it.
//!
//! Start reading at [`ParquetTable`], then `scan.rs`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use meshweave_engine::QueryContext;

use super::confirmed::Confirmed;
use super::footer::Footers;
use crate::common::columns::{Columns, Identity, TableFile};
use crate::common::filters;
use crate::common::read_only::Scanned;
use crate::common::source::Source;

/// A pinned table of Parquet files.
#[derive(Debug)]
pub(crate) struct ParquetTable {
    /// The query it is read for.
    pub(crate) ctx: QueryContext,
    /// What the scan reports of the table.
    pub(crate) identity: Identity,
    /// Its columns.
    pub(crate) columns: Columns,
    /// Its files, by path.
    pub(crate) files: Vec<TableFile>,
    /// Reads them.
    pub(crate) source: Source,
    /// Their footers.
    pub(crate) footers: Arc<Footers>,
    /// What footers have said of folders.
    pub(crate) confirmed: Arc<Confirmed>,
    /// What its store is called in plans.
    pub(crate) url: ObjectStoreUrl,
}

#[async_trait]
impl Scanned for ParquetTable {
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
        Box::pin(self.plan_scan(state, projection, filters, limit)).await
    }
}
