//! What a statement costs: what it asked of storage, what it held, how long it waited; and the limit on what it may read.
//!
//! In: counts from the stores, the memory pool, admission and the answer's stream. Out: totals, and the same by product.
//! Holds always:
//! - what is counted for a product is counted for its statement too, and what is counted for a statement for the request it belongs to;
//! - a number is what was measured: nothing here is an estimate.
//!
//! Start reading at [`Usage`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Failure, Result};
use crate::metrics::Traffic;
use crate::settings::ByteSize;

/// What was used so far; shared by all who count.
#[derive(Debug, Default)]
pub struct Usage {
    counts: Arc<Counts>,
    /// Whose counts grow with these: the statement's of a product, the request's of a statement.
    within: Vec<Arc<Counts>>,
    /// Where it is counted for the whole process, too.
    process: Option<Arc<Traffic>>,
    /// The counts whose bytes are limited, and the limit.
    limit: Option<(Arc<Counts>, u64)>,
    parts: Mutex<BTreeMap<String, Arc<Self>>>,
    turn: Mutex<Turn>,
}

/// The counters of one usage.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
    taken_rows: AtomicU64,
    most_memory_bytes: AtomicU64,
    spilled_bytes: AtomicU64,
}

/// Where a statement stands in the queue before the executor.
#[derive(Debug, Default, Clone, Copy)]
struct Turn {
    /// Its place, from 1; none when it does not wait.
    position: Option<usize>,
    since: Option<Instant>,
    waited: Duration,
}

impl Usage {
    /// The usage of one statement; what it counts is counted here as well.
    ///
    /// - `scanned`: bytes that its stores may send.
    /// - `process`: what all statements ask of storage.
    pub(crate) fn statement(&self, scanned: Option<ByteSize>, process: &Arc<Traffic>) -> Self {
        let counts = Arc::<Counts>::default();
        let limit = scanned.map(|limit| (Arc::clone(&counts), limit.0));
        Self { within: self.and_within(), counts, limit, process: Some(Arc::clone(process)), ..Self::default() }
    }

    /// The meter of one product in this statement; the same one every time.
    ///
    /// - `key`: its key in the version vector.
    pub fn part(&self, key: &str) -> Arc<Self> {
        let (limit, process) = (&self.limit, &self.process);
        let new = || {
            let process = process.as_ref().map(|process| process.of_domain(domain_of(key)));
            let (within, limit) = (self.and_within(), limit.clone());
            Arc::new(Self { within, limit, process, ..Self::default() })
        };
        Arc::clone(self.parts.lock().entry(key.to_owned()).or_insert_with(new))
    }

    /// The products that have a meter, by their keys.
    pub fn parts(&self) -> BTreeMap<String, Arc<Self>> {
        self.parts.lock().clone()
    }

    fn and_within(&self) -> Vec<Arc<Counts>> {
        let mut all = vec![Arc::clone(&self.counts)];
        all.extend(self.within.iter().cloned());
        all
    }

