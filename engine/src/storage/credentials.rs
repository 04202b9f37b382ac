//! From where the keys are said to be, to the keys.
//!
//! Holds always: a key's value stands in no error, no log and no `Debug` text.
//!
//! Start reading at [`resolve`].

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::config::CredentialsConfig;
use crate::document;
use crate::error::{Error, Failure, Result};
use crate::settings::Environment;

/// The keys of a prefix.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Requests are not signed.
    Anonymous,
    /// Requests are signed with these.
    Keys(Keys),
}

/// An access key; its values are never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    /// Which key.
    #[serde(alias = "aws_access_key_id")]
    pub(super) access_key_id: String,
    /// The secret.
    #[serde(alias = "aws_secret_access_key")]
    pub(super) secret_access_key: String,
    /// The session's token.
    #[serde(default, alias = "aws_session_token")]
    pub(super) session_token: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Keys(_) => "Keys(..)",
        })
    }
}

/// Checks that a credentials block names one way, and one that is offered.
///
/// # Errors
/// [`Failure::InvalidConfiguration`] at `place`.
pub(super) fn check(config: &CredentialsConfig, place: &str) -> Result<()> {
    let refused = |what: &str| {
        let hint = "Name the keys by `access_key_id_env` and `secret_access_key_env`, or by `file`.";
        Err(document::invalid_hint(place, format!("credentials by {what} are not offered in this version"), hint))
    };
    if config.profile.is_some() {
        return refused("`profile`");
    }
    if config.instance {
        return refused("`instance`");
    }
    let by_env = config.access_key_id_env.is_some() || config.secret_access_key_env.is_some();
    match (by_env, &config.file) {
        (true, Some(_)) => Err(document::invalid(place, "credentials name both variables and a file")),
        (true, None) if config.access_key_id_env.is_none() || config.secret_access_key_env.is_none() => {
            Err(document::invalid(place, "credentials need both `access_key_id_env` and `secret_access_key_env`"))
        }
        (false, None) => Err(document::invalid_hint(
            place,
            "credentials name no keys",
            "Leave `credentials` away for a public bucket, or name `access_key_id_env` and `secret_access_key_env`.",
        )),
        _ => Ok(()),
    }
}

/// Looks the keys up.
///
/// - `mesh`: the folder that a relative `file` starts from.
/// - `limit`: the largest file that is read, bytes.
///
/// # Errors
/// [`Failure::InvalidConfiguration`] when a variable is not set or the file does not hold keys.
pub(super) fn resolve(
    config: Option<&CredentialsConfig>,
    place: &str,
    mesh: &Path,
    environment: &Environment,
    limit: u64,
) -> Result<Credentials> {
    let Some(config) = config else { return Ok(Credentials::Anonymous) };
    check(config, place)?;
    if let Some(file) = &config.file {
        return from_file(&mesh.join(file), place, limit).map(Credentials::Keys);
    }
    let variable = |name: &Option<String>| -> Result<String> {
        let name = name.as_deref().unwrap_or_default();
        environment.get(name).map(str::to_owned).ok_or_else(|| unset(place, name))
    };
    Ok(Credentials::Keys(Keys {
        access_key_id: variable(&config.access_key_id_env)?,
        secret_access_key: variable(&config.secret_access_key_env)?,
        session_token: config.session_token_env.as_ref().map(|_| variable(&config.session_token_env)).transpose()?,
    }))
}

fn unset(place: &str, name: &str) -> Error {
    Failure::InvalidConfiguration {
        place: place.to_owned(),
        message: format!("the credentials' variable {name} is not set"),
        hint: Some(format!("Set {name} in the environment of this process.")),
    }
    .into()
}

/// Reads a YAML mapping or lines of `key = value`.
fn from_file(path: &Path, place: &str, limit: u64) -> Result<Keys> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .map_err(|error| document::invalid(place, format!("the credentials file {shown} cannot be read: {error}")))?
        .len();
    if size > limit {
        return Err(document::invalid(place, format!("the credentials file {shown} is larger than {limit} bytes")));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| document::invalid(place, format!("the credentials file {shown} cannot be read: {error}")))?;
    // The parser's own words could quote a key, so they are not repeated.
    yaml_serde::from_str(&text).or_else(|_| yaml_serde::from_str(&as_yaml(&text))).map_err(|_| {
        document::invalid_hint(
            place,
            format!("the credentials file {shown} does not hold keys"),
            "Write `access_key_id: …` and `secret_access_key: …`, one per line, and `session_token: …` where there is one.",
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn env_named() -> CredentialsConfig {
        CredentialsConfig {
            access_key_id_env: Some("KEY".into()),
            secret_access_key_env: Some("SECRET".into()),
            ..CredentialsConfig::default()
        }
    }

    fn keys(config: &CredentialsConfig, mesh: &Path, env: &[(&str, &str)]) -> Result<Credentials> {
        let environment = Environment::new(env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        resolve(Some(config), "domain.yaml", mesh, &environment, 1024)
    }

    #[test]
    fn variables_are_looked_up_and_a_missing_one_is_named() {
        let found = keys(&env_named(), Path::new("."), &[("KEY", "id"), ("SECRET", "s3cret")]).unwrap();
        let Credentials::Keys(found) = found else { unreachable!() };
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("id", "s3cret"));
        let error = keys(&env_named(), Path::new("."), &[("KEY", "id")]).unwrap_err();
        assert_eq!(error.to_string(), "domain.yaml: the credentials' variable SECRET is not set");
    }

    #[test]
    fn files_hold_yaml_or_lines() {
        let folder = tempfile::tempdir().unwrap();
        let config = CredentialsConfig { file: Some("keys".into()), ..CredentialsConfig::default() };
        for text in [
            "access_key_id: id\nsecret_access_key: a/b=+c\n",
            "[default]\naws_access_key_id = id\naws_secret_access_key = a/b=+c\n",
        ] {
            std::fs::write(folder.path().join("keys"), text).unwrap();
            let Credentials::Keys(found) = keys(&config, folder.path(), &[]).unwrap() else { unreachable!() };
            assert_eq!((found.access_key_id.as_str(), found.secret_access_key.as_str()), ("id", "a/b=+c"), "{text}");
        }
    }

    #[test]
    fn a_wrong_file_is_refused_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let config = CredentialsConfig { file: Some("keys".into()), ..CredentialsConfig::default() };
        std::fs::write(folder.path().join("keys"), "root:s3cret:0:0\n").unwrap();
        let error = keys(&config, folder.path(), &[]).unwrap_err();
        assert!(!error.report().contains("s3cret") && error.to_string().contains("does not hold keys"), "{error}");
        std::fs::write(folder.path().join("keys"), "x".repeat(2000)).unwrap();
        assert!(keys(&config, folder.path(), &[]).unwrap_err().to_string().contains("larger than 1024 bytes"));
    }

    #[test]
    fn ways_that_are_not_offered_are_refused_by_name() {
        let profile = CredentialsConfig { profile: Some("p".into()), ..CredentialsConfig::default() };
        let instance = CredentialsConfig { instance: true, ..CredentialsConfig::default() };
        for (config, word) in [(profile, "`profile`"), (instance, "`instance`")] {
            let error = check(&config, "domain.yaml").unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(check(&CredentialsConfig::default(), "domain.yaml").is_err());
    }

    #[test]
    fn keys_are_never_printed() {
        let found = keys(&env_named(), Path::new("."), &[("KEY", "id"), ("SECRET", "s3cret")]).unwrap();
        assert!(!format!("{found:?}").contains("s3cret"));
    }
}
