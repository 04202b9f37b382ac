//! What is wrong with a file or a word of the caller's, as the engine's errors.
//!
//! Start reading at [`file()`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use meshweave_engine::{Error, Failure};

/// What was said, or what lies where we were pointed, cannot be used.
pub fn unusable(place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Error {
    Failure::InvalidConfiguration { place: place.into(), message: message.into(), hint: Some(hint.into()) }.into()
}

/// A file cannot be read or written.
pub fn file(path: &Path, doing: &str, error: io::Error) -> Error {
    let place = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            unusable(place, format!("{doing} failed: {}", plain(&error)), "Check the path.")
        }
        io::ErrorKind::PermissionDenied => {
            unusable(place, format!("{doing} failed: {}", plain(&error)), "Check who may use this file.")
        }
        _ => Failure::Unavailable { what: place, message: format!("{doing} failed"), cause: Some(Arc::new(error)) }
            .into(),
    }
}

/// The words of an I/O error without the number of the operating system.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
