//! Threads that parse: one for each file that is being read, and none of those that the runtime keeps for waiting.
//!
//! Local files are read on the runtime's waiting threads. Were parsers among these, as many of them as there are threads would wait
//! for bytes that no thread is left to read.
//! Holds always: a thread ends when either side of its work is dropped.
//!
//! Start reading at [`run`].

use meshweave_engine::{Failure, Result};
use tokio::sync::oneshot;

/// Bytes of address space for the stack; pages that are not touched cost nothing.
const STACK_BYTES: usize = 8 << 20;

/// Runs work that may block, on a thread of its own; what it gives comes through the channel, which is closed when it broke.
///
/// # Errors
/// [`Failure::Exhausted`] when the system has no thread left.
pub(super) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<oneshot::Receiver<T>> {
    let (done, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("rows".to_owned()).stack_size(STACK_BYTES);
    let started = thread.spawn(move || {
        // Nobody may be left who wants it.
        let _ = done.send(work());
    });
    match started {
        Ok(_detached) => Ok(receiver),
        Err(error) => Err(Failure::Exhausted {
            message: format!("there is no thread left to read a file with: {error}"),
            hint: Some("Run fewer queries at a time (`limits.concurrent_queries`).".to_owned()),
        }
        .into()),
    }
}
