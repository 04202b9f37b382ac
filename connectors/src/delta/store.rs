//! One table's folder as a store of its own: what deltalake, the kernel and the Parquet reader are given.
//!
//! In: a port's location. Out: an [`ObjectStore`], read-only except for ingestions, whose root is the table, and the URL under which it is known.
//! Holds always:
//! - the URL is `meshweave-delta://` and a hash of store identity and folder: equal URL, equal store and folder;
//! - paths are relative to the table, so a log entry cannot reach outside of it, and odd characters in the folder's own path
//!   are never escaped twice;
//! - listings are sorted, which the kernel takes for granted of every store that is not `file:`;
//! - an entry of the log that is shorter or longer than it was listed is an error: half of a commit is no commit;
//! - a data file that is gone is the product's failure, not a raw one; after a cancellation nothing is asked any more.
//!
//! Start reading at [`TableFolder`].

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake::logstore::{LogStore, StorageConfig, default_logstore};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use meshweave_engine::connect::Port;
use meshweave_engine::storage::meter::MeteredStore;
use meshweave_engine::storage::{Fault, StoreId};
use meshweave_engine::{Error, Failure, QueryContext, Result};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result as StoreResult,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::writes::Writes;
use crate::common::{at_fault, find};

const SCHEME: &str = "meshweave-delta";
const LOG_FOLDER: &str = "_delta_log";
/// Names a checkpoint of the log, so that not all of it must be listed.
const LAST_CHECKPOINT: &str = "_last_checkpoint";

/// Identity of a table's folder: equal only for the same folder of the same store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FolderId {
    /// Which store.
    pub(super) store: StoreId,
    /// The folder in it.
    pub(super) path: Path,
}

impl FolderId {
    /// A text without special characters that stands for it; 32 hex digits.
    fn hash(&self) -> String {
        let mut sha = Sha256::new();
        sha.update(self.store.0.as_bytes());
        sha.update([0]);
        sha.update(self.path.as_ref().as_bytes());
        hex::encode(&sha.finalize()[..16])
    }
}

/// The folder of one table, opened for one query.
#[derive(Debug, Clone)]
pub(super) struct TableFolder {
    /// Whose folder it is.
    pub(super) id: FolderId,
    /// The key of the product table, for errors.
    pub(super) key: String,
    /// Where it lies, for people.
    pub(super) place: String,
    store: Arc<FolderStore>,
    root: Url,
}

impl TableFolder {
    /// Opens the folder of `port`; once `stop` is cancelled every further request fails.
    ///
    /// # Errors
    /// [`Failure::Internal`] when its synthetic URL is none.
    pub(super) fn new(ctx: &QueryContext, port: &Port, stop: CancellationToken) -> Result<Self> {
        Self::over(inner(ctx, port, stop), port, None)
    }

