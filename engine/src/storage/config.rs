//! What a `domain.yaml` says about storage.
//!
//! Holds always: credentials are named, never written: a value of a key has no place in this document.
//!
//! Start reading at [`PrefixConfig`].

use std::fmt;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One prefix that a domain may use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixConfig {
    /// `s3://bucket/path/`, `gs://bucket/path/`, `az://container/path/`, `abfss://container@account.dfs.core.windows.net/path/`,
    /// `https://host/path/`, or `file://./path/` in the mesh folder.
    pub prefix: String,
    /// Where the store answers, `http` or `https`; none means Amazon's, Google's or Azure's own. A web address has none.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The S3 region; none means `us-east-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether an S3 bucket stands in the path (the default) or in the host's name.
    #[serde(default)]
    pub path_style: Option<bool>,
    /// The Azure account of an `az://` prefix; `abfss://` names it itself.
    #[serde(default)]
    pub account: Option<String>,
    /// Where the keys are; none means requests without a signature.
    #[serde(default)]
    pub credentials: Option<CredentialsConfig>,
}

impl PrefixConfig {
    /// A prefix with nothing else said: a local folder, or a public bucket.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), endpoint: None, region: None, path_style: None, account: None, credentials: None }
    }
}

/// Where the keys of a prefix are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsConfig {
    /// The variable that holds the access key's id.
    #[serde(default)]
    pub access_key_id_env: Option<String>,
    /// The variable that holds the secret key.
    #[serde(default)]
    pub secret_access_key_env: Option<String>,
    /// The variable that holds the session's token.
    #[serde(default)]
    pub session_token_env: Option<String>,
    /// A file; relative to the mesh folder. S3: `access_key_id`, `secret_access_key` and perhaps `session_token`. Google: the
    /// service account's JSON. Azure: `account_key` or `sas`. A web server: the bearer token.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// S3: a profile of the process's own AWS files.
    #[serde(default)]
    pub profile: Option<String>,
    /// The machine's own identity: of the instance, the container or the pod (S3, Google, Azure).
    #[serde(default)]
    pub instance: bool,
    /// Where the machine's identity is asked for; none means the cloud's own address.
    #[serde(default)]
    pub instance_endpoint: Option<String>,
    /// Google: the variable that holds a service account's JSON.
    #[serde(default)]
    pub service_account_env: Option<String>,
    /// Azure: the variable that holds the account's key.
    #[serde(default)]
    pub account_key_env: Option<String>,
    /// Azure: the variable that holds a shared access signature.
    #[serde(default)]
    pub sas_env: Option<String>,
    /// Azure: the variable that holds the secret of an application, with `tenant_id` and `client_id`.
    #[serde(default)]
    pub client_secret_env: Option<String>,
    /// Azure: the file with the token of a pod's workload identity, with `tenant_id` and `client_id`.
    #[serde(default)]
    pub federated_token_file: Option<PathBuf>,
    /// Azure: the tenant.
    #[serde(default)]
    pub tenant_id: Option<String>,
    /// Azure: the application, or the identity that the machine is to use.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Azure: who gives tokens; none means the public cloud's.
    #[serde(default)]
    pub authority_host: Option<String>,
    /// A web server: the variable that holds the bearer token.
    #[serde(default)]
    pub bearer_env: Option<String>,
}

/// One prefix under which schema files may lie: a URL, or a prefix with its own endpoint and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaPrefix {
    /// Reached like the domain's storage in the same bucket, else like the domain's first prefix of the same kind of store.
    Url(String),
    /// Reached as it says.
    Full(Box<PrefixConfig>),
}

impl<'de> Deserialize<'de> for SchemaPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SchemaPrefix;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL, or a mapping with `prefix`, `endpoint`, `region`, `credentials`")
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<SchemaPrefix, E> {
                Ok(SchemaPrefix::Url(url.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SchemaPrefix, A::Error> {
                PrefixConfig::deserialize(MapAccessDeserializer::new(map))
                    .map(|config| SchemaPrefix::Full(Box::new(config)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
