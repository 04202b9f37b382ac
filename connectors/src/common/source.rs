//! Reads bytes of pinned objects: every request says which object it means, and every answer is checked to be of it.
//!
//! In: the metadata of an object as it was pinned, and byte ranges. Out: exactly those bytes of exactly that object.
//! Holds always:
//! - each GET sends `if_match` with the pinned ETag (or `if_unmodified_since` where the store gives no ETags, or weak ones), except
//!   for objects of a log that names each of them once;
//! - an ETag is the same with and without quotation marks: Azure's listings leave them out, its answers do not, and a condition
//!   that a server is to understand has them;
//! - a local file is looked at again after its bytes were read, through the handle that read them, since a file can change while it
//!   is being read: all ranges are one request to the store, which does it.
//!
//! Start reading at [`Source::ranges`].

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use meshweave_engine::connect::Port;
use meshweave_engine::storage::{Ranges, StoreId};
use meshweave_engine::{Error, Failure, QueryContext, Result};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, coalesce_ranges};

use super::storage_failure;

/// Gaps between ranges that are cheaper to read than to ask around, bytes: one round trip of a remote store.
const REMOTE_GAP: u64 = 1 << 20;

/// The store of one table, for one query.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Named in errors.
    product: Arc<str>,
    /// Starts every cache key.
    pub(crate) store_id: StoreId,
    /// The store; it counts for the query.
    pub(crate) store: Arc<dyn ObjectStore>,
    is_local: bool,
    /// Whether a server reads the conditions; stores in this process compare them as they gave them.
    is_served: bool,
    /// Whether an object of a name is always the same: a log never writes a name twice.
    is_named_once: bool,
}

impl Source {
    /// The store of a port, counting for the query.
    pub(crate) fn of(ctx: &QueryContext, port: &Port) -> Self {
        let location = &port.location;
        Self {
            product: port.product.name.to_string().into(),
            store_id: location.store_id.clone(),
            store: location.metered(ctx),
            is_local: location.url.scheme() == "file",
            is_served: !matches!(location.url.scheme(), "file" | "memory"),
            is_named_once: false,
        }
    }

    /// A store whose log names every object once, so that only its size is compared.
    ///
    /// - `product`: for errors.
    /// - `store_id`: of the table's folder; starts every cache key.
    pub(crate) fn named_once(product: &str, store_id: StoreId, store: Arc<dyn ObjectStore>, is_local: bool) -> Self {
        Self { product: product.into(), store_id, store, is_local, is_served: !is_local, is_named_once: true }
    }

    /// The product, for errors.
    pub(crate) fn product(&self) -> &str {
        &self.product
    }

    /// Reads ranges of one pinned object; the answers are in the order of the ranges.
    ///
    /// Cost: one request for ranges that lie close together, at most ten at a time; one for all ranges of a local file.
    ///
    /// # Errors
    /// [`Failure::PinnedObjectChanged`] when the object is not the pinned one any more; [`Failure::Unavailable`] when the
    /// store does not answer.
    pub(crate) async fn ranges(&self, file: &ObjectMeta, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if self.is_local {
            return self.local(file, ranges).await;
        }
        coalesce_ranges(ranges, |range| self.fetch(file, range), REMOTE_GAP).await
    }

    async fn local(&self, file: &ObjectMeta, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bounds = ranges.iter().map(|range| range.start).min().zip(ranges.iter().map(|range| range.end).max());
        let Some((start, end)) = bounds else { return Ok(Vec::new()) };
        let mut options = GetOptions { range: Some(GetRange::Bounded(start..end)), ..self.condition(file) };
        options.extensions.insert(Ranges(ranges.into()));
        let answer = self.store.get_opts(&file.location, options).await.map_err(|error| self.failure(file, error))?;
        self.same(file, &answer.meta)?;
        let GetResultPayload::Stream(chunks) = answer.payload else {
            let message = "a store of local files gave one range where several were asked for".to_owned();
            return Err(Failure::Internal { message, cause: None }.into());
        };
        let failed = |error| self.failure(file, error);
        let bytes: Vec<Bytes> = chunks.map_err(failed).take(ranges.len() + 1).try_collect().await?;
        let lengths = ranges.iter().map(|range| range.end - range.start);
        if lengths.eq(bytes.iter().map(|bytes| bytes.len() as u64)) { Ok(bytes) } else { Err(self.changed(file)) }
    }

    async fn fetch(&self, file: &ObjectMeta, range: Range<u64>) -> Result<Bytes> {
        let length = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..self.condition(file) };
        let answer = self.store.get_opts(&file.location, options).await.map_err(|error| self.failure(file, error))?;
        self.same(file, &answer.meta)?;
        let bytes = answer.bytes().await.map_err(|error| self.failure(file, error))?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(self.changed(file)) }
    }

    /// What a request says of the object that it means.
    fn condition(&self, file: &ObjectMeta) -> GetOptions {
        match &file.e_tag {
            // A weak one never matches; the answer's own is compared.
            Some(etag) if etag.starts_with("W/") => unmodified(file),
            Some(etag) => {
                let etag = if self.is_served { format!("\"{}\"", unquoted(etag)) } else { etag.clone() };
                GetOptions { if_match: Some(etag), ..GetOptions::default() }
            }
            None if self.is_named_once => GetOptions::default(),
            None => unmodified(file),
        }
    }

    /// A store that ignores conditions still tells which object it answered with.
    fn same(&self, file: &ObjectMeta, answered: &ObjectMeta) -> Result<()> {
        let is_other = match (&file.e_tag, &answered.e_tag) {
            (Some(pinned), Some(now)) => unquoted(pinned) != unquoted(now),
            _ if self.is_named_once => false,
            _ => file.last_modified != answered.last_modified,
        };
        if is_other || file.size != answered.size { Err(self.changed(file)) } else { Ok(()) }
    }

    fn failure(&self, file: &ObjectMeta, error: object_store::Error) -> Error {
        storage_failure(&self.product, &file.location, true, error)
    }

    fn changed(&self, file: &ObjectMeta) -> Error {
        Failure::PinnedObjectChanged {
            product: self.product.to_string(),
            object: file.location.to_string(),
            cause: None,
        }
        .into()
    }
}

fn unmodified(file: &ObjectMeta) -> GetOptions {
    GetOptions { if_unmodified_since: Some(file.last_modified), ..GetOptions::default() }
}

fn unquoted(etag: &str) -> &str {
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use object_store::path::Path;

    use super::*;

    fn file(etag: Option<&str>) -> ObjectMeta {
        let last_modified = DateTime::from_timestamp_nanos(0);
        ObjectMeta { location: Path::from("a"), last_modified, size: 1, e_tag: etag.map(str::to_owned), version: None }
    }

    fn source(is_served: bool) -> Source {
        let store = Arc::new(object_store::memory::InMemory::new());
        Source {
            product: "p".into(),
            store_id: StoreId::local(),
            store,
            is_local: false,
            is_served,
            is_named_once: false,
        }
    }

    #[test]
    fn the_condition_is_one_that_servers_understand() {
        let sent = |etag| source(true).condition(&file(etag)).if_match;
        assert_eq!(sent(Some("\"x\"")).as_deref(), Some("\"x\""));
        assert_eq!(sent(Some("0x8D")).as_deref(), Some("\"0x8D\""), "as Azure lists it");
        assert_eq!(sent(Some("W/\"x\"")), None);
        assert!(source(true).condition(&file(None)).if_unmodified_since.is_some());
        assert_eq!(source(false).condition(&file(Some("0x8D"))).if_match.as_deref(), Some("0x8D"));
    }
}
