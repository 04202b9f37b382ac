//! `meshweave.yaml`: the settings of one process, typed; unknown keys are refused.
//!
//! In: the text of the file and the process's environment, both brought by a door. Out: [`Settings`].
//! Holds always: every queue, pool, cache and message has its size here, with a unit; only doors read files and the environment.
//!
//! Start reading at [`Settings::load`].

mod reference;
mod server;
mod units;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document;
use crate::error::Result;
use crate::principal::Principal;

pub use reference::SettingDoc;
pub use server::{
    AuthenticatorSettings, Listen, LogForm, LogSettings, SessionSettings, TelemetrySettings, TlsSettings,
};
pub use units::{ByteSize, Timeout};

/// The settings of one process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The local principal: who asks when there is no authenticator. Default: the operating system's user, without teams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalSettings>,
    /// Addresses the server listens on.
    pub listen: Listen,
    /// The certificate that secures Flight SQL. Default: none, connections are not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
    /// Who may connect. Default: everybody of this machine, each as the local principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator: Option<AuthenticatorSettings>,
    /// Where traces of queries go. Default: nowhere.
    pub telemetry: TelemetrySettings,
    /// What a server logs, and how.
    pub logs: LogSettings,
    /// Local folders outside the mesh folder that products may lie in, and how requests to object stores are bounded.
    pub storage: StorageSettings,
    /// What one process and one query may use.
    pub limits: Limits,
    /// What callers keep between two calls: options and temporary tables.
    pub sessions: SessionSettings,
    /// How the catalog is kept current.
    pub catalog: CatalogSettings,
    /// Where state (manifests by hash, the query log) is kept, and how long.
    pub state: StateSettings,
    /// The process's environment, for credentials that a domain names; never written anywhere.
    #[serde(skip)]
    pub environment: Environment,
}

/// The environment of the process as its door handed it over; its values are never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// The environment with these variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }

    /// The value of a variable; none when it is not set, or set to nothing.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// The start of the variables that are ours.
const PREFIX: &str = "MESHWEAVE_";

impl Settings {
    /// Reads the settings: the file's text, then what the environment overrides.
    ///
    /// - `text`: `meshweave.yaml`; empty text means defaults.
    /// - `file`: named in errors.
    /// - `env`: the process's environment. `MESHWEAVE_A__B` overrides `a.b`, its value read as YAML (`8GiB`, `[/srv/a, /srv/b]`).
    ///   Names without `__` (`MESHWEAVE_MESH`) are no settings. All variables are kept in [`Self::environment`].
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] with `file:line:column`, or with the name of the variable.
    pub fn load(text: &str, file: &str, env: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let environment = Environment::new(env);
        let mut settings: Self = if document::is_empty(text) { Self::default() } else { document::typed(text, file)? };
        let overrides: Vec<Override> = environment.0.iter().filter_map(|(k, v)| Override::of(k, v)).collect();
        if !overrides.is_empty() {
            settings = apply(text, file, &overrides)?;
        }
        settings.environment = environment;
        Ok(settings)
    }
}

/// One variable that overrides a setting.
#[derive(Clone)]
struct Override {
    variable: String,
    path: Vec<String>,
    value: yaml_serde::Value,
    text: String,
}

impl Override {
    fn of(variable: &str, text: &str) -> Option<Self> {
        let path = variable.strip_prefix(PREFIX)?;
        if !path.contains("__") {
            return None;
        }
        let path = path.split("__").map(str::to_lowercase).collect();
        let plain = || yaml_serde::Value::String(text.to_owned());
        let value = yaml_serde::from_str(text).unwrap_or_else(|_| plain());
        Some(Self { variable: variable.to_owned(), path, value, text: text.to_owned() })
    }

    /// The same, its value taken as text and not as YAML.
    fn as_text(&self) -> Self {
        let value = yaml_serde::Value::String(self.text.clone());
        Self { value, ..self.clone() }
    }
}

/// Puts the overrides over the file's settings, and names the variable that does not fit.
fn apply(text: &str, file: &str, overrides: &[Override]) -> Result<Settings> {
    let base: yaml_serde::Value = if document::is_empty(text) {
        yaml_serde::Value::Mapping(yaml_serde::Mapping::new())
    } else {
        document::typed(text, file)?
    };
    let fitting: Vec<Override> = overrides.iter().map(|o| fitting(&base, o)).collect();
    match tried(&base, &fitting) {
        Ok(settings) => Ok(settings),
        Err(together) => {
            let alone = fitting.iter().find_map(|o| {
                let error = tried(&base, std::slice::from_ref(o)).err()?;
                (!error.to_string().contains("missing field")).then_some((o.variable.clone(), error))
            });
            let names = || fitting.iter().map(|o| o.variable.as_str()).collect::<Vec<_>>().join(", ");
            let (place, error) = alone.unwrap_or_else(|| (names(), together));
            Err(document::yaml_error(&place, &error))
        }
    }
}

