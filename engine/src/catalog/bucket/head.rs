//! The one object that says which number the catalog has, and single objects, each written under a condition.
//!
//! Start reading at [`Heads`].

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{object, read};
use crate::error::{Error, Failure, Result};
use crate::storage::Location;

/// Its name below the catalog's prefix.
const NAME: &str = ".meshweave/catalog.json";

/// The catalog's number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The format's version; 1.
    pub(super) v: u32,
    pub(super) version: u64,
    /// The hash of the names and ETags of all objects.
    pub(super) content: String,
    /// Who wrote it, so that a writer knows its own.
    #[serde(default)]
    pub(super) writer: String,
    /// Objects of an append that has begun; they do not count yet.
    #[serde(default)]
    pub(super) pending: Vec<Announced>,
}

impl Default for Head {
    fn default() -> Self {
        Self { v: 1, version: 0, content: String::new(), writer: String::new(), pending: Vec::new() }
    }
}

impl Head {
    /// The same, written by a writer like no other.
    pub(super) fn signed(self) -> Self {
        Self { writer: uuid::Uuid::new_v4().to_string(), ..self }
    }
}

/// An object that will appear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Announced {
    /// Below the catalog's prefix.
    pub(super) path: String,
    /// What it will hold, so that another object in its place is never mistaken for it.
    sha256: String,
}

impl Announced {
    pub(super) fn of(path: &str, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), sha256: digest(bytes) }
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// In which state an object was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// There was none.
    Missing,
    Read {
        etag: Option<String>,
        version: Option<String>,
    },
}

/// Reads and replaces the head; makes and removes other objects.
#[derive(Debug)]
pub(super) struct Heads(Location);

impl Heads {
    pub(super) fn new(location: Location) -> Self {
        Self(location)
    }

    /// The head as it is; a new catalog has none and begins at zero.
    pub(super) async fn get(&self) -> Result<(Head, State)> {
        let Some((text, state)) = read(&self.0, NAME).await? else { return Ok((Head::default(), State::Missing)) };
        let head: Head = serde_json::from_slice(&text).map_err(|error| self.unusable("it cannot be read", error))?;
        if head.v != 1 {
            let message = format!("its format {} is newer than this program", head.v);
            return Err(Failure::Unavailable { what: self.what(), message, cause: None }.into());
        }
        Ok((head, state))
    }

    /// Writes the head if it is still in this state; its new state, or none when somebody was faster.
    pub(super) async fn replace(&self, head: &Head, state: &State) -> Result<Option<State>> {
        let bytes =
            serde_json::to_vec(head).map_err(|error| Error::internal("the catalog's head was not written", error))?;
        let mode = match state {
            State::Missing => PutMode::Create,
            State::Read { etag, version } => {
                PutMode::Update(UpdateVersion { e_tag: etag.clone(), version: version.clone() })
            }
        };
        self.put(NAME, bytes.into(), mode).await
    }

    /// Makes an object; whether there was none.
    pub(super) async fn create(&self, path: &str, bytes: Vec<u8>) -> Result<bool> {
        Ok(self.put(path, bytes.into(), PutMode::Create).await?.is_some())
    }

    async fn put(&self, path: &str, bytes: Bytes, mode: PutMode) -> Result<Option<State>> {
        let options = PutOptions::from(mode);
        let done = self.0.store.put_opts(&object(&self.0, path), PutPayload::from(bytes), options).await;
        match done {
            Ok(done) => Ok(Some(State::Read { etag: done.e_tag, version: done.version })),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(None),
            // What was to be replaced is gone.
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.0.unavailable("an object of the catalog could not be written", error)),
        }
    }

    /// Removes an object if it holds what was announced.
    pub(super) async fn remove(&self, announced: &Announced) -> Result<()> {
        let Some((bytes, _)) = read(&self.0, &announced.path).await? else { return Ok(()) };
        if digest(&bytes) != announced.sha256 {
            return Ok(());
        }
        let removed = self.0.store.delete(&object(&self.0, &announced.path)).await;
        removed.map_err(|error| self.0.unavailable("an object of the catalog could not be removed", error))
    }

    fn what(&self) -> String {
        format!("{}", self.0.child(NAME).url)
    }

    fn unusable(&self, message: &str, error: serde_json::Error) -> Error {
        Error::unavailable(self.what(), message, error)
    }
}
