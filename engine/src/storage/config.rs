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
    /// `s3://bucket/path/`, or `file://./path/` in the mesh folder.
    pub prefix: String,
    /// The S3 endpoint, `http` or `https`; none means Amazon's own.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The S3 region; none means `us-east-1`.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether the bucket stands in the path (the default) or in the host's name.
    #[serde(default)]
    pub path_style: Option<bool>,
    /// Where the keys are; none means requests without a signature.
    #[serde(default)]
    pub credentials: Option<CredentialsConfig>,
}

impl PrefixConfig {
    /// A prefix with nothing else said: a local folder, or a public bucket.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), endpoint: None, region: None, path_style: None, credentials: None }
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
    /// A file with `access_key_id`, `secret_access_key` and perhaps `session_token`; relative to the mesh folder.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// A profile of the process's own AWS files. Not offered in this version.
    #[serde(default)]
    pub profile: Option<String>,
    /// The machine's own role. Not offered in this version.
    #[serde(default)]
    pub instance: bool,
}

/// One prefix under which schema files may lie: a URL, or a prefix with its own endpoint and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaPrefix {
    /// Reached like the domain's storage in the same bucket, else like the domain's first S3 prefix.
    Url(String),
    /// Reached as it says.
    Full(PrefixConfig),
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
                PrefixConfig::deserialize(MapAccessDeserializer::new(map)).map(SchemaPrefix::Full)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
