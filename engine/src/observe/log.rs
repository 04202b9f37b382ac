//! From the queries' ends to the state database, through a bounded queue and one writer.
//!
//! Start reading at [`QueryLog::hand_in`].

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::live::Live;
use super::metrics::Metrics;
use super::record::QueryRecord;
use crate::error::Result;
use crate::state::{DriftRecord, LoggedQuery, StateStore};

/// Records written in one transaction.
const AT_ONCE: usize = 256;
/// Newest records among which those are looked for that ended while the log was read.
const ENDED_MEANWHILE: usize = 10_000;
/// Time after which records that could not be written are tried again, when nobody hands in another.
const AGAIN: Duration = Duration::from_secs(5);

/// The log of one engine.
#[derive(Debug)]
pub(crate) struct QueryLog {
    state: Arc<StateStore>,
    queue_length: usize,
    queue: OnceLock<mpsc::Sender<Message>>,
    metrics: Arc<Metrics>,
    /// The queries of this process that run or wait now.
    pub(super) live: Arc<Live>,
}

/// What the writer is told.
#[derive(Debug)]
enum Message {
    Record(Box<QueryRecord>),
    /// Answer when all before it is written.
    Flush(oneshot::Sender<()>),
}

impl QueryLog {
    /// - `queue_length`: records that may wait for the database.
    /// - `metrics`: where queries and lost records are counted.
    pub(crate) fn new(state: Arc<StateStore>, queue_length: usize, metrics: Arc<Metrics>) -> Self {
        let queue_length = queue_length.max(1);
        Self { state, queue_length, queue: OnceLock::new(), metrics, live: Arc::default() }
    }

    /// The numbers of the process.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Starts the writer on the runtime of the caller; called again it does nothing.
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends when the log is dropped, after what was handed in is written"
    )]
    pub(crate) fn start(&self) {
        self.queue.get_or_init(|| {
            let (queue, messages) = mpsc::channel(self.queue_length);
            tokio::spawn(write(Arc::clone(&self.state), messages, self.queue_length, Arc::clone(&self.metrics)));
            queue
        });
    }

    /// Puts a record into the queue; one that finds it full is counted and lost, for a query does not wait for its record.
    pub(crate) fn hand_in(&self, record: QueryRecord) {
        let Some(queue) = self.queue.get() else { return };
        if queue.try_send(Message::Record(Box::new(record))).is_err() {
            self.metrics.records_lost.add(1);
            let lost = self.metrics.records_lost.get();
            tracing::warn!(lost, "a query's record was lost: the queue of the query log is full or its writer is gone");
        }
    }

    /// The queries that run or wait, then those that are remembered; those that just ended too. See [`StateStore::queries`].
    pub(crate) async fn queries(&self, principal: &str, products: &[String]) -> Result<Vec<LoggedQuery>> {
        // Looked at first: a query that ends meanwhile is in both, and never in none.
        let mut all = self.live.queries(principal, products);
        self.flush().await;
        let ended = self.state.queries(principal, products).await?;
        let key = |query: &LoggedQuery| (query.query_id.clone(), query.started_at);
        let have_ended: HashSet<_> = ended.iter().take(ENDED_MEANWHILE).map(key).collect();
        all.retain(|query| !have_ended.contains(&key(query)));
        all.extend(ended);
        Ok(all)
    }

    /// The drift that is remembered, what just was met too; see [`StateStore::drift`].
    pub(crate) async fn drift(&self) -> Result<Vec<DriftRecord>> {
        self.flush().await;
        self.state.drift().await
    }

    /// Waits until everything that was handed in is written, or was tried in vain.
    pub(crate) async fn flush(&self) {
        let Some(queue) = self.queue.get() else { return };
        let (done, written) = oneshot::channel();
        if queue.send(Message::Flush(done)).await.is_ok() {
            // The writer is gone only when its runtime is; then there is nobody to wait for.
            let _ = written.await;
        }
    }
}

/// Writes what comes, many at a time, until the log is dropped.
///
/// - `most`: records that are kept while the database does not answer; the oldest are lost first.
async fn write(state: Arc<StateStore>, mut messages: mpsc::Receiver<Message>, most: usize, metrics: Arc<Metrics>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    let mut records = VecDeque::new();
    loop {
        let received = if records.is_empty() {
            Some(messages.recv_many(&mut batch, AT_ONCE).await)
        } else {
            tokio::time::timeout(AGAIN, messages.recv_many(&mut batch, AT_ONCE)).await.ok()
        };
        let mut waiting = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Record(record) => records.push_back(*record),
                Message::Flush(done) => waiting.push(done),
            }
        }
        metrics.records_lost.add(write_all(&state, &mut records, most).await);
        for done in waiting {
            // Whoever asked may be gone.
            let _ = done.send(());
        }
        if received == Some(0) {
            return;
        }
    }
}

/// Writes records, the oldest first; those that a database which does not answer cannot take yet stay. Gives how many were lost.
async fn write_all(state: &StateStore, records: &mut VecDeque<QueryRecord>, most: usize) -> u64 {
    let mut refused = 0;
    while !records.is_empty() && state.may_answer() {
        let some: Vec<QueryRecord> = records.iter().take(AT_ONCE).cloned().collect();
        match state.put_queries(&some).await {
            Err(error) if state.is_out() => {
                tracing::warn!(waiting = records.len(), error = %error.report(), "records of queries are not written yet");
                break;
            }
            Err(error) => {
                refused += some.len();
                tracing::warn!(lost = some.len(), error = %error.report(), "records of queries were lost");
            }
            Ok(()) => {}
        }
        records.drain(..some.len());
    }
    let lost = records.len().saturating_sub(most);
    if lost > 0 {
        records.drain(..lost);
        tracing::warn!(lost, "the oldest records of queries were lost: too many wait for the database");
    }
    (refused + lost) as u64
}
