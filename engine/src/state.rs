//! The state database: what a process remembers that is not the catalog: manifests by their hash, and the query log.
//!
//! Holds always:
//! - nothing is opened before it is needed;
//! - where the mesh folder cannot be written, memory takes the database's place, and a warning says so;
//! - what is kept has an end: each write also removes what is past it.
//!
//! Start reading at [`StateStore`].

mod queries;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::settings::Settings;

pub(crate) use queries::product_of;
pub use queries::{Consumer, LoggedQuery};

/// How long one process waits for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to a file.
const CONNECTIONS: u32 = 4;

/// The state database of a mesh; versioned by migrations.
#[derive(Debug)]
pub struct StateStore {
    file: PathBuf,
    retention: Duration,
    query_retention: Duration,
    query_records: i64,
    pool: OnceCell<SqlitePool>,
}

impl StateStore {
    /// The state of a mesh; the database is opened at its first use.
    pub fn new(mesh: &Path, settings: &Settings) -> Self {
        let file = settings.state.path.clone().unwrap_or_else(|| PathBuf::from(".meshweave/state.db"));
        Self {
            file: mesh.join(file),
            retention: settings.state.manifest_retention.0,
            query_retention: settings.state.query_retention.0,
            query_records: i64::try_from(settings.state.query_records).unwrap_or(i64::MAX),
            pool: OnceCell::new(),
        }
    }

    /// Keeps a manifest under its hash (`sha256:…`); the same hash again only renews its retention.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn put_manifest(&self, hash: &str, text: &Bytes) -> Result<()> {
        self.put_manifest_at(hash, text, Timestamp::now()).await
    }

    /// The manifest kept under `hash`, if it is still there.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn manifest(&self, hash: &str) -> Result<Option<Bytes>> {
        self.manifest_at(hash, Timestamp::now()).await
    }

    async fn put_manifest_at(&self, hash: &str, text: &Bytes, now: Timestamp) -> Result<()> {
        let pool = self.pool().await?;
        let expires_at = now.as_second().saturating_add_unsigned(self.retention.as_secs());
        sqlx::query(
            "INSERT INTO manifest (hash, body, expires_at) VALUES (?, ?, ?) \
             ON CONFLICT (hash) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)",
        )
        .bind(hash)
        .bind(text.as_ref())
        .bind(expires_at)
        .execute(pool)
        .await
        .map_err(|error| self.unavailable(error))?;
        sqlx::query("DELETE FROM manifest WHERE expires_at < ?")
            .bind(now.as_second())
            .execute(pool)
            .await
            .map_err(|error| self.unavailable(error))?;
        Ok(())
    }

    async fn manifest_at(&self, hash: &str, now: Timestamp) -> Result<Option<Bytes>> {
        let body: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM manifest WHERE hash = ? AND expires_at >= ?")
            .bind(hash)
            .bind(now.as_second())
            .fetch_optional(self.pool().await?)
            .await
            .map_err(|error| self.unavailable(error))?;
        Ok(body.map(Bytes::from))
    }

    async fn pool(&self) -> Result<&SqlitePool> {
        self.pool.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<SqlitePool> {
        let pool = match writable(&self.file) {
            Ok(()) => open_file(&self.file).await,
            Err(error) => {
                tracing::warn!(file = %self.file.display(), %error, "kept state in memory: its file cannot be written");
                open_memory().await
            }
        };
        let pool = pool.map_err(|error| self.unavailable(error))?;
        sqlx::migrate!("migrations/state")
            .run(&pool)
            .await
            .map_err(|error| Error::unavailable(self.what(), "its tables cannot be brought up to date", error))?;
        Ok(pool)
    }

    fn what(&self) -> String {
        format!("state {}", self.file.display())
    }

    fn unavailable(&self, error: sqlx::Error) -> Error {
        Error::unavailable(self.what(), "the database refused", error)
    }
}

/// Whether the file, and the files that SQLite puts beside it, can be written.
fn writable(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(file).map(|_| ())
}

async fn open_file(file: &Path) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT);
    SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await
}

/// One connection that is never closed: the database lives as long as it does.
async fn open_memory() -> sqlx::Result<SqlitePool> {
    let pool = SqlitePoolOptions::new().max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
    pool.connect_with(SqliteConnectOptions::new().in_memory(true)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_manifest_is_kept_until_its_end_and_renewed_by_the_same_hash() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateStore::new(folder.path(), &Settings::default());
        let text = Bytes::from_static(b"[]");
        state.put_manifest_at("sha256:a", &text, at(0)).await.unwrap();
        assert_eq!(state.manifest_at("sha256:a", at(30 * DAY)).await.unwrap(), Some(text.clone()));
        assert_eq!(state.manifest_at("sha256:a", at(30 * DAY + 1)).await.unwrap(), None);
        state.put_manifest_at("sha256:a", &text, at(20 * DAY)).await.unwrap();
        assert_eq!(state.manifest_at("sha256:a", at(50 * DAY)).await.unwrap(), Some(text.clone()));
        state.put_manifest_at("sha256:b", &text, at(60 * DAY)).await.unwrap();
        assert_eq!(state.manifest_at("sha256:a", at(0)).await.unwrap(), None, "it was removed");
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let text = Bytes::from_static(b"[1]");
        StateStore::new(folder.path(), &Settings::default()).put_manifest("sha256:a", &text).await.unwrap();
        let next = StateStore::new(folder.path(), &Settings::default());
        assert_eq!(next.manifest("sha256:a").await.unwrap(), Some(text));
    }

    #[tokio::test]
    async fn nothing_is_made_before_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let _state = StateStore::new(folder.path(), &Settings::default());
        assert!(!folder.path().join(".meshweave").exists());
    }

    #[tokio::test]
    async fn memory_takes_the_place_of_a_folder_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".meshweave"), "a file where the folder should be").unwrap();
        let state = StateStore::new(folder.path(), &Settings::default());
        let text = Bytes::from_static(b"[2]");
        state.put_manifest("sha256:a", &text).await.unwrap();
        assert_eq!(state.manifest("sha256:a").await.unwrap(), Some(text));
    }
}
