//! One place in a store, and small reads from it.
//!
//! Start reading at [`Location`].

use std::fmt;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use url::Url;

use super::fault::Fault;
use super::meter::MeteredStore;
use super::pattern;
use crate::context::QueryContext;
use crate::error::{Error, Failure, Result};

/// The identity of a store: endpoint, bucket and credential scope, hashed; 16 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub String);

impl StoreId {
    /// The identity that a description hashes to.
    pub(super) fn of(description: &str) -> Self {
        Self(hex::encode(Sha256::digest(description)).chars().take(16).collect())
    }

    /// The identity of the local file system; its paths are absolute, so all domains may share it.
    pub fn local() -> Self {
        LOCAL.clone()
    }
}

static LOCAL: LazyLock<StoreId> = LazyLock::new(|| StoreId::of("local"));

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
    /// What follows `path` when the location holds a wildcard (`*.parquet`, `dt=*/part-?.parquet`) or lists its files
    /// (`{a,b}.parquet`); else none.
    pub pattern: Option<String>,
    /// The full URL, for people and for errors; credentials never stand in it.
    pub url: Url,
}

impl Location {
    /// Whether the store is the local file system.
    pub fn is_local(&self) -> bool {
        self.store_id == *LOCAL
    }

    /// The objects that the location lists by name, in its order; none when it names a folder, one object or a wildcard.
    pub fn files(&self) -> Option<Vec<Path>> {
        let files = pattern::listed(self.pattern.as_deref()?)?;
        let below = |file: &String| file.split('/').fold(self.path.clone(), |path, segment| path.join(segment));
        Some(files.iter().map(below).collect())
    }

    /// The store with its requests counted for a query, and stopped when the query is cancelled.
    pub fn metered(&self, ctx: &QueryContext) -> Arc<dyn ObjectStore> {
        let store = Arc::clone(&self.store);
        Arc::new(MeteredStore::new(store, self.is_local(), Arc::clone(&ctx.usage), ctx.cancel.clone()))
    }

    /// A place below this one; the pattern is dropped. Segments are separated by `/`; empty ones are left out.
    #[must_use]
    pub fn child(&self, relative: &str) -> Self {
        let segments = || relative.split('/').filter(|s| !s.is_empty());
        let path = segments().fold(self.path.clone(), |path, segment| path.join(segment));
        let mut url = self.url.clone();
        if let Some(pattern) = &self.pattern {
            let depth = pattern.split('/').count();
            if let Ok(mut parts) = url.path_segments_mut() {
                (0..depth).for_each(|_| {
                    parts.pop();
                });
            }
        }
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(segments());
        }
        Self { store_id: self.store_id.clone(), store: Arc::clone(&self.store), path, pattern: None, url }
    }

    /// The path of an object relative to this place; none when it lies elsewhere, empty when it is this place.
    pub fn relative(&self, object: &Path) -> Option<String> {
        let parts: Vec<String> = object.prefix_match(&self.path)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    /// Reads a small object whole.
    ///
    /// - `limit`: bytes; a larger object is refused before its body is read.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when it is not there, too large, or the store does not answer; the query's cancellation and deadline.
    pub async fn read_small(&self, ctx: &QueryContext, limit: u64) -> Result<Bytes> {
        let store = self.metered(ctx);
        ctx.bounded(async {
            let got = store.get(&self.path).await.map_err(|error| self.unavailable("it could not be read", error))?;
            if got.meta.size > limit {
                return Err(self.too_large(got.meta.size, limit));
            }
            got.bytes().await.map_err(|error| self.unavailable("it could not be read", error))
        })
        .await
    }

    /// The first object at or below this place that counts as data; none when nothing lies there yet.
    ///
    /// Names that begin with a dot, and empty `_SUCCESS` marks, do not count.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the store does not answer; the query's cancellation and deadline.
    pub async fn first_object(&self, ctx: &QueryContext) -> Result<Option<ObjectMeta>> {
        let store = self.metered(ctx);
        ctx.bounded(async {
            if let Some(files) = self.files() {
                return self.first_of(store.as_ref(), &files).await;
            }
            if self.pattern.is_none() && !self.path.is_root() {
                match store.head(&self.path).await {
                    Ok(meta) => return Ok(Some(meta)),
                    Err(error) if says_no_object(&error) => {}
                    Err(error) => return Err(self.unavailable("it could not be looked at", error)),
                }
            }
            let listed = store.list(Some(&self.path)).try_filter(|meta| futures::future::ready(is_data(meta)));
            let first = std::pin::pin!(listed).next().await;
            first.transpose().map_err(|error| {
                let cannot = self.cannot_be_listed(&error);
                cannot.unwrap_or_else(|| self.unavailable("it could not be listed", error))
            })
        })
        .await
    }

    /// The failure of a web server that lists nothing, when that is what its answer means.
    pub fn cannot_be_listed(&self, error: &object_store::Error) -> Option<Error> {
        let fault = Fault::of(error).filter(|fault| *fault == Fault::CannotList)?;
        let failure =
            Failure::Unsupported { what: format!("listing {}", self.url), hint: Some(fault.hint().to_owned()) };
        Some(failure.into())
    }

    async fn first_of(&self, store: &dyn ObjectStore, files: &[Path]) -> Result<Option<ObjectMeta>> {
        for file in files {
            match store.head(file).await {
                Ok(meta) => return Ok(Some(meta)),
                Err(error) if says_no_object(&error) => {}
                Err(error) => return Err(self.unavailable("it could not be looked at", error)),
            }
        }
        Ok(None)
    }

    /// A failure of this place, with what the store said. A cancelled query comes back as that.
    pub fn unavailable(&self, message: &str, cause: object_store::Error) -> Error {
        super::meter::cancelled(&cause).unwrap_or_else(|| Error::unavailable(self.url.as_str(), message, cause))
    }

    fn too_large(&self, size: u64, limit: u64) -> Error {
        Failure::Exhausted {
            message: format!("{} has {size} bytes, more than the {limit} that may be read", self.url),
            hint: Some("Raise `storage.document_size` in meshweave.yaml, or make the file smaller.".to_owned()),
        }
        .into()
    }
}

/// Whether a store's answer to `head` means that a folder, or nothing, lies there.
fn says_no_object(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::NotFound { .. } => true,
        // Local folders answer with an error of their own.
        object_store::Error::Generic { store, .. } => *store == "LocalFileSystem",
        _ => false,
    }
}

fn is_data(meta: &ObjectMeta) -> bool {
    let name = meta.location.filename().unwrap_or_default();
    !name.starts_with('.') && name != "_SUCCESS"
}
