//! Buckets of Google Cloud Storage.
//!
//! Holds always: the client is given its credentials and its endpoint; it never looks for some in the environment or the home folder
//! of the process, and a service account's file cannot send it elsewhere.
//!
//! Start reading at [`build`].

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};
use serde::Deserialize;

use super::client::{self, Bounded};
use super::credentials::{Credentials, Instance};
use crate::settings::StorageSettings;

/// Google's own endpoint.
const ENDPOINT: &str = "https://storage.googleapis.com";
/// Where a machine of Google's asks for its own identity.
const METADATA: &str = "http://metadata.google.internal";
/// How long before its end a token is asked for anew.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// Which bucket, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The bucket's name.
    pub(super) name: String,
    /// The endpoint, without a slash at its end; none means Google's own.
    pub(super) endpoint: Option<String>,
}

impl Bucket {
    fn reached(&self) -> &str {
        self.endpoint.as_deref().unwrap_or(ENDPOINT)
    }

    /// Endpoint, bucket and credential scope.
    pub(super) fn described(&self, scope: &str) -> String {
        format!("gs|{}|{}|{scope}", self.reached(), self.name)
    }
}

/// Makes the store.
///
/// # Errors
/// When the client cannot be made of what it is given: JSON that is no service account's, a private key that is none.
pub(super) fn build(
    bucket: &Bucket,
    credentials: &Credentials,
    settings: &StorageSettings,
) -> object_store::Result<GoogleCloudStorage> {
    let endpoint = bucket.reached();
    let options = client::options(settings).with_allow_http(endpoint.starts_with("http://"));
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&bucket.name)
        .with_base_url(endpoint)
        .with_client_options(options)
        .with_http_connector(Bounded::new(settings))
        .with_retry(client::retry(settings));
    match credentials {
        Credentials::ServiceAccount(json) => builder.with_service_account_key(&json.0),
        Credentials::Instance(instance) => builder.with_credentials(Arc::new(MachineToken::new(instance, settings)?)),
        // A provider that is never asked keeps the client from looking for credentials of the process.
        _ => builder.with_skip_signature(true).with_credentials(Arc::new(Nobody)),
    }
    .build()
}

/// Gives no credential.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl CredentialProvider for Nobody {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        Err(failed("requests without credentials are not signed"))
    }
}

/// The token of the machine's own identity, kept until shortly before its end.
struct MachineToken {
    client: HttpClient,
    url: String,
    kept: tokio::sync::Mutex<Option<(Instant, Arc<GcpCredential>)>>,
}

impl fmt::Debug for MachineToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineToken").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What the metadata server answers.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: u64,
}

impl MachineToken {
    fn new(instance: &Instance, settings: &StorageSettings) -> object_store::Result<Self> {
        let client = Bounded::new(settings).connect(&client::options(settings).with_allow_http(true))?;
        let host = instance.endpoint.as_deref().unwrap_or(METADATA).trim_end_matches('/');
        let url = format!("{host}/computeMetadata/v1/instance/service-accounts/default/token");
        Ok(Self { client, url, kept: tokio::sync::Mutex::default() })
    }

    async fn ask(&self) -> object_store::Result<Answer> {
        let request = HttpRequest::new(HttpRequestBody::empty());
        let (mut parts, body) = request.into_parts();
        parts.uri = self.url.parse().map_err(|_| failed("the metadata server's address is none"))?;
        parts.headers.insert("metadata-flavor", http::HeaderValue::from_static("Google"));
        let answer = self.client.execute(HttpRequest::from_parts(parts, body)).await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(format!("the metadata server answers with {status}")));
        }
        let text = answer.into_body().bytes().await.map_err(failed)?;
        serde_json::from_slice(&text).map_err(|_| failed("the metadata server's answer holds no token"))
    }
}

#[async_trait]
impl CredentialProvider for MachineToken {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let mut kept = self.kept.lock().await;
        if let Some((until, token)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(Arc::clone(token));
        }
        let answer = self.ask().await?;
        let token = Arc::new(GcpCredential { bearer: answer.access_token });
        let lasts = Duration::from_secs(answer.expires_in).saturating_sub(TOKEN_MARGIN);
        *kept = Some((Instant::now() + lasts, Arc::clone(&token)));
        Ok(token)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic { store: "GCS", source: source.into() }
}
