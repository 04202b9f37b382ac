//! The server that is measured: a process that serves one mesh and answers what it has used.
//!
//! In: lines on standard input. Out: first the address, then one line of JSON for every line that came; the end of the input
//! ends the process.
//!
//! Start reading at [`serve`].

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use meshweave_engine::Engine;
use meshweave_engine::settings::Settings;
use meshweave_flight_server::Options;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{mesh, usage};

/// How to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct Serving {
    /// The mesh folder.
    #[arg(long)]
    dir: PathBuf,
    /// Threads of the process, and partitions of a query.
    #[arg(long)]
    threads: usize,
}

/// What the process has used so far, and holds now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Used {
    /// CPU time of all its threads, seconds.
    pub(crate) cpu_seconds: f64,
    /// The most that it ever held in RAM, bytes.
    pub(crate) peak_bytes: u64,
    /// What its queries and the messages on their way have reserved now, bytes.
    pub(crate) reserved_bytes: u64,
}

/// Serves until the input ends.
///
/// # Errors
/// When the mesh cannot be opened or the listener fails.
pub(crate) fn serve(serving: &Serving) -> Result<()> {
    // As the command line serves: calls are answered here, queries computed there.
    let [runtime, queries] = [threads(serving)?, threads(serving)?];
    let served = runtime.block_on(served(serving, queries.handle().clone()));
    queries.shutdown_background();
    served
}

fn threads(serving: &Serving) -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(serving.threads).enable_all().build()?)
}

async fn served(serving: &Serving, queries: Handle) -> Result<()> {
    let mut settings = Settings::default();
    settings.limits.partitions = Some(serving.threads);
    let engine = mesh::open_with(&serving.dir, settings).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    let mut options = Options::new(mesh::analyst()?.principal.as_ref().clone());
    options.drain = Duration::ZERO;
    options.work = Some(queries);
    let (ended, end) = tokio::sync::oneshot::channel();
    let asked = Arc::clone(&engine);
    // A thread: standard input is read in no other way.
    std::thread::spawn(move || ended.send(answer(&asked)));
    let (told, shutdown) = tokio::sync::oneshot::channel();
    let input = async {
        let answered = end.await;
        let _ = told.send(());
        answered?
    };
    let ending = async {
        let _ = shutdown.await;
    };
    let (served, input) = tokio::join!(meshweave_flight_server::serve(engine, listener, options, ending), input);
    served?;
    input
}

/// One line out for one line in, until the input ends.
fn answer(engine: &Engine) -> Result<()> {
    for line in std::io::stdin().lines() {
        line?;
        let used = Used {
            cpu_seconds: usage::cpu().as_secs_f64(),
            peak_bytes: usage::peak_memory()?,
            reserved_bytes: engine.reserved_bytes() as u64,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&used)?)?;
        out.flush()?;
    }
    Ok(())
}
