//! What every connector shares: how storage errors are worded and found again, which types keep a promise, how stores are named in plans.
//!
//! Start reading at [`storage_failure`].

pub(crate) mod drift;
pub mod errors;
pub(crate) mod types;

pub(crate) use errors::read_only;
pub use errors::{find, storage_failure};

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
