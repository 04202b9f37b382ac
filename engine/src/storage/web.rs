//! Web servers: objects by their addresses, listed only where the server speaks WebDAV.
//!
//! Start reading at [`build`].

use object_store::http::{HttpBuilder, HttpStore};
use object_store::{HeaderMap, HeaderValue};

use super::client::{self, Bounded};
use super::credentials::Credentials;
use crate::settings::StorageSettings;

/// Which server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// `https://host:port`.
    pub(super) url: String,
}

impl Server {
    /// Address and credential scope.
    pub(super) fn described(&self, scope: &str) -> String {
        format!("web|{}|{scope}", self.url)
    }
}

/// Makes the store.
///
/// # Errors
/// When the token cannot stand in a header.
pub(super) fn build(
    server: &Server,
    credentials: &Credentials,
    settings: &StorageSettings,
) -> object_store::Result<HttpStore> {
    let mut options = client::options(settings).with_allow_http(server.url.starts_with("http://"));
    if let Credentials::Bearer(token) = credentials {
        let refused = |_| object_store::Error::Generic { store: "HTTP", source: "the bearer token is none".into() };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.0)).map_err(refused)?;
        value.set_sensitive(true);
        options = options.with_default_headers(HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]));
    }
    HttpBuilder::new()
        .with_url(&server.url)
        .with_client_options(options)
        .with_http_connector(Bounded::new(settings))
        .with_retry(client::retry(settings))
        .build()
}
