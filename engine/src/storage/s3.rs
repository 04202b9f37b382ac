//! Stores behind S3 endpoints: one per endpoint, bucket and credentials, shared by everybody in the process.
//!
//! Holds always: two domains with different keys never share a store, nor its identity.
//!
//! Start reading at [`Stores::bucket`].

use std::collections::HashMap;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::StoreId;
use super::credentials::Credentials;
use crate::document;
use crate::error::Result;
use crate::settings::StorageSettings;

/// The stores of a process.
#[derive(Debug, Default)]
pub(super) struct Stores(Mutex<HashMap<StoreKey, (Credentials, Arc<dyn ObjectStore>)>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StoreKey {
    id: StoreId,
    region: String,
    path_style: bool,
}

/// Which bucket, and how it is reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket<'a> {
    /// The bucket's name.
    pub(super) name: &'a str,
    /// The endpoint; none means Amazon's own.
    pub(super) endpoint: Option<&'a str>,
    /// The region.
    pub(super) region: &'a str,
    /// Whether the bucket stands in the path.
    pub(super) path_style: bool,
}

impl Stores {
    /// Gives the store of a bucket; made at its first use, and again when the keys have changed.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] at `place` when the endpoint is no URL.
    pub(super) fn bucket(
        &self,
        bucket: Bucket<'_>,
        credentials: &Credentials,
        settings: &StorageSettings,
        place: &str,
    ) -> Result<(StoreId, Arc<dyn ObjectStore>)> {
        let id = identity(&bucket, credentials);
        let key = StoreKey { id: id.clone(), region: bucket.region.to_owned(), path_style: bucket.path_style };
        let mut stores = self.0.lock();
        if let Some((with, store)) = stores.get(&key)
            && with == credentials
        {
            return Ok((id, Arc::clone(store)));
        }
        let store = build(&bucket, credentials, settings, place)?;
        stores.insert(key, (credentials.clone(), Arc::clone(&store)));
        Ok((id, store))
    }
}

/// Endpoint, bucket and credential scope, hashed. The scope is the hash of the access key's id: a new secret for the same key
/// is the same scope.
fn identity(bucket: &Bucket<'_>, credentials: &Credentials) -> StoreId {
    let scope = match credentials {
        Credentials::Anonymous => "anonymous".to_owned(),
        Credentials::Keys(keys) => hex::encode(Sha256::digest(&keys.access_key_id)),
    };
    let endpoint = bucket.endpoint.unwrap_or("aws").trim_end_matches('/');
    StoreId::of(&format!("{endpoint}|{}|{scope}", bucket.name))
}

fn build(
    bucket: &Bucket<'_>,
    credentials: &Credentials,
    settings: &StorageSettings,
    place: &str,
) -> Result<Arc<dyn ObjectStore>> {
    let client =
        ClientOptions::new().with_connect_timeout(settings.connect_timeout.0).with_timeout(settings.request_timeout.0);
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: settings.retries,
        retry_timeout: settings.retry_timeout.0,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket.name)
        .with_region(bucket.region)
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = bucket.endpoint {
        let endpoint = reached(bucket, endpoint, place)?;
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    builder = match credentials {
        Credentials::Anonymous => builder.with_skip_signature(true),
        Credentials::Keys(keys) => {
            let builder =
                builder.with_access_key_id(&keys.access_key_id).with_secret_access_key(&keys.secret_access_key);
            match &keys.session_token {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
    };
    let store = builder.build().map_err(|error| {
        document::invalid(place, format!("the store of bucket {} cannot be made: {error}", bucket.name))
    })?;
    Ok(Arc::new(store))
}

/// The endpoint that the client asks: with the bucket in the host's name unless it stands in the path.
fn reached(bucket: &Bucket<'_>, endpoint: &str, place: &str) -> Result<String> {
    let endpoint = endpoint.trim_end_matches('/');
    let bad = || document::invalid(place, format!("the endpoint {endpoint:?} is no http or https URL"));
    let (scheme, host) = endpoint.split_once("://").ok_or_else(bad)?;
    let parsed = url::Url::parse(endpoint).map_err(|_| bad())?;
    let is_web = matches!(scheme, "http" | "https") && parsed.host_str().is_some();
    if !is_web || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(bad());
    }
    Ok(if bucket.path_style { endpoint.to_owned() } else { format!("{scheme}://{}.{host}", bucket.name) })
}