    /// The same for an ingestion, with what it writes. No cancellation stops its requests: what was begun is ended or taken back.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn for_writing(ctx: &QueryContext, port: &Port) -> Result<(Self, Arc<Writes>)> {
        let inner = inner(ctx, port, CancellationToken::new());
        let writes = Arc::new(Writes::new(Arc::clone(&inner) as Arc<dyn ObjectStore>));
        Ok((Self::over(inner, port, Some(Arc::clone(&writes)))?, writes))
    }

    fn over(inner: Inner, port: &Port, writes: Option<Arc<Writes>>) -> Result<Self> {
        let location = &port.location;
        let id = FolderId { store: location.store_id.clone(), path: location.path.clone() };
        let key = port.key.clone();
        let store = FolderStore { inner, key, failed: Failed::default(), listed: Arc::default(), writes };
        let root = synthetic_root(&id)?;
        Ok(Self { id, key: port.key.clone(), place: location.url.to_string(), store: Arc::new(store), root })
    }

    /// The URL that plans name; unique per store identity and folder.
    pub(super) fn url(&self) -> ObjectStoreUrl {
        use deltalake::delta_datafusion::engine::AsObjectStoreUrl;
        self.root.as_object_store_url()
    }

    /// The store whose root is the table.
    pub(super) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store) as Arc<dyn ObjectStore>
    }

    /// Where the store keeps the first failure that it meets.
    pub(super) fn failed(&self) -> Failed {
        self.store.failed.clone()
    }

    /// The store in the form that deltalake reads logs from.
    pub(super) fn log_store(&self) -> Arc<dyn LogStore> {
        default_logstore(self.store(), self.store(), &self.root, &StorageConfig::default())
    }

    /// The path of the commit that made `version`.
    pub(super) fn commit(version: u64) -> Path {
        Path::from_iter([LOG_FOLDER.to_owned(), format!("{version:020}.json")])
    }

    /// The commit file of `version`; none when it is gone, or when the store refuses to speak of it.
    pub(super) async fn look_at_commit(&self, version: u64) -> StoreResult<Option<ObjectMeta>> {
        let path = Self::commit(version);
        match self.store.inner.head(&path).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if is_missing(&error) || is_refused(&error) => Ok(None),
            Err(error) => Err(self.store.explain(&path, error)),
        }
    }

    /// Whether the log surely holds no entry of a version after `version`: no commit, no checkpoint.
    ///
    /// A store that does not tell has not failed by that.
    pub(super) async fn ends_with(&self, version: u64) -> bool {
        let last = Self::commit(version);
        let mut later = self.store.inner.list_with_offset(Some(&Self::log()), &last);
        while let Some(found) = later.next().await {
            match found {
                // A checkpoint of the version itself sorts before its commit; some stores list more than what comes after it.
                Ok(meta) if meta.location > last && is_entry(&meta.location) => return false,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// The folder of the log.
    pub(super) fn log() -> Path {
        Path::from(LOG_FOLDER)
    }
}

/// A store whose root is the table's folder.
type Inner = Arc<PrefixStore<Arc<dyn ObjectStore>>>;

fn inner(ctx: &QueryContext, port: &Port, stop: CancellationToken) -> Inner {
    let location = &port.location;
    let (usage, store) = (Arc::clone(&ctx.usage), Arc::clone(&location.store));
    let metered: Arc<dyn ObjectStore> = Arc::new(MeteredStore::new(store, location.is_local(), usage, stop));
    Arc::new(PrefixStore::new(metered, location.path.clone()))
}

fn synthetic_root(id: &FolderId) -> Result<Url> {
    let text = format!("{SCHEME}://{}/", id.hash());
    Url::parse(&text).map_err(|e| Error::internal(format!("{text} is not a URL"), e))
}

/// The first failure that a table's store met in a query, kept beside: readers above turn errors into text.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed(Arc<OnceLock<Error>>);

impl Failed {
    /// The failure, when there was one.
    pub(super) fn first(&self) -> Option<Error> {
        self.0.get().cloned()
    }

    fn keep(&self, error: &Error) {
        let _earlier_one_stays = self.0.set(error.clone());
    }
}

/// See the file's head.
#[derive(Clone)]
struct FolderStore {
    inner: Inner,
    key: String,
    failed: Failed,
    /// Sizes of the log's entries as they were listed.
    listed: Arc<Mutex<HashMap<Path, u64>>>,
    /// What an ingestion writes; none: it is read only.
    writes: Option<Arc<Writes>>,
}

impl fmt::Debug for FolderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderStore").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Display for FolderStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delta table of {}", self.key)
    }
}

impl FolderStore {
    /// Says whose file is missing or whose storage fails. What is missing in the log is left alone: its readers know what it means.
    fn explain(&self, path: &Path, error: StoreError) -> StoreError {
        let in_log = is_in_log(path);
        let is_missing = is_missing(&error);
        if in_log && (is_missing || matches!(error, StoreError::NotSupported { .. })) {
            return error;
        }
        // It is a hint and no more.
        if in_log && path.filename() == Some(LAST_CHECKPOINT) && is_refused(&error) {
            return StoreError::NotFound { path: path.to_string(), source: Box::new(error) };
        }
        let failure = match find(&error) {
            Some(ours) => ours.clone(),
            None if is_missing => Failure::PinnedObjectChanged {
                product: self.key.clone(),
                object: path.to_string(),
                cause: Some(Arc::new(error)),
            }
            .into(),
            None => Error::unavailable(&self.key, at_fault(&self.key, path.as_ref(), &error), error),
        };
        self.failed.keep(&failure);
        carried(failure)
    }

    /// An entry of the log is written once and never again: one that answers with another size than it was listed with is no answer.
    fn whole(&self, path: &Path, answer: GetResult) -> StoreResult<GetResult> {
        match self.listed.lock().get(path) {
            Some(size) if *size != answer.meta.size => {
                let message = format!("\"{path}\" was listed with {size} bytes and sent with {}", answer.meta.size);
                let cause = StoreError::Generic { store: SCHEME, source: message.into() };
                let wrong = Fault::WrongLength.words();
                let domain = self.key.split('.').next().unwrap_or_default();
                let failure = Error::unavailable(
                    &self.key,
                    format!("the storage of domain {domain} {wrong} for \"{path}\""),
                    cause,
                );
                self.failed.keep(&failure);
                Err(carried(failure))
            }
            _ => Ok(answer),
        }
    }

    /// A store that has failed a query, all retries included, is not asked again for the same query: readers of the log try one
    /// entry after the other, and each would take its time.
    fn still_good(&self) -> StoreResult<()> {
        self.failed.first().map_or(Ok(()), |met| Err(carried(met)))
    }

