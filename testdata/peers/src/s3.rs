//! A real S3 server (versitygw over a temporary folder), with accounts and rights.
//!
//! Start reading at [`S3Server::start`].

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};

use crate::find::s3_program;
use crate::policy;
use crate::started::Started;

/// The region that the server answers for.
pub(crate) const REGION: &str = "us-east-1";

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
    started: Started,
    program: PathBuf,
    root: Account,
}

impl S3Server {
    /// Starts a server with one account that may do everything, and waits until it listens.
    ///
    /// # Errors
    /// When the program is missing (the message says how to install it) or does not listen; its own words are in the message.
    pub async fn start() -> Result<Self> {
        let program = s3_program()?;
        let root = Account { key: "root".to_owned(), secret: "root-secret".to_owned() };
        let started = Started::new("the S3 server", |address, folder| {
            let folders = ["accounts", "objects"].map(|name| folder.join(name));
            // A folder that cannot be made is the server's to complain about.
            let _made = folders.each_ref().map(std::fs::create_dir_all);
            let mut command = Command::new(&program);
            command.args(["--port", &address.to_string(), "--region", REGION]);
            command.args(["--quiet", "--iam-cache-disable", "--keep-alive"]);
            command.arg("--iam-dir").arg(&folders[0]).arg("posix").arg(&folders[1]);
            command.env("ROOT_ACCESS_KEY", &root.key).env("ROOT_SECRET_KEY", &root.secret);
            command
        });
        let started = started.await?;
        Ok(Self { started, program, root })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.started.url()
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.started.pid()
    }

    /// The account that may do everything.
    pub fn root(&self) -> &Account {
        &self.root
    }

    /// The folder whose subfolders are the buckets: what a test does there, nobody was asked for.
    pub fn folder(&self) -> PathBuf {
        self.started.folder().join("objects")
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
