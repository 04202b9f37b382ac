//! A server that speaks Google Cloud Storage (fake-gcs-server, in memory).
//!
//! It is read as Google's own is. It is written through its JSON interface, since it does not take what object stores put; and it
//! lists more than it is asked for after a name, so the store here leaves that out.
//!
//! Start reading at [`GcsServer::start`].

use std::fmt;
use std::ops::Range;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::path::Path;
use object_store::{
    ClientOptions, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result as StoreResult, UploadPart,
};
use parking_lot::Mutex;
use serde_json::json;

use crate::find::gcs_program;
use crate::started::Started;

/// The JSON of a service account that the server lets in without asking for a token.
pub const SERVICE_ACCOUNT: &str = r#"{"client_email": "reader@mesh.iam.gserviceaccount.com", "private_key": "",
    "private_key_id": "", "disable_oauth": true}"#;

/// A running server; it ends, and its objects go, when this is dropped.
#[derive(Debug)]
pub struct GcsServer {
    started: Started,
}

impl GcsServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Errors
    /// When the program is missing (the message says how to install it) or does not listen.
    pub async fn start() -> Result<Self> {
        let program = gcs_program()?;
        let started = Started::new("the GCS server", |address, _| {
            let mut command = Command::new(&program);
            command.args(["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1"]);
            command.args(["-port", &address.port().to_string(), "-public-host", &address.to_string()]);
            command
        });
        Ok(Self { started: started.await? })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.started.url()
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        let url = format!("{}/storage/v1/b?project=mesh", self.url());
        let (status, text) = post(&client(), &url, json!({"name": bucket}).to_string().into()).await?;
        if !status.is_success() {
            bail!("the GCS server refused the bucket ({status}): {}", String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    /// A store over one bucket.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn store(&self, bucket: &str) -> Result<GcsBucket> {
        let inner = GoogleCloudStorageBuilder::new()
            .with_bucket_name(bucket)
            .with_base_url(&self.url())
            .with_service_account_key(SERVICE_ACCOUNT)
            .with_client_options(ClientOptions::new().with_allow_http(true))
            .build()?;
        let upload = format!("{}/upload/storage/v1/b/{bucket}/o?uploadType=media", self.url());
        Ok(GcsBucket { writer: Writer { upload, client: client() }, inner: Arc::new(inner) })
    }
}

/// A bucket of the server.
#[derive(Debug, Clone)]
pub struct GcsBucket {
    inner: Arc<GoogleCloudStorage>,
    writer: Writer,
}

impl fmt::Display for GcsBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Writes objects through the JSON interface.
#[derive(Debug, Clone)]
struct Writer {
    upload: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Writer {
    async fn put(&self, path: &Path, payload: PutPayload, mode: &PutMode) -> StoreResult<PutResult> {
        let name: String = path.as_ref().bytes().map(|byte| format!("%{byte:02X}")).collect();
        let condition = if *mode == PutMode::Create { "&ifGenerationMatch=0" } else { "" };
        let url = format!("{}&name={name}{condition}", self.upload);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic { store: "GCS", source };
        let (status, text) =
            post(&self.client, &url, payload.into()).await.map_err(|error| failed(error.to_string().into()))?;
        match status {
            StatusCode::PRECONDITION_FAILED => {
                Err(Error::AlreadyExists { path: path.to_string(), source: "it is there".into() })
            }
            status if status.is_success() => Ok(PutResult { e_tag: None, version: None }),
            status => Err(failed(format!("{status}: {}", String::from_utf8_lossy(&text)).into())),
        }
    }
}

#[async_trait]
impl ObjectStore for GcsBucket {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        self.writer.put(path, payload, &options.mode).await
    }

    async fn put_multipart_opts(&self, path: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { path: path.clone(), writer: self.writer.clone(), parts: Arc::default() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        // Many at a time would be a batch, which the server has no words for.
        let inner = Arc::clone(&self.inner);
        let one = move |path: Path| {
            let inner = Arc::clone(&inner);
            let one = futures::stream::once(async move { Ok(path) }).boxed();
            async move { inner.delete_stream(one).try_next().await?.ok_or_else(nothing_done) }
        };
        paths.and_then(one).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let offset = offset.clone();
        self.inner.list(prefix).try_filter(move |found| std::future::ready(found.location > offset)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> StoreResult<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

fn nothing_done() -> Error {
    Error::Generic { store: "GCS", source: "nothing was deleted".into() }
}

/// Parts that are put as one object in the end.
#[derive(Debug)]
struct Upload {
    path: Path,
    writer: Writer,
    parts: Arc<Mutex<Vec<PutPayload>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.lock().push(data);
        futures::future::ready(Ok(())).boxed()
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        let parts = std::mem::take(&mut *self.parts.lock());
        let whole: PutPayload = parts.iter().flat_map(|part| part.iter().cloned()).collect();
        self.writer.put(&self.path, whole, &PutMode::Overwrite).await
    }

    async fn abort(&mut self) -> StoreResult<()> {
        self.parts.lock().clear();
        Ok(())
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn post(client: &Client<HttpConnector, Full<Bytes>>, url: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
    let request = Request::post(url).header("content-type", "application/json").body(Full::new(body))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}
