//! The threads on which a server plans and computes its queries, beside those that answer calls.
//!
//! Holds always: they end when this is dropped, whatever they do.
//!
//! Start reading at [`Threads::start`].

use tokio::runtime::{Builder, Handle, Runtime};

use crate::STACK_BYTES;
use crate::failure::{self, Outcome};

/// As many threads as the machine has cores.
#[derive(Debug)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn start() -> Outcome<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().thread_name("query").thread_stack_size(STACK_BYTES);
        let runtime = builder.build().map_err(|error| failure::internal("starting the threads of queries", error))?;
        Ok(Self(Some(runtime)))
    }

    /// Where work is given to them.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
