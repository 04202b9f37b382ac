//! The catalog as files of the mesh folder, made for git: `domains/<domain>/<product>/<version>.yaml`.
//!
//! A folder has no number of its own, so `.meshweave/catalog.json` keeps one beside the hash of every file's content. Whoever finds
//! another content (an append, an edit by hand, a checkout) counts one up. Where that file cannot be written the process counts for
//! itself, and cannot append.
//!
//! Holds always:
//! - writers hold the lock `.meshweave/catalog.lock`, readers share it: nobody sees half an append;
//! - a journal names the files of an append before they appear, so that those of a writer that died are ignored, then removed;
//! - while somebody waits for changes, a file that is being written does not take the place of what it replaces;
//! - a file is written beside its place under a hidden name, synced, and linked there: never overwritten, never half there.
//!
//! Start reading at [`FolderStore`].

mod files;
mod lock;
mod scan;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use meshweave_contract::name::ProductId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::scan::Scan;
use self::watch::Watch;
use super::{CatalogStore, Record, ResolvedColumns, StoredCatalog};
use crate::error::{Error, Failure, Result};

pub(super) use self::lock::Lock;
pub(super) use self::scan::{Known, Look, scan};

/// The catalog as files of the mesh folder.
#[derive(Debug, Clone)]
pub struct FolderStore {
    mesh: PathBuf,
    /// What this process counted last, for folders that it may not write.
    seen: Arc<Mutex<Counter>>,
    /// What was read before.
    known: Arc<Mutex<Known>>,
    /// How long a file must be left alone before it takes another's place.
    settle: Duration,
    /// Made by whoever waits for changes first.
    watch: Arc<OnceLock<Watch>>,
    /// Whether something was being written at the last look.
    waits: Arc<AtomicBool>,
}

/// How long a file must be left alone, unless the settings say otherwise.
const SETTLE: Duration = Duration::from_millis(250);

/// A content and its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counter {
    /// The format's version; 1.
    v: u32,
    version: u64,
    content: String,
}

impl Default for Counter {
    fn default() -> Self {
        Self { v: 1, version: 0, content: String::new() }
    }
}

/// One file to be added.
struct NewFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl FolderStore {
    /// The catalog in this mesh folder; nothing is read yet.
    pub fn new(mesh: impl Into<PathBuf>) -> Self {
        Self {
            mesh: mesh.into(),
            seen: Arc::default(),
            known: Arc::default(),
            settle: SETTLE,
            watch: Arc::default(),
            waits: Arc::default(),
        }
    }

