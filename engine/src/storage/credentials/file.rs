//! Credentials in a file that a domain names.
//!
//! Start reading at [`read`].

use std::path::Path;

use serde::Deserialize;

use super::{Credentials, Keys, Secret, Sources};
use crate::document;
use crate::error::Result;
use crate::storage::address::Kind;

/// What a file of an Azure account holds: one of both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AzureFile {
    account_key: Option<Secret>,
    sas: Option<Secret>,
}

/// Reads the credentials of one kind of store.
///
/// # Errors
/// [`crate::Failure::InvalidConfiguration`] when the file cannot be read, is too large, or holds something else. What it holds is
/// never repeated.
pub(super) fn read(path: &Path, kind: Kind, sources: Sources<'_>) -> Result<Credentials> {
    let text = text(path, sources)?;
    let found = match kind {
        Kind::S3 => keys(&text).map(Credentials::Keys),
        Kind::Gcs => is_object(&text).then_some(Credentials::ServiceAccount(Secret(text))),
        Kind::Azure => azure(&text),
        Kind::Http => {
            let token = text.trim();
            let is_token = !token.is_empty() && !token.contains(char::is_whitespace);
            is_token.then(|| Credentials::Bearer(Secret(token.to_owned())))
        }
    };
    found.ok_or_else(|| {
        let message = format!("the credentials file {} does not hold keys", path.display());
        document::invalid_hint(sources.place, message, expected(kind))
    })
}

/// Reads a file whole, when it is not too large.
///
/// # Errors
/// As [`read`].
pub(super) fn text(path: &Path, sources: Sources<'_>) -> Result<String> {
    let (shown, limit) = (path.display(), sources.limit);
    let unreadable = |error: std::io::Error| {
        document::invalid(sources.place, format!("the credentials file {shown} cannot be read: {error}"))
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > limit {
        let message = format!("the credentials file {shown} is larger than {limit} bytes");
        return Err(document::invalid(sources.place, message));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::S3 => {
            "Write `access_key_id: …` and `secret_access_key: …`, one per line, and `session_token: …` where there is one."
        }
        Kind::Gcs => "Name the JSON file of the service account, as Google's console gives it.",
        Kind::Azure => "Write `account_key: …` or `sas: …`.",
        Kind::Http => "Write the bearer token and nothing else.",
    }
}

fn keys(text: &str) -> Option<Keys> {
    // The parser's own words could quote a key, so they are not repeated.
    yaml_serde::from_str(text).or_else(|_| yaml_serde::from_str(&as_yaml(text))).ok()
}

fn azure(text: &str) -> Option<Credentials> {
    let file: AzureFile = yaml_serde::from_str(text).or_else(|_| yaml_serde::from_str(&as_yaml(text))).ok()?;
    match (file.account_key, file.sas) {
        (Some(key), None) => Some(Credentials::AccountKey(key)),
        (None, Some(sas)) => Some(Credentials::SharedAccess(sas)),
        _ => None,
    }
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|json| json.is_object())
}

/// Lines of `key = value` as a YAML mapping; section headings and comments vanish.
fn as_yaml(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['[', '#', ';']));
    let pairs = lines.filter_map(|l| l.split_once('='));
    pairs.fold(String::new(), |yaml, (key, value)| {
        let value = value.trim().replace('\\', "\\\\").replace('"', "\\\"");
        yaml + &format!("{}: \"{value}\"\n", key.trim().to_lowercase())
    })
}