/// A value such as `123` may be meant as text (a user's name): read so where the YAML reading has the wrong type.
fn fitting(base: &yaml_serde::Value, o: &Override) -> Override {
    let mismatch = |o: &Override| {
        tried(base, std::slice::from_ref(o)).err().is_some_and(|e| e.to_string().contains("invalid type"))
    };
    let text = o.as_text();
    if mismatch(o) && !mismatch(&text) { text } else { o.clone() }
}

fn tried(base: &yaml_serde::Value, overrides: &[Override]) -> Result<Settings, yaml_serde::Error> {
    let mut value = base.clone();
    for o in overrides {
        put(&mut value, &o.path, o.value.clone());
    }
    yaml_serde::from_value(value)
}

/// Sets the value at a path, making the mappings on the way.
fn put(at: &mut yaml_serde::Value, path: &[String], value: yaml_serde::Value) {
    let Some((first, rest)) = path.split_first() else {
        *at = value;
        return;
    };
    if !at.is_mapping() {
        *at = yaml_serde::Value::Mapping(yaml_serde::Mapping::new());
    }
    if let Some(mapping) = at.as_mapping_mut() {
        let key = yaml_serde::Value::String(first.clone());
        put(mapping.entry(key).or_insert(yaml_serde::Value::Null), rest, value);
    }
}

/// The local principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalSettings {
    /// The user's name.
    pub user: String,
    /// The teams the user belongs to.
    #[serde(default)]
    pub teams: Vec<String>,
}

impl From<PrincipalSettings> for Principal {
    fn from(settings: PrincipalSettings) -> Self {
        Self { user: settings.user, teams: settings.teams }
    }
}

/// Local folders outside the mesh folder that products may lie in, and how requests to object stores are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// Folders; symbolic links are followed before the check.
    pub local: Vec<PathBuf>,
    /// Time in which a connection to an object store must be made.
    pub connect_timeout: Timeout,
    /// Time that one request to an object store may take, its body included.
    pub request_timeout: Timeout,
    /// Time in which an answer of an object store must begin, and in which more of it must come; then the request is tried again.
    pub stall_timeout: Timeout,
    /// How often a failed request is tried again.
    pub retries: usize,
    /// Time after the first try in which another one may start.
    pub retry_timeout: Timeout,
    /// Largest schema or credentials file that is read, and largest contract that is sent to a server, bytes.
    pub document_size: ByteSize,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            local: Vec::new(),
            connect_timeout: Timeout(Duration::from_secs(5)),
            request_timeout: Timeout(Duration::from_secs(60)),
            stall_timeout: Timeout(Duration::from_secs(10)),
            retries: 3,
            retry_timeout: Timeout(Duration::from_secs(20)),
            document_size: ByteSize(1 << 20),
        }
    }
}

/// What one process and one query may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory for all queries together, bytes (`4GiB`); shared fairly among operators that can spill.
    pub memory: ByteSize,
    /// Disk for spilled data of all queries together, bytes.
    pub spill: ByteSize,
    /// The folder for spilled data. Default: the system's temporary folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spill_folder: Option<PathBuf>,
    /// Queries that run at a time.
    pub concurrent_queries: usize,
    /// Queries of one principal that run at a time; more of them wait, while those of others go by.
    pub queries_per_principal: usize,
    /// Queries that may wait for a place; one more is refused. The principals take turns.
    pub queued_queries: usize,
    /// Queries of one principal that may wait for a place; one more is refused.
    pub queued_per_principal: usize,
    /// Time after which an answer whose reader asks for nothing more lends its place to a query that waits (`5ms`). When it is read on
    /// it waits for a place again, like others and never refused.
    pub reader_pause: Timeout,
    /// Answers that may have lent their places; one more keeps its place while its reader pauses. They keep the memory they hold.
    pub paused_queries: usize,
    /// Plans that wait for the fetch which follows when a driver has asked for a statement: it is planned once then, not twice. Each waits
    /// two seconds at most. 0: none.
    pub plans_ahead: usize,
    /// Time one statement may take from its arrival to its last row (`5m`).
    pub statement_timeout: Timeout,
    /// Time that running answers get to end when a server is asked to stop; what runs longer is cancelled.
    pub drain_timeout: Timeout,
    /// Rows an answer may hold; one more ends it with an error. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_rows: Option<u64>,
    /// Bytes an answer may hold, as its columns lie in memory; more end it with an error. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<ByteSize>,
    /// Bytes one statement may read from storage. One whose scans would read more (as `EXPLAIN` tells it) does not begin; one that
    /// has read more is stopped. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scanned_bytes: Option<ByteSize>,
    /// Memory that the rows of one ingestion into a product hold before they are written as files, bytes.
    pub ingest_memory: ByteSize,
    /// Longest statement text, bytes.
    pub statement_text: ByteSize,
    /// Partitions one query is cut into. Default: the number of cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<usize>,
    /// Rows of one batch.
    pub batch_rows: usize,
    /// Memory for decoded file footers, bytes.
    pub footer_cache: ByteSize,
    /// Memory for what footers have said of hidden partitions' folders, bytes.
    pub layout_cache: ByteSize,
    /// Largest row of a CSV or JSON file that is read, bytes; a query that meets a larger one fails.
    pub row_size: ByteSize,
    /// Largest block of an Avro file that is read, bytes, packed or not; a query that meets a larger one fails.
    pub avro_block: ByteSize,
    /// Rows at the start of a CSV or JSON file that are looked at to learn its columns, bytes.
    pub schema_sample: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize(4 << 30),
            spill: ByteSize(32 << 30),
            spill_folder: None,
            concurrent_queries: 16,
            queries_per_principal: 12,
            queued_queries: 256,
            queued_per_principal: 128,
            reader_pause: Timeout(Duration::from_millis(5)),
            paused_queries: 256,
            plans_ahead: 64,
            result_rows: None,
            result_bytes: None,
            scanned_bytes: None,
            statement_timeout: Timeout(Duration::from_secs(300)),
            drain_timeout: Timeout(Duration::from_secs(30)),
            ingest_memory: ByteSize(64 << 20),
            statement_text: ByteSize(1 << 20),
            partitions: None,
            batch_rows: 8192,
            footer_cache: ByteSize(64 << 20),
            layout_cache: ByteSize(16 << 20),
            row_size: ByteSize(16 << 20),
            avro_block: ByteSize(64 << 20),
            schema_sample: ByteSize(1 << 20),
        }
    }
}

