//! Loaded table versions: schema and list of files, kept between queries.
//!
//! In: a [`TableFolder`] and a version number, or none for the newest. Out: a [`Loaded`] version.
//! Holds always:
//! - a kept version is used again only after its commit file was found unchanged (same ETag, time and size), so a table that was
//!   dropped and made anew under the same path is never mixed with its predecessor;
//! - the newest version is asked of the log every time, so no older one is served: a kept one is the newest while its commit file is
//!   there and a listing shows no later entry (not only no next one: logs that were tidied may have holes);
//! - the number of kept versions and of their files is bounded; the least recently used goes first.
//!
//! Start reading at [`Snapshots::newest`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use deltalake::table::state::DeltaTableState;
use deltalake::{DeltaResult, DeltaTableError};
use meshweave_engine::Result;
use object_store::ObjectMeta;
use parking_lot::Mutex;

use super::failure;
use super::log::DataFiles;
use super::store::{FolderId, TableFolder};

/// One version of one table: schema, properties and list of files.
pub(super) struct Loaded {
    /// The version's number.
    pub(super) version: i64,
    /// The table's own identity, from its metadata.
    pub(super) table_id: String,
    /// The log as deltalake has it.
    pub(super) state: DeltaTableState,
    /// How many data files make it up.
    pub(super) files: u64,
    /// Their size on storage.
    pub(super) bytes: u64,
    /// Rows without the deleted ones, when every file's statistics tell.
    pub(super) rows: Option<u64>,
    /// Its data files, once somebody has asked for them.
    plain: OnceLock<Option<DataFiles>>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("table_id", &self.table_id)
            .field("version", &self.version)
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    fn new(state: DeltaTableState) -> DeltaResult<Self> {
        let version = i64::try_from(state.version())
            .map_err(|_| DeltaTableError::Generic("the version does not fit 64 bits".to_owned()))?;
        let (mut files, mut bytes, mut rows) = (0u64, 0u64, Some(0u64));
        for file in state.snapshot().try_log_data()?.iter() {
            files += 1;
            bytes += u64::try_from(file.size()).unwrap_or(0);
            let deleted = file.deletion_vector_descriptor().map_or(0, |vector| vector.cardinality);
            let kept = file
                .num_records()
                .and_then(|stored| u64::try_from(stored).ok()?.checked_sub(u64::try_from(deleted).ok()?));
            rows = rows.zip(kept).map(|(sum, more)| sum + more);
        }
        let table_id = state.metadata().id().to_owned();
        Ok(Self { version, table_id, state, files, bytes, rows, plain: OnceLock::new() })
    }

    /// Its data files, when it needs no more than plain files; see [`DataFiles::of`].
    pub(super) fn data_files(&self) -> Option<&DataFiles> {
        self.plain.get_or_init(|| DataFiles::of(&self.state)).as_ref()
    }
}

/// What tells one commit file from another under the same path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    e_tag: Option<String>,
    modified: DateTime<Utc>,
    size: u64,
}

impl From<ObjectMeta> for Mark {
    fn from(meta: ObjectMeta) -> Self {
        Self { e_tag: meta.e_tag, modified: meta.last_modified, size: meta.size }
    }
}

#[derive(Debug)]
struct Kept {
    folder: FolderId,
    mark: Mark,
    loaded: Arc<Loaded>,
}

/// The kept versions of all tables.
#[derive(Debug)]
pub(super) struct Snapshots {
    kept: Mutex<VecDeque<Kept>>,
    max_versions: usize,
    max_files: u64,
}

impl Snapshots {
    /// Keeps at most `max_versions` versions, with at most `max_files` files together.
    pub(super) fn new(max_versions: usize, max_files: u64) -> Self {
        Self { kept: Mutex::default(), max_versions, max_files }
    }

    /// The newest version that the log holds now.
    ///
    /// Cost: two requests at the same time when a kept version still is the newest; else one listing of the log from the kept version
    /// on, and the new entries; else the whole log.
    pub(super) async fn newest(&self, folder: &TableFolder) -> Result<Arc<Loaded>> {
        let Some((kept, mark)) = self.kept_below(&folder.id, i64::MAX) else {
            return self.advance(folder, None, None).await;
        };
        let version = kept.state.version();
        let (own, is_last) = futures::join!(folder.look_at_commit(version), folder.ends_with(version));
        match self.still(folder, kept, &mark, own)? {
            Some(kept) if is_last => Ok(kept),
            base => self.advance(folder, base, None).await,
        }
    }

