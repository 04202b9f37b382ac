//! One record per query, filled on its way and handed in when the last of it is dropped.
//!
//! Start reading at [`Recorder`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use crate::context::{QueryContext, Usage};
use crate::drift::{Drift, DriftLog};
use crate::error::{Error, Kind};
use crate::observe::live::{LiveQuery, Shown};
use crate::observe::log::QueryLog;
use crate::observe::metrics::{Ended, Held};
use crate::version::{Version, VersionVector};

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
    /// The most memory that its operators held at a time, bytes.
    pub(crate) memory: u64,
    /// Bytes that its operators wrote to disk.
    pub(crate) spilled: u64,
    /// How long it waited for a place.
    pub(crate) waited: Duration,
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

/// Follows one query; its record is handed in when it is dropped, whatever happened. From the moment that it is to run until
/// then it is told as one that runs or waits.
///
/// A statement that was only planned leaves no record, unless planning failed.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: Arc<QueryLog>,
    usage: Arc<Usage>,
    drift: Arc<DriftLog>,
    since: Instant,
    /// How long planning took.
    planning: Duration,
    record: QueryRecord,
    /// Whether there is something to tell: it ran, or it failed.
    told: bool,
    live: Option<Shown>,
    /// Counts it among those that run.
    running: Option<Held>,
    /// Its whole way; the steps are its children.
    span: Span,
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
            memory: 0,
            spilled: 0,
            waited: Duration::ZERO,
            outcome: Outcome::Dropped,
            error: None,
            drift: Vec::new(),
        };
        let drift = Arc::clone(&ctx.drift);
        Self {
            log: Arc::clone(log),
            usage: Arc::clone(&ctx.usage),
            drift,
            since: Instant::now(),
            planning: Duration::ZERO,
            record,
            told: false,
            live: None,
            running: None,
            span: tracing::info_span!(
                "query",
                query_id = %ctx.query_id,
                products = Empty,
                outcome = Empty,
                rows = Empty,
                otel.status_code = Empty,
                error.kind = Empty,
            ),
        }
    }

    /// The span of the whole query.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Planning has ended.
    pub(crate) fn planned(&mut self) {
        self.planning = self.since.elapsed();
        self.log.metrics().planning.observe(self.planning);
    }

    /// It was given a place, after it had waited this long.
    pub(crate) fn admitted(&mut self, waited: Duration) {
        let metrics = self.log.metrics();
        metrics.waiting.observe(waited);
        self.running = Some(metrics.running.hold());
    }

    /// It is about to run, over these versions. Time in which nobody wanted it to run is not its own.
    pub(crate) fn runs(&mut self, versions: &VersionVector) {
        self.since = Instant::now().checked_sub(self.planning).unwrap_or(self.since);
        self.record.versions = versions.clone();
        self.told = true;
        let query = LiveQuery { record: self.record.clone(), since: self.since, usage: Arc::clone(&self.usage) };
        self.live = Some(self.log.live.show(query));
    }

    /// It has made this version of a product.
    pub(crate) fn wrote(&mut self, key: &str, version: &Version) {
        self.record.versions.products.insert(key.to_owned(), version.clone());
    }

    /// Rows of the answer were taken.
    pub(crate) fn add_rows(&mut self, rows: usize) {
        self.usage.add_taken_rows(rows as u64);
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
        self.end_span();
        if !self.told {
            return;
        }
        let mut record = self.record.clone().now(self.since, &self.usage);
        record.drift = self.drift.found();
        self.count(&record);
        self.log.hand_in(record);
        // Only now: who looks in between sees it twice rather than not at all, and tells it once.
        self.live = None;
    }
}

impl QueryRecord {
    /// With what was used up to now.
    pub(super) fn now(self, since: Instant, usage: &Usage) -> Self {
        Self {
            duration: since.elapsed(),
            rows: usage.taken_rows(),
            rows_read: usage.rows(),
            bytes: usage.bytes(),
            requests: usage.requests(),
            memory: usage.most_memory_bytes(),
            spilled: usage.spilled_bytes(),
            waited: usage.waited(),
            ..self
        }
    }
}

impl Recorder {
    /// Says in the span how it ended; of a statement that was only planned, nothing.
    fn end_span(&self) {
        if !self.told {
            return;
        }
        self.span.record("outcome", self.record.outcome.word()).record("rows", self.usage.taken_rows());
        if let Some((kind, _)) = &self.record.error {
            self.span.record("error.kind", kind.word()).record("otel.status_code", "ERROR");
        }
    }

    fn count(&self, record: &QueryRecord) {
        let domain = |key: &str| key.split_once('.').map(|(domain, _)| domain.to_owned());
        let domains: BTreeSet<String> = record.versions.products.keys().filter_map(|key| domain(key)).collect();
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        self.log.metrics().ended(&Ended {
            outcome: record.outcome,
            kind: record.error.as_ref().map(|(kind, _)| *kind),
            duration: record.duration,
            rows: record.rows,
            rows_read: record.rows_read,
            domains: &domains,
        });
    }
}

/// The text, cut at a character where it is too long to keep.
fn cut(text: &str) -> String {
    if text.len() <= TEXT_KEPT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(TEXT_KEPT)])
}
