//! Plans one scan: which files and row groups are read, by how many partitions, and what is known of the rows beforehand.
//!
//! In: projection, predicates and limit. Out: DataFusion's scan node over exactly the surviving row groups, and a report.
//!
//! Start reading at [`ParquetTable::plan_scan`].

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use meshweave_engine::context::Pushed;

use super::adapter::PromisedColumns;
use super::confirmed::{Question, lies_within};
use super::footer::{Footer, Key};
use super::promise::{self, Promise};
use super::prune::{self, Candidate};
use super::reader::PinnedReaders;
use super::statistics::{Part, of_part, of_table};
use super::table::ParquetTable;
use crate::common::columns::TableFile;
use crate::common::filters::{Judged, judge};
use crate::common::folders;
use crate::common::hidden::Bounds;
use crate::common::layout::{Share, partitions};
use crate::common::report::Scan;

/// Footers that are read at a time.
const FOOTERS_AT_A_TIME: usize = 16;
/// Rows without columns in one batch.
const ROWS_AT_A_TIME: usize = 1 << 20;

/// A file that the scan will open.
struct Kept<'a> {
    file: &'a TableFile,
    footer: Arc<Footer>,
    groups: Vec<usize>,
}

impl ParquetTable {
    /// Plans one scan.
    ///
    /// Cost: the footers of the files whose partition values fit (from the cache where they are there), no data.
    ///
    /// # Errors
    /// [`meshweave_engine::Failure::ContractBroken`] when a file does not keep the promise; those of storage.
    pub(crate) async fn plan_scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partition_names = self.columns.partition_names();
        let mut judged: Vec<Judged> = filters
            .iter()
            .map(|predicate| judge(state, predicate, &self.columns.schema, &partition_names))
            .collect::<Result<_>>()?;
        let is_exact = judged.iter().all(|predicate| predicate.pushed == Pushed::Exact);
        let limit = limit.filter(|_| is_exact);
        let projected = self.columns.projected(projection);
        if let Some(rows) = self.rows_to_count(&projected, filters) {
            self.ctx.scans.add(self.scan(&projected, limit).report(judged, 0, 0));
            return counted(rows, limit);
        }

