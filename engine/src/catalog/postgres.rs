//! The catalog in a PostgreSQL database: for several servers.
//!
//! Holds always:
//! - a version and its records are written in one transaction, and told to every server in the same one;
//! - writers wait for each other at one row, so that of two with the same expected version one wins;
//! - whatever is asked fails within the time of the settings when the database does not answer.
//!
//! Start reading at [`PostgresStore`].

mod listener;

use std::sync::OnceLock;

use async_trait::async_trait;
use meshweave_contract::name::ProductId;
use parking_lot::Mutex;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool, PgRow};

use self::listener::Listener;
use super::rows::{self, Written, number};
use super::{CatalogStore, Record, ResolvedColumns, StoredCatalog};
use crate::error::{Error, Failure, Result};
use crate::postgres::Server;
use crate::settings::Settings;

/// What changes are told on; the tables' schema tells meshes apart, and hearing of another mesh costs one small request.
const CHANNEL: &str = "meshweave_catalog";
/// The table of the migrations that were applied; the state may be in the same database and has its own.
const MIGRATIONS: &str = "meshweave_catalog_migrations";

/// The catalog in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    server: Server,
    pool: PgPool,
    /// What was loaded last, and its stamp: what did not change is not sent again.
    last: Mutex<Option<(String, StoredCatalog)>>,
    listener: OnceLock<Listener>,
}

/// What is written in one transaction.
enum Change<'a> {
    Append { expected: u64, records: &'a [Record], written: Vec<Written> },
    Resolve { id: &'a ProductId, resolved: String },
}

/// What was not done because somebody else was faster.
struct Conflict(String);

impl PostgresStore {
    /// Connects, and brings the tables up to date.
    ///
    /// - `variable`: of the process's environment; it holds the URL.
    /// - `place`: where the variable is named, for errors.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] when the variable holds no URL; [`Failure::Unavailable`] when the database cannot be
    /// reached in time, refuses, or was written by a newer version.
    pub async fn open(variable: &str, place: &str, settings: &Settings) -> Result<Self> {
        let (connections, timeout) = (settings.catalog.connections, settings.catalog.timeout.0);
        let server = Server::of(&settings.environment, variable, "catalog", place, connections, timeout)?;
        let mut migrator = sqlx::migrate!("migrations/catalog-postgres");
        migrator.dangerous_set_table_name(MIGRATIONS);
        let pool = server.open(&migrator).await?;
        Ok(Self { server, pool, last: Mutex::default(), listener: OnceLock::new() })
    }

    /// Everything, read by one statement: its version and its records belong together.
    async fn load_all(&self) -> Result<(String, StoredCatalog)> {
        let all = "SELECT catalog_version.version AS catalog_number, stamp::text AS stamp, product_version.* \
                   FROM catalog_version LEFT JOIN product_version ON TRUE WHERE id = 1 \
                   ORDER BY product_version.catalog_version, name_folded, product_version.version";
        let found = self.server.within(sqlx::query(all).fetch_all(&self.pool)).await?;
        stored(&found).map_err(|error| Error::internal("the catalog's tables are not what they were made", error))
    }

    /// Writes one change in a transaction that nobody else's can come between, and tells the servers.
    async fn write(&self, change: Change<'_>) -> Result<u64> {
        let written = self.server.within(async {
            let mut transaction = self.pool.begin().await?;
            let current = sqlx::query_scalar("SELECT version FROM catalog_version WHERE id = 1 FOR UPDATE");
            let version: i64 = current.fetch_one(&mut *transaction).await?;
            if let Err(conflict) = change.apply(&mut transaction, version).await? {
                return Ok(Err(conflict));
            }
            sqlx::query("UPDATE catalog_version SET version = $1, stamp = gen_random_uuid() WHERE id = 1")
                .bind(version + 1)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(Ok(number(version + 1)))
        });
        written.await?.map_err(|Conflict(what)| Failure::CatalogConflict { what }.into())
    }
}

impl Change<'_> {
    /// - `version`: what the catalog has now.
    async fn apply(&self, connection: &mut PgConnection, version: i64) -> sqlx::Result<Result<(), Conflict>> {
        match self {
            Self::Append { expected, records, .. } if *expected != number(version) => {
                Ok(Err(Conflict(records.first().map(|r| r.id.to_string()).unwrap_or_default())))
            }
            Self::Append { records, written, .. } => {
                for (record, written) in records.iter().zip(written) {
                    let insert = rows::bind_record!(sqlx::query(rows::INSERT), record, written, version + 1);
                    let _inserted = match insert.execute(&mut *connection).await {
                        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                            return Ok(Err(Conflict(record.id.to_string())));
                        }
                        done => done?,
                    };
                }
                Ok(Ok(()))
            }
            Self::Resolve { id, resolved } => {
                let done = sqlx::query(rows::RESOLVE)
                    .bind(resolved)
                    .bind(id.name.folded())
                    .bind(id.version.to_string())
                    .execute(connection)
                    .await?;
                Ok(if done.rows_affected() == 0 { Err(Conflict(id.to_string())) } else { Ok(()) })
            }
        }
    }
}

/// The stamp and the catalog in the rows of [`PostgresStore::load_all`]; an empty catalog has one row without a record.
fn stored(found: &[PgRow]) -> sqlx::Result<(String, StoredCatalog)> {
    let first = found.first().ok_or(sqlx::Error::RowNotFound)?;
    let version: i64 = first.try_get("catalog_number")?;
    let mut stored = StoredCatalog { version: number(version), ..StoredCatalog::default() };
    for row in found {
        if row.try_get::<Option<&str>, _>("name_folded")?.is_none() {
            continue;
        }
        match rows::record(row) {
            Ok(record) => stored.records.push(record),
            Err(problem) => stored.problems.push(problem),
        }
    }
    Ok((first.try_get("stamp")?, stored))
}

#[async_trait]
impl CatalogStore for PostgresStore {
    fn describe(&self) -> String {
        self.server.describe()
    }

    async fn load(&self) -> Result<StoredCatalog> {
        let stamp = sqlx::query_scalar("SELECT stamp::text FROM catalog_version WHERE id = 1");
        let stamp: String = self.server.within(stamp.fetch_one(&self.pool)).await?;
        if let Some((_, stored)) = self.last.lock().as_ref().filter(|(last, _)| *last == stamp) {
            return Ok(stored.clone());
        }
        let (stamp, stored) = self.load_all().await?;
        *self.last.lock() = Some((stamp, stored.clone()));
        Ok(stored)
    }

    async fn append(&self, expected: u64, records: &[Record]) -> Result<u64> {
        let written = records.iter().map(Written::of).collect::<Result<_>>()?;
        self.write(Change::Append { expected, records, written }).await
    }

    async fn resolve(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()> {
        let resolved = rows::resolved_text(resolved)?;
        self.write(Change::Resolve { id, resolved }).await.map(|_| ())
    }

    async fn changed(&self) {
        self.listener.get_or_init(|| Listener::start(self.server.clone())).heard().await;
    }
}
