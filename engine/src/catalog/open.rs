//! The catalog of a process: where it comes from, and its current snapshot.
//!
//! Start reading at [`Catalog::open`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use meshweave_contract::name::fold;

use super::assemble::{self, Known};
use super::bucket::BucketStore;
use super::config::{Defaults, MeshConfig, StoreConfig, read_domains};
use super::folder::FolderStore;
use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use super::{CatalogProblem, CatalogSnapshot, CatalogStore, Domain, WHOLE_MESH};
use crate::document::invalid;
use crate::error::{Error, Failure, Result};
use crate::settings::Settings;
use crate::storage::StorageContext;

/// The catalog of a process: its store, the mesh's documents, and the current snapshot.
#[derive(Debug)]
pub struct Catalog {
    snapshot: parking_lot::RwLock<Arc<CatalogSnapshot>>,
    source: Option<Source>,
    /// When the store was loaded last, and whether it answers no more.
    freshness: parking_lot::Mutex<Loaded>,
}

/// How old a catalog's snapshot is, and whether its store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// When the store was read last; of a catalog that never changes, when it was made.
    pub loaded_at: Timestamp,
    /// Whether the last attempt to read the store failed: queries go on with what it held at `loaded_at`.
    pub is_stale: bool,
}

/// How old the current snapshot is.
#[derive(Debug)]
struct Loaded {
    loaded_at: Timestamp,
    /// The last good snapshot, while the current one says that the store does not answer.
    last_good: Option<Arc<CatalogSnapshot>>,
}

impl Loaded {
    fn now() -> Self {
        Self { loaded_at: Timestamp::now(), last_good: None }
    }
}

/// Where snapshots come from.
#[derive(Debug)]
struct Source {
    mesh: PathBuf,
    catalog_name: String,
    defaults: Defaults,
    storage: StorageContext,
    store: Arc<dyn CatalogStore>,
    /// What the last snapshot was made of; one refresh at a time.
    last: tokio::sync::Mutex<Last>,
}

/// What the last snapshot was made of.
#[derive(Debug, Default)]
struct Last {
    /// The text of every `domain.yaml`, to tell whether the domains are still the same.
    documents: Vec<(String, Vec<u8>)>,
    domains: Vec<Arc<Domain>>,
    domain_problems: Vec<CatalogProblem>,
    known: Known,
}

impl Catalog {
    /// A catalog that never changes: for tests and for tools that bring their own snapshot.
    pub fn fixed(snapshot: CatalogSnapshot) -> Self {
        Self::of(snapshot, None)
    }

    fn of(snapshot: CatalogSnapshot, source: Option<Source>) -> Self {
        let snapshot = parking_lot::RwLock::new(Arc::new(snapshot));
        Self { snapshot, source, freshness: parking_lot::Mutex::new(Loaded::now()) }
    }

    /// Reads `mesh.yaml` and the domains' documents under `mesh` (copied there first from the bucket that the settings name), opens
    /// the store they name, and loads the first snapshot.
    ///
    /// A `domain.yaml` or a contract that is wrong is a problem of the snapshot, not an error.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] with file, line and column for `mesh.yaml`;
    /// [`crate::Failure::Unavailable`] when the store does not answer.
    pub async fn open(mesh: &Path, settings: &Settings) -> Result<Self> {
        let bucket = match &settings.catalog.bucket.url {
            Some(url) => {
                let store = BucketStore::new(url, mesh, settings)?;
                // From here on the mesh's documents lie in the folder.
                store.load().await?;
                Some(Arc::new(store))
            }
            None => None,
        };
        let config = MeshConfig::read(mesh)?;
        let store: Arc<dyn CatalogStore> = match (config.store(mesh), bucket) {
            (StoreConfig::Folder, Some(bucket)) => bucket,
            (StoreConfig::Sqlite(_) | StoreConfig::Postgres { .. }, Some(_)) => {
                return Err(invalid(
                    "mesh.yaml",
                    "a mesh in a bucket has its catalog there: `catalog: {source: folder}`",
                ));
            }
            (StoreConfig::Folder, None) => Arc::new(FolderStore::new(mesh).with_settle(settings.catalog.settle.0)),
            (StoreConfig::Sqlite(file), None) => Arc::new(SqliteStore::open(&file).await?),
            (StoreConfig::Postgres { variable, place }, None) => {
                Arc::new(PostgresStore::open(&variable, &place, settings).await?)
            }
        };
        let source = Source {
            mesh: mesh.to_owned(),
            catalog_name: config.catalog_name().to_owned(),
            defaults: config.defaults,
            storage: StorageContext::new(mesh, settings),
            store,
            last: tokio::sync::Mutex::default(),
        };
        let first = source.load().await?;
        Ok(Self::of(first, Some(source)))
    }

    /// How old the snapshot is, and whether the store answers.
    pub fn freshness(&self) -> Freshness {
        let loaded = self.freshness.lock();
        Freshness { loaded_at: loaded.loaded_at, is_stale: loaded.last_good.is_some() }
    }

