//! Who is inside: calls that are being answered, and whether new ones are let in.
//!
//! Holds always: once the gate is closed nobody comes in, and [`Gate::empty`] tells when the last has left.
//!
//! Start reading at [`Gate::enter`].

use std::sync::Arc;

use meshweave_engine::metrics::DoorMetrics;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::status::{Fault, Outcome};

/// The gate of one server.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    inside: TaskTracker,
    metrics: Arc<DoorMetrics>,
}

impl Gate {
    pub(crate) fn new(metrics: &Arc<DoorMetrics>) -> Self {
        Self { inside: TaskTracker::new(), metrics: Arc::clone(metrics) }
    }

    /// Lets a call in; it is inside until what is given is dropped.
    pub(crate) fn enter(&self) -> Outcome<TaskTrackerToken> {
        // First counted, then asked: whoever was let in is seen by those who wait for the last to leave.
        let token = self.inside.token();
        if self.metrics.is_draining() {
            return Err(Fault::unavailable("the server is shutting down")
                .hint("Run the statement again: another server takes it, or this one when it is back."));
        }
        Ok(token)
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.metrics.drain();
        self.inside.close();
    }

    /// Calls that are inside now.
    pub(crate) fn inside(&self) -> usize {
        self.inside.len()
    }

    /// Waits until the last has left, of a gate that was closed.
    pub(crate) async fn empty(&self) {
        self.inside.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_nobody_in_and_waits_for_the_last() {
        let gate = Gate::new(&Arc::default());
        let inside = gate.enter().unwrap();
        gate.close();
        assert!(gate.enter().unwrap_err().message().contains("shutting down"));
        assert_eq!(gate.inside(), 1);
        let mut empty = Box::pin(gate.empty());
        assert!(futures::poll!(&mut empty).is_pending());
        drop(inside);
        empty.await;
    }
}
