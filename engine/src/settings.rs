//! `meshweave.yaml`: the settings of one process, typed; unknown keys are refused.
//!
//! Holds always: every queue, pool, cache and message has its size here, with a unit; only doors read files and the environment.
//!
//! Start reading at [`Settings`].

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::principal::Principal;

/// The settings of one process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The local principal: who asks when there is no authenticator. Default: the operating system's user, without teams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalSettings>,
    /// Addresses the server listens on.
    pub listen: Listen,
    /// Local folders outside the mesh folder that products may lie in.
    pub storage: StorageSettings,
    /// What one process and one query may use.
    pub limits: Limits,
    /// Where state (manifests by hash) is kept.
    pub state: StateSettings,
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

/// Addresses the server listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Flight SQL, `host:port`. Without an authenticator only a loopback address is allowed.
    pub flight: String,
}

impl Default for Listen {
    fn default() -> Self {
        Self { flight: "127.0.0.1:31337".to_owned() }
    }
}

/// Local folders outside the mesh folder that products may lie in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// Folders; symbolic links are followed before the check.
    pub local: Vec<PathBuf>,
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
    /// Queries that may wait for a place; one more is refused.
    pub queued_queries: usize,
    /// Time one statement may take from its arrival to its last row (`5m`).
    pub statement_timeout: Timeout,
    /// Longest statement text, bytes.
    pub statement_text: ByteSize,
    /// Partitions one query is cut into. Default: the number of cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<usize>,
    /// Rows of one batch.
    pub batch_rows: usize,
    /// Memory for decoded file footers, bytes.
    pub footer_cache: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize(4 << 30),
            spill: ByteSize(32 << 30),
            spill_folder: None,
            concurrent_queries: 16,
            queued_queries: 256,
            statement_timeout: Timeout(Duration::from_secs(300)),
            statement_text: ByteSize(1 << 20),
            partitions: None,
            batch_rows: 8192,
            footer_cache: ByteSize(64 << 20),
        }
    }
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateSettings {
    /// SQLite file. Default: `.meshweave/state.db` in the mesh folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How long a manifest is kept for replay (`30d`).
    pub manifest_retention: Timeout,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { path: None, manifest_retention: Timeout(Duration::from_secs(30 * 86_400)) }
    }
}

/// A size in bytes, written `64MiB`, `4GiB`, `512KiB`, `10MB` or a bare number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// A length of time, written `30s`, `5m`, `PT5M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timeout(pub Duration);
