//! What is known of whole files before their footers are read, from a table's log.
//!
//! Start reading at [`FileStatistics`].

use std::fmt;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;

/// Bounds and null counts of one column, one entry per file or row group; null where unknown.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Smallest values, or less.
    pub(crate) mins: ArrayRef,
    /// Largest values, or more.
    pub(crate) maxes: ArrayRef,
    /// Null counts.
    pub(crate) nulls: ArrayRef,
}

/// Statistics of all files of a table, in the order of its files.
pub(crate) trait FileStatistics: fmt::Debug + Send + Sync {
    /// Rows of each file (`UInt64`); null where unknown.
    fn rows(&self) -> ArrayRef;

    /// What is known of a column, in its promised type; none when nothing is.
    fn bounds(&self, promised: &Field) -> Option<Bounds>;
}
