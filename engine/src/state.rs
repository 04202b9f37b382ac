//! The state database: what a process remembers that is not the catalog: manifests by their hash, the query log, and schema drift.
//!
//! In one SQLite file of the mesh, or in a PostgreSQL database that several servers share.
//! Holds always:
//! - nothing is opened before it is needed;
//! - where the mesh folder cannot be written, memory takes the file's place, and a warning says so;
//! - while PostgreSQL does not answer, queries go on: their manifests stay in memory, their records wait;
//! - what is kept has an end: each write also removes what is past it.
//!
//! Start reading at [`StateStore`].

mod database;
mod drift;
mod queries;
mod recent;
mod written;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use self::database::{Database, with_pool};
use self::recent::Recent;
use self::written::Written;
use crate::document::invalid;
use crate::error::Result;
use crate::postgres::Server;
use crate::settings::Settings;

pub use drift::DriftRecord;
pub use queries::{Consumer, LoggedQuery};
pub(crate) use queries::{count, product_of};

/// The state database of a mesh; versioned by migrations.
#[derive(Debug)]
pub struct StateStore {
    retention: Duration,
    query_retention: Duration,
    query_records: i64,
    drift_retention: Duration,
    drift_records: i64,
    recent: Recent,
    written: Written,
    database: Database,
}

impl StateStore {
    /// The state of a mesh; the database is opened at its first use.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] when the settings name two databases, or a variable that holds no URL.
    pub fn new(mesh: &Path, settings: &Settings) -> Result<Self> {
        let state = &settings.state;
        let database = match (&state.postgres_url_env, &state.path) {
            (Some(_), Some(_)) => {
                return Err(invalid("state.path", "the state is in one database: an SQLite file or PostgreSQL"));
            }
            (Some(variable), None) => Database::shared(Server::of(
                &settings.environment,
                variable,
                "state",
                "state.postgres_url_env",
                state.connections,
                state.timeout.0,
            )?),
            (None, file) => {
                let file = file.clone().unwrap_or_else(|| PathBuf::from(".meshweave/state.db"));
                Database::file(mesh.join(file))
            }
        };
        Ok(Self {
            retention: state.manifest_retention.0,
            query_retention: state.query_retention.0,
            query_records: i64::try_from(state.query_records).unwrap_or(i64::MAX),
            drift_retention: state.drift_retention.0,
            drift_records: i64::try_from(state.drift_records).unwrap_or(i64::MAX),
            recent: Recent::new(state.manifest_memory.0),
            written: Written::new(state.manifest_retention.0),
            database,
        })
    }

