//! A domain's storage: which prefixes it may use, with which credentials, and the stores behind them.
//!
//! In: the `storage:` entries of a `domain.yaml`. Out: a [`Location`] for a URL that lies under one of them.
//! Holds always:
//! - a location is only ever made from a domain's own prefixes, with that domain's credentials;
//! - a [`StoreId`] differs whenever endpoint, bucket or credentials differ, so it can start every cache key.
//!
//! Start reading at [`DomainStorage::locate`].

use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

/// The identity of a store: endpoint, bucket and credential scope, hashed; 16 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub String);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in a domain's storage.
#[derive(Debug, Clone)]
pub struct Location {
    /// Which store.
    pub store_id: StoreId,
    /// The store, with the domain's credentials; paths are the bucket's (or the file system's) own.
    pub store: Arc<dyn ObjectStore>,
    /// The path in the store; a file, a folder, or the folder before the first wildcard.
    pub path: Path,
    /// What follows `path` when the location holds a wildcard (`*.parquet`, `dt=*/part-?.parquet`); else none.
    pub pattern: Option<String>,
    /// The full URL, for people and for errors; credentials never stand in it.
    pub url: Url,
}

/// The storage of one domain: its prefixes, in the order of its document.
#[derive(Debug)]
pub struct DomainStorage {
    // storage room
}

impl DomainStorage {
    /// Gives the place behind `url`, when it lies under one of the domain's prefixes.
    ///
    /// - `url`: absolute, or `file://./…` relative to the mesh folder.
    ///
    /// # Errors
    /// [`crate::Failure::Denied`] when no prefix of the domain covers it (symbolic links followed first for local paths);
    /// [`crate::Failure::InvalidConfiguration`] when a credential it needs is not set.
    pub fn locate(&self, url: &str) -> crate::Result<Location> {
        let _ = url;
        todo!("storage room")
    }
}
