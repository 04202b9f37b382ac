//! The queries of this process that run or wait now.
//!
//! Holds always: a query is shown from the moment that it is to run until its record is handed in.
//!
//! Start reading at [`Live`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::record::QueryRecord;
use crate::context::Usage;
use crate::state::{LoggedQuery, count, product_of};

/// The queries that are shown.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Queries>);

#[derive(Debug, Default)]
struct Queries {
    last: u64,
    shown: BTreeMap<u64, LiveQuery>,
}

/// A query that runs or waits.
#[derive(Debug, Clone)]
pub(super) struct LiveQuery {
    /// What was known when it began.
    pub(super) record: QueryRecord,
    /// When it came.
    pub(super) since: Instant,
    /// What it has used, and its place in the queue.
    pub(super) usage: Arc<Usage>,
}

/// One query among those that are shown; it is taken away when this is dropped.
#[derive(Debug)]
pub(super) struct Shown {
    among: Arc<Live>,
    number: u64,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.among.0.lock().shown.remove(&self.number);
    }
}

impl Live {
    /// Shows one until the result is dropped.
    pub(super) fn show(self: &Arc<Self>, query: LiveQuery) -> Shown {
        let mut queries = self.0.lock();
        queries.last += 1;
        let number = queries.last;
        queries.shown.insert(number, query);
        Shown { among: Arc::clone(self), number }
    }

    /// Those of `principal`, and those that read one of `products`; the newest first.
    pub(super) fn queries(&self, principal: &str, products: &[String]) -> Vec<LoggedQuery> {
        let shown: Vec<LiveQuery> = self.0.lock().shown.values().rev().cloned().collect();
        let reads_one = |query: &LiveQuery| {
            let mut read = query.record.versions.products.keys().filter_map(|key| product_of(key));
            read.any(|(product, _)| products.contains(&product))
        };
        shown.into_iter().filter(|q| q.record.principal == principal || reads_one(q)).map(LiveQuery::told).collect()
    }
}

impl LiveQuery {
    fn told(self) -> LoggedQuery {
        let position = self.usage.position();
        let record = self.record.now(self.since, &self.usage);
        LoggedQuery {
            query_id: record.query_id.to_string(),
            started_at: record.started_at.as_microsecond(),
            duration: record.duration,
            principal: record.principal,
            purpose: record.purpose,
            statement: record.statement,
            versions: serde_json::to_string(&record.versions).unwrap_or_default(),
            rows: count(record.rows),
            rows_read: count(record.rows_read),
            bytes: count(record.bytes),
            requests: count(record.requests),
            memory: count(record.memory),
            spilled: count(record.spilled),
            waited: record.waited,
            position: position.map(|position| count(position as u64)),
            outcome: if position.is_some() { "waiting" } else { "running" }.to_owned(),
            error_kind: None,
            error: None,
        }
    }
}
