//! What a server hears from its machine: SIGTERM and Ctrl-C stop it, the same again hurries it, SIGHUP is for its certificate.
//!
//! Start reading at [`Signals::obey`].

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::supervisor;
use crate::failure::{self, Outcome};

/// The signals that end a server.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals are heard, and do not end the process.
    ///
    /// # Errors
    /// When the system does not let them be heard.
    pub(super) fn new() -> Outcome<Self> {
        Ok(Self { terminate: hear(SignalKind::terminate())?, interrupt: hear(SignalKind::interrupt())? })
    }

    /// Cancels `stop` at the first signal and `hurry` at the second; never ends.
    pub(super) async fn obey(&mut self, stop: &CancellationToken, hurry: &CancellationToken) {
        self.next().await;
        supervisor::tell("STOPPING=1");
        stop.cancel();
        self.next().await;
        hurry.cancel();
        std::future::pending().await
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// SIGHUP, heard too: by itself it would end the process.
///
/// # Errors
/// As [`Signals::new`].
pub(super) fn hangups() -> Outcome<Signal> {
    hear(SignalKind::hangup())
}

fn hear(kind: SignalKind) -> Outcome<Signal> {
    signal(kind).map_err(|error| failure::internal("waiting for signals", error))
}
