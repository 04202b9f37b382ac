//! Files of rows as DataFusion's scan node reads them: it opens file after file, applies limits and adds the folders' columns.
//!
//! Holds always: bytes come through our pinned reading, never from the store that the node hands over.
//!
//! Start reading at [`RowSource`].

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;

use super::format::{RowFormat, Rules, Wanted};
use super::stream;
use super::watch::Watch;
use crate::common::source::Source;

/// The files of one table, and which of their columns are read.
#[derive(Debug, Clone)]
pub(super) struct RowSource {
    format: Arc<dyn RowFormat>,
    source: Source,
    rules: Arc<Rules>,
    watch: Arc<Watch>,
    table: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl RowSource {
    /// All columns of a table.
    ///
    /// - `table`: the columns of `rules`, then those of folders.
    /// - `rules`, `watch`: what holds for every file, and who hears how they differ from it.
    /// - `batch_rows`: rows of a batch, until DataFusion says another number.
    pub(super) fn new(
        format: Arc<dyn RowFormat>,
        source: Source,
        (rules, watch): (Arc<Rules>, Arc<Watch>),
        table: TableSchema,
        batch_rows: usize,
    ) -> Self {
        let projection = SplitProjection::unprojected(&table);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { format, source, rules, watch, table, projection, batch_rows, metrics }
    }
}

impl FileSource for RowSource {
    fn create_file_opener(
        &self,
        _object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let wanted = Wanted {
            rules: Arc::clone(&self.rules),
            watch: Arc::clone(&self.watch),
            projection: self.projection.file_indices.clone(),
            batch_rows: self.batch_rows,
        };
        let opener = Opener { format: Arc::clone(&self.format), source: self.source.clone(), wanted };
        let projected = ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table.file_schema())?;
        let schema = Arc::new(self.projection.source.project_schema(self.table.table_schema())?);
        Ok(Arc::new(Labelled { inner: projected, schema }))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.kind().word
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Opens one file after the other.
struct Opener {
    format: Arc<dyn RowFormat>,
    source: Source,
    wanted: Wanted,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("format", &self.format).finish_non_exhaustive()
    }
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (format, source, wanted) = (Arc::clone(&self.format), self.source.clone(), self.wanted.clone());
        Ok(async move { Ok(stream::batches(format, source, file.object_meta, wanted)) }.boxed())
    }
}

/// Gives batches the columns of the plan: those of folders come as literals, which are not allowed to be null when they are not.
struct Labelled {
    inner: Arc<dyn FileOpener>,
    schema: SchemaRef,
}

impl FileOpener for Labelled {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (opening, schema) = (self.inner.open(file)?, Arc::clone(&self.schema));
        let label = move |batch: RecordBatch| -> Result<RecordBatch> {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options)?)
        };
        Ok(async move { Ok(opening.await?.map(move |batch| batch.and_then(&label)).boxed()) }.boxed())
    }
}
