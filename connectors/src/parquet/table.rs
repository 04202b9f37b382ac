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
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use meshweave_engine::QueryContext;

use super::confirmed::Confirmed;
use super::footer::Footers;
use super::known::FileStatistics;
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
    /// Its files, in the order of its manifest or log.
    pub(crate) files: Vec<TableFile>,
    /// Reads them.
    pub(crate) source: Source,
    /// Their footers.
    pub(crate) footers: Arc<Footers>,
    /// What footers have said of folders.
    pub(crate) confirmed: Arc<Confirmed>,
    /// What its store is called in plans.
    pub(crate) url: ObjectStoreUrl,
    /// What a log tells of its files; none for files without a log.
    pub(crate) log: Option<Log>,
}

/// What a table's log tells beside its files.
#[derive(Debug)]
pub(crate) struct Log {
    /// Of the rows of each file.
    pub(crate) statistics: Arc<dyn FileStatistics>,
    /// Rows of all files, when every entry tells.
    pub(crate) rows: Option<u64>,
    /// Bytes of all files.
    pub(crate) bytes: u64,
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

    fn statistics(&self) -> Option<Statistics> {
        let log = self.log.as_ref()?;
        let count = |number: u64| usize::try_from(number).ok();
        Some(Statistics {
            num_rows: log.rows.and_then(count).map_or(Precision::Absent, Precision::Exact),
            total_byte_size: count(log.bytes).map_or(Precision::Absent, Precision::Inexact),
            ..Statistics::new_unknown(&self.columns.schema)
        })
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
