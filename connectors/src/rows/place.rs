//! A file of a product, for errors: what is wrong, and in which line.
//!
//! Holds always: no value of a row is quoted, since the caller may not be allowed to see it.
//!
//! Start reading at [`Place`].

use std::sync::Arc;

use meshweave_engine::{Error, Failure};

/// What to do about a file that breaks its contract.
const MEND: &str = "Mend the file, or register a version of the contract that says what it holds.";

/// A file of a product.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    product: Arc<str>,
    path: Arc<str>,
}

impl Place {
    /// A file of `product`.
    pub(crate) fn new(product: &str, path: &str) -> Self {
        Self { product: product.into(), path: path.into() }
    }

    /// The path of the file in its store.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The file as a whole is not what its contract says.
    pub(crate) fn broken(&self, what: &str) -> Error {
        self.contract_broken(format!("\"{}\" {what}", self.path), MEND)
    }

    /// A line is not what the contract says.
    pub(crate) fn broken_line(&self, line: u64, what: &str) -> Error {
        self.contract_broken(format!("\"{}\" line {line}: {what}", self.path), MEND)
    }

    /// As [`Self::broken_line`], with a hint of its own.
    pub(crate) fn broken_line_because(&self, line: u64, what: &str, hint: &str) -> Error {
        self.contract_broken(format!("\"{}\" line {line}: {what}", self.path), hint)
    }

    /// A row is not what the contract says; for formats without lines.
    pub(crate) fn broken_row(&self, row: u64, what: &str) -> Error {
        self.contract_broken(format!("\"{}\" row {row}: {what}", self.path), MEND)
    }

    /// The bytes cannot be read at all.
    pub(crate) fn unreadable(&self, why: &str) -> Error {
        self.contract_broken(format!("\"{}\" cannot be read: {why}", self.path), MEND)
    }

    /// A row is larger than the settings allow.
    pub(crate) fn too_long(&self, line: u64, limit: usize) -> Error {
        Failure::Exhausted {
            message: format!(
                "\"{}\" of {} has a row in line {line} that is longer than the {limit} bytes a row may have",
                self.path, self.product
            ),
            hint: Some("Look for a quote that is never closed, or raise `limits.row_size`.".to_owned()),
        }
        .into()
    }

    /// A block of an Avro file is larger than the settings allow.
    pub(crate) fn too_large_a_block(&self, limit: usize) -> Error {
        Failure::Exhausted {
            message: format!(
                "\"{}\" of {} has a block that is larger than the {limit} bytes a block may have",
                self.path, self.product
            ),
            hint: Some("Write smaller blocks, or raise `limits.avro_block`.".to_owned()),
        }
        .into()
    }

    /// Arrow did not take what we made.
    pub(crate) fn internal(&self, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::internal(format!("rows of \"{}\" could not be put together", self.path), cause)
    }

    fn contract_broken(&self, message: String, hint: &str) -> Error {
        Failure::ContractBroken { product: self.product.to_string(), message, hint: Some(hint.to_owned()) }.into()
    }
}
