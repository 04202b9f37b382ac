//! The database behind the state: an SQLite file, or a PostgreSQL database that several servers share.
//!
//! One text per statement serves both (`$1`, `ON CONFLICT`, `RETURNING` are common to them); what differs is said here.
//! Holds always: while PostgreSQL does not answer, callers do not wait for it one by one: after a failure it is left alone for a while.
//!
//! Start reading at [`Database`] and [`with_pool`].

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::postgres::PgPool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::OnceCell;

use crate::error::{Error, Failure, Result};
use crate::postgres::Server;

/// How long one process waits for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to a file.
const CONNECTIONS: u32 = 4;
/// The table of the migrations that were applied; the catalog may be in the same database and has its own.
const MIGRATIONS: &str = "meshweave_state_migrations";

/// Where state is kept; opened at its first use.
#[derive(Debug)]
pub(super) enum Database {
    Sqlite { file: PathBuf, pool: OnceCell<SqlitePool> },
    Postgres { server: Box<Server>, pool: OnceCell<PgPool>, outage: Outage },
}

/// Runs the same work over either pool: `with_pool!(database, pool => future)`; the future gives an [`sqlx::Result`].
/// It lies in a box: what drivers keep while they wait is too large for every caller's own future.
macro_rules! with_pool {
    ($database:expr, $pool:ident => $work:expr) => {
        match $database {
            $crate::state::database::Database::Sqlite { pool: opened, .. } => {
                let work = async {
                    let $pool = $database.sqlite(opened).await?;
                    $work.await.map_err(|error| $database.refused(error))
                };
                Box::pin(work).await
            }
            $crate::state::database::Database::Postgres { server, pool: opened, outage } => {
                let work = outage.guard(server, async {
                    let $pool = $database.postgres(server, opened).await?;
                    server.within($work).await
                });
                Box::pin(work).await
            }
        }
    };
}
pub(super) use with_pool;

impl Database {
    pub(super) fn file(file: PathBuf) -> Self {
        Self::Sqlite { file, pool: OnceCell::new() }
    }

    pub(super) fn shared(server: Server) -> Self {
        Self::Postgres { server: Box::new(server), pool: OnceCell::new(), outage: Outage::default() }
    }

    /// How a transaction begins that will write.
    pub(super) fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres { .. } => "BEGIN",
        }
    }

    /// The rows of a JSON list of texts, which is the parameter `$2`, as a query.
    pub(super) fn listed(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SELECT value FROM json_each($2)",
            Self::Postgres { .. } => "SELECT json_array_elements_text($2::json)",
        }
    }

    /// Whether it answered when it was asked last, or was left alone long enough to ask again.
    pub(super) fn may_answer(&self) -> bool {
        match self {
            Self::Sqlite { .. } => true,
            Self::Postgres { server, outage, .. } => !outage.lasts(server),
        }
    }

    /// Whether its last answer was none.
    pub(super) fn is_out(&self) -> bool {
        matches!(self, Self::Postgres { outage, .. } if outage.0.lock().is_some())
    }

    pub(super) fn refused(&self, error: sqlx::Error) -> Error {
        Error::unavailable(self.what(), "the database refused", error)
    }

    fn what(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => format!("state {}", file.display()),
            Self::Postgres { server, .. } => format!("state {}", server.describe()),
        }
    }

    pub(super) async fn sqlite<'a>(&self, opened: &'a OnceCell<SqlitePool>) -> Result<&'a SqlitePool> {
        opened.get_or_try_init(|| self.open_sqlite()).await
    }

    pub(super) async fn postgres<'a>(&self, server: &Server, opened: &'a OnceCell<PgPool>) -> Result<&'a PgPool> {
        let open = || async {
            let mut migrator = sqlx::migrate!("migrations/state-postgres");
            migrator.dangerous_set_table_name(MIGRATIONS);
            server.open(&migrator).await
        };
        opened.get_or_try_init(open).await
    }

    async fn open_sqlite(&self) -> Result<SqlitePool> {
        let Self::Sqlite { file, .. } = self else { return Err(self.refused(sqlx::Error::PoolClosed)) };
        let pool = match writable(file) {
            Ok(()) => open_file(file).await,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "kept state in memory: its file cannot be written");
                open_memory().await
            }
        };
        let pool = pool.map_err(|error| self.refused(error))?;
        sqlx::migrate!("migrations/state")
            .run(&pool)
            .await
            .map_err(|error| Error::unavailable(self.what(), "its tables cannot be brought up to date", error))?;
        Ok(pool)
    }
}

/// Since when a database does not answer, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Runs the work, unless the database failed a moment ago.
    pub(super) async fn guard<T>(&self, server: &Server, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.lasts(server) {
            let what = format!("state {}", server.describe());
            let message = "the database did not answer a moment ago".to_owned();
            return Err(Failure::Unavailable { what, message, cause: None }.into());
        }
        let done = work.await;
        *self.0.lock() = done.as_ref().err().filter(|error| !is_about_data(error)).map(|_| Instant::now());
        done
    }

    fn lasts(&self, server: &Server) -> bool {
        self.0.lock().is_some_and(|since| since.elapsed() < server.timeout())
    }
}

/// Whether the database answered and did not like what it was given (SQLSTATE classes 22 and 23).
fn is_about_data(error: &Error) -> bool {
    let Failure::Unavailable { cause: Some(cause), .. } = error.failure() else { return false };
    let Some(sqlx::Error::Database(error)) = cause.downcast_ref::<sqlx::Error>() else { return false };
    error.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
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
