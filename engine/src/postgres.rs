//! PostgreSQL, as the catalog and the state use it: where it is, a bounded pool, and an end to every wait.
//!
//! In: the name of a variable of the process's environment that holds the URL. Out: a pool whose tables are up to date.
//! Holds always:
//! - the URL is never part of a text: not of an error, not of `Debug`, not of the log;
//! - whatever is asked has an answer, or fails, within the time of the settings.
//!
//! Start reading at [`Server::of`].

use std::fmt;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use url::Url;

use crate::document::invalid_hint;
use crate::error::{Error, Failure, Result};
use crate::settings::Environment;

/// What a URL may say after its `?`; the driver logs the value of anything else, which may be a misspelt password.
const KNOWN: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "channel_binding",
];

/// One database of a PostgreSQL server, and how this process may use it.
#[derive(Clone)]
pub(crate) struct Server {
    options: PgConnectOptions,
    /// `catalog` or `state`.
    part: &'static str,
    connections: u32,
    timeout: Duration,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("what", &self.what()).finish_non_exhaustive()
    }
}

impl Server {
    /// The database whose URL is in the variable `variable`.
    ///
    /// - `part`: what it is for, in errors: `catalog`, `state`.
    /// - `place`: where the variable is named, in errors.
    /// - `connections`: at most, of this process.
    /// - `timeout`: for each connection and each request.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] when the variable is not set, or holds no URL of a PostgreSQL database.
    pub(crate) fn of(
        environment: &Environment,
        variable: &str,
        part: &'static str,
        place: &str,
        connections: u32,
        timeout: Duration,
    ) -> Result<Self> {
        let url = url_in(environment, variable, part, place)?;
        let wrong = |why: String| invalid_hint(place, format!("the {part}'s variable {variable} {why}"), HOW);
        let options = parse(&url).map_err(wrong)?;
        Ok(Self { options, part, connections: connections.max(1), timeout })
    }

    /// In words, for people: `postgres db.example.com:5432/mesh`.
    pub(crate) fn describe(&self) -> String {
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username());
        match self.options.get_socket() {
            Some(socket) => format!("postgres {}/{database}", socket.display()),
            None => format!("postgres {}:{}/{database}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// How long it may take to answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What errors name.
    fn what(&self) -> String {
        format!("{} {}", self.part, self.describe())
    }

    /// Connects once, brings the tables up to date, and gives the pool; servers that start together wait for each other.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when it cannot be reached in time, refuses, or was written by a newer version.
    pub(crate) async fn open(&self, migrator: &Migrator) -> Result<PgPool> {
        let opened = self.within(async {
            // Not through the pool: it would wait for a server that is starting up, and then not say why it waited.
            PgConnection::connect_with(&self.options).await
        });
        let mut connection = opened.await?;
        let migrated = tokio::time::timeout(self.timeout, migrator.run_direct(None, &mut connection, false)).await;
        let migrated = migrated.map_err(|_| self.too_late())?;
        migrated.map_err(|error| Error::unavailable(self.what(), "its tables cannot be brought up to date", error))?;
        // What was to be done is done; a connection that does not end well ends all the same.
        let _closed = tokio::time::timeout(self.timeout, connection.close()).await;
        Ok(self.pool(self.connections))
    }

    /// A pool that connects when it is used.
    ///
    /// The database, too, ends what this process gave up waiting for, so that nothing stays locked.
    pub(crate) fn pool(&self, connections: u32) -> PgPool {
        let limits =
            format!("SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0}", self.millis());
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.timeout)
            .after_connect(move |connection, _| {
                let limits = AssertSqlSafe(limits.clone());
                Box::pin(async move { connection.execute(limits).await.map(|_| ()) })
            })
            .connect_lazy_with(self.options.clone())
    }

    /// The time limit as PostgreSQL takes it, where 0 means none and more than an `INT` is refused.
    fn millis(&self) -> u32 {
        u32::try_from(self.timeout.as_millis()).unwrap_or(u32::MAX).clamp(1, i32::MAX.unsigned_abs())
    }

    /// Waits for an answer, at most as long as the settings say; what was begun and not committed is rolled back.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when there is none in time, or the database refuses.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.unavailable(error)),
            Err(_) => Err(self.too_late()),
        }
    }

    /// What a failure of the database is to our callers.
    fn unavailable(&self, error: sqlx::Error) -> Error {
        let message = match &error {
            sqlx::Error::PoolTimedOut => return self.too_late(),
            sqlx::Error::Io(_) => "the connection failed",
            sqlx::Error::Tls(_) => "the connection cannot be encrypted as its URL asks",
            _ => "the database refused",
        };
        Error::unavailable(self.what(), message, error)
    }

    fn too_late(&self) -> Error {
        let within = crate::settings::Timeout(self.timeout);
        let message = format!("the database did not answer within {within}");
        Failure::Unavailable { what: self.what(), message, cause: None }.into()
    }
}