    /// The same, where a file that somebody may still be writing to counts after this time; see [`CatalogStore::changed`].
    #[must_use]
    pub fn with_settle(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    fn state(&self, file: &str) -> PathBuf {
        self.mesh.join(".meshweave").join(file)
    }

    fn counter(&self) -> Counter {
        let text = std::fs::read(self.state("catalog.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write_counter(&self, counter: &Counter) -> std::io::Result<()> {
        let temporary = self.state("catalog.json.tmp");
        std::fs::write(&temporary, serde_json::to_vec(counter)?)?;
        std::fs::rename(temporary, self.state("catalog.json"))
    }

    /// The number of a scanned content: the kept one when nothing changed, else one more.
    fn counted(&self, scan: &Scan) -> Counter {
        let (kept, seen) = (self.counter(), self.seen.lock().clone());
        if scan.waits && seen.content == scan.content {
            // Another process may have counted what is only half here.
            return seen;
        }
        let last = if seen.version > kept.version { seen } else { kept };
        if last.content == scan.content {
            return last;
        }
        Counter { v: 1, version: last.version + 1, content: scan.content.clone() }
    }

    fn remember(&self, counter: &Counter) {
        *self.seen.lock() = counter.clone();
    }

    fn load_now(&self) -> Result<StoredCatalog> {
        let shared = Lock::shared(&self.state("catalog.lock"))?;
        let scan = self.look()?;
        let counter = self.counted(&scan);
        drop(shared);
        self.waits.store(scan.waits, Ordering::Relaxed);
        if counter == self.counter() || scan.waits {
            self.remember(&counter);
            return Ok(StoredCatalog { version: counter.version, records: scan.records, problems: scan.problems });
        }
        self.count_up(scan)
    }

    /// Writes the number of a new content; in a folder that cannot be written it stays with this process.
    fn count_up(&self, scan: Scan) -> Result<StoredCatalog> {
        let exclusive = Lock::exclusive(&self.state("catalog.lock"));
        let scan = if exclusive.is_ok() { self.look()? } else { scan };
        let counter = self.counted(&scan);
        if let Err(error) = exclusive.and_then(|_lock| self.write_counter(&counter).map_err(|e| self.unavailable(e))) {
            tracing::debug!(%error, "kept the catalog's number in memory");
        }
        self.remember(&counter);
        Ok(StoredCatalog { version: counter.version, records: scan.records, problems: scan.problems })
    }

    /// Everything as it lies there now.
    fn scan(&self) -> Result<Scan> {
        self.scan_with(None).map(|(scan, _)| scan)
    }

    /// What counts now: who waits for changes gets no file that somebody is still writing to.
    fn look(&self) -> Result<Scan> {
        let (scan, known) = self.scan_with(self.watch.get().map(|_| self.settle))?;
        *self.known.lock() = known;
        Ok(scan)
    }

    fn scan_with(&self, settle: Option<Duration>) -> Result<(Scan, Known)> {
        let unfinished = files::read_journal(&self.state("append.json"));
        let known = self.known.lock().clone();
        let look = Look { mesh: &self.mesh, unfinished: &unfinished, known: &known, settle };
        scan(&look).map_err(|error| self.unavailable(error))
    }

    fn append_now(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let what = || records.iter().map(|r| r.id.to_string()).collect::<Vec<_>>().join(", ");
        let conflict = || Error::from(Failure::CatalogConflict { what: what() });
        let mut new = Vec::new();
        for record in records {
            new.extend(written(record)?.into_iter().map(|file| self.file(file)));
        }
        let _lock = Lock::exclusive(&self.state("catalog.lock"))?;
        files::recover(&self.mesh, &self.state("append.json")).map_err(|error| self.unavailable(error))?;
        let before = self.scan()?;
        let counter = self.counted(&before);
        let same = |a: &ProductId, b: &ProductId| a.version == b.version && a.name.folded() == b.name.folded();
        let taken = records.iter().any(|r| before.records.iter().any(|b| same(&b.id, &r.id)));
        if counter.version != expected || taken || new.iter().any(|file| file.path.exists()) {
            return Err(conflict());
        }
        files::add(&self.mesh, &self.state("append.json"), &new).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => conflict(),
            _ => self.unavailable(error),
        })?;
        self.commit(expected + 1)
    }

    /// Counts an append or a resolution; the lock is held.
    fn commit(&self, version: u64) -> Result<u64> {
        let counter = Counter { v: 1, version, content: self.scan()?.content };
        self.write_counter(&counter).map_err(|error| self.unavailable(error))?;
        self.remember(&counter);
        Ok(version)
    }

    fn resolve_now(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()> {
        let _lock = Lock::exclusive(&self.state("catalog.lock"))?;
        files::recover(&self.mesh, &self.state("append.json")).map_err(|error| self.unavailable(error))?;
        let before = self.scan()?;
        let conflict = || Error::from(Failure::CatalogConflict { what: id.to_string() });
        let record = before.records.iter().find(|r| r.id == *id && r.resolved.is_none()).ok_or_else(conflict)?;
        let file = self.file(written_columns(record, resolved)?);
        let version = self.counted(&before).version;
        if file.path.exists() {
            return Err(conflict());
        }
        files::add(&self.mesh, &self.state("append.json"), &[file]).map_err(|error| self.unavailable(error))?;
        self.commit(version + 1).map(|_| ())
    }

    fn file(&self, written: Written) -> NewFile {
        let path = written.path.split('/').fold(self.mesh.clone(), |path, part| path.join(part));
        NewFile { path, bytes: written.bytes }
    }

    fn unavailable(&self, error: std::io::Error) -> Error {
        Error::unavailable(self.describe(), "its files cannot be read or written", error)
    }
}

/// A file of a mesh folder as it is written.
pub(super) struct Written {
    /// Below the mesh folder, with `/`.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// The files of a record: what is beside the contract first, the contract last.
pub(super) fn written(record: &Record) -> Result<Vec<Written>> {
    let name = &record.id.name;
    let folder = format!("domains/{}/{}", name.domain, name.product);
    let sidecar = Sidecar {
        registered_at: record.registered_at.clone(),
        registered_by: record.registered_by.clone(),
        hash: Some(record.hash.clone()).filter(|hash| !hash.is_empty()),
        resolved: record.resolved.clone(),
    };
    let sidecar_name = scan::sidecar_name(&record.id);
    let mut files = vec![Written { path: format!("{folder}/{sidecar_name}"), bytes: sidecar.bytes()? }];
    let contracts = scan::contracts_folder(&record.id);
    files.extend(record.contracts.iter().map(|contract| Written {
        path: format!("{folder}/{contracts}/{}", contract.name),
        bytes: contract.text.clone().into_bytes(),
    }));
    let ending = if record.is_json { "json" } else { "yaml" };
    files.push(Written { path: format!("{folder}/{}.{ending}", record.id.version), bytes: record.text.clone() });
    Ok(files)
}

/// The file that gives columns to a record that has none.
pub(super) fn written_columns(record: &Record, resolved: &ResolvedColumns) -> Result<Written> {
    let folder = record.place.rsplit_once('/').map_or("", |(folder, _)| folder);
    let sidecar = Sidecar { resolved: Some(resolved.clone()), ..Sidecar::default() };
    Ok(Written { path: format!("{folder}/{}", scan::sidecar_name(&record.id)), bytes: sidecar.bytes()? })
}

/// The file beside a contract: `<version>.schema.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sidecar {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered_at: Option<String>,
    /// The principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered_by: Option<String>,
    /// The canonical hash of the contract that was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// Its resolved columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved: Option<ResolvedColumns>,
}

impl Sidecar {
    fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal("resolved columns could not be written", error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Runs file work where it may block. It is not stopped half-way when the caller goes away.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("reading the catalog was stopped", error))?
}

#[async_trait]
impl CatalogStore for FolderStore {
    fn describe(&self) -> String {
        format!("folder {}", self.mesh.display())
    }

    async fn load(&self) -> Result<StoredCatalog> {
        let store = self.clone();
        blocking(move || store.load_now()).await
    }

    async fn append(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let (store, records) = (self.clone(), records.to_vec());
        blocking(move || store.append_now(expected, &records)).await
    }

    async fn resolve(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()> {
        let (store, id, resolved) = (self.clone(), id.clone(), resolved.clone());
        blocking(move || store.resolve_now(&id, &resolved)).await
    }

    async fn changed(&self) {
        let watch = match self.watch.get() {
            Some(watch) => watch,
            // Asking the system for a watch of every folder takes a while.
            None => {
                let store = self.clone();
                let start = move || {
                    store.watch.get_or_init(|| Watch::start(&store.mesh));
                    Ok(())
                };
                let started = blocking(start).await;
                match (started, self.watch.get()) {
                    (Ok(()), Some(watch)) => watch,
                    _ => return std::future::pending().await,
                }
            }
        };
        if !self.waits.load(Ordering::Relaxed) {
            watch.heard().await;
        }
        // A change rarely comes alone, and what was written just now does not count before.
        tokio::time::sleep(self.settle).await;
    }
}

/// A path relative to the mesh folder, with `/`, for people and for hashes.
fn relative(mesh: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(mesh).unwrap_or(path);
    relative.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