    /// Asks for a log entry by its length: an answer that claims a range is held to it, and asked for again where it falls short.
    fn all_of(&self, path: &Path, options: GetOptions) -> GetOptions {
        match self.listed.lock().get(path) {
            Some(size) if *size > 0 && options.range.is_none() && !options.head => {
                GetOptions { range: Some(GetRange::Bounded(0..*size)), ..options }
            }
            _ => options,
        }
    }

    /// What goes wrong in the body of an answer, in our words too: the readers of the log leave only text of it.
    fn worded(&self, path: &Path, answer: GetResult) -> GetResult {
        let (this, path) = (self.clone(), path.clone());
        let payload = match answer.payload {
            GetResultPayload::Stream(body) => {
                GetResultPayload::Stream(body.map_err(move |error| this.explain(&path, error)).boxed())
            }
            file @ GetResultPayload::File(..) => file,
        };
        GetResult { payload, ..answer }
    }

    /// A listing, sorted, in our words; the sizes of log entries are remembered.
    fn known(
        &self,
        prefix: Option<&Path>,
        listing: BoxStream<'static, StoreResult<ObjectMeta>>,
    ) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        if let Err(met) = self.still_good() {
            return stream::once(async { Err(met) }).boxed();
        }
        let (this, prefix) = (self.clone(), prefix.cloned().unwrap_or_default());
        let explained = sorted(listing).map(move |found| match found {
            Ok(meta) => {
                if is_entry(&meta.location) {
                    this.listed.lock().insert(meta.location.clone(), meta.size);
                }
                Ok(meta)
            }
            Err(error) => Err(this.explain(&prefix, error)),
        });
        explained.boxed()
    }

    fn refused(&self) -> StoreError {
        StoreError::NotSupported { source: format!("{self} is read-only").into() }
    }

    fn writes(&self) -> StoreResult<&Writes> {
        self.writes.as_deref().ok_or_else(|| self.refused())
    }

    /// A write that failed, in our words; not kept as the first failure, for what it left behind is looked at.
    fn unwritten(&self, path: &Path, error: StoreError) -> StoreError {
        match error {
            known @ (StoreError::AlreadyExists { .. } | StoreError::NotFound { .. }) => known,
            in_log if is_in_log(path) => in_log,
            error => carried(Error::unavailable(&self.key, at_fault(&self.key, path.as_ref(), &error), error)),
        }
    }
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. })
}

/// Whether a store refuses to speak of an object, as some do of one that is missing: Amazon's to whoever may list only below a prefix.
/// Credentials that have run out are something else.
fn is_refused(error: &StoreError) -> bool {
    matches!(error, StoreError::PermissionDenied { .. }) && matches!(Fault::of(error), None | Some(Fault::Refused))
}

/// Whether a path lies in the log.
pub(super) fn is_in_log(path: &Path) -> bool {
    path.parts().next().is_some_and(|part| part.as_ref() == LOG_FOLDER)
}

/// Whether a path is that of a commit or a checkpoint, which never change.
fn is_entry(path: &Path) -> bool {
    is_in_log(path) && path.parts().nth(1).is_some_and(|name| name.as_ref().starts_with(|c: char| c.is_ascii_digit()))
}

/// Carries one of our errors through the object store's.
fn carried(error: Error) -> StoreError {
    StoreError::Generic { store: SCHEME, source: Box::new(error) }
}

/// Collects a listing and sorts it by path.
fn sorted(listing: BoxStream<'static, StoreResult<ObjectMeta>>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
    let collected = async move {
        let mut found: Vec<ObjectMeta> = listing.try_collect().await?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        Ok::<_, StoreError>(stream::iter(found.into_iter().map(Ok)))
    };
    stream::once(collected).try_flatten().boxed()
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FolderStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        self.writes()?.put(path, payload, options).await.map_err(|error| self.unwritten(path, error))
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.writes()?.upload(path, options).await.map_err(|error| self.unwritten(path, error))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.still_good()?;
        let options = self.all_of(location, options);
        let answer = self.inner.get_opts(location, options).await.map_err(|e| self.explain(location, e))?;
        let answer = self.whole(location, answer)?;
        Ok(self.worded(location, answer))
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.still_good()?;
        self.inner.get_ranges(location, ranges).await.map_err(|e| self.explain(location, e))
    }

    fn delete_stream(&self, locations: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        let refusal = format!("{self} is read-only");
        locations.map(move |_| Err(StoreError::NotSupported { source: refusal.clone().into() })).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.known(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        // Some stores list more than what comes after it.
        let offset = offset.clone();
        let after = self.inner.list_with_offset(prefix, &offset);
        self.known(prefix, after.try_filter(move |found| std::future::ready(found.location > offset)).boxed())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await;
        listed.map_err(|error| self.explain(&prefix.cloned().unwrap_or_default(), error))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        Err(self.refused())
    }

    async fn rename_opts(&self, _: &Path, _: &Path, _: RenameOptions) -> StoreResult<()> {
        Err(self.refused())
    }
}
