//! One server process on a loopback port, in a temporary folder, which ends with the value that stands for it.
//!
//! Start reading at [`Started::new`].

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// How often a start is tried: somebody may take the free port first.
const STARTS: usize = 5;
/// How often a new server is asked whether it listens, and how long between.
const QUESTIONS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A running server.
#[derive(Debug)]
pub(crate) struct Started {
    process: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Started {
    /// Starts a server and waits until it listens.
    ///
    /// - `what`: its name, for errors.
    /// - `command`: makes the command for an address and a folder of its own.
    ///
    /// # Errors
    /// When it does not start or does not listen; its own words are in the message.
    pub(crate) async fn new(what: &str, command: impl Fn(SocketAddr, &Path) -> Command + Send + Sync) -> Result<Self> {
        let mut last = None;
        for _ in 0..STARTS {
            match Self::try_new(&command).await {
                Ok(started) => return Ok(started),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no start was tried")))
            .with_context(|| format!("{what} did not start"))
    }

    async fn try_new(command: &(impl Fn(SocketAddr, &Path) -> Command + Sync)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let log = File::create(folder.path().join("log"))?;
        let process = command(address, folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir(folder.path())
            .spawn()?;
        let mut started = Self { process, folder, address };
        started.wait_until_it_listens().await?;
        Ok(started)
    }

    async fn wait_until_it_listens(&mut self) -> Result<()> {
        for _ in 0..QUESTIONS {
            if let Some(status) = self.process.try_wait()? {
                bail!("it ended at once ({status}): {}", self.log());
            }
            if tokio::net::TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("it does not listen on {}: {}", self.address, self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The process's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The folder it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to stop.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
