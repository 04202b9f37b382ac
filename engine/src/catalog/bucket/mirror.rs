//! Copies of a catalog's objects in a local folder.
//!
//! Holds always:
//! - the folder is changed under a lock only, so that several processes may share it;
//! - a copy bears the ETag of the object it was made from, in `.meshweave/mirror.json`; one whose ETag is no longer listed is made again;
//! - a copy is written beside its place and renamed there.
//!
//! Start reading at [`Mirror::sync`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, ObjectMeta, ObjectStore};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::head::Announced;
use super::local;
use crate::catalog::folder::{Known, Lock, Look, blocking, scan};
use crate::catalog::{CatalogProblem, Record, WHOLE_MESH};
use crate::error::{Error, Failure, Result};
use crate::storage::Location;

/// Objects that are fetched at a time.
const AT_A_TIME: usize = 32;
/// How often the lock is asked for; each time it waits a few seconds for others.
const LOCK_TRIES: usize = 12;

/// The local copies of one catalog.
#[derive(Debug)]
pub(super) struct Mirror {
    folder: PathBuf,
    location: Location,
    /// Bytes of an object that is still fetched.
    limit: u64,
    /// What was read of the folder before.
    known: Mutex<Known>,
}

/// What the folder holds when it is like the bucket.
pub(super) struct Mirrored {
    /// The hash of the names and ETags of all objects.
    pub(super) content: String,
    pub(super) records: Vec<Record>,
    pub(super) problems: Vec<CatalogProblem>,
}

/// From which objects the copies were made: `.meshweave/mirror.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Index {
    /// The format's version; 1.
    v: u32,
    /// The catalog; another one's copies are of no use.
    catalog: String,
    /// Relative names and states.
    objects: BTreeMap<String, String>,
}

