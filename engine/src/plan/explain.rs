//! What `EXPLAIN` says first: per product, what its storage was asked for.
//!
//! Start reading at [`Given::rows`].

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use crate::context::{Pushed, ScanReport};
use crate::error::{Error, Result};
use crate::plan::names::{Resolution, Target, View};
use crate::plan::pin::PinnedEntry;

/// What a plan was made from; told only when somebody asks.
#[derive(Debug)]
pub(crate) struct Given {
    /// One row per view, see [`views`].
    pub(super) views: Vec<(String, String)>,
    /// What was pinned.
    pub(super) entries: Vec<PinnedEntry>,
    /// What each scan was given, in planning order.
    pub(super) scans: Vec<ScanReport>,
}

impl Given {
    /// One row per view; then one per scan: the product's key, and what the scan was given, one fact a line.
    ///
    /// A product without a scan (it was optimized away, or its connector reports nothing) gets one row all the same.
    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let mut rows = self.views.clone();
        for entry in &self.entries {
            let head = format!("domain: {}\nconnector: {}\nversion: {}", entry.domain, entry.connector, entry.version);
            let alone = self.entries.iter().filter(|other| other.port_key == entry.port_key).count() == 1;
            let is_own =
                |scan: &&ScanReport| scan.product == entry.port_key && (alone || scan.version == entry.version);
            let mut own = self.scans.iter().filter(is_own).peekable();
            if own.peek().is_none() {
                rows.push((entry.key.clone(), head.clone()));
            }
            rows.extend(own.map(|scan| (entry.key.clone(), format!("{head}{}", facts(scan)))));
        }
        rows
    }

    /// The rows and the physical plan as text.
    pub(crate) fn text(&self, plan: &dyn ExecutionPlan) -> String {
        let mut text = String::new();
        for (name, facts) in self.rows() {
            let _ = writeln!(text, "{name}");
            for line in facts.lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        let _ = write!(text, "{}", displayable(plan).indent(false));
        text
    }
}

/// One row per view: its key, and the products and views that it stands on.
pub(super) fn views(resolution: &Resolution) -> Vec<(String, String)> {
    let name = |target: &Target| match target {
        Target::Table(index) => Some(resolution.wanted[*index].key.clone()),
        Target::View(index) => Some(resolution.views[*index].entry.id().major_key()),
        Target::Ready(_) => None,
    };
    let row = |view: &View| {
        let id = view.entry.id();
        let mut below: Vec<String> = view.scope.sources.iter().filter_map(|source| name(&source.target)).collect();
        below.dedup();
        let (domain, below) = (&id.name.domain, below.join(", "));
        (id.major_key(), format!("domain: {domain}\nconnector: view\nversion: {}\nstands on: {below}", id.version))
    };
    resolution.views.iter().map(row).collect()
}

fn facts(scan: &ScanReport) -> String {
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = write!(text, "\n{words}");
    };
    line(format_args!("files: {} of {}", scan.files_kept, scan.files_total));
    line(format_args!("bytes: {} of {}", scan.bytes_kept, scan.bytes_total));
    line(format_args!("columns: {} of {} ({})", scan.columns.len(), scan.columns_total, scan.columns.join(", ")));
    for (predicate, pushed, why) in &scan.predicates {
        let how = match pushed {
            Pushed::Exact => "pushed exactly",
            Pushed::Superset => "pushed as a superset",
            Pushed::No => "not pushed",
        };
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        line(format_args!("{how}: {predicate}{why}"));
    }
    if let Some(limit) = scan.limit {
        line(format_args!("limit: {limit}"));
    }
    text
}

/// The rows as a batch of `EXPLAIN`'s schema; none without rows.
pub(super) fn batch(schema: &SchemaRef, rows: &[(String, String)]) -> Result<Option<RecordBatch>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(name, _)| name))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, text)| text))),
    ];
    let batch = RecordBatch::try_new(Arc::clone(schema), columns);
    batch.map(Some).map_err(|error| Error::internal("the rows of EXPLAIN do not fit its columns", error))
}