    fn add(&self, counter: fn(&Counts) -> &AtomicU64, more: u64) {
        for counts in std::iter::once(&self.counts).chain(&self.within) {
            counter(counts).fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Counts one request to a store.
    pub fn add_request(&self) {
        self.add(|counts| &counts.requests, 1);
        if let Some(process) = &self.process {
            process.add_request();
        }
    }

    /// Counts bytes that a store sent.
    pub fn add_bytes(&self, bytes: u64) {
        self.add(|counts| &counts.bytes, bytes);
        if let Some(process) = &self.process {
            process.add_bytes(bytes);
        }
    }

    /// Counts rows that scans produced.
    pub fn add_rows(&self, rows: u64) {
        self.add(|counts| &counts.rows, rows);
    }

    /// Counts rows of the answer that were taken.
    pub(crate) fn add_taken_rows(&self, rows: u64) {
        self.add(|counts| &counts.taken_rows, rows);
    }

    /// Counts bytes that operators wrote to disk, for want of memory.
    pub(crate) fn add_spilled(&self, bytes: u64) {
        self.add(|counts| &counts.spilled_bytes, bytes);
    }

    /// Operators hold so many bytes of memory now.
    pub(crate) fn holds(&self, bytes: u64) {
        for counts in std::iter::once(&self.counts).chain(&self.within) {
            counts.most_memory_bytes.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    /// It waits for a place: the `position`th from now on.
    pub(crate) fn waits(&self, position: usize) {
        let mut turn = self.turn.lock();
        turn.position = Some(position);
        turn.since.get_or_insert_with(Instant::now);
    }

    /// It waits no more.
    pub(crate) fn waits_no_more(&self) {
        let mut turn = self.turn.lock();
        turn.position = None;
        if let Some(since) = turn.since.take() {
            turn.waited += since.elapsed();
        }
    }

    /// Requests made to stores.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Bytes that stores sent.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }

    /// Rows that scans produced; known when the stream has ended.
    pub fn rows(&self) -> u64 {
        self.counts.rows.load(Ordering::Relaxed)
    }

    /// Rows of the answer that were taken.
    pub fn taken_rows(&self) -> u64 {
        self.counts.taken_rows.load(Ordering::Relaxed)
    }

    /// The most memory that operators held at a time, bytes.
    pub fn most_memory_bytes(&self) -> u64 {
        self.counts.most_memory_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that operators wrote to disk; known when the stream has ended.
    pub fn spilled_bytes(&self) -> u64 {
        self.counts.spilled_bytes.load(Ordering::Relaxed)
    }

    /// Its place in the queue before the executor, from 1; none when it does not wait.
    pub fn position(&self) -> Option<usize> {
        self.turn.lock().position
    }

    /// How long it has waited for a place.
    pub fn waited(&self) -> Duration {
        let turn = *self.turn.lock();
        turn.waited + turn.since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Whether more may be read.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when stores have sent more than the statement may read.
    pub(crate) fn may_read(&self) -> Result<()> {
        match &self.limit {
            Some((counts, limit)) if counts.bytes.load(Ordering::Relaxed) > *limit => Err(Failure::Exhausted {
                message: format!(
                    "the statement has read more than {} from storage, the limit of limits.scanned_bytes",
                    told(*limit)
                ),
                hint: Some(READ_LESS.to_owned()),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Whether it may begin, with what its scans will read at most.
    ///
    /// - `bytes`: after pruning, as `EXPLAIN` tells it.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when that is more than the statement may read.
    pub(crate) fn may_scan(&self, bytes: u64) -> Result<()> {
        match &self.limit {
            Some((_, limit)) if bytes > *limit => Err(Failure::Exhausted {
                message: format!(
                    "the statement would read up to {bytes} bytes from storage, more than the limit of {} (limits.scanned_bytes)",
                    told(*limit)
                ),
                hint: Some(READ_LESS.to_owned()),
            }
            .into()),
            _ => Ok(()),
        }
    }
}

/// The domain in a product's key.
fn domain_of(key: &str) -> &str {
    key.split_once('.').map_or("", |(domain, _)| domain)
}

/// A limit in words.
pub(crate) fn told(bytes: u64) -> String {
    let text = ByteSize(bytes).to_string();
    if text.ends_with(|last: char| last.is_ascii_digit()) { format!("{text} bytes") } else { text }
}

/// What to do about too much to read.
const READ_LESS: &str =
    "EXPLAIN shows what each product's scan reads: filter by partition columns, or select fewer columns.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn what_a_product_uses_counts_for_its_statement_and_its_request() {
        let (request, traffic) = (Usage::default(), Arc::<Traffic>::default());
        let statement = request.statement(None, &traffic);
        statement.part("a.b@1").add_request();
        statement.part("a.b@1").add_bytes(7);
        statement.part("c.d@1").add_bytes(5);
        let counted = |usage: &Usage| (usage.requests(), usage.bytes());
        assert_eq!(counted(&statement.part("a.b@1")), (1, 7));
        assert_eq!(counted(&statement.part("c.d@1")), (0, 5));
        assert_eq!((counted(&statement), counted(&request)), ((1, 12), (1, 12)));
        let second = request.statement(None, &traffic);
        second.add_bytes(1);
        assert_eq!((counted(&second), counted(&request)), ((0, 1), (1, 13)));
        let expected = [("".to_owned(), 0, 1), ("a".to_owned(), 1, 7), ("c".to_owned(), 0, 5)];
        assert_eq!(traffic.by_domain(), expected, "the process counts each once, in its domain");
    }

    #[test]
    fn the_limit_is_the_statements_over_all_of_its_products() {
        let statement = Usage::default().statement(Some(ByteSize(10)), &Arc::default());
        statement.part("a.b@1").add_bytes(10);
        assert!(statement.may_read().is_ok() && statement.may_scan(10).is_ok());
        statement.part("c.d@1").add_bytes(1);
        let error = statement.part("a.b@1").may_read().unwrap_err();
        assert_eq!(error.kind(), Kind::Exhausted);
        assert!(error.to_string().contains("limits.scanned_bytes"), "{error}");
        assert_eq!(statement.may_scan(11).unwrap_err().kind(), Kind::Exhausted);
        assert!(Usage::default().statement(None, &Arc::default()).may_scan(u64::MAX).is_ok());
    }

    #[test]
    fn the_most_memory_is_kept_and_not_added() {
        let usage = Usage::default();
        [3, 9, 4].into_iter().for_each(|bytes| usage.holds(bytes));
        assert_eq!(usage.most_memory_bytes(), 9);
    }

    #[test]
    fn a_place_in_the_queue_is_told_as_long_as_it_waits() {
        let usage = Usage::default();
        assert_eq!((usage.position(), usage.waited()), (None, Duration::ZERO));
        usage.waits(2);
        usage.waits(1);
        assert_eq!(usage.position(), Some(1));
        usage.waits_no_more();
        assert_eq!(usage.position(), None);
        assert_eq!(usage.waited(), usage.waited(), "it stands still");
    }
}
