//! A server that speaks Azure Blob Storage (Azurite, in memory), with two accounts.
//!
//! Start reading at [`AzureServer::start`].

use std::process::Command;

use anyhow::{Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpRequest, HttpRequestBody};
use sha2::Sha256;

use crate::find::azurite;
use crate::started::Started;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureAccount {
    /// Its name.
    pub name: String,
    /// Its key, base64.
    pub key: String,
}

/// A running server; it ends, and its blobs go, when this is dropped.
#[derive(Debug)]
pub struct AzureServer {
    started: Started,
    accounts: [AzureAccount; 2],
}

impl AzureServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When Node or the program is missing (the message says how to install it) or it does not listen.
    pub async fn start() -> Result<Self> {
        let program = azurite()?;
        let account = |name: &str, key: &str| AzureAccount { name: name.to_owned(), key: key.to_owned() };
        // Keys are base64 of anything.
        let accounts = [account("meshone", "bWVzaC1vbmUta2V5"), account("meshtwo", "bWVzaC10d28ta2V5")];
        let said = accounts.each_ref().map(|account| format!("{}:{}", account.name, account.key)).join(";");
        let started = Started::new("the Azure server", |address, _| {
            let mut command = Command::new("node");
            command.arg(&program).args(["--inMemoryPersistence", "--silent", "--disableTelemetry"]);
            command.args(["--skipApiVersionCheck", "--blobHost", "127.0.0.1"]);
            command.args(["--blobPort", &address.port().to_string()]).env("AZURITE_ACCOUNTS", &said);
            command
        });
        Ok(Self { started: started.await?, accounts })
    }

    /// Its accounts.
    pub fn accounts(&self) -> &[AzureAccount; 2] {
        &self.accounts
    }

    /// The endpoint of an account.
    pub fn url(&self, account: &AzureAccount) -> String {
        format!("{}/{}", self.started.url(), account.name)
    }

    /// The server itself, where a proxy may stand before.
    pub fn host(&self) -> String {
        self.started.url()
    }

    /// Makes a container.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_container(&self, account: &AzureAccount, container: &str) -> Result<()> {
        let (mut parts, body) = HttpRequest::new(HttpRequestBody::empty()).into_parts();
        parts.method = http::Method::PUT;
        parts.uri = format!("{}/{container}?restype=container", self.url(account)).parse()?;
        parts.headers.insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("0"));
        let mut request = HttpRequest::from_parts(parts, body);
        let credential = AzureCredential::AccessKey(AzureAccessKey::try_new(&account.key)?);
        AzureAuthorizer::new(&credential, &account.name).authorize(&mut request);
        let request = request.map(|_| Full::new(bytes::Bytes::new()));
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = answer.status();
        if !status.is_success() {
            let text = answer.into_body().collect().await?.to_bytes();
            bail!("the Azure server refused the container ({status}): {}", String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    /// A store over one container, with the account's key.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn store(&self, account: &AzureAccount, container: &str) -> Result<MicrosoftAzure> {
        let builder = MicrosoftAzureBuilder::new()
            .with_endpoint(self.url(account))
            .with_allow_http(true)
            .with_account(&account.name)
            .with_access_key(&account.key)
            .with_container_name(container);
        Ok(builder.build()?)
    }
}

impl AzureAccount {
    /// A signature that may read and list everything in the account, good from `start` to `end` (`2026-01-01T00:00:00Z`).
    ///
    /// # Errors
    /// When the account's key is no base64.
    ///
    /// # Source
    /// Azure Storage, "Create an account SAS".
    pub fn shared_access(&self, start: &str, end: &str) -> Result<String> {
        let (version, permissions) = ("2020-12-06", "rl");
        let text = format!("{}\n{permissions}\nb\nsco\n{start}\n{end}\n\nhttps,http\n{version}\n\n", self.name);
        let key = BASE64_STANDARD.decode(&self.key)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
        mac.update(text.as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        let times = format!("st={start}&se={end}").replace(':', "%3A");
        Ok(format!("sv={version}&ss=b&srt=sco&sp={permissions}&{times}&spr=https%2Chttp&sig={signature}"))
    }
}
