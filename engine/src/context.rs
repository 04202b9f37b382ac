//! What goes with one query on its whole way: who asks, until when, how to stop it, and what it has used.
//!
//! Holds always: a context is made once, by a door, and handed on by reference; nothing here is looked up again.
//!
//! Start reading at [`QueryContext`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::drift::DriftLog;
use crate::error::{Error, Failure, Result};
use crate::principal::Principal;
use crate::temp::TempSchema;

pub use crate::usage::Usage;

/// Who asks, until when, and what was used so far.
///
/// Cheap to clone: clones share cancellation and counters.
#[derive(Debug, Clone)]
pub struct QueryContext {
    /// Unique and sortable by time.
    pub query_id: Uuid,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Why the data is asked for, when the caller said.
    pub purpose: Option<String>,
    /// The schema (domain) that one-part names belong to.
    pub default_schema: Option<String>,
    /// The session's own tables; none: the caller has no session to keep them in.
    pub temp: Option<Arc<TempSchema>>,
    /// Whose account the query is on, when the caller said; told in the log.
    pub project: Option<String>,
    /// How old an answer may be, when the caller said; what may be older than its sources keeps to it.
    pub max_staleness: Option<Duration>,
    /// The moment after which the query is stopped, and the limit it came from.
    pub deadline: Option<(Instant, Duration)>,
    /// Stops the query when cancelled.
    pub cancel: CancellationToken,
    /// What the query costs: requests, bytes, memory, waiting.
    pub usage: Arc<Usage>,
    /// What the scans of the query were given and did.
    pub scans: Arc<ScanLog>,
    /// Where stored columns were found to differ from promised ones.
    pub drift: Arc<DriftLog>,
}

impl QueryContext {
    /// A context without deadline, purpose or default schema.
    pub fn new(principal: Principal) -> Self {
        Self {
            query_id: Uuid::now_v7(),
            principal: Arc::new(principal),
            purpose: None,
            default_schema: None,
            temp: None,
            project: None,
            max_staleness: None,
            deadline: None,
            cancel: CancellationToken::new(),
            usage: Arc::default(),
            scans: Arc::default(),
            drift: Arc::default(),
        }
    }

    /// The same with a deadline `limit` from now; an earlier one stays.
    #[must_use]
    pub fn with_timeout(mut self, limit: Duration) -> Self {
        let at = Instant::now() + limit;
        if self.deadline.is_none_or(|(earlier, _)| at < earlier) {
            self.deadline = Some((at, limit));
        }
        self
    }

    /// The same for one product of the query: what its connector asks of storage is counted on the product's own meter too.
    ///
    /// - `key`: its key in the version vector.
    #[must_use]
    pub fn for_product(&self, key: &str) -> Self {
        Self { usage: self.usage.part(key), ..self.clone() }
    }

    /// Runs `work` until it ends, the query is cancelled, or its deadline passes.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] or [`Failure::TimedOut`]; `work` is dropped then.
    pub async fn bounded<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let deadline = async {
            match self.deadline {
                Some((at, limit)) => {
                    tokio::time::sleep_until(at.into()).await;
                    limit
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::Cancelled.into()),
            limit = deadline => Err(timed_out(limit)),
            done = work => done,
        }
    }
}

/// The error of a query that ran out of its time.
fn timed_out(limit: Duration) -> Error {
    Failure::TimedOut { limit: format!("{limit:?}") }.into()
}

/// How a predicate was given to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pushed {
    /// The scan keeps exactly the rows that satisfy it.
    Exact,
    /// The scan uses it to skip work; the engine applies it again.
    Superset,
    /// The scan does not use it.
    No,
}

/// What one scan of one table was given and will read; made when the scan is planned.
#[derive(Debug, Clone)]
pub struct ScanReport {
    /// `domain.product@major` (and `.table`), the key of the version vector.
    pub product: String,
    /// The owning domain.
    pub domain: String,
    /// `parquet`, `delta`, ….
    pub connector: &'static str,
    /// The pinned version in words: `delta 912`, `manifest sha256:ab12…`.
    pub version: String,
    /// Files of the pinned version.
    pub files_total: u64,
    /// Files that the scan will open.
    pub files_kept: u64,
    /// Bytes of all files of the pinned version, on storage.
    pub bytes_total: u64,
    /// Bytes that the scan may read at most: the projected columns of what was kept where that is known, else whole files.
    pub bytes_kept: u64,
    /// Columns that the scan reads, and how many the table has.
    pub columns: Vec<String>,
    /// How many columns the table has.
    pub columns_total: usize,
    /// Predicates in SQL, how each was used, and why.
    pub predicates: Vec<(String, Pushed, String)>,
    /// The limit given to the scan.
    pub limit: Option<usize>,
}

/// The reports of all scans of one query, in planning order.
#[derive(Debug, Default)]
pub struct ScanLog(Mutex<Vec<ScanReport>>);

impl ScanLog {
    /// Adds one.
    pub fn add(&self, report: ScanReport) {
        self.0.lock().push(report);
    }

    /// All so far.
    pub fn reports(&self) -> Vec<ScanReport> {
        self.since(0)
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Those that came after the first `count`.
    pub(crate) fn since(&self, count: usize) -> Vec<ScanReport> {
        self.0.lock().get(count..).unwrap_or_default().to_vec()
    }
}
