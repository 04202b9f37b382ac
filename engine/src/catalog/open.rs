//! The catalog of a process: where it comes from, and its current snapshot.
//!
//! Start reading at [`Catalog::open`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assemble::{self, Known};
use super::config::{MeshConfig, read_domains};
use super::folder::FolderStore;
use super::sqlite::SqliteStore;
use super::{CatalogProblem, CatalogSnapshot, CatalogStore, Domain};
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::storage::StorageContext;

/// The catalog of a process: its store, the mesh's documents, and the current snapshot.
#[derive(Debug)]
pub struct Catalog {
    snapshot: parking_lot::RwLock<Arc<CatalogSnapshot>>,
    source: Option<Source>,
}

/// Where snapshots come from.
#[derive(Debug)]
struct Source {
    mesh: PathBuf,
    catalog_name: String,
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
        Self { snapshot: parking_lot::RwLock::new(Arc::new(snapshot)), source: None }
    }

    /// Reads `mesh.yaml` and the domains' documents under `mesh`, opens the store they name, and loads the first snapshot.
    ///
    /// A `domain.yaml` or a contract that is wrong is a problem of the snapshot, not an error.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] with file, line and column for `mesh.yaml`;
    /// [`crate::Failure::Unavailable`] when the store does not answer.
    pub async fn open(mesh: &Path, settings: &Settings) -> Result<Self> {
        let config = MeshConfig::read(mesh)?;
        let store: Arc<dyn CatalogStore> = match config.sqlite_file(mesh) {
            Some(file) => Arc::new(SqliteStore::open(&file).await?),
            None => Arc::new(FolderStore::new(mesh)),
        };
        let source = Source {
            mesh: mesh.to_owned(),
            catalog_name: config.catalog_name().to_owned(),
            storage: StorageContext::new(mesh, settings),
            store,
            last: tokio::sync::Mutex::default(),
        };
        let first = source.load().await?;
        Ok(Self { snapshot: parking_lot::RwLock::new(Arc::new(first)), source: Some(source) })
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
    /// [`crate::Failure::Unavailable`]; the old snapshot stays.
    pub async fn refresh(&self) -> Result<Arc<CatalogSnapshot>> {
        let Some(source) = &self.source else { return Ok(self.snapshot()) };
        let new = Arc::new(source.load().await?);
        let mut current = self.snapshot.write();
        if new.version >= current.version {
            *current = Arc::clone(&new);
        }
        Ok(Arc::clone(&current))
    }
}

impl Source {
    async fn load(&self) -> Result<CatalogSnapshot> {
        let mut last = self.last.lock().await;
        let stored = self.store.load().await?;
        let documents = self.documents().await?;
        if last.documents != documents || documents.is_empty() {
            let (domains, problems) = read_domains(&self.mesh, &self.catalog_name, &self.storage)?;
            (last.domains, last.domain_problems, last.documents) = (domains, problems, documents);
        }
        let mut problems = last.domain_problems.clone();
        problems.extend(stored.problems);
        let domains = last.domains.clone();
        let entries = assemble::entries(&domains, stored.records, &mut last.known, &mut problems);
        Ok(CatalogSnapshot::new(stored.version, self.catalog_name.clone(), domains, entries, problems))
    }

    async fn documents(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mesh = self.mesh.clone();
        let read = tokio::task::spawn_blocking(move || documents(&mesh)).await;
        read.map_err(|error| Error::internal("reading the domains was stopped", error))
    }
}

fn documents(mesh: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = std::fs::read_dir(mesh.join("domains")).into_iter().flatten().filter_map(Result::ok);
    let mut documents: Vec<(String, Vec<u8>)> = folders
        .map(|folder| {
            let text = std::fs::read(folder.path().join("domain.yaml")).unwrap_or_default();
            (folder.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    documents.sort();
    documents
}
