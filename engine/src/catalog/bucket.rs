//! The catalog as objects below a prefix of a bucket: the mesh folder, where every server reaches it.
//!
//! The objects are those of a mesh folder. They are mirrored into a local folder, so that only what changed is fetched, and a
//! process that starts again fetches nothing. One object, `.meshweave/catalog.json`, keeps the catalog's number and is only ever
//! replaced in the state in which it was read (`If-Match`); every other object is only ever made (`If-None-Match`).
//!
//! Holds always:
//! - of two writers one wins, and the other one's objects are gone before it is told;
//! - an append is announced before its objects appear, and they count when the announcement is taken away: nobody sees half of it;
//! - what a writer that died has left is taken back by the next one.
//!
//! Start reading at [`BucketStore`].

mod head;
mod mirror;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meshweave_contract::name::{DomainName, ProductId};
use object_store::ObjectStoreExt as _;
use object_store::path::Path as ObjectPath;
use parking_lot::Mutex;

use self::head::{Announced, Head, Heads, State};
use self::mirror::{Mirror, Mirrored};
use super::folder::{self, Written};
use super::{CatalogStore, Record, ResolvedColumns, StoredCatalog};
use crate::error::{Error, Failure, Result};
use crate::settings::Settings;
use crate::storage::config::{CredentialsConfig, PrefixConfig};
use crate::storage::{DomainStorage, Location, StorageContext};

/// How long an announcement stands unchanged before its writer is taken for dead; far longer than any append takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks at somebody else's announcement.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the objects are looked at until nobody has changed the catalog meanwhile.
const LOOKS: usize = 10;

/// The catalog below a prefix of a bucket.
#[derive(Debug)]
pub struct BucketStore {
    location: Location,
    heads: Heads,
    mirror: Mirror,
    patience: Duration,
    /// What this process counted last, where it may not write.
    seen: Mutex<(u64, String)>,
}

/// What was found at one look.
struct Look {
    head: Head,
    state: State,
    found: Mirrored,
    /// The catalog's number, with what was put there by hand counted.
    version: u64,
}

impl BucketStore {
    /// The catalog at `settings.catalog.bucket`; nothing is read yet.
    ///
    /// - `mirror`: a local folder for copies of its objects; it is made, and belongs to this catalog alone.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] when the URL is none of a bucket, or a credential is not set.
    pub fn new(url: &str, mirror: &Path, settings: &Settings) -> Result<Self> {
        let place = "catalog.bucket";
        let bucket = &settings.catalog.bucket;
        let keys = &bucket.credentials;
        let mut prefix = PrefixConfig::new(url);
        (prefix.endpoint, prefix.region, prefix.path_style) =
            (bucket.endpoint.clone(), bucket.region.clone(), bucket.path_style);
        let mut credentials = CredentialsConfig::default();
        credentials.access_key_id_env.clone_from(&keys.access_key_id_env);
        credentials.secret_access_key_env.clone_from(&keys.secret_access_key_env);
        credentials.session_token_env.clone_from(&keys.session_token_env);
        credentials.file.clone_from(&keys.file);
        credentials.profile.clone_from(&keys.profile);
        credentials.instance = keys.instance;
        prefix.credentials = Some(credentials).filter(|given| *given != CredentialsConfig::default());
        let domain = DomainName::new("catalog").map_err(|error| Error::internal("a name is none", error))?;
        let context = StorageContext::new(mirror, settings);
        let location = DomainStorage::new(domain, place, &[prefix], &[], &context)?.locate(url)?;
        if location.is_local() || location.pattern.is_some() {
            return Err(crate::document::invalid(
                place,
                format!("{url} is no prefix of a bucket, such as s3://bucket/mesh/"),
            ));
        }
        let heads = Heads::new(location.clone());
        let mirror = Mirror::new(mirror, location.clone(), settings.storage.document_size.0);
        Ok(Self { location, heads, mirror, patience: PATIENCE, seen: Mutex::default() })
    }

    /// The same, where a writer that does nothing for this time is taken for dead.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where the copies lie: `mesh.yaml` and everything else of a mesh folder.
    pub fn mirror(&self) -> &Path {
        self.mirror.folder()
    }

