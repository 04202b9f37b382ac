//! What connectors share: errors of storage, which types keep a promise, names of stores in plans; and, for all plain files, listing,
//! manifests, pinned reading, partition folders and predicates.
//!
//! Start reading at [`storage_failure`].

pub(crate) mod columns;
pub(crate) mod drift;
pub mod errors;
pub(crate) mod filters;
pub(crate) mod folders;
pub(crate) mod hidden;
pub(crate) mod hive;
pub(crate) mod kind;
pub(crate) mod layout;
pub(crate) mod listing;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod plain;
pub(crate) mod read_only;
pub(crate) mod report;
pub(crate) mod source;
pub(crate) mod types;

pub use errors::{at_fault, find, storage_failure};

use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use meshweave_engine::storage::StoreId;
use meshweave_engine::{Error, Result};

/// The URL under which the store `id` is known inside one query; unique per store identity.
///
/// # Errors
/// [`meshweave_engine::Failure::Internal`] when the identity cannot be part of a URL.
pub fn store_url(connector: &str, id: &StoreId) -> Result<ObjectStoreUrl> {
    let host: String =
        id.0.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    ObjectStoreUrl::parse(format!("meshweave-{connector}://{host}"))
        .map_err(|cause| Error::internal(format!("store {id} could not be named in a plan"), cause))
}

/// Our error inside a DataFusion error, or the DataFusion error itself as an internal one.
pub fn from_datafusion(what: &str, error: DataFusionError) -> Error {
    find(&error).cloned().unwrap_or_else(|| Error::internal(what.to_owned(), error))
}
