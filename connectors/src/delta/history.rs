//! Which versions a log holds, and which one was the newest at a moment.
//!
//! In: a [`TableFolder`]. Out: version numbers.
//! Holds always:
//! - a version counts as readable when it can be built from a checkpoint or from the first commit on;
//! - moments rise with versions: a commit that claims to be earlier than its predecessor counts as one millisecond later, as Spark has it;
//! - a table that writes commit times into its log is asked there, any other by the time of its log files.
//!
//! Start reading at [`version_at`].
//!
//! # Source
//! Delta protocol, "In-Commit Timestamps"; Spark's `DeltaHistoryManager`.

use std::ops::RangeInclusive;

use chrono::{DateTime, SecondsFormat};
use futures::TryStreamExt;
use meshweave_engine::{Error, Failure, Result};
use object_store::ObjectStoreExt;

use super::failure;
use super::snapshots::Snapshots;
use super::store::TableFolder;

const IN_COMMIT: &str = "delta.enableInCommitTimestamps";
const IN_COMMIT_SINCE: &str = "delta.inCommitTimestampEnablementVersion";

/// One entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Commit {
    version: u64,
    /// When the log file was written, milliseconds since 1970 UTC.
    written_ms: i64,
}

/// What lies in the log's folder.
#[derive(Debug, Default)]
struct Log {
    /// Ascending.
    commits: Vec<Commit>,
    /// Versions with a checkpoint, ascending.
    checkpoints: Vec<u64>,
}

impl Log {
    async fn list(folder: &TableFolder) -> Result<Self> {
        let mut listing = folder.store().list(Some(&TableFolder::log()));
        let mut log = Self::default();
        while let Some(found) = listing.try_next().await.map_err(|e| failure::of_storage(folder, e))? {
            let Some(name) = found.location.prefix_match(&TableFolder::log()).and_then(only_part) else { continue };
            match entry(&name) {
                Some((version, "json")) => {
                    log.commits.push(Commit { version, written_ms: found.last_modified.timestamp_millis() });
                }
                Some((version, rest)) if rest.starts_with("checkpoint.") => log.checkpoints.push(version),
                _ => {}
            }
        }
        log.commits.sort_by_key(|commit| commit.version);
        log.checkpoints.sort_unstable();
        Ok(log)
    }

    /// The versions that can be read: from the first commit or the oldest checkpoint to the last commit.
    fn readable(&self) -> Option<RangeInclusive<u64>> {
        let newest = self.commits.last().map(|commit| commit.version).max(self.checkpoints.last().copied())?;
        let oldest = match self.commits.first() {
            Some(commit) if commit.version == 0 => 0,
            _ => *self.checkpoints.first()?,
        };
        Some(oldest..=newest)
    }
}

fn only_part<'a>(mut parts: impl Iterator<Item = object_store::path::PathPart<'a>>) -> Option<String> {
    let name = parts.next()?.as_ref().to_owned();
    parts.next().is_none().then_some(name)
}

/// Reads `00000000000000000012.json` as 12 and `json`.
fn entry(name: &str) -> Option<(u64, &str)> {
    let (number, rest) = name.split_once('.')?;
    let is_number = number.len() == 20 && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(())?;
    Some((number.parse().ok()?, rest))
}

/// The versions that can be read, or none when there is no log.
pub(super) async fn readable(folder: &TableFolder) -> Result<Option<RangeInclusive<u64>>> {
    Ok(Log::list(folder).await?.readable())
}