/// How the catalog is kept current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogSettings {
    /// How often a server looks for new registrations and edited documents (`5s`), beside what it is told at once.
    pub refresh: Timeout,
    /// How long a file of the mesh folder must be left alone before a server takes it for whole (`250ms`).
    pub settle: Timeout,
    /// The prefix of a bucket that is the mesh folder.
    pub bucket: CatalogBucket,
    /// Connections to the catalog's PostgreSQL database, at most; a server that listens for changes has one more.
    pub connections: u32,
    /// Time in which the catalog's PostgreSQL database must give a connection, and in which it must answer a request.
    pub timeout: Timeout,
}

impl Default for CatalogSettings {
    fn default() -> Self {
        let five_seconds = Timeout(Duration::from_secs(5));
        let settle = Timeout(Duration::from_millis(250));
        let bucket = CatalogBucket::default();
        Self { refresh: five_seconds, settle, bucket, connections: 4, timeout: five_seconds }
    }
}

/// The prefix of a bucket that is the mesh folder, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogBucket {
    /// Where `mesh.yaml` lies: `s3://bucket/mesh/`; the same as `--mesh s3://bucket/mesh/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The S3 endpoint, `http` or `https`. Default: Amazon's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The S3 region. Default: `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the bucket stands in the path (the default) or in the host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// The folder for copies of its objects, for this bucket alone. Default: a folder of the user's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<PathBuf>,
    /// Where the keys are; none of these means requests without a signature.
    pub credentials: CatalogCredentials,
}

/// Where the keys of the catalog's bucket are; said as a domain says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogCredentials {
    /// The environment's variable that holds the access key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id_env: Option<String>,
    /// The environment's variable that holds the secret key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key_env: Option<String>,
    /// The environment's variable that holds the session's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token_env: Option<String>,
    /// A file with `access_key_id`, `secret_access_key` and perhaps `session_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// A profile of the process's own AWS files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether the machine's own role is used.
    pub instance: bool,
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateSettings {
    /// SQLite file. Default: `.meshweave/state.db` in the mesh folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The environment's variable that holds the URL of a PostgreSQL database: several servers share it. It takes the place of the
    /// SQLite file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres_url_env: Option<String>,
    /// Connections to the state's PostgreSQL database, at most.
    pub connections: u32,
    /// Time in which the state's PostgreSQL database must give a connection, and in which it must answer a request.
    pub timeout: Timeout,
    /// Memory for manifests that were pinned lately, bytes: queries go on with them while the database does not answer.
    pub manifest_memory: ByteSize,
    /// How long a manifest is kept for replay (`30d`).
    pub manifest_retention: Timeout,
    /// How long the record of a query is kept (`30d`).
    pub query_retention: Timeout,
    /// Records of queries that are kept at most; the oldest go first.
    pub query_records: u64,
    /// Records of queries that may wait to be written; more are lost, and counted in the log.
    pub query_queue: usize,
    /// How long schema drift is remembered after a query met it last (`90d`).
    pub drift_retention: Timeout,
    /// Differences between contracts and files that are remembered at most; those that were met longest ago go first.
    pub drift_records: u64,
}

impl Default for StateSettings {
    fn default() -> Self {
        let month = Timeout(Duration::from_secs(30 * 86_400));
        Self {
            path: None,
            postgres_url_env: None,
            connections: 8,
            timeout: Timeout(Duration::from_secs(5)),
            manifest_memory: ByteSize(32 << 20),
            manifest_retention: month,
            query_retention: month,
            query_records: 100_000,
            query_queue: 10_000,
            drift_retention: Timeout(Duration::from_secs(90 * 24 * 3600)),
            drift_records: 10_000,
        }
    }
}
