//! What a process has done and does now, as plain numbers: for whoever shows them, and in no format of anybody.
//!
//! In: what happens, told where it happens. Out: numbers that can be read at any moment.
//! Holds always:
//! - counting is an atomic addition, and waits for nobody;
//! - no name of a user, a statement or a product is kept; domains are, for there are few.
//!
//! Start reading at [`Metrics`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;

use super::record::Outcome;
use crate::error::Kind;

/// Upper bounds of the buckets for times, seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// What one engine has done and does now.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Queries that ended, other than by an error.
    ended: [Counter; 3],
    /// Queries that failed, in the order of [`Kind::ALL`].
    failed: [Counter; Kind::ALL.len()],
    /// Queries that ended, by each domain that they read.
    domains: RwLock<BTreeMap<String, Arc<Counter>>>,
    /// Time from a statement's arrival to the end of its answer.
    pub durations: Histogram,
    /// Time that planning took: names, policy, pins, the plan.
    pub planning: Histogram,
    /// Time that queries waited for a place.
    pub waiting: Histogram,
    /// Queries that run now.
    pub running: Gauge,
    /// Rows of answers that were taken.
    pub rows: Counter,
    /// Rows that scans produced.
    pub rows_read: Counter,
    /// What all queries have asked of storage.
    pub traffic: Arc<Traffic>,
    /// Records of queries that could not be kept.
    pub records_lost: Counter,
    /// Log lines that were lost, counted by whoever writes the log of the process; not set when nobody counts.
    pub log_lines_lost: OnceLock<Arc<Counter>>,
    /// What the door has open.
    pub door: Arc<DoorMetrics>,
}

/// How one query ended, for the counters.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) kind: Option<Kind>,
    pub(crate) duration: Duration,
    pub(crate) rows: u64,
    pub(crate) rows_read: u64,
    /// The domains that it read; each once.
    pub(crate) domains: &'a [&'a str],
}

impl Metrics {
    /// Counts a query that ended.
    pub(crate) fn ended(&self, query: &Ended<'_>) {
        let counter = match (query.outcome, query.kind) {
            (Outcome::Finished, _) => &self.ended[0],
            (Outcome::Dropped, _) => &self.ended[1],
            (Outcome::Cancelled, _) => &self.ended[2],
            (Outcome::Failed, kind) => &self.failed[place(kind.unwrap_or(Kind::Internal))],
        };
        counter.add(1);
        self.durations.observe(query.duration);
        self.rows.add(query.rows);
        self.rows_read.add(query.rows_read);
        for domain in query.domains {
            self.domain(domain).add(1);
        }
    }

    fn domain(&self, name: &str) -> Arc<Counter> {
        if let Some(counter) = self.domains.read().get(name) {
            return Arc::clone(counter);
        }
        Arc::clone(self.domains.write().entry(name.to_owned()).or_default())
    }

    /// Queries that ended: outcome (`finished`, `dropped`, `cancelled`, `failed`), kind of the error (`none` without one), number.
    /// Always the same rows, in the same order.
    pub fn queries(&self) -> Vec<(&'static str, &'static str, u64)> {
        let outcomes = [Outcome::Finished, Outcome::Dropped, Outcome::Cancelled];
        let ended = outcomes.iter().zip(&self.ended).map(|(outcome, n)| (outcome.word(), "none", n.get()));
        let failed = Kind::ALL.iter().zip(&self.failed);
        ended.chain(failed.map(|(kind, n)| (Outcome::Failed.word(), kind.word(), n.get()))).collect()
    }

    /// Queries that ended, by each domain that they read; sorted by domain.
    pub fn queries_by_domain(&self) -> Vec<(String, u64)> {
        self.domains.read().iter().map(|(domain, counter)| (domain.clone(), counter.get())).collect()
    }
}

fn place(kind: Kind) -> usize {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or(Kind::ALL.len() - 1)
}

/// What the door of a process has open, in words that fit any protocol.
#[derive(Debug, Default)]
pub struct DoorMetrics {
    /// Connections that are open now.
    pub connections: Gauge,
    /// Answers that are being sent now.
    pub streams: Gauge,
    /// Connections that were given up before they were secured.
    pub handshakes_failed: Counter,
    /// Times that a new certificate was taken.
    pub certificates_taken: Counter,
    /// Times that a new certificate was refused.
    pub certificates_refused: Counter,
    draining: AtomicBool,
}