        let fitting = self.in_fitting_folders(&mut judged)?;
        let opened = self.footers(fitting, limit).await?;
        let read: Vec<_> = opened.iter().map(|(file, footer)| (&file.meta.location, footer.as_ref())).collect();
        promise::check_missing(self.source.product(), &self.promise(), &read, read.len() == self.files.len())
            .map_err(datafusion::error::DataFusionError::from)?;
        let kept = self.surviving(&opened, &judged);
        let weights = self.weights(&kept, &projected, &judged);
        let bytes = weights.iter().map(|(_, _, bytes)| bytes).sum();
        self.ctx.scans.add(self.scan(&projected, limit).report(judged, kept.len(), bytes));
        if kept.is_empty() {
            let columns: Vec<Field> = projected.into_iter().cloned().collect();
            return Ok(Arc::new(EmptyExec::new(Arc::new(Schema::new(columns)))));
        }
        self.node(state, &projected, limit, is_exact, &kept, &weights)
    }

    /// How many rows there are, when nothing else is asked for and a log tells.
    fn rows_to_count(&self, projected: &[&Field], filters: &[Expr]) -> Option<u64> {
        self.log.as_ref()?.rows.filter(|_| projected.is_empty() && filters.is_empty())
    }

    /// The files whose folders may hold a row of the answer, and that no log rules out; the reasons of predicates say how
    /// folders helped.
    fn in_fitting_folders(&self, judged: &mut [Judged]) -> Result<Vec<&TableFile>> {
        let hidden = &self.columns.hidden;
        let mut keep = folders::flags(&self.columns, &self.files, judged)?;
        if let Some(log) = &self.log {
            let known = prune::known_files(&self.columns, log.statistics.as_ref(), judged);
            keep.iter_mut().zip(known).for_each(|(keep, known)| *keep &= known);
        }
        let fitting = self.files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect();
        if hidden.is_empty() {
            return Ok(fitting);
        }
        for predicate in judged.iter_mut().filter(|predicate| predicate.pruning.is_some()) {
            if let Some(help) = hidden.help(&predicate.columns) {
                predicate.why = format!("{help}, {}", predicate.why);
            }
        }
        Ok(hidden.fitting(fitting, judged, |file, place| hidden.is_trusted() || self.is_confirmed(file, place)))
    }

    /// Whether a footer has said that the file's values lie in the stretch of its folders.
    fn is_confirmed(&self, file: &TableFile, place: usize) -> bool {
        let question = self.questions(file).find(|(at, ..)| *at == place);
        question.is_some_and(|(.., question)| self.confirmed.get(&question) == Some(true))
    }

    /// What footers are asked of a file's folders: the place of the hidden column, the column, the stretch.
    fn questions<'a>(
        &'a self,
        file: &'a TableFile,
    ) -> impl Iterator<Item = (usize, &'a Field, &'a Bounds, Question)> + 'a {
        let object = Key::of(&self.source, &file.meta);
        self.columns.hidden.fields().filter_map(move |(place, field)| {
            let bounds = file.hidden[place].as_ref()?;
            Some((place, field, bounds, Question::of(&object, field.name(), bounds)))
        })
    }

    /// Remembers what a footer says of the file's folders.
    fn confirm(&self, file: &TableFile, footer: &Footer) {
        if self.columns.hidden.is_trusted() {
            return;
        }
        for (_, field, bounds, question) in self.questions(file) {
            if self.confirmed.get(&question).is_none() {
                self.confirmed.put(question, lies_within(&footer.column(field), &footer.groups.rows, bounds));
            }
        }
    }

    /// Their footers, each checked against the promise; no more files than the limit needs.
    async fn footers<'a>(
        &self,
        files: Vec<&'a TableFile>,
        limit: Option<usize>,
    ) -> Result<Vec<(&'a TableFile, Arc<Footer>)>> {
        let mut opened = Vec::with_capacity(files.len());
        let mut rows = 0_u64;
        let mut rest = files.into_iter().peekable();
        let mut at_once = if limit.is_some() { 1 } else { usize::MAX };
        while rest.peek().is_some() && limit.is_none_or(|limit| rows < limit as u64 || opened.is_empty()) {
            let batch: Vec<&TableFile> = rest.by_ref().take(at_once).collect();
            let landed = self.landed(batch).await.map_err(datafusion::error::DataFusionError::from)?;
            rows += landed.iter().map(|(_, footer)| footer.groups.all_rows).sum::<u64>();
            opened.extend(landed);
            at_once = at_once.saturating_mul(2);
        }
        if let Some(limit) = limit {
            opened.truncate(enough(opened.iter().map(|(_, footer)| footer.groups.all_rows), limit as u64));
        }
        Ok(opened)
    }

    /// The footers of these files: most plans find all of them in the cache.
    async fn landed<'a>(
        &self,
        files: Vec<&'a TableFile>,
    ) -> meshweave_engine::Result<Vec<(&'a TableFile, Arc<Footer>)>> {
        let known: Option<Vec<_>> =
            files.iter().map(|file| Some((*file, self.footers.known(&self.source, &file.meta)?))).collect();
        if let Some(known) = known {
            return known.into_iter().map(|(file, footer)| self.checked(file, footer)).collect();
        }
        let get = async |file| self.checked(file, self.footers.get(&self.source, &file.meta).await?);
        let asked: Vec<_> = files.into_iter().map(|file| get(file).boxed()).collect();
        stream::iter(asked).buffered(FOOTERS_AT_A_TIME).try_collect().await
    }

    fn checked<'a>(
        &self,
        file: &'a TableFile,
        footer: Arc<Footer>,
    ) -> meshweave_engine::Result<(&'a TableFile, Arc<Footer>)> {
        promise::check(self.source.product(), &file.meta.location, &self.promise(), &footer)?;
        self.confirm(file, &footer);
        Ok((file, footer))
    }

    fn promise(&self) -> Promise<'_> {
        Promise {
            ctx: &self.ctx,
            key: &self.identity.key,
            columns: &self.columns.file_schema,
            partitions: &self.columns.partitions,
            by_log: self.log.is_some(),
        }
    }

    fn surviving<'a>(&self, opened: &[(&'a TableFile, Arc<Footer>)], judged: &[Judged]) -> Vec<Kept<'a>> {
        let candidates: Vec<Candidate<'_>> =
            opened.iter().map(|(file, footer)| Candidate { values: &file.values, footer }).collect();
        let groups = prune::groups(&self.columns, &candidates, judged);
        opened
            .iter()
            .zip(groups)
            .map(|((file, footer), groups)| Kept { file, footer: Arc::clone(footer), groups })
            .filter(|kept| !kept.groups.is_empty())
            .collect()
    }

    /// Bytes to read of every surviving row group: the chunks of projected columns and of predicates, compressed.
    fn weights(&self, kept: &[Kept<'_>], projected: &[&Field], judged: &[Judged]) -> Vec<(usize, usize, u64)> {
        let is_read = |name: &str| {
            projected.iter().any(|field| field.name() == name)
                || judged.iter().any(|predicate| predicate.columns.iter().any(|column| column == name))
        };
        let mut weights = Vec::new();
        for (index, file) in kept.iter().enumerate() {
            let read: Vec<_> = file.footer.groups.columns.iter().filter(|column| is_read(&column.name)).collect();
            let bytes = |group: usize| read.iter().map(|column| column.compressed[group]).sum();
            weights.extend(file.groups.iter().map(|&group| (index, group, bytes(group))));
        }
        weights
    }

    fn scan<'a>(&'a self, projected: &'a [&'a Field], limit: Option<usize>) -> Scan<'a> {
        Scan { identity: &self.identity, columns: &self.columns, files: &self.files, projected, limit }
    }

    fn node(
        &self,
        state: &dyn Session,
        projected: &[&Field],
        limit: Option<usize>,
        is_exact: bool,
        kept: &[Kept<'_>],
        weights: &[(usize, usize, u64)],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = state.config_options();
        let bytes: u64 = weights.iter().map(|(_, _, bytes)| bytes).sum();
        let may_split =
            options.optimizer.repartition_file_scans && bytes >= options.optimizer.repartition_file_min_size as u64;
        let layout = partitions(weights, state.config().target_partitions(), may_split);
        let of_file = |kept: &Kept<'_>| Arc::new(of_part(&self.columns, &self.part(kept, &kept.groups), projected));
        let of_files: Vec<Arc<Statistics>> = kept.iter().map(of_file).collect();
        let groups = layout.iter().map(|part| self.file_group(part, kept, &of_files, projected)).collect();
        let statistics = of_table(&self.columns, &of_files);
        let statistics = if is_exact { statistics } else { statistics.to_inexact() };

        let mut parquet =
            TableParquetOptions { global: options.execution.parquet.clone(), ..TableParquetOptions::default() };
        if self.log.is_some() {
            // A log says that the old 96 bit times of Spark are instants; files alone do not.
            parquet.global.coerce_int96 = Some("us".to_owned());
            parquet.global.coerce_int96_tz = Some("UTC".to_owned());
        }
        let readers = PinnedReaders::new(self.source.clone(), Arc::clone(&self.footers));
        let source = ParquetSource::new(self.columns.scanned.clone())
            .with_table_parquet_options(parquet)
            .with_parquet_file_reader_factory(Arc::new(readers));
        let adapter = PromisedColumns { product: self.source.product().into() };
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(Some(self.columns.scanned_indexes(projected)?))?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(adapter)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn part<'a>(&self, kept: &'a Kept<'_>, groups: &'a [usize]) -> Part<'a> {
        Part { footer: &kept.footer, values: &kept.file.values, groups }
    }

    fn file_group(
        &self,
        part: &[Share],
        kept: &[Kept<'_>],
        of_files: &[Arc<Statistics>],
        projected: &[&Field],
    ) -> FileGroup {
        let file = |share: &Share| {
            let kept = &kept[share.file];
            let statistics = match share.groups == kept.groups {
                true => Arc::clone(&of_files[share.file]),
                false => Arc::new(of_part(&self.columns, &self.part(kept, &share.groups), projected)),
            };
            partitioned_file(share, kept, statistics)
        };
        FileGroup::new(part.iter().map(file).collect())
    }
}

