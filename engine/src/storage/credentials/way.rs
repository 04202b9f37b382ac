//! Which way a credentials block names: exactly one, and one that its kind of store takes.
//!
//! Pure. Start reading at [`check`].

use std::path::Path;

use crate::document;
use crate::error::Result;
use crate::storage::address::Kind;
use crate::storage::config::CredentialsConfig;

/// One way to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) enum Way<'a> {
    Keys,
    File(&'a Path),
    Profile(&'a str),
    Instance,
    ServiceAccount,
    AccountKey,
    SharedAccess,
    ClientSecret,
    WorkloadIdentity(&'a Path),
    Bearer,
}

impl<'a> Way<'a> {
    /// Every way that a block names.
    fn all(config: &'a CredentialsConfig) -> Vec<Self> {
        let by_variables = config.access_key_id_env.is_some() || config.secret_access_key_env.is_some();
        let named = [
            by_variables.then_some(Self::Keys),
            config.file.as_deref().map(Self::File),
            config.profile.as_deref().map(Self::Profile),
            config.instance.then_some(Self::Instance),
            config.service_account_env.is_some().then_some(Self::ServiceAccount),
            config.account_key_env.is_some().then_some(Self::AccountKey),
            config.sas_env.is_some().then_some(Self::SharedAccess),
            config.client_secret_env.is_some().then_some(Self::ClientSecret),
            config.federated_token_file.as_deref().map(Self::WorkloadIdentity),
            config.bearer_env.is_some().then_some(Self::Bearer),
        ];
        named.into_iter().flatten().collect()
    }

    /// The key that names it.
    fn word(self) -> &'static str {
        match self {
            Self::Keys => "access_key_id_env",
            Self::File(_) => "file",
            Self::Profile(_) => "profile",
            Self::Instance => "instance",
            Self::ServiceAccount => "service_account_env",
            Self::AccountKey => "account_key_env",
            Self::SharedAccess => "sas_env",
            Self::ClientSecret => "client_secret_env",
            Self::WorkloadIdentity(_) => "federated_token_file",
            Self::Bearer => "bearer_env",
        }
    }

    fn serves(self, kind: Kind) -> bool {
        match self {
            Self::File(_) => true,
            Self::Keys | Self::Profile(_) => kind == Kind::S3,
            Self::Instance => kind != Kind::Http,
            Self::ServiceAccount => kind == Kind::Gcs,
            Self::AccountKey | Self::SharedAccess | Self::ClientSecret | Self::WorkloadIdentity(_) => {
                kind == Kind::Azure
            }
            Self::Bearer => kind == Kind::Http,
        }
    }
}

/// What the credentials of a kind of store may be named by.
fn offered(kind: Kind) -> &'static str {
    match kind {
        Kind::S3 => {
            "Name the keys by `access_key_id_env` and `secret_access_key_env`, by `file`, by `profile`, or say `instance: true`."
        }
        Kind::Gcs => "Name the service account by `file` or `service_account_env`, or say `instance: true`.",
        Kind::Azure => {
            "Name `account_key_env`, `sas_env`, `file`, `client_secret_env` or `federated_token_file` (both with `tenant_id` and \
             `client_id`), or say `instance: true`."
        }
        Kind::Http => "Name the bearer token by `bearer_env` or `file`.",
    }
}

/// Gives the one way that a block names.
///
/// # Errors
/// [`crate::Failure::InvalidConfiguration`] at `place` when it names none, several, half of one, or one that stores of this kind do
/// not take.
pub(in crate::storage) fn check<'a>(config: &'a CredentialsConfig, kind: Kind, place: &str) -> Result<Way<'a>> {
    let refused = |message: String| Err(document::invalid_hint(place, message, offered(kind)));
    let ways = Way::all(config);
    let way = match ways.as_slice() {
        [] => {
            let hint = format!("Leave `credentials` away where none are needed. {}", offered(kind));
            return Err(document::invalid_hint(place, "credentials name no keys".to_owned(), &hint));
        }
        [one] => *one,
        [one, other, ..] => {
            return refused(format!("credentials name both `{}` and `{}`", one.word(), other.word()));
        }
    };
    if !way.serves(kind) {
        return refused(format!("credentials by `{}` do not fit this kind of storage", way.word()));
    }
    if let Some(stray) = stray(config, way) {
        return refused(format!("credentials by `{}` have no use for `{stray}`", way.word()));
    }
    if let Some(missing) = missing(config, way) {
        return refused(format!("credentials by `{}` need {missing} too", way.word()));
    }
    Ok(way)
}

/// What the way needs beside what names it, and is not there.
fn missing(config: &CredentialsConfig, way: Way<'_>) -> Option<&'static str> {
    match way {
        Way::Keys => match (&config.access_key_id_env, &config.secret_access_key_env) {
            (Some(_), Some(_)) => None,
            (None, _) => Some("`access_key_id_env`"),
            (_, None) => Some("`secret_access_key_env`"),
        },
        Way::ClientSecret | Way::WorkloadIdentity(_) => match (&config.tenant_id, &config.client_id) {
            (Some(_), Some(_)) => None,
            (None, _) => Some("`tenant_id`"),
            (_, None) => Some("`client_id`"),
        },
        _ => None,
    }
}

/// A key that belongs to another way.
fn stray(config: &CredentialsConfig, way: Way<'_>) -> Option<&'static str> {
    let is_application = matches!(way, Way::ClientSecret | Way::WorkloadIdentity(_));
    let is_instance = way == Way::Instance;
    let keys = [
        ("session_token_env", config.session_token_env.is_some(), way == Way::Keys),
        ("instance_endpoint", config.instance_endpoint.is_some(), is_instance),
        ("tenant_id", config.tenant_id.is_some(), is_application),
        ("client_id", config.client_id.is_some(), is_application || is_instance),
        ("authority_host", config.authority_host.is_some(), is_application),
    ];
    keys.into_iter().find(|(_, named, used)| *named && !used).map(|(key, ..)| key)
}