    /// The version `number`.
    pub(super) async fn at(&self, folder: &TableFolder, number: i64) -> Result<Arc<Loaded>> {
        let Ok(target) = u64::try_from(number) else {
            return Err(failure::no_such_version(folder, number).await);
        };
        let base = self.usable(folder, number).await?;
        if let Some(loaded) = base.as_ref().filter(|loaded| loaded.version == number) {
            return Ok(Arc::clone(loaded));
        }
        self.advance(folder, base, Some(target)).await
    }

    /// The newest kept version up to `limit` whose commit file is still the one it was read from.
    async fn usable(&self, folder: &TableFolder, limit: i64) -> Result<Option<Arc<Loaded>>> {
        let Some((kept, mark)) = self.kept_below(&folder.id, limit) else { return Ok(None) };
        let found = folder.look_at_commit(kept.state.version()).await;
        self.still(folder, kept, &mark, found)
    }

    /// A kept version when its commit file was `found` to be the one that it was read from; else nothing of its table is kept.
    ///
    /// # Errors
    /// When the store does not answer: what is kept stays, and nobody asks a second time.
    fn still(
        &self,
        folder: &TableFolder,
        kept: Arc<Loaded>,
        mark: &Mark,
        found: object_store::Result<Option<ObjectMeta>>,
    ) -> Result<Option<Arc<Loaded>>> {
        let found = found.map_err(|error| failure::of_storage(folder, error))?;
        if found.map(Mark::from).as_ref() == Some(mark) {
            return Ok(Some(kept));
        }
        self.kept.lock().retain(|kept| kept.folder != folder.id);
        Ok(None)
    }

    fn kept_below(&self, folder: &FolderId, limit: i64) -> Option<(Arc<Loaded>, Mark)> {
        let mut kept = self.kept.lock();
        let fits = |entry: &&(usize, i64)| entry.1 <= limit;
        let of_folder: Vec<(usize, i64)> = kept
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.folder == *folder)
            .map(|(place, entry)| (place, entry.loaded.version))
            .collect();
        let (place, _) = of_folder.iter().filter(fits).max_by_key(|(_, version)| *version)?;
        let entry = kept.remove(*place)?;
        let found = (Arc::clone(&entry.loaded), entry.mark.clone());
        kept.push_back(entry);
        Some(found)
    }

    /// Reads from `base` on, or everything, up to `target` or the newest version.
    async fn advance(
        &self,
        folder: &TableFolder,
        base: Option<Arc<Loaded>>,
        target: Option<u64>,
    ) -> Result<Arc<Loaded>> {
        let log = folder.log_store();
        let read = async {
            let state = match &base {
                Some(loaded) => {
                    let mut state = loaded.state.clone();
                    state.update(log.as_ref(), target).await?;
                    state
                }
                None => DeltaTableState::try_new(log.as_ref(), target).await?,
            };
            match base {
                Some(loaded) if state.version() == loaded.state.version() => Ok(loaded),
                _ => Loaded::new(state).map(Arc::new),
            }
        };
        match read.await {
            Ok(loaded) => {
                self.keep(folder, &loaded).await;
                Ok(loaded)
            }
            Err(error) => Err(failure::of_load(folder, target, error).await),
        }
    }

    /// Keeps `loaded` when its commit file can still be told apart from a later one of the same name.
    async fn keep(&self, folder: &TableFolder, loaded: &Arc<Loaded>) {
        if loaded.files > self.max_files || self.holds(folder, loaded) {
            return;
        }
        let Some(mark) = mark_of(folder, loaded.state.version()).await else { return };
        // The listing that the state was read from saw this time; another one means that the log changed under us.
        if loaded.state.version_timestamp(loaded.state.version()) != Some(mark.modified.timestamp_millis()) {
            return;
        }
        let mut kept = self.kept.lock();
        kept.push_back(Kept { folder: folder.id.clone(), mark, loaded: Arc::clone(loaded) });
        while kept.len() > self.max_versions || kept.iter().map(|k| k.loaded.files).sum::<u64>() > self.max_files {
            kept.pop_front();
        }
    }

    fn holds(&self, folder: &TableFolder, loaded: &Arc<Loaded>) -> bool {
        self.kept.lock().iter().any(|kept| kept.folder == folder.id && Arc::ptr_eq(&kept.loaded, loaded))
    }
}

/// Asks for the commit file of `version`; none when it is gone (after a checkpoint, logs are tidied) or cannot be reached.
async fn mark_of(folder: &TableFolder, version: u64) -> Option<Mark> {
    folder.look_at_commit(version).await.ok().flatten().map(Mark::from)
}
