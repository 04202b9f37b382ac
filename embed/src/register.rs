//! From contract files to what is to be registered.
//!
//! Start reading at [`tasks`].

use std::path::PathBuf;

use meshweave_engine::Result;
use meshweave_engine::catalog::registrations;

pub use meshweave_engine::catalog::registrations::{Done, Task};

use crate::files;

/// Reads the files and puts stored products before the views over them; else their order stays.
///
/// # Errors
/// A file that cannot be read; none at all.
pub fn tasks(paths: &[PathBuf], storage: Option<&str>, dry_run: bool) -> Result<Vec<Task>> {
    registrations::tasks(files::bundles(paths)?, storage, dry_run)
}
