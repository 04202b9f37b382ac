//! A store around a store: counts what one query asks of it, and stops when the query is cancelled or has read too much.
//!
//! Holds always:
//! - every request is counted before it is sent, every byte when it has come;
//! - after the cancellation no request is sent, and a pending one returns at once with [`Failure::Cancelled`] inside;
//! - more than the statement may read is given to nobody: [`Failure::Exhausted`] comes instead, and no request is sent any more.
//!
//! Start reading at [`MeteredStore`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, UploadPart, coalesce_ranges,
};
use tokio_util::sync::CancellationToken;

use crate::context::Usage;
use crate::error::{Error, Failure};

/// Objects that an S3 listing gives per request.
const LIST_PAGE: u64 = 1000;

/// A store whose requests are counted for one query and stop with it.
#[derive(Debug)]
pub struct MeteredStore {
    inner: Arc<dyn ObjectStore>,
    local: bool,
    meter: Meter,
}

/// The counters and the stop of one query.
#[derive(Debug, Clone)]
struct Meter {
    usage: Arc<Usage>,
    cancel: CancellationToken,
}

impl MeteredStore {
    /// Wraps a store.
    ///
    /// - `local`: whether ranges are read from files; else near ranges are read in one request, and each request is counted.
    pub fn new(inner: Arc<dyn ObjectStore>, local: bool, usage: Arc<Usage>, cancel: CancellationToken) -> Self {
        Self { inner, local, meter: Meter { usage, cancel } }
    }
}

/// Our own error inside a store's error: the query was cancelled, or has read too much.
pub fn cancelled(error: &object_store::Error) -> Option<Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        cause = error.source();
    }
    None
}

fn stopped() -> object_store::Error {
    carried(Failure::Cancelled.into())
}

/// Carries one of our errors through the object store's.
fn carried(error: Error) -> object_store::Error {
    object_store::Error::Generic { store: "meshweave", source: Box::new(error) }
}

impl Meter {
    /// Whether the statement may read on.
    fn may_read(&self) -> Result<()> {
        self.usage.may_read().map_err(carried)
    }

    /// Counts one request and sends it, unless the query is cancelled before its answer comes.
    async fn request<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.cancel.is_cancelled() {
            return Err(stopped());
        }
        self.may_read()?;
        self.usage.add_request();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(stopped()),
            done = work => done,
        }
    }

    /// The same stream, ended by an error when the query is cancelled; `seen` is called with each item and how many came before.
    fn watch<T: Send + 'static>(
        &self,
        stream: BoxStream<'static, Result<T>>,
        seen: impl Fn(&Usage, &T, u64) + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let state = Some((stream, self.clone(), seen, 0_u64));
        futures::stream::unfold(state, |state| async move {
            let (mut stream, meter, seen, count) = state?;
            let next = tokio::select! {
                biased;
                () = meter.cancel.cancelled() => return Some((Err(stopped()), None)),
                next = stream.next() => next?,
            };
            if let Ok(item) = &next {
                seen(&meter.usage, item, count);
                if let Err(too_much) = meter.may_read() {
                    return Some((Err(too_much), None));
                }
            }
            Some((next, Some((stream, meter, seen, count + 1))))
        })
        .fuse()
        .boxed()
    }

    fn refused<T: Send + 'static>() -> BoxStream<'static, Result<T>> {
        async { Err(stopped()) }.into_stream().boxed()
    }
}

impl MeteredStore {
    /// Counts the pages of a listing: the first when it starts, one more for each full page of a remote store.
    fn listed(
        &self,
        list: impl FnOnce() -> BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.meter.cancel.is_cancelled() {
            return Meter::refused();
        }
        self.meter.usage.add_request();
        let local = self.local;
        self.meter.watch(list(), move |usage, _, before| {
            if !local && before > 0 && before.is_multiple_of(LIST_PAGE) {
                usage.add_request();
            }
        })
    }

    fn metered(&self, mut got: GetResult) -> Result<GetResult> {
        let bytes = got.range.end.saturating_sub(got.range.start);
        got.payload = match got.payload {
            GetResultPayload::File(file, path) => {
                self.meter.usage.add_bytes(bytes);
                self.meter.may_read()?;
                GetResultPayload::File(file, path)
            }
            GetResultPayload::Stream(stream) => {
                let count = |usage: &Usage, chunk: &Bytes, _| usage.add_bytes(chunk.len() as u64);
                GetResultPayload::Stream(self.meter.watch(stream, count))
            }
        };
        Ok(got)
    }
}

impl fmt::Display for MeteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metered {}", self.inner)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ObjectStore for MeteredStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.meter.request(self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.meter.request(self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(MeteredUpload { upload, meter: self.meter.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let got = self.meter.request(self.inner.get_opts(location, options)).await?;
        if head { Ok(got) } else { self.metered(got) }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if !self.local {
            let read = |range| self.get_range(location, range);
            return coalesce_ranges(ranges, read, OBJECT_STORE_COALESCE_DEFAULT).await;
        }
        let parts = self.meter.request(self.inner.get_ranges(location, ranges)).await?;
        self.meter.usage.add_bytes(parts.iter().map(|part| part.len() as u64).sum());
        self.meter.may_read()?;
        Ok(parts)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.meter.cancel.is_cancelled() {
            return Meter::refused();
        }
        self.meter.usage.add_request();
        self.meter.watch(self.inner.delete_stream(locations), |_, _, _| ())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(|| self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(|| self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.meter.request(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.meter.request(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.meter.request(self.inner.rename_opts(from, to, options)).await
    }
}

/// An upload whose parts are counted and stop with the query.
#[derive(Debug)]
struct MeteredUpload {
    upload: Box<dyn MultipartUpload>,
    meter: Meter,
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, meter) = (self.upload.put_part(data), self.meter.clone());
        Box::pin(async move { meter.request(part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.meter.request(self.upload.complete()).await
    }

    /// Goes through when the query is cancelled too: it cleans up.
    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}