/// What to write instead of a wrong URL.
const HOW: &str = "Its value looks like postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full.";

/// The value of the variable; a text that is no variable's name may be the URL itself, and is not repeated.
fn url_in(environment: &Environment, variable: &str, part: &str, place: &str) -> Result<String> {
    let is_name = !variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        let hint = "Write the name of an environment variable that holds the URL, never the URL itself.";
        return Err(invalid_hint(place, format!("the {part}'s URL is not named by a variable"), hint));
    }
    environment.get(variable).map(str::to_owned).ok_or_else(|| {
        let hint = format!("Set {variable} in the environment of this process. {HOW}");
        invalid_hint(place, format!("the {part}'s variable {variable} is not set"), hint)
    })
}

/// Reads a URL; what is wrong with it is told without its text.
fn parse(text: &str) -> Result<PgConnectOptions, String> {
    let url = Url::parse(text).map_err(|error| format!("holds no URL: {error}"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("holds a URL that does not begin with postgres://".to_owned());
    }
    for (key, _) in url.query_pairs() {
        if !KNOWN.contains(&&*key) && !key.starts_with("options[") {
            return Err("holds a URL with a parameter that is not known".to_owned());
        }
    }
    let options: PgConnectOptions =
        text.parse().map_err(|_: sqlx::Error| "holds a URL with a value that cannot be used".to_owned())?;
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("meshweave"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(value: &str) -> Result<Server> {
        let environment = Environment::new([("URL".to_owned(), value.to_owned())]);
        Server::of(&environment, "URL", "catalog", "mesh.yaml:4", 4, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_password_is_in_no_text() {
        for value in [
            "postgres://ann:secret@db:6432/mesh",
            "postgresql://ann@db:6432/mesh?password=secret",
            "postgres://ann:secret@db:6432/mesh?sslmode=secret",
            "postgres://ann@db:6432/mesh?pasword=secret",
            "postgres//ann:secret@db",
            "mysql://ann:secret@db/mesh",
            "postgres://ann:secret@db:port/mesh",
            "secret",
        ] {
            let told = match server(value) {
                Ok(server) => format!("{server:?} {server:#?} {} {:?}", server.describe(), server.pool(1)),
                Err(error) => format!("{error} {error:?} {} {:?}", error.report(), error.hint()),
            };
            assert!(!told.contains("secret"), "{told}");
        }
        let environment = Environment::default();
        let url = "postgres://ann:secret@db/mesh";
        let error = Server::of(&environment, url, "catalog", "mesh.yaml:4", 4, Duration::from_secs(1)).unwrap_err();
        assert!(!format!("{error:?} {} {:?}", error.report(), error.hint()).contains("secret"), "{error}");
    }

    #[test]
    fn a_database_is_described_without_who_asks() {
        let told = |value| server(value).unwrap().describe();
        assert_eq!(told("postgres://ann:secret@db:6432/mesh"), "postgres db:6432/mesh");
        assert_eq!(told("postgres://ann:secret@%2Frun%2Fpg/mesh"), "postgres /run/pg/mesh");
    }

    #[test]
    fn an_unset_variable_is_named_with_its_place() {
        let environment = Environment::new([("EMPTY".to_owned(), String::new())]);
        for variable in ["MISSING", "EMPTY"] {
            let error = Server::of(&environment, variable, "catalog", "mesh.yaml:4", 4, Duration::from_secs(1));
            let told = error.unwrap_err().to_string();
            assert_eq!(told, format!("mesh.yaml:4: the catalog's variable {variable} is not set"));
        }
    }
}
