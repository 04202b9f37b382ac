//! A profile of the process's own AWS files: `~/.aws/credentials` and `~/.aws/config`, or where the environment says.
//!
//! Read is only what a profile with keys, or with a role and a token's file, needs. A profile that means anything else (single sign-on,
//! a program, another profile's role) is refused by that name: it is never taken for one without keys.
//!
//! Start reading at [`read`].
//!
//! # Source
//! AWS SDKs and Tools Reference Guide, "Shared config and credentials files".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Credentials, Keys, Role, Secret, Sources, file};
use crate::document;
use crate::error::Result;

/// What a profile says.
pub(super) struct Profile {
    pub(super) credentials: Credentials,
    pub(super) region: Option<String>,
}

/// Keys that give a profile its credentials in a way that is not offered.
const NOT_OFFERED: [&str; 6] =
    ["sso_session", "sso_start_url", "credential_process", "source_profile", "credential_source", "login_session"];

/// Reads one profile; what both files say of it is taken together, and the credentials file wins.
///
/// # Errors
/// [`crate::Failure::InvalidConfiguration`] when neither file has it, or it does not name keys.
pub(super) fn read(name: &str, sources: Sources<'_>) -> Result<Profile> {
    let mut values = BTreeMap::new();
    let mut looked_at = Vec::new();
    for (variable, file_name, is_config) in
        [("AWS_CONFIG_FILE", "config", true), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false)]
    {
        let Some(path) = place(sources, variable, file_name) else { continue };
        if path.is_file() {
            values.extend(section(&file::text(&path, sources)?, name, is_config).unwrap_or_default());
        }
        looked_at.push(path);
    }
    if values.is_empty() {
        return Err(unknown(name, &looked_at, sources.place));
    }
    let region = values.get("region").cloned();
    match credentials(&values) {
        Some(credentials) => Ok(Profile { credentials, region }),
        None => Err(without_keys(name, &values, sources.place)),
    }
}

/// Where a file lies: where its variable says, else in the home folder.
fn place(sources: Sources<'_>, variable: &str, file_name: &str) -> Option<PathBuf> {
    let named = sources.environment.get(variable).map(PathBuf::from);
    named.or_else(|| Some(Path::new(sources.environment.get("HOME")?).join(".aws").join(file_name)))
}

/// The values of one profile's section; none when there is no such section.
fn section(text: &str, name: &str, is_config: bool) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines() {
        // An indented line belongs to the value before it (`s3 =` with settings below): nothing that is asked for.
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(heading) = line.strip_prefix('[') {
            inside = heading.split(']').next().is_some_and(|heading| is_profile(heading.trim(), name, is_config));
            if inside {
                found.get_or_insert_default();
            }
        } else if inside
            && !is_nested
            && let Some((key, value)) = line.split_once('=')
            && let Some(found) = &mut found
        {
            found.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

/// Sections of the config file are called `profile NAME`; those of the credentials file, and the default one, by the name alone.
fn is_profile(heading: &str, name: &str, is_config: bool) -> bool {
    let named = heading.split_once(char::is_whitespace).filter(|(word, _)| *word == "profile").map(|(_, n)| n.trim());
    match named {
        Some(named) => is_config && named == name,
        None => heading == name && (!is_config || name == "default"),
    }
}

fn credentials(values: &BTreeMap<String, String>) -> Option<Credentials> {
    let value = |key: &str| values.get(key).filter(|value| !value.is_empty()).cloned();
    if let (Some(access_key_id), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key")) {
        let session_token = value("aws_session_token").map(Secret);
        return Some(Credentials::Keys(Keys { access_key_id, secret_access_key: Secret(secret), session_token }));
    }
    Some(Credentials::Role(Role {
        arn: value("role_arn")?,
        token_file: PathBuf::from(value("web_identity_token_file")?),
        session_name: value("role_session_name"),
    }))
}

fn unknown(name: &str, looked_at: &[PathBuf], place: &str) -> crate::Error {
    let shown: Vec<String> = looked_at.iter().map(|path| path.display().to_string()).collect();
    let message = match shown.as_slice() {
        [] => format!("there is no place to look for the profile {name:?} in: HOME is not set"),
        _ => format!("there is no profile {name:?} in {}", shown.join(" or ")),
    };
    let hint = "Name a profile of the account that this process runs as, or set AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE.";
    document::invalid_hint(place, message, hint)
}

fn without_keys(name: &str, values: &BTreeMap<String, String>, place: &str) -> crate::Error {
    let other = NOT_OFFERED.into_iter().find(|key| values.contains_key(*key));
    let message = match other {
        Some(key) => format!("the profile {name:?} takes its keys by `{key}`, which is not offered"),
        None => format!("the profile {name:?} holds no keys"),
    };
    let hint = "Give it `aws_access_key_id` and `aws_secret_access_key`, or `role_arn` and `web_identity_token_file`, or say \
                `instance: true` where the machine has a role.";
    document::invalid_hint(place, message, hint)
}
