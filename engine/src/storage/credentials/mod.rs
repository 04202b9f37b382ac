//! From where the keys are said to be, to the keys.
//!
//! Holds always:
//! - a key's value stands in no error, no log and no `Debug` text;
//! - a block names exactly one way, and one that its kind of store takes;
//! - nothing is read but what the named way needs.
//!
//! Start reading at [`resolve`].

mod file;
mod profile;
#[cfg(test)]
mod tests;
mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::way::Way;
use super::address::Kind;
use super::config::CredentialsConfig;
use crate::error::{Error, Failure, Result};
use crate::settings::Environment;

pub(super) use self::way::check;

/// What a store is asked with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Requests are not signed.
    Anonymous,
    /// Amazon's keys.
    Keys(Keys),
    /// The machine's own identity; what the cloud's client needs to ask for it.
    Instance(Instance),
    /// Amazon: a role that is taken with a token from a file.
    Role(Role),
    /// Google: a service account's JSON.
    ServiceAccount(Secret),
    /// Azure: the account's key.
    AccountKey(Secret),
    /// Azure: a shared access signature.
    SharedAccess(Secret),
    /// Azure: an application with a secret, or with a pod's token.
    Application(Application),
    /// A web server: a bearer token.
    Bearer(Secret),
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(pub(super) String);

/// An access key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// Which key.
    #[serde(alias = "aws_access_key_id")]
    pub(super) access_key_id: String,
    /// The secret.
    #[serde(alias = "aws_secret_access_key")]
    pub(super) secret_access_key: Secret,
    /// The session's token.
    #[serde(default, alias = "aws_session_token")]
    pub(super) session_token: Option<Secret>,
}

/// How the machine's own identity is asked for.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Instance {
    /// The address that answers; none means the cloud's own.
    pub(super) endpoint: Option<String>,
    /// Azure: which of the machine's identities.
    pub(super) client_id: Option<String>,
    /// Amazon: what the environment says of the container's, the pod's or the role's credentials, by the variable's name.
    pub(super) variables: BTreeMap<&'static str, String>,
}

/// A role that is taken with a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) token_file: PathBuf,
    pub(super) session_name: Option<String>,
}

/// An application of Azure's directory.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Application {
    pub(super) tenant_id: String,
    pub(super) client_id: String,
    pub(super) proof: Proof,
    pub(super) authority_host: Option<String>,
}

/// How an application shows who it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// By a secret.
    Secret(Secret),
    /// By the token in a file.
    TokenFile(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Credentials {
    fn word(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Keys(_) => "Keys(..)",
            Self::Instance(_) => "Instance(..)",
            Self::Role(_) => "Role(..)",
            Self::ServiceAccount(_) => "ServiceAccount(..)",
            Self::AccountKey(_) => "AccountKey(..)",
            Self::SharedAccess(_) => "SharedAccess(..)",
            Self::Application(_) => "Application(..)",
            Self::Bearer(_) => "Bearer(..)",
        }
    }

    /// The credential scope of a store's identity: who asks, hashed; a new secret of the same one is the same scope where the one
    /// has a name.
    pub(super) fn scope(&self) -> String {
        let hashed = |text: &str| hex::encode(Sha256::digest(text));
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Keys(keys) => hashed(&keys.access_key_id),
            Self::Instance(Instance { endpoint, client_id, variables }) => {
                hashed(&format!("instance|{endpoint:?}|{client_id:?}|{variables:?}"))
            }
            Self::Role(Role { arn, token_file, .. }) => hashed(&format!("role|{arn}|{}", token_file.display())),
            Self::ServiceAccount(json) => hashed(&format!("service account|{}", account_name(&json.0))),
            // The keys of an account have no names and equal rights; the account stands in the identity already.
            Self::AccountKey(_) => "account key".to_owned(),
            Self::SharedAccess(token) => hashed(&format!("shared access|{}", token.0)),
            Self::Application(Application { tenant_id, client_id, .. }) => {
                hashed(&format!("application|{tenant_id}|{client_id}"))
            }
            Self::Bearer(token) => hashed(&format!("bearer|{}", token.0)),
        }
    }
}