/// The newest version that was committed at `moment` or before.
///
/// - `moment`: microseconds since 1970 UTC.
///
/// # Errors
/// [`Failure::Unavailable`] when the oldest readable version is younger than `moment`, or when there is no table.
pub(super) async fn version_at(snapshots: &Snapshots, folder: &TableFolder, moment: i64) -> Result<i64> {
    let newest = snapshots.newest(folder).await?;
    let log = Log::list(folder).await?;
    let Some(readable) = log.readable() else { return Err(failure::no_table(folder, None)) };
    let configuration = newest.state.metadata().configuration();
    let in_commit_since = (configuration.get(IN_COMMIT).map(String::as_str) == Some("true"))
        .then(|| configuration.get(IN_COMMIT_SINCE).and_then(|v| v.parse().ok()).unwrap_or(0));
    let commits: Vec<Commit> = log.commits.into_iter().filter(|c| readable.contains(&c.version)).collect();
    let times = commit_times(folder, &commits, in_commit_since).await?;
    let last_before = times.iter().rev().find(|commit| commit.written_ms.saturating_mul(1000) <= moment);
    match last_before {
        Some(commit) => number(commit.version),
        None => Err(too_early(folder, moment, times.first())),
    }
}

/// The moment of every commit, rising.
async fn commit_times(folder: &TableFolder, commits: &[Commit], in_commit_since: Option<u64>) -> Result<Vec<Commit>> {
    let mut times: Vec<Commit> = Vec::with_capacity(commits.len());
    for commit in commits {
        let told = match in_commit_since {
            Some(since) if commit.version >= since => in_commit_time(folder, commit.version).await?,
            _ => None,
        };
        let after = times.last().map_or(i64::MIN, |earlier| earlier.written_ms.saturating_add(1));
        times.push(Commit { version: commit.version, written_ms: told.unwrap_or(commit.written_ms).max(after) });
    }
    Ok(times)
}

/// The time that a commit tells of itself, milliseconds.
async fn in_commit_time(folder: &TableFolder, version: u64) -> Result<Option<i64>> {
    let path = TableFolder::commit(version);
    let read = async { folder.store().get(&path).await?.bytes().await };
    let text = read.await.map_err(|e| failure::of_storage(folder, e))?;
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let action: serde_json::Value = serde_json::from_slice(first).map_err(|e| {
        Error::unavailable(&folder.key, format!("log entry {version} at {} is not JSON", folder.place), e)
    })?;
    Ok(action.pointer("/commitInfo/inCommitTimestamp").and_then(serde_json::Value::as_i64))
}

fn number(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|e| Error::internal("a delta version does not fit 64 bits", e))
}

fn too_early(folder: &TableFolder, moment: i64, oldest: Option<&Commit>) -> Error {
    let shown = |micros: i64| {
        DateTime::from_timestamp_micros(micros)
            .map_or_else(|| format!("{micros} us"), |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let oldest = match oldest {
        Some(c) => format!("its oldest version {} is of {}", c.version, shown(c.written_ms.saturating_mul(1000))),
        None => "its log holds no commit".to_owned(),
    };
    Failure::Unavailable {
        what: folder.key.clone(),
        message: format!("it has no version as old as {}: {oldest}", shown(moment)),
        cause: None,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(commits: &[u64], checkpoints: &[u64]) -> Log {
        let commits = commits.iter().map(|&version| Commit { version, written_ms: 0 }).collect();
        Log { commits, checkpoints: checkpoints.to_vec() }
    }

    #[test]
    fn names_of_log_entries() {
        assert_eq!(entry("00000000000000000012.json"), Some((12, "json")));
        assert_eq!(entry("00000000000000000010.checkpoint.parquet"), Some((10, "checkpoint.parquet")));
        for other in ["_last_checkpoint", "12.json", "0000000000000000001a.json", "00000000000000000012"] {
            assert_eq!(entry(other), None, "{other}");
        }
    }

    #[test]
    fn a_version_needs_the_first_commit_or_a_checkpoint() {
        assert_eq!(log(&[0, 1, 2], &[]).readable(), Some(0..=2));
        assert_eq!(log(&[7, 8, 11], &[10]).readable(), Some(10..=11));
        assert_eq!(log(&[3, 4], &[]).readable(), None);
        assert_eq!(log(&[], &[]).readable(), None);
    }
}