    /// The catalog as it is now.
    pub fn snapshot(&self) -> Arc<CatalogSnapshot> {
        Arc::clone(&self.snapshot.read())
    }

    /// Where product versions are registered; none for a catalog that never changes.
    pub fn store(&self) -> Option<&Arc<dyn CatalogStore>> {
        self.source.as_ref().map(|source| &source.store)
    }

    /// Loads the store again and swaps the snapshot.
    ///
    /// Contracts that did not change are not parsed again. An older load never replaces a newer one.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`]; the last snapshot stays, with a problem that says how old it is.
    pub async fn refresh(&self) -> Result<Arc<CatalogSnapshot>> {
        let Some(source) = &self.source else { return Ok(self.snapshot()) };
        match source.load().await {
            Ok(new) => Ok(self.swap(Arc::new(new))),
            Err(error) => {
                self.note_outage(&error);
                Err(error)
            }
        }
    }

    /// Waits until the store tells of a change; for one waiter, and for ever where the store is not told.
    pub async fn changed(&self) {
        match &self.source {
            Some(source) => source.store.changed().await,
            None => std::future::pending().await,
        }
    }

    fn swap(&self, new: Arc<CatalogSnapshot>) -> Arc<CatalogSnapshot> {
        let mut freshness = self.freshness.lock();
        let mut current = self.snapshot.write();
        if new.version >= current.version {
            *current = new;
        } else if let Some(good) = freshness.last_good.take() {
            *current = good;
        }
        *freshness = Loaded::now();
        Arc::clone(&current)
    }

    /// Says in the snapshot how old it is, and why. The cause is for the log: it may tell of the machines behind.
    fn note_outage(&self, error: &Error) {
        let why = match error.failure() {
            Failure::Unavailable { message, .. } => message.as_str(),
            _ => "it cannot be read",
        };
        let mut freshness = self.freshness.lock();
        let good = Arc::clone(freshness.last_good.get_or_insert_with(|| self.snapshot()));
        let message = format!(
            "the catalog is unavailable: {why}; queries go on with what it held at {:.0}, nothing can be registered",
            freshness.loaded_at
        );
        let problem = CatalogProblem { subject: WHOLE_MESH.to_owned(), place: "catalog".to_owned(), message };
        let mut current = self.snapshot.write();
        if current.problems.last() != Some(&problem) {
            *current = Arc::new(good.with_problem(problem));
        }
    }
}

impl Source {
    async fn load(&self) -> Result<CatalogSnapshot> {
        let mut last = self.last.lock().await;
        let stored = self.store.load().await?;
        let documents = self.documents().await?;
        if last.documents != documents || documents.is_empty() {
            let (mut domains, mut problems) =
                read_domains(&self.mesh, &self.catalog_name, self.defaults, &self.storage)?;
            keep_good(&last.domains, &documents, &mut domains, &mut problems);
            (last.domains, last.domain_problems, last.documents) = (domains, problems, documents);
        }
        let mut problems = last.domain_problems.clone();
        problems.extend(stored.problems);
        let (domains, known) = (last.domains.clone(), std::mem::take(&mut last.known));
        let (version, records) = (stored.version, stored.records);
        let catalog_name = self.catalog_name.clone();
        let made = tokio::task::spawn_blocking(move || {
            let mut known = known;
            let entries = assemble::entries(&domains, records, &mut known, &mut problems);
            (CatalogSnapshot::new(version, catalog_name, domains, entries, problems), known)
        });
        let (snapshot, known) = made.await.map_err(|error| Error::internal("reading contracts was stopped", error))?;
        last.known = known;
        Ok(snapshot)
    }

    async fn documents(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mesh = self.mesh.clone();
        let read = tokio::task::spawn_blocking(move || documents(&mesh)).await;
        read.map_err(|error| Error::internal("reading the domains was stopped", error))
    }
}

/// A document that cannot be read any more, and is still there, leaves its domain as it was.
fn keep_good(
    before: &[Arc<Domain>],
    documents: &[(String, Vec<u8>)],
    domains: &mut Vec<Arc<Domain>>,
    problems: &mut [CatalogProblem],
) {
    for domain in before {
        let folded = domain.name.folded();
        let is_there = documents.iter().any(|(folder, _)| fold(folder) == folded);
        if !is_there || domains.iter().any(|new| new.name.folded() == folded) {
            continue;
        }
        domains.push(Arc::clone(domain));
        for problem in problems.iter_mut().filter(|problem| fold(&problem.subject) == folded) {
            problem.message.push_str(assemble::STANDS);
        }
    }
}

fn documents(mesh: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = std::fs::read_dir(mesh.join("domains")).into_iter().flatten().filter_map(Result::ok);
    let mut documents: Vec<(String, Vec<u8>)> = folders
        .filter_map(|folder| {
            let text = std::fs::read(folder.path().join("domain.yaml")).ok()?;
            Some((folder.file_name().to_string_lossy().into_owned(), text))
        })
        .collect();
    documents.sort();
    documents
}
