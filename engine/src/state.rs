//! The state database: what a process remembers that is not the catalog. Today: manifests by their hash.
//!
//! Start reading at [`StateStore`].

use bytes::Bytes;

use crate::error::Result;

/// The state database of a mesh; versioned by migrations.
#[derive(Debug)]
pub struct StateStore {}

impl StateStore {
    /// Keeps a manifest under its hash (`sha256:…`); the same hash again only renews its retention.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn put_manifest(&self, hash: &str, text: &Bytes) -> Result<()> {
        let _ = (hash, text);
        todo!("state room")
    }

    /// The manifest kept under `hash`, if it is still there.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn manifest(&self, hash: &str) -> Result<Option<Bytes>> {
        let _ = hash;
        todo!("state room")
    }
}