impl Mirror {
    /// - `limit`: bytes of an object that is still fetched; a larger one is a problem.
    pub(super) fn new(folder: &Path, location: Location, limit: u64) -> Self {
        Self { folder: folder.to_owned(), location, limit, known: Mutex::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until no other process changes the folder.
    pub(super) async fn lock(&self) -> Result<Lock> {
        let mut tries = 0;
        loop {
            let path = self.folder.join(".meshweave/mirror.lock");
            match blocking(move || Lock::exclusive(&path)).await {
                Err(error)
                    if matches!(error.failure(), Failure::Unavailable { cause: None, .. }) && tries < LOCK_TRIES =>
                {
                    tries += 1;
                }
                locked => return locked,
            }
        }
    }

    /// Makes the folder like the bucket, and reads it.
    ///
    /// - `pending`: objects that do not count yet; they are not copied.
    pub(super) async fn sync(&self, _lock: &Lock, pending: &[Announced]) -> Result<Mirrored> {
        let mut index = self.index();
        let listed = self.list(pending).await?;
        let mut problems = Vec::new();
        let (mut now, mut new) = (BTreeMap::new(), Vec::new());
        for (name, meta) in listed {
            if meta.size > self.limit {
                problems.push(too_large(&name, meta.size, self.limit));
                continue;
            }
            let state = state_of(&meta);
            if index.objects.get(&name) != Some(&state) {
                new.push((name.clone(), meta));
            }
            now.insert(name, state);
        }
        let content = content(&now);
        let gone: Vec<String> = index.objects.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        if !(gone.is_empty() && new.is_empty()) {
            let fetched = stream::iter(new).map(|(name, meta)| self.fetch(name, meta)).buffer_unordered(AT_A_TIME);
            let fetched: Vec<(String, bytes::Bytes)> = fetched.try_collect().await?;
            index.objects = now;
            self.write(fetched, gone, index).await?;
        }
        let (records, more) = self.read().await?;
        problems.extend(more);
        Ok(Mirrored { content, records, problems })
    }

    fn index(&self) -> Index {
        let text = std::fs::read(self.folder.join(".meshweave/mirror.json")).unwrap_or_default();
        let index: Index = serde_json::from_slice(&text).unwrap_or_default();
        let catalog = self.location.url.to_string();
        if index.v == 1 && index.catalog == catalog { index } else { Index { v: 1, catalog, ..Index::default() } }
    }

    /// Every object that belongs to a mesh folder, by its relative name.
    async fn list(&self, pending: &[Announced]) -> Result<Vec<(String, ObjectMeta)>> {
        let unavailable = |error| self.location.unavailable("the objects of the catalog could not be listed", error);
        let all: Vec<ObjectMeta> =
            self.location.store.list(Some(&self.location.path)).try_collect().await.map_err(unavailable)?;
        let named = all.into_iter().filter_map(|meta| {
            let name = self.location.relative(&meta.location)?;
            let counts = local(&self.folder, &name).is_some() && pending.iter().all(|object| object.path != name);
            counts.then_some((name, meta))
        });
        Ok(named.collect())
    }

    /// Reads one object in the state in which it was listed.
    async fn fetch(&self, name: String, meta: ObjectMeta) -> Result<(String, bytes::Bytes)> {
        let options = GetOptions { if_match: meta.e_tag.clone(), ..GetOptions::default() };
        let unavailable = |error| self.location.unavailable("an object of the catalog could not be read", error);
        let got = self.location.store.get_opts(&meta.location, options).await.map_err(unavailable)?;
        Ok((name, got.bytes().await.map_err(unavailable)?))
    }

    async fn write(&self, fetched: Vec<(String, bytes::Bytes)>, gone: Vec<String>, index: Index) -> Result<()> {
        let folder = self.folder.clone();
        let work = move || -> io::Result<()> {
            // Until the new index is written nobody believes the old one.
            remove(&folder.join(".meshweave/mirror.json"))?;
            for name in &gone {
                if let Some(path) = local(&folder, name) {
                    remove(&path)?;
                }
            }
            for (name, bytes) in &fetched {
                if let Some(path) = local(&folder, name) {
                    put(&path, bytes)?;
                }
            }
            put(&folder.join(".meshweave/mirror.json"), &serde_json::to_vec(&index)?)
        };
        let what = self.folder.display().to_string();
        blocking(move || {
            work().map_err(|error| Error::unavailable(what, "the copies of the catalog cannot be written", error))
        })
        .await
    }

    async fn read(&self) -> Result<(Vec<Record>, Vec<CatalogProblem>)> {
        let (folder, known) = (self.folder.clone(), std::mem::take(&mut *self.known.lock()));
        let read = blocking(move || {
            let look = Look { mesh: &folder, unfinished: &[], known: &known, settle: None };
            scan(&look).map_err(|error| {
                Error::unavailable(folder.display().to_string(), "the copies of the catalog cannot be read", error)
            })
        });
        let (scan, known) = read.await?;
        *self.known.lock() = known;
        Ok((scan.records, scan.problems))
    }
}

/// What tells one state of an object from another.
fn state_of(meta: &ObjectMeta) -> String {
    meta.e_tag.clone().unwrap_or_else(|| format!("{} {}", meta.last_modified.to_rfc3339(), meta.size))
}

fn content(objects: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for text in objects.iter().flat_map(|(name, state)| [name, state]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    format!("objects:{}", hex::encode(hash.finalize()))
}

fn too_large(name: &str, size: u64, limit: u64) -> CatalogProblem {
    let mut parts = name.split('/').skip(1);
    let subject = match (parts.next(), parts.next()) {
        (Some(domain), Some(product)) => format!("{domain}.{product}"),
        _ => WHOLE_MESH.to_owned(),
    };
    let message = format!("the object has {size} bytes, more than the {limit} that are read");
    CatalogProblem { subject, place: name.to_owned(), message }
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder.join(format!(".{name}.tmp"));
    std::fs::write(&beside, bytes)?;
    std::fs::rename(beside, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
