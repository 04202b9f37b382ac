//! The catalog as files of the mesh folder, made for git: `domains/<domain>/<product>/<version>.yaml`.
//!
//! A folder has no number of its own, so `.meshweave/catalog.json` keeps one beside the hash of every file's content. Whoever finds
//! another content (an append, an edit by hand, a checkout) counts one up. Where that file cannot be written the process counts for
//! itself, and cannot append.
//!
//! Holds always:
//! - writers hold the lock `.meshweave/catalog.lock`, readers share it: nobody sees half an append;
//! - a journal names the files of an append before they appear, so that those of a writer that died are ignored, then removed;
//! - a file is written beside its place under a hidden name, synced, and linked there: never overwritten, never half there.
//!
//! Start reading at [`FolderStore`].

mod files;
mod lock;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use meshweave_contract::name::ProductId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use self::files::{Scan, scan};
use self::lock::Lock;
use super::{CatalogStore, Record, ResolvedColumns, StoredCatalog};
use crate::error::{Error, Failure, Result};

/// The catalog as files of the mesh folder.
#[derive(Debug, Clone)]
pub struct FolderStore {
    mesh: PathBuf,
    /// What this process counted last, for folders that it may not write.
    seen: Arc<Mutex<Counter>>,
}

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
        Self { mesh: mesh.into(), seen: Arc::default() }
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
        let scan = self.scan()?;
        let counter = self.counted(&scan);
        drop(shared);
        if counter == self.counter() {
            self.remember(&counter);
            return Ok(StoredCatalog { version: counter.version, records: scan.records, problems: scan.problems });
        }
        self.count_up(scan)
    }

    /// Writes the number of a new content; in a folder that cannot be written it stays with this process.
    fn count_up(&self, scan: Scan) -> Result<StoredCatalog> {
        let exclusive = Lock::exclusive(&self.state("catalog.lock"));
        let scan = if exclusive.is_ok() { self.scan()? } else { scan };
        let counter = self.counted(&scan);
        if let Err(error) = exclusive.and_then(|_lock| self.write_counter(&counter).map_err(|e| self.unavailable(e))) {
            tracing::debug!(%error, "kept the catalog's number in memory");
        }
        self.remember(&counter);
        Ok(StoredCatalog { version: counter.version, records: scan.records, problems: scan.problems })
    }

    fn scan(&self) -> Result<Scan> {
        let unfinished = files::read_journal(&self.state("append.json"));
        scan(&self.mesh, &unfinished).map_err(|error| self.unavailable(error))
    }

    fn append_now(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let what = || records.iter().map(|r| r.id.to_string()).collect::<Vec<_>>().join(", ");
        let conflict = || Error::from(Failure::CatalogConflict { what: what() });
        let mut new = Vec::new();
        for record in records {
            new.extend(self.files_of(record)?);
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
        let contract = self.mesh.join(&record.place);
        let sidecar =
            Sidecar { registered_at: None, registered_by: None, hash: None, resolved: Some(resolved.clone()) };
        let file = NewFile { path: contract.with_file_name(files::sidecar_name(id)), bytes: sidecar.bytes()? };
        let version = self.counted(&before).version;
        if file.path.exists() {
            return Err(conflict());
        }
        files::add(&self.mesh, &self.state("append.json"), &[file]).map_err(|error| self.unavailable(error))?;
        self.commit(version + 1).map(|_| ())
    }

    /// The files of a record: what is beside the contract first, the contract last.
    fn files_of(&self, record: &Record) -> Result<Vec<NewFile>> {
        let name = &record.id.name;
        let folder = self.mesh.join("domains").join(name.domain.as_str()).join(name.product.as_str());
        let sidecar = Sidecar {
            registered_at: record.registered_at.clone(),
            registered_by: record.registered_by.clone(),
            hash: Some(record.hash.clone()).filter(|hash| !hash.is_empty()),
            resolved: record.resolved.clone(),
        };
        let ending = if record.is_json { "json" } else { "yaml" };
        Ok(vec![
            NewFile { path: folder.join(files::sidecar_name(&record.id)), bytes: sidecar.bytes()? },
            NewFile { path: folder.join(format!("{}.{ending}", record.id.version)), bytes: record.text.clone() },
        ])
    }

    fn unavailable(&self, error: std::io::Error) -> Error {
        Error::unavailable(self.describe(), "its files cannot be read or written", error)
    }
}

/// The file beside a contract: `<version>.schema.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
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
}

/// A path relative to the mesh folder, with `/`, for people and for hashes.
fn relative(mesh: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(mesh).unwrap_or(path);
    relative.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
