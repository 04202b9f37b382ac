//! One record per query, filled on its way and handed in when the last of it is dropped.
//!
//! Start reading at [`Recorder`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use crate::context::{QueryContext, Usage};
use crate::drift::{Drift, DriftLog};
use crate::error::{Error, Kind};
use crate::observe::log::QueryLog;
use crate::version::VersionVector;

/// Bytes of a statement or an error that are kept.
const TEXT_KEPT: usize = 64 << 10;

/// What is remembered of a query that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryRecord {
    pub(crate) query_id: Uuid,
    pub(crate) started_at: Timestamp,
    pub(crate) duration: Duration,
    pub(crate) principal: String,
    pub(crate) purpose: Option<String>,
    /// Its text, cut where it is very long.
    pub(crate) statement: String,
    pub(crate) versions: VersionVector,
    /// Rows of the answer that were taken.
    pub(crate) rows: u64,
    /// Rows that scans produced.
    pub(crate) rows_read: u64,
    pub(crate) bytes: u64,
    pub(crate) requests: u64,
    pub(crate) outcome: Outcome,
    /// The kind and the text of the error.
    pub(crate) error: Option<(Kind, String)>,
    /// Where stored columns were not as promised.
    pub(crate) drift: Vec<Drift>,
}

/// How a query ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its last row was taken.
    Finished,
    Failed,
    Cancelled,
    /// The caller stopped reading.
    Dropped,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
        }
    }
}

/// Follows one query; its record is handed in when it is dropped, whatever happened.
///
/// A statement that was only planned leaves no record, unless planning failed.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Arc<QueryLog>,
    usage: Arc<Usage>,
    drift: Arc<DriftLog>,
    since: Instant,
    record: QueryRecord,
    /// Whether there is something to tell: it ran, or it failed.
    told: bool,
}

impl Recorder {
    pub(crate) fn new(log: &Arc<QueryLog>, ctx: &QueryContext, statement: &str) -> Self {
        let record = QueryRecord {
            query_id: ctx.query_id,
            started_at: Timestamp::now(),
            duration: Duration::ZERO,
            principal: ctx.principal.user.clone(),
            purpose: ctx.purpose.clone(),
            statement: cut(statement),
            versions: VersionVector::default(),
            rows: 0,
            rows_read: 0,
            bytes: 0,
            requests: 0,
            outcome: Outcome::Dropped,
            error: None,
            drift: Vec::new(),
        };
        let drift = Arc::clone(&ctx.drift);
        Self { log: Arc::clone(log), usage: Arc::clone(&ctx.usage), drift, since: Instant::now(), record, told: false }
    }

    /// It is about to run, over these versions.
    pub(crate) fn runs(&mut self, versions: &VersionVector) {
        self.record.versions = versions.clone();
        self.told = true;
    }

    /// Rows of the answer were taken.
    pub(crate) fn add_rows(&mut self, rows: usize) {
        self.record.rows += rows as u64;
    }

    pub(crate) fn finished(&mut self) {
        self.record.outcome = Outcome::Finished;
    }

    /// It failed, or was cancelled.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.told = true;
        let kind = error.kind();
        self.record.outcome = if kind == Kind::Cancelled { Outcome::Cancelled } else { Outcome::Failed };
        self.record.error = Some((kind, cut(&error.to_string())));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !self.told {
            return;
        }
        let mut record = self.record.clone();
        record.duration = self.since.elapsed();
        (record.rows_read, record.bytes, record.requests) =
            (self.usage.rows(), self.usage.bytes(), self.usage.requests());
        record.drift = self.drift.found();
        self.log.hand_in(record);
    }
}

/// The text, cut at a character where it is too long to keep.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_KEPT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(TEXT_KEPT)])
}
