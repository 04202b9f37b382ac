//! What a scan of files tells of itself.
//!
//! In: a table, what is asked of it, and what is left to read. Out: the report that `EXPLAIN` shows.
//!
//! Start reading at [`Scan::report`].

use arrow::datatypes::Field;
use meshweave_engine::context::ScanReport;

use super::columns::{Columns, Identity, TableFile};
use super::filters::Judged;

/// One planned scan of a table of files.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// How the table is named.
    pub(crate) identity: &'a Identity,
    /// Its columns.
    pub(crate) columns: &'a Columns,
    /// All files of the pinned version.
    pub(crate) files: &'a [TableFile],
    /// The columns that are asked for.
    pub(crate) projected: &'a [&'a Field],
    /// The limit that the scan keeps to.
    pub(crate) limit: Option<usize>,
}

impl Scan<'_> {
    /// The report.
    ///
    /// - `judged`: every predicate, and how it is used.
    /// - `files_kept`, `bytes_kept`: what the scan opens, and may read at most.
    pub(crate) fn report(self, judged: Vec<Judged>, files_kept: usize, bytes_kept: u64) -> ScanReport {
        let Self { identity, columns, files, projected, limit } = self;
        ScanReport {
            product: identity.key.clone(),
            domain: identity.domain.clone(),
            connector: identity.connector,
            version: identity.version.clone(),
            files_total: files.len() as u64,
            files_kept: files_kept as u64,
            bytes_total: files.iter().map(|file| file.meta.size).sum(),
            bytes_kept,
            columns: projected.iter().map(|field| field.name().clone()).collect(),
            columns_total: columns.schema.fields().len(),
            predicates: judged.into_iter().map(|predicate| (predicate.text, predicate.pushed, predicate.why)).collect(),
            limit,
        }
    }
}
