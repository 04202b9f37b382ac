//! A serving process as the one that measures holds it; it ends when this is dropped.
//!
//! Start reading at [`Server::start`].

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::serve::Used;

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(super) address: String,
    talk: Mutex<Talk>,
    /// Killed when it is dropped.
    _child: Child,
}

/// What goes in and comes out: one line for one line.
#[derive(Debug)]
struct Talk {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts this program again, as a server of the mesh in `dir`.
    ///
    /// # Errors
    /// When it does not start, or ends before it listens; its own words are on standard error.
    pub(super) async fn start(dir: &Path, threads: usize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["flight-serve", "--threads", &threads.to_string(), "--dir"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the server does not start")?;
        let input = child.stdin.take().context("the server has no input")?;
        let output = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut output = output.lines();
        let address = output.next_line().await?.context("the server ended before it listened")?;
        Ok(Self { address, talk: Mutex::new(Talk { input, output }), _child: child })
    }

    /// What it has used so far, and holds now.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) async fn used(&self) -> Result<Used> {
        let mut talk = self.talk.lock().await;
        talk.input.write_all(b"used\n").await?;
        talk.input.flush().await?;
        let line = talk.output.next_line().await?.context("the server has ended")?;
        Ok(serde_json::from_str(&line)?)
    }
}
