//! What `EXPLAIN ANALYZE` adds: what each product's scans did, and what the whole statement took.
//!
//! In: the tables of the statement, wrapped while it is planned, and its plan when it has run. Out: facts for the rows of `EXPLAIN`.
//! Holds always:
//! - every number was measured: rows, files and seconds by the scans' own metrics, bytes and requests by the product's meter;
//! - a number that nobody measured is left out;
//! - a statement that is not analyzed runs without any of this.
//!
//! Start reading at [`Measured::batch`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::{Constraints, Statistics};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::MetricsSet;
use parking_lot::Mutex;

use super::explain;
use crate::context::Usage;
use crate::error::Result;

/// The plans of the scans of each table, by its key.
pub(super) type Scans = Arc<Mutex<BTreeMap<String, Vec<Arc<dyn ExecutionPlan>>>>>;

/// A table whose scans are remembered. It cannot be written.
#[derive(Debug)]
pub(super) struct Watched {
    table: Arc<dyn TableProvider>,
    key: String,
    scans: Scans,
}

impl Watched {
    /// The same table; its scans are put among `scans`.
    pub(super) fn over(table: Arc<dyn TableProvider>, key: &str, scans: &Scans) -> Arc<dyn TableProvider> {
        Arc::new(Self { table, key: key.to_owned(), scans: Arc::clone(scans) })
    }

    fn seen(&self, plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        self.scans.lock().entry(self.key.clone()).or_default().push(Arc::clone(&plan));
        plan
    }
}

#[async_trait]
impl TableProvider for Watched {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn constraints(&self) -> Option<&Constraints> {
        self.table.constraints()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.table.get_table_definition()
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.table.get_logical_plan()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.table.get_column_default(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self.seen(self.table.scan(state, projection, filters, limit).await?))
    }

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> DfResult<ScanResult> {
        let scanned = self.table.scan_with_args(state, args).await?;
        Ok(ScanResult::new(self.seen(scanned.into_inner())))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        self.table.supports_filters_pushdown(filters)
    }

    fn statistics(&self) -> Option<Statistics> {
        self.table.statistics()
    }
}

/// What an analyzed statement is told from, once it has run.
pub(crate) struct Measured {
    /// What `EXPLAIN` says, by key.
    pub(super) given: Vec<(String, String)>,
    /// The keys of the products, in the order of `given`.
    pub(super) keys: Vec<String>,
    pub(super) scans: Scans,
    /// Rows of the statement's own answer.
    pub(super) rows: Arc<AtomicU64>,
}

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measured").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Measured {
    /// The rows of `EXPLAIN`, each product's first with what was measured; then the totals.
    ///
    /// - `plan`: has run to its end.
    /// - `usage`: the statement's.
    pub(crate) fn batch(
        &self,
        schema: &SchemaRef,
        plan: &dyn ExecutionPlan,
        usage: &Usage,
    ) -> Result<Option<RecordBatch>> {
        let mut rows = self.given.clone();
        for key in &self.keys {
            if let Some((_, text)) = rows.iter_mut().find(|(name, _)| name == key) {
                text.push_str(&self.of_product(key, &usage.part(key)));
            }
        }
        rows.push(("totals".to_owned(), self.totals(plan, usage)));
        explain::batch(schema, &rows)
    }

    fn of_product(&self, key: &str, usage: &Usage) -> String {
        let scans = self.scans.lock().get(key).cloned().unwrap_or_default();
        let sum =
            |of: fn(&dyn ExecutionPlan) -> Option<u64>| scans.iter().map(|scan| of(scan.as_ref())).fold(None, added);
        let mut text = String::new();
        if scans.len() > 1 {
            let _ = write!(text, "\nscans: {}", scans.len());
        }
        if let Some(rows) = sum(rows_of) {
            let _ = write!(text, "\nrows produced: {rows}");
        }
        let _ = write!(text, "\nbytes read: {}\nrequests: {}", usage.bytes(), usage.requests());
        if let Some(files) = sum(files_of) {
            let _ = write!(text, "\nfiles opened: {files}");
        }
        if let Some(nanos) = sum(nanos_of) {
            let _ = write!(text, "\nseconds: {}", seconds(nanos));
        }
        text
    }

    fn totals(&self, plan: &dyn ExecutionPlan, usage: &Usage) -> String {
        let waited = u64::try_from(usage.waited().as_nanos()).unwrap_or(u64::MAX);
        format!(
            "rows: {}\nbytes read: {}\nrequests: {}\npeak memory: {}\nspilled bytes: {}\nseconds waited: {}",
            self.rows.load(Ordering::Relaxed),
            usage.bytes(),
            usage.requests(),
            usage.most_memory_bytes(),
            spilled(plan),
            seconds(waited),
        )
    }
}

fn seconds(nanos: u64) -> String {
    format!("{:.6}", std::time::Duration::from_nanos(nanos).as_secs_f64())
}

/// Bytes that the nodes of a plan wrote to disk.
pub(crate) fn spilled(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0) as u64;
    own + plan.children().into_iter().map(|child| spilled(child.as_ref())).sum::<u64>()
}

/// Rows that a scan gave: those of its topmost node that counts.
fn rows_of(scan: &dyn ExecutionPlan) -> Option<u64> {
    if scan.is::<EmptyExec>() {
        return Some(0);
    }
    if let Some(rows) = scan.metrics().and_then(|metrics| metrics.output_rows()) {
        return Some(rows as u64);
    }
    below(scan, rows_of)
}

/// Files that a scan opened, each counted once, though several partitions may read parts of it.
fn files_of(scan: &dyn ExecutionPlan) -> Option<u64> {
    if scan.is::<EmptyExec>() {
        return Some(0);
    }
    let own = scan.metrics().and_then(|metrics| named_files(&metrics).or_else(|| summed(&metrics, "files_opened")));
    added(own, below(scan, files_of))
}

/// The files that the metrics of a node name, where its format names them.
fn named_files(metrics: &MetricsSet) -> Option<u64> {
    let labels = metrics.iter().flat_map(|metric| metric.labels());
    let names: BTreeSet<&str> = labels.filter(|label| label.name() == "filename").map(|label| label.value()).collect();
    Some(names.len() as u64).filter(|count| *count > 0)
}

fn summed(metrics: &MetricsSet, name: &str) -> Option<u64> {
    metrics.sum_by_name(name).map(|sum| sum.as_usize() as u64)
}

/// Time that a scan's nodes worked, over all partitions: readers of files count it apart, with what they decode.
fn nanos_of(scan: &dyn ExecutionPlan) -> Option<u64> {
    let own = scan.metrics().and_then(|metrics| {
        summed(&metrics, "time_elapsed_processing").or_else(|| metrics.elapsed_compute().map(|nanos| nanos as u64))
    });
    added(own, below(scan, nanos_of))
}

/// The sum over the nodes directly below that have the number.
fn below(scan: &dyn ExecutionPlan, of: fn(&dyn ExecutionPlan) -> Option<u64>) -> Option<u64> {
    scan.children().into_iter().map(|child| of(child.as_ref())).fold(None, added)
}

fn added(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}