    /// Everything as it is at one moment.
    async fn look(&self) -> Result<Look> {
        let lock = self.mirror.lock().await?;
        for _ in 0..LOOKS {
            let (head, state) = self.heads.get().await?;
            let found = self.mirror.sync(&lock, &head.pending).await?;
            if self.heads.get().await?.1 == state {
                let version = self.counted(&head, &found.content);
                return Ok(Look { head, state, found, version });
            }
        }
        Err(Failure::Unavailable {
            what: self.describe(),
            message: "others change it faster than it can be read".to_owned(),
            cause: None,
        }
        .into())
    }

    /// The number of a content: the kept one when nothing changed by hand, else one more.
    fn counted(&self, head: &Head, content: &str) -> u64 {
        let mut seen = self.seen.lock();
        let (version, kept) =
            if seen.0 > head.version { (seen.0, seen.1.as_str()) } else { (head.version, head.content.as_str()) };
        let version = if kept == content { version } else { version + 1 };
        *seen = (version, content.to_owned());
        version
    }

    /// Adds objects, all or nothing; `expected` is the catalog's number before, `check` looks at what is there.
    async fn write(
        &self,
        expected: Option<u64>,
        what: &str,
        make: impl Fn(&[Record]) -> Result<Vec<Written>> + Send,
    ) -> Result<u64> {
        let conflict = || Error::from(Failure::CatalogConflict { what: what.to_owned() });
        let look = self.alone().await?;
        if expected.is_some_and(|expected| expected != look.version) {
            return Err(conflict());
        }
        let files = make(&look.found.records)?;
        let pending: Vec<Announced> = files.iter().map(|file| Announced::of(&file.path, &file.bytes)).collect();
        let announced = Head { version: look.version, content: look.found.content, pending, ..look.head };
        let announced = announced.signed();
        let state = self.heads.replace(&announced, &look.state).await?.ok_or_else(conflict)?;
        let (made, done) = self.make(&files, conflict).await;
        let done = match done {
            Ok(()) => self.commit(&announced, &state, conflict).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(version) => Ok(version),
            Err(error) => {
                // What lay there before is not ours, whatever it holds.
                self.take_back(&announced, &state, &announced.pending[..made]).await;
                Err(error)
            }
        }
    }

    /// Waits until nobody else writes; takes back what a dead writer left.
    async fn alone(&self) -> Result<Look> {
        let mut watched: Option<(State, Instant)> = None;
        let begun = Instant::now();
        while begun.elapsed() < 3 * self.patience {
            let look = self.look().await?;
            if look.head.pending.is_empty() {
                return Ok(look);
            }
            match &watched {
                Some((state, since)) if *state == look.state => {
                    if since.elapsed() >= self.patience {
                        self.take_back(&look.head, &look.state, &look.head.pending).await;
                    }
                }
                _ => watched = Some((look.state, Instant::now())),
            }
            tokio::time::sleep(PAUSE).await;
        }
        let message = "another writer does not come to its end".to_owned();
        Err(Failure::Unavailable { what: self.describe(), message, cause: None }.into())
    }

    /// Makes the objects; the last one is what makes the others count. Gives how many of them may be ours.
    ///
    /// It stops long before somebody else may take the announcement for that of a dead writer.
    async fn make(&self, files: &[Written], conflict: impl Fn() -> Error) -> (usize, Result<()>) {
        let begun = Instant::now();
        for (made, file) in files.iter().enumerate() {
            if begun.elapsed() > self.patience / 2 {
                let message = "writing to it takes too long".to_owned();
                return (made, Err(Failure::Unavailable { what: self.describe(), message, cause: None }.into()));
            }
            match self.heads.create(&file.path, file.bytes.clone()).await {
                Ok(true) => {}
                Ok(false) => return (made, Err(conflict())),
                // Nobody said whether it was made.
                Err(error) => return (made + 1, Err(error)),
            }
        }
        (files.len(), Ok(()))
    }

    /// Takes the announcement away: from here on the objects count.
    async fn commit(&self, announced: &Head, state: &State, conflict: impl Fn() -> Error) -> Result<u64> {
        let lock = self.mirror.lock().await?;
        let content = self.mirror.sync(&lock, &[]).await?.content;
        let done =
            Head { version: announced.version + 1, content: content.clone(), pending: Vec::new(), ..announced.clone() };
        let replaced = match self.heads.replace(&done, state).await {
            // Nobody said whether it was written; who reads it knows.
            Err(error) => match self.heads.get().await {
                Ok((head, _)) if head == done => Ok(true),
                _ => Err(error),
            },
            replaced => replaced.map(|state| state.is_some()),
        };
        if !replaced? {
            return Err(conflict());
        }
        *self.seen.lock() = (done.version, content);
        Ok(done.version)
    }