impl DoorMetrics {
    /// From now on nothing new is let in.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// Whether nothing new is let in any more.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

/// What was asked of storage, by each domain.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: Counter,
    bytes: Counter,
    domains: RwLock<BTreeMap<String, Arc<Self>>>,
}

impl Traffic {
    /// Where the storage of one domain is counted.
    pub(crate) fn of_domain(&self, name: &str) -> Arc<Self> {
        if let Some(domain) = self.domains.read().get(name) {
            return Arc::clone(domain);
        }
        Arc::clone(self.domains.write().entry(name.to_owned()).or_default())
    }

    pub(crate) fn add_request(&self) {
        self.requests.add(1);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.add(bytes);
    }

    /// Requests made to stores and bytes that they sent, of each domain, sorted; first what belongs to none, under no name.
    pub fn by_domain(&self) -> Vec<(String, u64, u64)> {
        let row = |name: &str, of: &Self| (name.to_owned(), of.requests.get(), of.bytes.get());
        let domains = self.domains.read();
        std::iter::once(row("", self)).chain(domains.iter().map(|(name, of)| row(name, of))).collect()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What was added so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of things that are there now.
#[derive(Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

/// One of them; it is gone when this is dropped.
#[derive(Debug)]
pub struct Held(Arc<AtomicU64>);

impl Gauge {
    /// Counts one more, until what is given is dropped.
    #[must_use = "it is counted only as long as this lives"]
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(&self.0))
    }

    /// How many there are now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How often something took how long.
#[derive(Debug)]
pub struct Histogram {
    /// One per bound, and one for what took longer than all of them.
    buckets: Vec<Counter>,
    nanoseconds: Counter,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramReading {
    /// Upper bounds in seconds and how many fell into each bucket alone; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// Everything together, seconds.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..=SECONDS.len()).map(|_| Counter::default()).collect(), nanoseconds: Counter::default() }
    }
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = SECONDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].add(1);
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What was counted so far.
    pub fn read(&self) -> HistogramReading {
        let counts: Vec<u64> = self.buckets.iter().map(Counter::get).collect();
        let bounds = SECONDS.iter().copied().chain([f64::INFINITY]);
        HistogramReading {
            count: counts.iter().sum(),
            sum: Duration::from_nanos(self.nanoseconds.get()).as_secs_f64(),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(outcome: Outcome, kind: Option<Kind>) -> Ended<'static> {
        Ended { outcome, kind, duration: Duration::from_millis(30), rows: 3, rows_read: 7, domains: &["crm", "sales"] }
    }

    #[test]
    fn every_outcome_has_its_own_number() {
        let metrics = Metrics::default();
        let rows = metrics.queries().len();
        metrics.ended(&ended(Outcome::Finished, None));
        metrics.ended(&ended(Outcome::Finished, None));
        metrics.ended(&ended(Outcome::Cancelled, Some(Kind::Cancelled)));
        for kind in Kind::ALL {
            metrics.ended(&ended(Outcome::Failed, Some(kind)));
        }
        let queries = metrics.queries();
        assert_eq!(queries.len(), rows, "the rows are always the same");
        assert_eq!(queries[0], ("finished", "none", 2));
        assert_eq!(queries[2], ("cancelled", "none", 1));
        assert!(queries[3..].iter().all(|(outcome, _, n)| *outcome == "failed" && *n == 1), "{queries:?}");
        let all = 3 + Kind::ALL.len() as u64;
        assert_eq!(metrics.queries_by_domain(), [("crm".to_owned(), all), ("sales".to_owned(), all)]);
        assert_eq!((metrics.rows.get(), metrics.rows_read.get()), (3 * all, 7 * all));
    }

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for milliseconds in [1, 2, 10, 11, 999_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let reading = histogram.read();
        let filled: Vec<(f64, u64)> = reading.buckets.iter().copied().filter(|(_, n)| *n > 0).collect();
        assert_eq!(filled, [(0.001, 1), (0.0025, 1), (0.01, 1), (0.025, 1), (f64::INFINITY, 1)]);
        assert_eq!((reading.count, reading.sum), (5, 999.024));
    }

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let gauge = Gauge::default();
        let (one, two) = (gauge.hold(), gauge.hold());
        assert_eq!(gauge.get(), 2);
        drop(one);
        assert_eq!(gauge.get(), 1);
        drop(two);
        assert_eq!(gauge.get(), 0);
    }
}
