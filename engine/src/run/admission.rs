//! Who runs and who waits: a bounded number of queries at a time, and a bounded queue before them.
//!
//! Start reading at [`Admission::enter`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::QueryContext;
use crate::error::{Failure, Result};
use crate::settings::Limits;

/// The door before the executor.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    running_at_most: usize,
    waiting: AtomicUsize,
    waiting_at_most: usize,
}

/// Leaves the queue when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let running_at_most = limits.concurrent_queries.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(running_at_most)),
            running_at_most,
            waiting: AtomicUsize::new(0),
            waiting_at_most: limits.queued_queries,
        }
    }

    /// Waits for a place; the place is free again when the permit is dropped.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when the queue is full; cancellation and deadline of the context.
    pub(crate) async fn enter(&self, ctx: &QueryContext) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.queue()?;
        ctx.bounded(async {
            Arc::clone(&self.places)
                .acquire_owned()
                .await
                .map_err(|closed| crate::Error::internal("the door of the executor is closed", closed))
        })
        .await
    }

    /// Takes a place in the queue.
    fn queue(&self) -> Result<Waiting<'_>> {
        let taken = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < self.waiting_at_most).then_some(waiting + 1)
        });
        match taken {
            Ok(_) => Ok(Waiting(&self.waiting)),
            Err(waiting) => Err(Failure::Exhausted {
                message: format!("{} queries are running and {waiting} are waiting", self.running_at_most),
                hint: Some("Try again later, or raise limits.concurrent_queries or limits.queued_queries.".to_owned()),
            }
            .into()),
        }
    }

    /// Queries that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}
