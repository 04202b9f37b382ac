//! Buckets behind S3 endpoints.
//!
//! Start reading at [`build`].

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};

use super::client::{self, Bounded};
use super::credentials::{Credentials, Instance, Role};
use crate::settings::StorageSettings;

/// Which bucket, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The bucket's name.
    pub(super) name: String,
    /// The endpoint, without a slash at its end; none means Amazon's own.
    pub(super) endpoint: Option<String>,
    /// The region.
    pub(super) region: String,
    /// Whether the bucket stands in the path.
    pub(super) path_style: bool,
}

impl Bucket {
    /// Endpoint, bucket and credential scope.
    pub(super) fn described(&self, scope: &str) -> String {
        format!("{}|{}|{scope}", self.endpoint.as_deref().unwrap_or("aws"), self.name)
    }

    /// The endpoint that the client asks: with the bucket in the host's name unless it stands in the path.
    fn reached(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref()?;
        match (self.path_style, endpoint.split_once("://")) {
            (false, Some((scheme, host))) => Some(format!("{scheme}://{}.{host}", self.name)),
            _ => Some(endpoint.to_owned()),
        }
    }
}

/// Makes the store.
///
/// # Errors
/// When the client cannot be made of what it is given.
pub(super) fn build(
    bucket: &Bucket,
    credentials: &Credentials,
    settings: &StorageSettings,
) -> object_store::Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_virtual_hosted_style_request(!bucket.path_style)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(client::options(settings))
        .with_http_connector(Bounded::new(settings))
        .with_retry(client::retry(settings));
    if let Some(endpoint) = bucket.reached() {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    signed(builder, credentials).build()
}

fn signed(builder: AmazonS3Builder, credentials: &Credentials) -> AmazonS3Builder {
    match credentials {
        Credentials::Keys(keys) => {
            let builder =
                builder.with_access_key_id(&keys.access_key_id).with_secret_access_key(&keys.secret_access_key.0);
            match &keys.session_token {
                Some(token) => builder.with_token(&token.0),
                None => builder,
            }
        }
        Credentials::Instance(instance) => of_instance(builder, instance),
        Credentials::Role(role) => of_role(builder, role),
        _ => builder.with_skip_signature(true),
    }
}

/// The identity of the pod, the container or the machine: the first that the environment speaks of, in this order.
fn of_instance(mut builder: AmazonS3Builder, instance: &Instance) -> AmazonS3Builder {
    for (name, value) in &instance.variables {
        let key = match *name {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT" => AmazonS3ConfigKey::MetadataEndpoint,
            "AWS_WEB_IDENTITY_TOKEN_FILE" => AmazonS3ConfigKey::WebIdentityTokenFile,
            "AWS_ROLE_ARN" => AmazonS3ConfigKey::RoleArn,
            "AWS_ROLE_SESSION_NAME" => AmazonS3ConfigKey::RoleSessionName,
            "AWS_ENDPOINT_URL_STS" => AmazonS3ConfigKey::StsEndpoint,
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" => AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI" => AmazonS3ConfigKey::ContainerCredentialsFullUri,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" => AmazonS3ConfigKey::ContainerAuthorizationTokenFile,
            _ => continue,
        };
        builder = builder.with_config(key, value);
    }
    match &instance.endpoint {
        Some(endpoint) => builder.with_metadata_endpoint(endpoint.trim_end_matches('/')),
        None => builder,
    }
}

fn of_role(builder: AmazonS3Builder, role: &Role) -> AmazonS3Builder {
    let token_file = role.token_file.display().to_string();
    let builder = builder
        .with_config(AmazonS3ConfigKey::RoleArn, &role.arn)
        .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, token_file);
    match &role.session_name {
        Some(name) => builder.with_config(AmazonS3ConfigKey::RoleSessionName, name),
        None => builder,
    }
}