/// Who a service account is: its address where its JSON has one, else all of the JSON.
fn account_name(json: &str) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_str(json).ok();
    let name = parsed.as_ref().and_then(|json| json.get("client_email")?.as_str()).filter(|name| !name.is_empty());
    name.unwrap_or(json).to_owned()
}

/// Where things are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The document, for errors.
    pub(super) place: &'a str,
    /// The folder that a relative file starts from.
    pub(super) mesh: &'a Path,
    /// The process's environment.
    pub(super) environment: &'a Environment,
    /// The largest file that is read, bytes.
    pub(super) limit: u64,
}

impl Sources<'_> {
    fn variable(&self, name: Option<&String>) -> Result<String> {
        let name = name.map(String::as_str).unwrap_or_default();
        self.environment.get(name).map(str::to_owned).ok_or_else(|| unset(self.place, name))
    }

    fn secret(&self, name: Option<&String>) -> Result<Secret> {
        self.variable(name).map(Secret)
    }
}

/// Looks the keys up.
///
/// # Errors
/// [`Failure::InvalidConfiguration`] when a variable is not set or a file does not hold what it should.
pub(super) fn resolve(config: Option<&CredentialsConfig>, kind: Kind, sources: Sources<'_>) -> Result<Credentials> {
    let Some(config) = config else { return Ok(Credentials::Anonymous) };
    let application = |proof| Application {
        tenant_id: config.tenant_id.clone().unwrap_or_default(),
        client_id: config.client_id.clone().unwrap_or_default(),
        proof,
        authority_host: config.authority_host.clone(),
    };
    Ok(match check(config, kind, sources.place)? {
        Way::Keys => Credentials::Keys(Keys {
            access_key_id: sources.variable(config.access_key_id_env.as_ref())?,
            secret_access_key: sources.secret(config.secret_access_key_env.as_ref())?,
            session_token: config.session_token_env.as_ref().map(|name| sources.secret(Some(name))).transpose()?,
        }),
        Way::File(path) => file::read(&sources.mesh.join(path), kind, sources)?,
        Way::Profile(name) => profile::read(name, sources)?.credentials,
        Way::Instance => Credentials::Instance(Instance {
            endpoint: config.instance_endpoint.clone(),
            client_id: config.client_id.clone(),
            variables: if kind == Kind::S3 { said_by_environment(sources.environment) } else { BTreeMap::new() },
        }),
        Way::ServiceAccount => Credentials::ServiceAccount(sources.secret(config.service_account_env.as_ref())?),
        Way::AccountKey => Credentials::AccountKey(sources.secret(config.account_key_env.as_ref())?),
        Way::SharedAccess => Credentials::SharedAccess(sources.secret(config.sas_env.as_ref())?),
        Way::ClientSecret => {
            Credentials::Application(application(Proof::Secret(sources.secret(config.client_secret_env.as_ref())?)))
        }
        Way::WorkloadIdentity(path) => Credentials::Application(application(Proof::TokenFile(sources.mesh.join(path)))),
        Way::Bearer => Credentials::Bearer(sources.secret(config.bearer_env.as_ref())?),
    })
}

/// The region that a profile names, for a prefix that names none.
///
/// # Errors
/// As [`resolve`].
pub(super) fn region(config: Option<&CredentialsConfig>, sources: Sources<'_>) -> Result<Option<String>> {
    match config.and_then(|config| config.profile.as_deref()) {
        Some(name) => Ok(profile::read(name, sources)?.region),
        None => Ok(None),
    }
}

/// What Amazon's services put into the environment of a container or a pod.
const VARIABLES: [&str; 8] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

fn said_by_environment(environment: &Environment) -> BTreeMap<&'static str, String> {
    VARIABLES.into_iter().filter_map(|name| Some((name, environment.get(name)?.to_owned()))).collect()
}

fn unset(place: &str, name: &str) -> Error {
    Failure::InvalidConfiguration {
        place: place.to_owned(),
        message: format!("the credentials' variable {name} is not set"),
        hint: Some(format!("Set {name} in the environment of this process.")),
    }
    .into()
}
