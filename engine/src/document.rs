//! Our own YAML documents (`meshweave.yaml`, `mesh.yaml`, `domain.yaml`), typed, with errors that name the place.
//!
//! In: the text of a document. Out: the typed value, or a configuration error as `file:line:column` with the nearest key.
//! Holds always: an unknown key is refused.
//!
//! Start reading at [`typed`].

use meshweave_contract::parse::nearest;
use serde::de::DeserializeOwned;

use crate::error::{Error, Failure, Result};

/// Reads one document.
///
/// - `file`: named in the error.
///
/// # Errors
/// [`Failure::InvalidConfiguration`] with the place of the first problem.
pub(crate) fn typed<T: DeserializeOwned>(text: &str, file: &str) -> Result<T> {
    yaml_serde::from_str(text).map_err(|error| yaml_error(file, &error))
}

/// Whether a document says nothing at all: no text, or comments only.
pub(crate) fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// A configuration error without a hint.
pub(crate) fn invalid(place: impl Into<String>, message: impl Into<String>) -> Error {
    Failure::InvalidConfiguration { place: place.into(), message: message.into(), hint: None }.into()
}

/// A configuration error and what to do.
pub(crate) fn invalid_hint(place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Error {
    Failure::InvalidConfiguration { place: place.into(), message: message.into(), hint: Some(hint.into()) }.into()
}

/// Says where and what is wrong with a document.
pub(crate) fn yaml_error(file: &str, error: &yaml_serde::Error) -> Error {
    let (place, said) = match error.location() {
        Some(at) => {
            (format!("{file}:{}:{}", at.line(), at.column()), strip_place(&error.to_string(), at.line(), at.column()))
        }
        None => (file.to_owned(), error.to_string()),
    };
    match unknown_field(&said) {
        Some((message, hint)) => Failure::InvalidConfiguration { place, message, hint: Some(hint) }.into(),
        None => invalid(place, said),
    }
}

fn strip_place(said: &str, line: usize, column: usize) -> String {
    let tail = format!(" at line {line} column {column}");
    said.strip_suffix(&tail).unwrap_or(said).to_owned()
}

/// Turns serde's words about an unknown field into ours: the message, and a hint with the nearest key.
fn unknown_field(said: &str) -> Option<(String, String)> {
    let (path, rest) = match said.split_once("unknown field `") {
        Some((path, rest)) => (path.trim_end_matches(": "), rest),
        None => return None,
    };
    let (key, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let message =
        if path.is_empty() { format!("unknown key `{key}`") } else { format!("unknown key `{key}` in `{path}`") };
    let hint = match nearest(key, known.iter().copied()).first() {
        Some(near) => format!("Did you mean `{near}`?"),
        None if known.is_empty() => "No keys are known here.".to_owned(),
        None => format!("Known keys: {}.", known.join(", ")),
    };
    Some((message, hint))
}