    /// Keeps a manifest under its hash (`sha256:…`); the same hash again only renews its retention.
    ///
    /// Cost: nothing when this process wrote it within the last tenth of the retention; else one write.
    ///
    /// A shared database that does not answer is no error: this process keeps the manifest in memory for a while.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the mesh's own file cannot be written.
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
        let is_shared = matches!(self.database, Database::Postgres { .. });
        if is_shared {
            self.recent.put(hash, text);
        }
        if self.written.covers(hash, now) {
            return Ok(());
        }
        match self.write_manifest(hash, text, now).await {
            Ok(()) => self.written.note(hash, now),
            Err(error) if is_shared => {
                tracing::warn!(hash, error = %error.report(), "kept a manifest in memory: it was not written");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn write_manifest(&self, hash: &str, text: &Bytes, now: Timestamp) -> Result<()> {
        let expires_at = now.as_second().saturating_add_unsigned(self.retention.as_secs());
        with_pool!(&self.database, pool => async {
            sqlx::query(
                "INSERT INTO manifest (hash, body, expires_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (hash) DO UPDATE SET expires_at = excluded.expires_at WHERE manifest.expires_at < excluded.expires_at",
            )
            .bind(hash)
            .bind(text.as_ref())
            .bind(expires_at)
            .execute(pool)
            .await?;
            sqlx::query("DELETE FROM manifest WHERE expires_at < $1").bind(now.as_second()).execute(pool).await.map(|_| ())
        })
    }

    async fn manifest_at(&self, hash: &str, now: Timestamp) -> Result<Option<Bytes>> {
        match self.read_manifest(hash, now).await {
            Err(error) => self.recent.get(hash).map(Some).ok_or(error),
            found => found,
        }
    }

    async fn read_manifest(&self, hash: &str, now: Timestamp) -> Result<Option<Bytes>> {
        let body: Option<Vec<u8>> = with_pool!(&self.database, pool => {
            sqlx::query_scalar("SELECT body FROM manifest WHERE hash = $1 AND expires_at >= $2")
                .bind(hash)
                .bind(now.as_second())
                .fetch_optional(pool)
        })?;
        Ok(body.map(Bytes::from))
    }
}

#[cfg(test)]
mod tests {
    use meshweave_test_peers::{Database, PostgresServer};

    use super::*;
    use crate::settings::Environment;

    const DAY: i64 = 86_400;

    /// A place for state: a folder for SQLite, or a PostgreSQL database.
    pub(super) struct Place {
        folder: tempfile::TempDir,
        database: Option<Database>,
    }

    impl Place {
        /// One of each kind.
        pub(super) async fn all() -> [Self; 2] {
            let database = PostgresServer::database().await.unwrap();
            [None, Some(database)].map(|database| Self { folder: tempfile::tempdir().unwrap(), database })
        }

        /// What a process finds there; twice means two processes.
        pub(super) fn open(&self, mut settings: Settings) -> StateStore {
            if let Some(database) = &self.database {
                settings.environment = Environment::new([("STATE".to_owned(), database.url())]);
                settings.state.postgres_url_env = Some("STATE".to_owned());
            }
            StateStore::new(self.folder.path(), &settings).unwrap()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_manifest_is_kept_until_its_end_and_renewed_by_the_same_hash() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
            let text = Bytes::from_static(b"[]");
            state.put_manifest_at("sha256:a", &text, at(0)).await.unwrap();
            assert_eq!(state.manifest_at("sha256:a", at(30 * DAY)).await.unwrap(), Some(text.clone()));
            assert_eq!(state.manifest_at("sha256:a", at(30 * DAY + 1)).await.unwrap(), None);
            state.put_manifest_at("sha256:a", &text, at(20 * DAY)).await.unwrap();
            state.put_manifest_at("sha256:a", &text, at(10 * DAY)).await.unwrap();
            assert_eq!(state.manifest_at("sha256:a", at(50 * DAY)).await.unwrap(), Some(text.clone()));
            state.put_manifest_at("sha256:b", &text, at(60 * DAY)).await.unwrap();
            assert_eq!(state.manifest_at("sha256:a", at(0)).await.unwrap(), None, "it was removed");
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_process() {
        for place in Place::all().await {
            let text = Bytes::from_static(b"[1]");
            place.open(Settings::default()).put_manifest("sha256:a", &text).await.unwrap();
            let next = place.open(Settings::default());
            assert_eq!(next.manifest("sha256:a").await.unwrap(), Some(text));
        }
    }

    #[tokio::test]
    async fn nothing_is_made_before_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let _state = StateStore::new(folder.path(), &Settings::default()).unwrap();
        assert!(!folder.path().join(".meshweave").exists());
    }

    #[tokio::test]
    async fn memory_takes_the_place_of_a_folder_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".meshweave"), "a file where the folder should be").unwrap();
        let state = StateStore::new(folder.path(), &Settings::default()).unwrap();
        let text = Bytes::from_static(b"[2]");
        state.put_manifest("sha256:a", &text).await.unwrap();
        assert_eq!(state.manifest("sha256:a").await.unwrap(), Some(text));
    }

    #[tokio::test]
    async fn a_shared_database_that_does_not_answer_leaves_manifests_in_memory() {
        let environment = Environment::new([("STATE".to_owned(), "postgres://ann@127.0.0.1:1/state".to_owned())]);
        let mut settings = Settings { environment, ..Settings::default() };
        settings.state.postgres_url_env = Some("STATE".to_owned());
        let state = StateStore::new(Path::new("/nonexistent"), &settings).unwrap();
        let text = Bytes::from_static(b"[3]");
        state.put_manifest("sha256:a", &text).await.unwrap();
        assert_eq!(state.manifest("sha256:a").await.unwrap(), Some(text));
        let error = state.manifest("sha256:b").await.unwrap_err();
        assert_eq!(error.kind(), crate::Kind::Unavailable);
    }

    #[test]
    fn a_state_in_two_places_is_refused_and_so_is_one_without_a_url() {
        let mut settings = Settings::default();
        settings.state.postgres_url_env = Some("STATE".to_owned());
        let told = |settings: &Settings| StateStore::new(Path::new("."), settings).unwrap_err().to_string();
        assert_eq!(told(&settings), "state.postgres_url_env: the state's variable STATE is not set");
        settings.state.path = Some(PathBuf::from("state.db"));
        assert_eq!(told(&settings), "state.path: the state is in one database: an SQLite file or PostgreSQL");
    }
}
