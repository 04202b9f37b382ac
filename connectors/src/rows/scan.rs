//! Plans one scan over files of rows: which files are read, and by how many partitions.
//!
//! In: projection, predicates and limit. Out: DataFusion's scan node over the files that partition folders leave, and a report.
//!
//! Start reading at [`RowTable::plan_scan`].

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use meshweave_engine::context::Pushed;

use super::source::RowSource;
use super::table::RowTable;
use super::watch::{Promise, Watch};
use crate::common::columns::TableFile;
use crate::common::filters::{Judged, judge_without_statistics};
use crate::common::folders;
use crate::common::layout::partitions;
use crate::common::report::Scan;

impl RowTable {
    /// Plans one scan; no storage is read.
    ///
    /// # Errors
    /// When a predicate does not fit the columns.
    pub(super) fn plan_scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partition_names = self.columns.partition_names();
        let why = format!("{} files have no statistics", self.format.kind().people);
        let hidden = &self.columns.hidden;
        let judged: Vec<Judged> = filters
            .iter()
            .map(|predicate| {
                let help = |names: &[String]| hidden.help(names).filter(|_| hidden.is_trusted());
                judge_without_statistics(state, predicate, &self.columns.schema, &partition_names, help, &why)
            })
            .collect::<Result<_>>()?;
        let is_exact = judged.iter().all(|predicate| predicate.pushed == Pushed::Exact);
        let limit = limit.filter(|_| is_exact);
        let projected = self.columns.projected(projection);
        let fitting = folders::fitting(&self.columns, &self.files, &judged)?;
        let kept = hidden.fitting(fitting, &judged, |_, _| hidden.is_trusted());
        let bytes = kept.iter().map(|file| file.meta.size).sum();
        let (identity, columns, files) = (&self.identity, &self.columns, &self.files);
        let scan = Scan { identity, columns, files, projected: &projected, limit };
        self.ctx.scans.add(scan.report(judged, kept.len(), bytes));
        if kept.is_empty() {
            let columns: Vec<Field> = projected.into_iter().cloned().collect();
            return Ok(Arc::new(EmptyExec::new(Arc::new(Schema::new(columns)))));
        }
        self.node(state, &projected, limit, &kept)
    }

    fn node(
        &self,
        state: &dyn Session,
        projected: &[&Field],
        limit: Option<usize>,
        kept: &[&TableFile],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let weights: Vec<_> = kept.iter().enumerate().map(|(index, file)| (index, 0, file.meta.size)).collect();
        let layout = partitions(&weights, state.config().target_partitions(), false);
        let groups = layout.iter().map(|part| part.iter().map(|share| partitioned(kept[share.file])).collect());
        let groups: Vec<FileGroup> = groups.map(|files: Vec<PartitionedFile>| FileGroup::new(files)).collect();
        let bytes: u64 = weights.iter().map(|(_, _, bytes)| bytes).sum();
        let statistics = Statistics {
            total_byte_size: Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX)),
            ..Statistics::new_unknown(self.columns.scanned.table_schema())
        };
        let promise = Promise {
            ctx: self.ctx.clone(),
            key: self.identity.key.clone(),
            columns: Arc::clone(&self.columns.file_schema),
            folders: self.columns.partition_names(),
            files: kept.len(),
            are_all: kept.len() == self.files.len(),
        };
        let source = RowSource::new(
            Arc::clone(&self.format),
            self.source.clone(),
            (Arc::clone(&self.rules), Arc::new(Watch::new(promise))),
            self.columns.scanned.clone(),
            state.config().batch_size(),
        );
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(self.columns.scanned_indexes(projected)?))?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

fn partitioned(file: &TableFile) -> PartitionedFile {
    PartitionedFile::new_from_meta(file.meta.clone()).with_partition_values(file.values.clone())
}
