//! One pinned version of a table of Parquet files, as DataFusion plans over it.
//!
//! Holds always:
//! - the columns are the port's, in the port's order, wherever the partition columns stand;
//! - every file that will be opened has been checked against the promise from its footer, while planning;
//! - nothing stands above DataFusion's own scan node, so dynamic filters, sorts and limits reach it.
//!
//! Start reading at [`ParquetTable`], then `scan.rs`.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Constraints, DFSchemaRef, ScalarValue, Statistics};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::dml::{InsertOp, MergeIntoClause};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use meshweave_engine::QueryContext;
use object_store::ObjectMeta;

use super::filters;
use super::footer::Footers;
use super::known::FileStatistics;
use super::source::Source;
use crate::common::read_only;

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

/// How a table is named in reports.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The connector that reads it.
    pub(crate) connector: &'static str,
    /// The key of the version vector.
    pub(crate) key: String,
    /// The owning domain.
    pub(crate) domain: String,
    /// The pinned version in words.
    pub(crate) version: String,
}

/// One file and the values of its partition folders.
#[derive(Debug)]
pub(crate) struct TableFile {
    /// As it was pinned.
    pub(crate) meta: ObjectMeta,
    /// In the order of the partition columns.
    pub(crate) values: Vec<ScalarValue>,
}

/// The columns of a table: as promised, and as a scan has them (file columns, then partition columns).
#[derive(Debug)]
pub(crate) struct Columns {
    /// As promised.
    pub(crate) schema: SchemaRef,
    /// Those that files hold, in the promised order.
    pub(crate) file_schema: SchemaRef,
    /// Those that folders hold, in the promised order.
    pub(crate) partitions: Vec<FieldRef>,
    /// File columns, then partition columns.
    pub(crate) scanned: TableSchema,
}

impl Columns {
    /// Parts the promised columns.
    ///
    /// - `partitions`: names of columns that folders hold.
    pub(crate) fn new(schema: SchemaRef, partitions: &[String]) -> Self {
        let (folders, held): (Vec<FieldRef>, Vec<FieldRef>) =
            schema.fields().iter().cloned().partition(|field| partitions.contains(field.name()));
        let file_schema: SchemaRef = Arc::new(arrow::datatypes::Schema::new(held));
        let scanned = TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(folders.clone()).build();
        Self { schema, file_schema, partitions: folders, scanned }
    }

    /// Names of the partition columns.
    pub(crate) fn partition_names(&self) -> Vec<String> {
        self.partitions.iter().map(|field| field.name().clone()).collect()
    }

    /// The columns that a projection of the promised columns asks for, in its order.
    pub(crate) fn projected<'a>(&'a self, projection: Option<&'a Vec<usize>>) -> Vec<&'a Field> {
        match projection {
            None => self.schema.fields().iter().map(AsRef::as_ref).collect(),
            Some(indexes) => indexes.iter().map(|i| self.schema.field(*i)).collect(),
        }
    }

    /// Where columns stand in the scan.
    pub(crate) fn scanned_indexes(&self, columns: &[&Field]) -> Result<Vec<usize>> {
        let scanned = self.scanned.table_schema();
        columns.iter().map(|field| Ok(scanned.index_of(field.name())?)).collect()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        None
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_table_definition(&self) -> Option<&str> {
        None
    }

    fn get_logical_plan(&'_ self) -> Option<std::borrow::Cow<'_, LogicalPlan>> {
        None
    }

    fn get_column_default(&self, _column: &str) -> Option<&Expr> {
        None
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

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> Result<ScanResult> {
        let projection = args.projection().map(<[usize]>::to_vec);
        let filters = args.filters().unwrap_or_default();
        Ok(self.scan(state, projection.as_ref(), filters, args.limit()).await?.into())
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
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

    async fn insert_into(
        &self,
        _state: &dyn Session,
        _input: Arc<dyn ExecutionPlan>,
        _insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.identity.key))
    }

    async fn delete_from(&self, _state: &dyn Session, _filters: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.identity.key))
    }

    async fn update(
        &self,
        _state: &dyn Session,
        _assignments: Vec<(String, Expr)>,
        _filters: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.identity.key))
    }

    async fn truncate(&self, _state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.identity.key))
    }

    async fn merge_into(
        &self,
        _state: &dyn Session,
        _source: Arc<dyn ExecutionPlan>,
        _merge_schema: DFSchemaRef,
        _on: Expr,
        _clauses: Vec<MergeIntoClause>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.identity.key))
    }
}
