//! The answers that this server gives now, so that they can be stopped and asked how far they are.
//!
//! Holds always:
//! - only the principal whose query it is reaches it;
//! - a query that was cancelled before its rows were fetched is not begun any more;
//! - an answer leaves with its stream, however that ends.
//!
//! Start reading at [`Running`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meshweave_engine::context::Usage;
use meshweave_engine::{Error, Failure, QueryContext};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::status::{Fault, Outcome};

/// Queries that were cancelled before they were fetched, and are remembered.
const CANCELLED_KEPT: usize = 4096;

/// The answers of one server.
#[derive(Debug, Default, Clone)]
pub(crate) struct Running(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    answers: BTreeMap<u64, Answer>,
    /// Cancelled before they began; their ids sort by time, so that the oldest go first.
    cancelled: BTreeSet<Uuid>,
}

#[derive(Debug)]
struct Answer {
    query: Uuid,
    cancel: CancellationToken,
    progress: Arc<Progress>,
}

/// How far an answer is.
#[derive(Debug)]
pub(crate) struct Progress {
    usage: Arc<Usage>,
    /// Bytes that its scans read at most; 0: not known.
    expected: AtomicU64,
}

impl Progress {
    /// What the plan says about it.
    pub(crate) fn expects(&self, bytes: u64) {
        self.expected.store(bytes, Ordering::Relaxed);
    }

    /// From 0 to 1; none when nobody knows. It is not 1 before the end.
    fn part(&self) -> Option<f64> {
        let expected = self.expected.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a part for people")]
        let part = self.usage.bytes() as f64 / expected as f64;
        (expected > 0).then_some(part.min(0.99))
    }
}

/// One answer among those that run; it is taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    among: Running,
    number: u64,
    /// How far it is.
    pub(crate) progress: Arc<Progress>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.among.0.lock().answers.remove(&self.number);
    }
}

impl Running {
    /// Counts an answer among those that run.
    ///
    /// # Errors
    /// Its query was cancelled.
    pub(crate) fn enter(&self, ctx: &QueryContext) -> Outcome<Inside> {
        let mut state = self.0.lock();
        if state.cancelled.contains(&ctx.query_id) {
            return Err(Fault::from(Error::from(Failure::Cancelled)));
        }
        state.last += 1;
        let number = state.last;
        let progress = Arc::new(Progress { usage: Arc::clone(&ctx.usage), expected: AtomicU64::new(0) });
        let answer = Answer { query: ctx.query_id, cancel: ctx.cancel.clone(), progress: Arc::clone(&progress) };
        state.answers.insert(number, answer);
        Ok(Inside { among: self.clone(), number, progress })
    }

    /// Stops a query, and sees to it that it does not begin. Its caller has shown a ticket that was made for it.
    pub(crate) fn cancel(&self, query: Uuid) {
        let mut state = self.0.lock();
        state.cancelled.insert(query);
        if state.cancelled.len() > CANCELLED_KEPT {
            state.cancelled.pop_first();
        }
        let tokens: Vec<_> = state.answers.values().filter(|a| a.query == query).map(|a| a.cancel.clone()).collect();
        drop(state);
        tokens.iter().for_each(CancellationToken::cancel);
    }

    /// How far a query is: none when it does not run here; inside, none when nobody knows.
    pub(crate) fn progress(&self, query: Uuid) -> Option<Option<f64>> {
        let state = self.0.lock();
        state.answers.values().find(|answer| answer.query == query).map(|answer| answer.progress.part())
    }
}

#[cfg(test)]
mod tests {
    use meshweave_engine::Principal;

    use super::*;

    fn context() -> QueryContext {
        QueryContext::new(Principal { user: "ada".into(), teams: vec![] })
    }

    #[test]
    fn an_answer_is_there_until_it_is_dropped() {
        let (running, ctx) = (Running::default(), context());
        assert_eq!(running.progress(ctx.query_id), None);
        let inside = running.enter(&ctx).unwrap();
        assert_eq!(running.progress(ctx.query_id), Some(None));
        inside.progress.expects(100);
        ctx.usage.add_bytes(25);
        assert_eq!(running.progress(ctx.query_id), Some(Some(0.25)));
        ctx.usage.add_bytes(1000);
        assert_eq!(running.progress(ctx.query_id), Some(Some(0.99)));
        drop(inside);
        assert_eq!(running.progress(ctx.query_id), None);
    }

    #[test]
    fn what_is_cancelled_stops_and_does_not_begin_again() {
        let (running, ctx, other) = (Running::default(), context(), context());
        let _insides = [running.enter(&ctx).unwrap(), running.enter(&other).unwrap()];
        running.cancel(ctx.query_id);
        assert!(ctx.cancel.is_cancelled() && !other.cancel.is_cancelled());
        assert_eq!(running.enter(&ctx).unwrap_err().code(), tonic::Code::Cancelled);
        for _ in 0..2 * CANCELLED_KEPT {
            running.cancel(Uuid::now_v7());
        }
        assert_eq!(running.0.lock().cancelled.len(), CANCELLED_KEPT);
    }
}
