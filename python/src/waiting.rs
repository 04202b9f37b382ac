//! Waiting without the interpreter's lock, with an ear for Ctrl-C.
//!
//! Holds always: what was waited for is stopped when the wait ends early.
//!
//! Start reading at [`wait`].

use std::time::Duration;

use meshweave_engine::{Error, Failure, Result};
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// How often signals are looked for; Python's handlers run in its main thread only, between two looks.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Runs `work` on `threads`, whose stacks are large, and waits for it.
///
/// # Errors
/// Outside: what a signal handler raised, `KeyboardInterrupt` for Ctrl-C; `work` is dropped then. Inside: the work's own.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    threads: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> PyResult<Result<T>> {
    let mut task = JoinSet::new();
    task.spawn_on(work, threads);
    loop {
        let ended = py.detach(|| threads.block_on(async { tokio::time::timeout(TICK, task.join_next()).await }));
        match ended {
            Ok(Some(Ok(done))) => return Ok(done),
            Ok(Some(Err(error))) => return Ok(Err(Error::internal("the work of a call ended early", error))),
            Ok(None) => return Ok(Err(Failure::Cancelled.into())),
            Err(_) => py.check_signals()?,
        }
    }
}
