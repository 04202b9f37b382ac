//! A real S3 server (versitygw over a temporary folder), with accounts and rights.
//!
//! Start reading at [`S3Server::start`].

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use tempfile::TempDir;

use crate::find::s3_program;
use crate::policy;

/// The region that the server answers for.
pub(crate) const REGION: &str = "us-east-1";
/// How often a start is tried: somebody may take the free port first.
const STARTS: usize = 5;
/// How often a new server is asked whether it listens, and how long between.
const QUESTIONS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// One who may use the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The access key's id.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl Account {
    /// A store over one bucket, with the rights of this account.
    ///
    /// - `endpoint`: the server's URL, or that of a proxy before it.
    ///
    /// # Errors
    /// When the endpoint is no URL.
    pub fn store(&self, endpoint: &str, bucket: &str) -> Result<AmazonS3> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region(REGION)
            .with_bucket_name(bucket)
            .with_access_key_id(&self.key)
            .with_secret_access_key(&self.secret)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        Ok(builder.build()?)
    }
}

/// A running S3 server; it ends, and its objects go, when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    process: Child,
    folder: TempDir,
    program: PathBuf,
    address: SocketAddr,
    root: Account,
}

impl S3Server {
    /// Starts a server with one account that may do everything, and waits until it listens.
    ///
    /// # Errors
    /// When the program is missing (the message says how to install it) or does not listen; its own words are in the message.
    pub async fn start() -> Result<Self> {
        let program = s3_program()?;
        let mut last = None;
        for _ in 0..STARTS {
            match Self::try_start(&program).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no start was tried"))).context("the S3 server did not start")
    }

    async fn try_start(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["objects", "accounts"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let log = File::create(folder.path().join("log"))?;
        let address = free_address()?;
        let root = Account { key: "root".to_owned(), secret: "root-secret".to_owned() };
        let process = Command::new(program)
            .args([
                "--port",
                &address.to_string(),
                "--region",
                REGION,
                "--quiet",
                "--iam-cache-disable",
                "--keep-alive",
            ])
            .arg("--iam-dir")
            .arg(folder.path().join("accounts"))
            .arg("posix")
            .arg(folder.path().join("objects"))
            .env("ROOT_ACCESS_KEY", &root.key)
            .env("ROOT_SECRET_KEY", &root.secret)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self { process, folder, program: program.to_owned(), address, root };
        server.wait_until_it_listens().await?;
        Ok(server)
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

    /// What the server wrote so far.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The account that may do everything.
    pub fn root(&self) -> &Account {
        &self.root
    }

    /// The folder whose subfolders are the buckets: what a test does there, nobody was asked for.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// Makes a bucket that only [`Self::root`] may use, until [`Self::allow`] says more. Names need three characters.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_bucket(&self, bucket: &str) -> Result<()> {
        self.admin(&["create-bucket", "--owner", &self.root.key, "--bucket", bucket])
    }

    /// Adds an account that may do nothing yet.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn add_account(&self, key: &str) -> Result<Account> {
        let account = Account { key: key.to_owned(), secret: format!("{key}-secret") };
        self.admin(&["create-user", "--access", &account.key, "--secret", &account.secret, "--role", "user"])?;
        Ok(account)
    }

    /// Says who may read, write, list and delete below which prefix of a bucket; replaces what was said before.
    ///
    /// Prefixes have no slash at either end; an empty one is the whole bucket. Listing cannot be told apart by prefix:
    /// every account that is named may list the bucket.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn allow(&self, bucket: &str, rights: &[(&Account, &str)]) -> Result<()> {
        policy::put(&self.url(), &self.root, bucket, &policy::document(bucket, rights)).await
    }

    /// Runs one command of the program against this server.
    fn admin(&self, words: &[&str]) -> Result<()> {
        let output = Command::new(&self.program)
            .args(["admin", "--access", &self.root.key, "--secret", &self.root.secret, "--region", REGION])
            .args(["--endpoint-url", &self.url()])
            .args(words)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("the S3 server refused {:?}: {}", words.first(), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

impl Drop for S3Server {
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
