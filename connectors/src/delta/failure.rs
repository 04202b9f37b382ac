//! What deltalake and the store fail with, in words that name the product and what there is instead.
//!
//! Start reading at [`of_load`].

use std::sync::Arc;

use deltalake::DeltaTableError;
use meshweave_engine::{Error, Failure};

use super::history;
use super::store::TableFolder;
use crate::common::{at_fault, find};

/// The failure of reading a log.
///
/// - `target`: the version that was asked for; none for the newest.
///
/// Cost: one listing of the log, to tell a missing table from a missing version.
pub(super) async fn of_load(folder: &TableFolder, target: Option<u64>, error: DeltaTableError) -> Error {
    if let Some(ours) = find(&error) {
        return ours.clone();
    }
    // The readers of the log may have turned it into text; asking a store again that does not answer would only take longer.
    if let Some(met) = folder.failed().first() {
        return met;
    }
    match (history::readable(folder).await, target) {
        (Err(storage), _) => storage,
        (Ok(None), _) => no_table(folder, Some(error)),
        (Ok(Some(readable)), Some(version)) if !readable.contains(&version) => {
            missing(folder, &version.to_string(), &readable)
        }
        (Ok(Some(_)), _) => of_table(folder, error),
    }
}

/// Nothing that is a table lies in the folder.
pub(super) fn no_table(folder: &TableFolder, cause: Option<DeltaTableError>) -> Error {
    Failure::Unavailable {
        what: folder.key.clone(),
        message: format!("no delta table lies at {}", folder.place),
        cause: cause.map(|cause| Arc::new(cause) as _),
    }
    .into()
}

/// The version was asked for by a number that no log can hold.
pub(super) async fn no_such_version(folder: &TableFolder, number: i64) -> Error {
    match history::readable(folder).await {
        Err(storage) => storage,
        Ok(None) => no_table(folder, None),
        Ok(Some(readable)) => missing(folder, &number.to_string(), &readable),
    }
}

fn missing(folder: &TableFolder, version: &str, readable: &std::ops::RangeInclusive<u64>) -> Error {
    let (oldest, newest) = (readable.start(), readable.end());
    let there_are =
        if oldest == newest { format!("only version {oldest}") } else { format!("versions {oldest} to {newest}") };
    Failure::Unavailable {
        what: folder.key.clone(),
        message: format!("it has no version {version}; its log holds {there_are}"),
        cause: None,
    }
    .into()
}

/// The log is there and cannot be read as it is.
pub(super) fn of_table(folder: &TableFolder, error: DeltaTableError) -> Error {
    if let Some(ours) = find(&error) {
        return ours.clone();
    }
    Error::unavailable(&folder.key, format!("the delta table at {} cannot be read", folder.place), error)
}

/// The store does not answer.
pub(super) fn of_storage(folder: &TableFolder, error: object_store::Error) -> Error {
    if let Some(ours) = find(&error) {
        return ours.clone();
    }
    Error::unavailable(&folder.key, at_fault(&folder.key, &folder.place, &error), error)
}
