//! From the queries' ends to the state database, through a bounded queue and one writer.
//!
//! Start reading at [`QueryLog::hand_in`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

use super::record::QueryRecord;
use crate::error::Result;
use crate::state::{LoggedQuery, StateStore};

/// Records written in one transaction.
const AT_ONCE: usize = 256;

/// The log of one engine.
#[derive(Debug)]
pub(crate) struct QueryLog {
    state: Arc<StateStore>,
    queue_length: usize,
    queue: OnceLock<mpsc::Sender<Message>>,
    lost: AtomicU64,
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
    pub(crate) fn new(state: Arc<StateStore>, queue_length: usize) -> Self {
        Self { state, queue_length: queue_length.max(1), queue: OnceLock::new(), lost: AtomicU64::new(0) }
    }

    /// Starts the writer on the runtime of the caller; called again it does nothing.
    pub(crate) fn start(&self) {
        self.queue.get_or_init(|| {
            let (queue, messages) = mpsc::channel(self.queue_length);
            tokio::spawn(write(Arc::clone(&self.state), messages));
            queue
        });
    }

    /// Puts a record into the queue; one that finds it full is counted and lost, for a query does not wait for its record.
    pub(crate) fn hand_in(&self, record: QueryRecord) {
        let Some(queue) = self.queue.get() else { return };
        if queue.try_send(Message::Record(Box::new(record))).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(lost, "a query's record was lost: the queue of the query log is full or its writer is gone");
        }
    }

    /// The queries that are remembered, those that just ended too; see [`StateStore::queries`].
    pub(crate) async fn queries(&self, principal: &str, products: &[String]) -> Result<Vec<LoggedQuery>> {
        self.flush().await;
        self.state.queries(principal, products).await
    }

    /// Waits until everything that was handed in is written.
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
async fn write(state: Arc<StateStore>, mut messages: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(AT_ONCE);
    while messages.recv_many(&mut batch, AT_ONCE).await > 0 {
        let mut records = Vec::with_capacity(batch.len());
        let mut waiting = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Record(record) => records.push(*record),
                Message::Flush(done) => waiting.push(done),
            }
        }
        if !records.is_empty()
            && let Err(error) = state.put_queries(&records).await
        {
            tracing::warn!(records = records.len(), error = %error.report(), "records of queries were not written");
        }
        for done in waiting {
            // Whoever asked may be gone.
            let _ = done.send(());
        }
    }
}
