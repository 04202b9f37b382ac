//! The catalog in one SQLite file: for one server, or for several processes of one machine.
//!
//! Holds always: a version and its records are written in one transaction; a reader sees all of it or nothing.
//!
//! Start reading at [`SqliteStore`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use meshweave_contract::name::ProductId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::rows::{self, Written, number};
use super::{CatalogStore, Record, ResolvedColumns, StoredCatalog};
use crate::error::{Error, Failure, Result};

/// How long one process waits for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of one process: writers wait for each other anyway.
const CONNECTIONS: u32 = 4;

/// The catalog in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, makes it when there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when it cannot be opened, or was written by a newer version.
    pub async fn open(file: &Path) -> Result<Self> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::unavailable(what(file), "its folder cannot be made", error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|error| Error::unavailable(what(file), "it cannot be opened", error))?;
        sqlx::migrate!("migrations/catalog")
            .run(&pool)
            .await
            .map_err(|error| Error::unavailable(what(file), "its tables cannot be brought up to date", error))?;
        Ok(Self { file: file.to_owned(), pool })
    }

    fn unavailable(&self, error: sqlx::Error) -> Error {
        Error::unavailable(what(&self.file), "the database refused", error)
    }

    async fn insert(&self, transaction: &mut sqlx::SqliteConnection, record: &Record, version: i64) -> Result<()> {
        let written = Written::of(record)?;
        let done = rows::bind_record!(sqlx::query(rows::INSERT), record, written, version).execute(transaction).await;
        match done {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(Failure::CatalogConflict { what: record.id.to_string() }.into())
            }
            Err(error) => Err(self.unavailable(error)),
        }
    }
}

fn what(file: &Path) -> String {
    format!("catalog {}", file.display())
}

async fn current(transaction: &mut sqlx::SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT version FROM catalog_version WHERE id = 1").fetch_one(transaction).await
}

async fn set_version(transaction: &mut sqlx::SqliteConnection, version: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE catalog_version SET version = ? WHERE id = 1").bind(version).execute(transaction).await?;
    Ok(())
}

#[async_trait]
impl CatalogStore for SqliteStore {
    fn describe(&self) -> String {
        format!("sqlite {}", self.file.display())
    }

    async fn load(&self) -> Result<StoredCatalog> {
        let mut transaction = self.pool.begin().await.map_err(|e| self.unavailable(e))?;
        let version = current(&mut transaction).await.map_err(|e| self.unavailable(e))?;
        let rows = sqlx::query("SELECT * FROM product_version ORDER BY catalog_version, name_folded, version")
            .fetch_all(&mut *transaction)
            .await
            .map_err(|e| self.unavailable(e))?;
        transaction.rollback().await.map_err(|e| self.unavailable(e))?;
        let mut stored = StoredCatalog { version: number(version), ..StoredCatalog::default() };
        for row in &rows {
            match rows::record(row) {
                Ok(record) => stored.records.push(record),
                Err(problem) => stored.problems.push(problem),
            }
        }
        Ok(stored)
    }

    async fn append(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.unavailable(e))?;
        let version = current(&mut transaction).await.map_err(|e| self.unavailable(e))?;
        if number(version) != expected {
            let what = records.first().map(|r| r.id.to_string()).unwrap_or_default();
            return Err(Failure::CatalogConflict { what }.into());
        }
        for record in records {
            self.insert(&mut transaction, record, version + 1).await?;
        }
        set_version(&mut transaction, version + 1).await.map_err(|e| self.unavailable(e))?;
        transaction.commit().await.map_err(|e| self.unavailable(e))?;
        Ok(number(version + 1))
    }

    async fn resolve(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()> {
        let text = rows::resolved_text(resolved)?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|e| self.unavailable(e))?;
        let version = current(&mut transaction).await.map_err(|e| self.unavailable(e))?;
        let done = sqlx::query(rows::RESOLVE)
            .bind(text)
            .bind(id.name.folded())
            .bind(id.version.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|e| self.unavailable(e))?;
        if done.rows_affected() == 0 {
            return Err(Failure::CatalogConflict { what: id.to_string() }.into());
        }
        set_version(&mut transaction, version + 1).await.map_err(|e| self.unavailable(e))?;
        transaction.commit().await.map_err(|e| self.unavailable(e))
    }
}