    /// Removes objects that were announced, as far as they are still what was announced, then the announcement.
    ///
    /// An announcement that does not stand any more was taken back by somebody else: what lies there now is theirs.
    async fn take_back(&self, announced: &Head, state: &State, objects: &[Announced]) {
        match self.heads.get().await {
            Ok((now, _)) if now == *announced => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(error = %error.report(), "a refused registration is left to the next writer, who takes it back");
                return;
            }
        }
        let mut clean = true;
        for object in objects {
            if let Err(error) = self.heads.remove(object).await {
                tracing::warn!(object = object.path, error = %error.report(), "an object of a refused registration was kept");
                clean = false;
            }
        }
        if clean {
            let head = Head { pending: Vec::new(), ..announced.clone() };
            if let Err(error) = self.heads.replace(&head, state).await {
                tracing::warn!(error = %error.report(), "the catalog's announcement was kept, the next writer takes it away");
            }
        }
    }
}

#[async_trait]
impl CatalogStore for BucketStore {
    fn describe(&self) -> String {
        format!("bucket {}", self.location.url)
    }

    async fn load(&self) -> Result<StoredCatalog> {
        let look = self.look().await?;
        if look.head.content != look.found.content && look.head.pending.is_empty() {
            // Counted for all, where this process may write.
            let head = Head { version: look.version, content: look.found.content.clone(), ..look.head };
            if let Err(error) = self.heads.replace(&head, &look.state).await {
                tracing::debug!(%error, "kept the catalog's number in memory");
            }
        }
        let Mirrored { records, problems, .. } = look.found;
        Ok(StoredCatalog { version: look.version, records, problems })
    }

    async fn append(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let what = records.iter().map(|r| r.id.to_string()).collect::<Vec<_>>().join(", ");
        let same = |a: &ProductId, b: &ProductId| a.version == b.version && a.name.folded() == b.name.folded();
        let make = |there: &[Record]| {
            if records.iter().any(|r| there.iter().any(|other| same(&other.id, &r.id))) {
                return Err(Failure::CatalogConflict { what: what.clone() }.into());
            }
            let mut files = Vec::new();
            for record in records {
                files.extend(folder::written(record)?);
            }
            Ok(files)
        };
        Box::pin(self.write(Some(expected), &what, make)).await
    }

    async fn resolve(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()> {
        let what = id.to_string();
        let make = |there: &[Record]| {
            let conflict = || Error::from(Failure::CatalogConflict { what: what.clone() });
            let record = there.iter().find(|r| r.id == *id && r.resolved.is_none()).ok_or_else(conflict)?;
            Ok(vec![folder::written_columns(record, resolved)?])
        };
        Box::pin(self.write(None, &what, make)).await.map(|_| ())
    }
}

/// An object below the catalog's prefix.
fn object(location: &Location, relative: &str) -> ObjectPath {
    location.child(relative).path
}

/// The bytes of an object, and its state; none when there is no such object.
async fn read(location: &Location, relative: &str) -> Result<Option<(bytes::Bytes, State)>> {
    let unavailable = |error| location.unavailable("an object of the catalog could not be read", error);
    let got = match location.store.get(&object(location, relative)).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    let state = State::Read { etag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
    Ok(Some((got.bytes().await.map_err(unavailable)?, state)))
}

/// A local path of the mirror for an object's relative name; none when the name is not one of a mesh folder.
fn local(folder: &Path, relative: &str) -> Option<PathBuf> {
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
    let parts: Vec<&str> = relative.split('/').collect();
    let is_known = match parts.as_slice() {
        ["mesh.yaml"] => true,
        ["policies", ..] => true,
        ["domains", rest @ ..] => (2..=4).contains(&rest.len()),
        _ => false,
    };
    (is_known && parts.iter().all(|part| is_plain(part)))
        .then(|| parts.iter().fold(folder.to_owned(), |at, part| at.join(part)))
}