/// One file, or some of its row groups. Its range says that it is not to be cut again.
fn partitioned_file(share: &Share, kept: &Kept<'_>, statistics: Arc<Statistics>) -> PartitionedFile {
    let total = kept.footer.groups.rows.len();
    let mut access = vec![RowGroupAccess::Skip; total];
    for &group in &share.groups {
        access[group] = RowGroupAccess::Scan;
    }
    let end = i64::try_from(kept.file.meta.size).unwrap_or(i64::MAX);
    let mut file = PartitionedFile::new_from_meta(kept.file.meta.clone())
        .with_partition_values(kept.file.values.clone())
        .with_extension(ParquetAccessPlan::new(access))
        .with_range(0, end);
    file.statistics = Some(statistics);
    file
}

/// Rows without columns, as many as a log counts; no file is opened.
fn counted(rows: u64, limit: Option<usize>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema: SchemaRef = Arc::new(Schema::empty());
    let rows = usize::try_from(rows).unwrap_or(usize::MAX).min(limit.unwrap_or(usize::MAX));
    let batch = |first: usize| {
        let options = RecordBatchOptions::new().with_row_count(Some(ROWS_AT_A_TIME.min(rows - first)));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), Vec::new(), &options)?)
    };
    let batches: Vec<RecordBatch> = (0..rows).step_by(ROWS_AT_A_TIME).map(batch).collect::<Result<_>>()?;
    Ok(MemorySourceConfig::try_new_exec(&[batches], schema, None)?)
}

/// How many files, from the first on, hold `limit` rows; at least one.
fn enough(rows: impl Iterator<Item = u64>, limit: u64) -> usize {
    let mut seen = 0_u64;
    let before = rows.take_while(|rows| {
        let is_short = seen < limit;
        seen += rows;
        is_short
    });
    before.count().max(1)
}
