//! A pinned Delta table as DataFusion sees it: exactly the promised columns, read by deltalake's scan.
//!
//! In: a loaded version and the promised schema. Out: a table that can be planned over.
//! Holds always:
//! - reordering, hiding, widening and the promise "never null" happen inside deltalake's scan; above it stands a [`Guard`] that
//!   lets limits, statistics and predicates through, except where they would go wrong;
//! - planning happens in a [`TableSession`], so no cache of the query or the process is touched;
//! - it cannot be written.
//!
//! Start reading at [`DeltaTable`].

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use deltalake::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use meshweave_engine::QueryContext;
use meshweave_engine::connect::Port;
use meshweave_engine::context::{Pushed, ScanReport};
use object_store::ObjectStore;
use parking_lot::Mutex;

use super::filters::{self, Filters};
use super::guard::Guard;
use super::session::TableSession;
use super::snapshots::Loaded;
use super::store::{Failed, TableFolder};
use super::{columns, failure};
use crate::common::read_only::Scanned;

/// See the file's head.
pub(super) struct DeltaTable {
    ctx: QueryContext,
    key: String,
    domain: String,
    loaded: Arc<Loaded>,
    scan: DeltaScanNext,
    schema: SchemaRef,
    filters: Filters,
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
    failed: Failed,
    footers: Arc<FileMetadataCache>,
    /// The predicates that were not taken when the optimizer last asked: SQL and reason.
    refused: Mutex<Vec<(String, String)>>,
}

impl std::fmt::Debug for DeltaTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaTable").field("key", &self.key).field("loaded", &self.loaded).finish_non_exhaustive()
    }
}

impl DeltaTable {
    /// A table over `loaded` with the columns `schema`, which [`columns::check`] has allowed.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the table needs a reader feature that deltalake does not have.
    pub(super) fn new(
        ctx: &QueryContext,
        port: &Port,
        loaded: &Arc<Loaded>,
        schema: SchemaRef,
        folder: &TableFolder,
        footers: Arc<FileMetadataCache>,
    ) -> meshweave_engine::Result<Self> {
        let views = schema.fields().iter().any(|field| has_views(field.data_type()));
        let config = DeltaScanConfig {
            file_column_name: None,
            wrap_partition_values: false,
            enable_parquet_pushdown: true,
            schema_force_view_types: views,
            schema: Some(Arc::clone(&schema)),
        };
        let scan = DeltaScanNext::new(loaded.state.snapshot().clone(), config)
            .map_err(|e| failure::of_table(folder, e.into()))?;
        let stored = Arc::new(with_views(&columns::stored(loaded), views));
        let partitions = loaded.state.metadata().partition_columns().to_vec();
        let filters = Filters::new(Arc::clone(&schema), stored, partitions, prunes_rows(loaded));
        Ok(Self {
            ctx: ctx.clone(),
            key: port.key.clone(),
            domain: port.product.name.domain.to_string(),
            loaded: Arc::clone(loaded),
            scan,
            schema,
            filters,
            url: folder.url(),
            store: folder.store(),
            failed: folder.failed(),
            footers,
            refused: Mutex::default(),
        })
    }

    fn report(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        projection: &[usize],
        taken: Vec<(String, Pushed, String)>,
        read: &[Expr],
        limit: Option<usize>,
    ) {
        let (files_kept, bytes_kept) = files_of(plan);
        let mut predicates = taken;
        predicates.extend(self.refused.lock().iter().map(|(sql, reason)| (sql.clone(), Pushed::No, reason.clone())));
        let mut columns: Vec<String> =
            projection.iter().map(|&place| self.schema.field(place).name().clone()).collect();
        let in_filters: BTreeSet<String> =
            read.iter().flat_map(|expr| expr.column_refs().into_iter().map(|c| c.name.clone())).collect();
        columns.extend(
            in_filters.into_iter().filter(|name| !projection.iter().any(|&p| self.schema.field(p).name() == name)),
        );
        self.ctx.scans.add(ScanReport {
            product: self.key.clone(),
            domain: self.domain.clone(),
            connector: "delta",
            version: format!("delta {}", self.loaded.version),
            files_total: self.loaded.files,
            files_kept,
            bytes_total: self.loaded.bytes,
            bytes_kept,
            columns,
            columns_total: self.schema.fields().len(),
            predicates,
            limit,
        });
    }
}

/// Whether predicates may drop single rows while files are read.
fn prunes_rows(loaded: &Loaded) -> bool {
    let is_on = |key: &str| loaded.state.metadata().configuration().get(key).map(String::as_str) == Some("true");
    !is_on("delta.enableDeletionVectors") && !is_on("delta.enableRowTracking")
}

/// Whether text or bytes stand as views somewhere in the type.
fn has_views(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_views(field.data_type())),
        DataType::List(inner) | DataType::Map(inner, _) => has_views(inner.data_type()),
        _ => false,
    }
}

/// The stored columns as the scan reads them: text and bytes as views when `views`.
fn with_views(schema: &Schema, views: bool) -> Schema {
    if !views {
        return schema.clone();
    }
    let field = |field: &arrow::datatypes::FieldRef| {
        let viewed = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(viewed)
    };
    Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>())
}

/// Files and bytes that a plan will open.
fn files_of(plan: &Arc<dyn ExecutionPlan>) -> (u64, u64) {
    if let Some(source) = plan.downcast_ref::<DataSourceExec>()
        && let Some(scan) = source.data_source().downcast_ref::<FileScanConfig>()
    {
        let sizes = scan.file_groups.iter().flat_map(|group| group.iter()).map(|file| file.object_meta.size);
        return sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size));
    }
    plan.children().into_iter().map(files_of).fold((0, 0), |(f, b), (files, bytes)| (f + files, b + bytes))
}

#[async_trait]
impl Scanned for DeltaTable {
    fn key(&self) -> &str {
        &self.key
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let mut refused = Vec::new();
        let mut answers = Vec::with_capacity(filters.len());
        for filter in filters {
            let decision = self.filters.take(&self.scan, filter)?;
            if decision.predicate.is_none() {
                refused.push((filters::sql(filter), decision.reason));
                answers.push(TableProviderFilterPushDown::Unsupported);
            } else {
                answers.push(TableProviderFilterPushDown::Inexact);
            }
        }
        *self.refused.lock() = refused;
        Ok(answers)
    }

    fn statistics(&self) -> Option<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = self.loaded.rows.and_then(|rows| usize::try_from(rows).ok()) {
            statistics.num_rows = Precision::Exact(rows);
        }
        if let Ok(bytes) = usize::try_from(self.loaded.bytes) {
            statistics.total_byte_size = Precision::Inexact(bytes);
        }
        Some(statistics)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let mut pushed = Vec::new();
        let mut taken = Vec::new();
        for filter in filters {
            let decision = self.filters.take(&self.scan, filter)?;
            taken.push((filters::sql(filter), decision.pushed, decision.reason));
            pushed.extend(decision.predicate);
        }
        // A limit below a predicate that is applied again would lose rows; DataFusion does not send one, and we would not take it.
        let limit = limit.filter(|_| filters.is_empty());
        let session = TableSession::new(state, self.url.clone(), Arc::clone(&self.store), Arc::clone(&self.footers))?;
        let plan = self.scan.scan(&session, Some(&projection), &pushed, limit).await?;
        self.report(&plan, &projection, taken, &pushed, limit);
        Ok(Arc::new(Guard::new(plan, self.failed.clone())))
    }
}
