//! A store that counts what is asked of it, and that can be told to stop answering, or to keep what is missing to itself.
//!
//! Start reading at [`WatchedStore::wrap`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// Counts the requests of one table, and answers none of them once it is told to.
#[derive(Debug, Default)]
pub struct WatchedStore {
    requests: AtomicU64,
    dead: AtomicBool,
    discreet: AtomicBool,
}

impl WatchedStore {
    /// A store that passes everything on to `inner` while this watch allows it.
    pub fn wrap(self: &Arc<Self>, inner: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(Watched { watch: Arc::clone(self), inner })
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Answers no further request.
    pub fn stop_answering(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// Refuses requests for objects that are missing, as Amazon's does to those who may list only below a prefix.
    pub fn refuse_what_is_missing(&self) {
        self.discreet.store(true, Ordering::SeqCst);
    }

    fn worded(&self, error: object_store::Error) -> object_store::Error {
        match error {
            object_store::Error::NotFound { path, source } if self.discreet.load(Ordering::SeqCst) => {
                object_store::Error::PermissionDenied { path, source }
            }
            error => error,
        }
    }

    fn admit(&self) -> Result<()> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.dead.load(Ordering::SeqCst) {
            return Err(object_store::Error::Generic { store: "watched", source: "the store does not answer".into() });
        }
        Ok(())
    }
}

/// The store itself.
#[derive(Debug)]
struct Watched {
    watch: Arc<WatchedStore>,
    inner: Arc<dyn ObjectStore>,
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watched {}", self.inner)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Watched {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.watch.admit()?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.watch.admit()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.watch.admit()?;
        self.inner.get_opts(location, options).await.map_err(|error| self.watch.worded(error))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.watch.admit()?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.watch.admit() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.watch.admit() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.watch.admit() {
            Ok(()) => self.inner.list_with_offset(prefix, offset),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.watch.admit()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.watch.admit()?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.watch.admit()?;
        self.inner.rename_opts(from, to, options).await
    }
}
