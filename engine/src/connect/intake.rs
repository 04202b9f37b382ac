//! The writing seam: how rows get into one kind of storage.
//!
//! In: a [`Port`] of a product that takes rows, and rows that keep its contract. Out: one new version of its table, or nothing.
//! Holds always:
//! - until [`Inflow::commit`] has returned, no reader sees a row; then all of them;
//! - an inflow that is dropped before leaves no version behind, and removes the files that it has written;
//! - nobody is asked here who may write, and no rule of a contract is checked: both are done before.
//!
//! Start reading at [`Intake`].

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use super::Port;
use crate::context::QueryContext;
use crate::error::Result;
use crate::version::Version;

/// Code that adds rows to one kind of storage. It stands beside [`super::Connector`], which only reads.
#[async_trait]
pub trait Intake: fmt::Debug + Send + Sync {
    /// The word of a contract's `format` that it writes: `delta`.
    fn format(&self) -> &'static str;

    /// Opens a way into the table at `port`; a table that is not there yet is made by the first commit.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the storage does not answer; [`crate::Failure::ContractBroken`] when the stored columns
    /// cannot take the promised ones; [`crate::Failure::Unsupported`] for tables that ask for more of a writer than this one knows.
    async fn open(&self, ctx: &QueryContext, port: &Port) -> Result<Box<dyn Inflow>>;
}

/// Rows on their way into one table.
#[async_trait]
pub trait Inflow: fmt::Debug + Send {
    /// The columns that batches must come in: those of the port, in its order, in the types that are stored.
    fn schema(&self) -> SchemaRef;

    /// Takes a batch. What it holds in memory of all batches is about their size at most.
    ///
    /// # Errors
    /// Those of the storage; the rows are lost then, all of them.
    async fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Puts everything that is held into storage, where nobody sees it yet; nothing is held in memory after it.
    ///
    /// # Errors
    /// As [`Self::write`].
    async fn seal(&mut self) -> Result<()>;

    /// Makes all rows visible at once. Runs to its end even when nobody waits for it any more.
    ///
    /// # Errors
    /// Those of the storage; a table that somebody has changed otherwise meanwhile. Nothing is visible then, unless the error says
    /// that nobody knows.
    async fn commit(self: Box<Self>) -> Result<Landed>;

    /// Removes what was written, and returns when it is gone. Dropping does the same with nobody waiting for it.
    async fn abandon(self: Box<Self>);
}

/// What a commit has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The version that has the rows.
    pub version: Version,
    /// Files that were added.
    pub files: u64,
    /// Their size on storage, bytes.
    pub bytes: u64,
}
