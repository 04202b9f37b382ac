//! The connectors on real servers of every kind of store, reached as a domain reaches them.
//!
//! Start reading at [`Remote`].

mod listed;
mod pinning;
mod suites;

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use meshweave_contract::name::DomainName;
use meshweave_engine::settings::{Environment, Settings};
use meshweave_engine::storage::config::{CredentialsConfig, PrefixConfig};
use meshweave_engine::storage::{DomainStorage, Location, StorageContext};
use meshweave_test_peers::{AzureServer, GcsServer, SERVICE_ACCOUNT, WebServer};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;

/// Two places of one kind, side by side, and the server behind them.
pub(crate) struct Remote {
    pub(crate) places: [Place; 2],
    /// Ends with the test.
    _server: Box<dyn Any + Send>,
}

/// One bucket, container or web server.
pub(crate) struct Place {
    /// What a test writes through.
    pub(crate) write: Arc<dyn ObjectStore>,
    /// What a domain reaches: its store and the store's identity.
    pub(crate) reached: Location,
}

impl Place {
    fn new(write: impl ObjectStore, config: PrefixConfig, variables: &[(&str, &str)]) -> Self {
        Self { write: Arc::new(write), reached: locate(config, variables, "") }
    }

    pub(crate) fn read(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.reached.store)
    }

    pub(crate) fn id(&self) -> &str {
        &self.reached.store_id.0
    }
}

/// A place below a prefix, as a domain that was given the prefix finds it.
pub(crate) fn locate(config: PrefixConfig, variables: &[(&str, &str)], below: &str) -> Location {
    let environment = Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let context = StorageContext::new(".", &Settings { environment, ..Settings::default() });
    let url = format!("{}{below}", config.prefix);
    let domain = DomainName::new("shop").unwrap();
    DomainStorage::new(domain, "domain.yaml", &[config], &[], &context).unwrap().locate(&url).unwrap()
}

/// Two buckets of a GCS server, reached with a service account.
pub(crate) async fn gcs() -> Remote {
    let server = GcsServer::start().await.unwrap();
    let mut places = Vec::new();
    for bucket in ["first", "second"] {
        server.create_bucket(bucket).await.unwrap();
        let credentials =
            CredentialsConfig { service_account_env: Some("ACCOUNT".to_owned()), ..CredentialsConfig::default() };
        let config = PrefixConfig {
            endpoint: Some(server.url()),
            credentials: Some(credentials),
            ..PrefixConfig::new(format!("gs://{bucket}/"))
        };
        places.push(Place::new(server.store(bucket).unwrap(), config, &[("ACCOUNT", SERVICE_ACCOUNT)]));
    }
    Remote { places: places.try_into().ok().unwrap(), _server: Box::new(server) }
}

/// Containers of equal name in two accounts, the first reached with its key, the second with a shared access signature.
pub(crate) async fn azure() -> Remote {
    let server = AzureServer::start().await.unwrap();
    let mut places = Vec::new();
    for (account, by_key) in server.accounts().iter().zip([true, false]) {
        server.create_container(account, "data").await.unwrap();
        let sas = account.shared_access("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z").unwrap();
        let credentials = CredentialsConfig {
            account_key_env: by_key.then(|| "KEY".to_owned()),
            sas_env: (!by_key).then(|| "SAS".to_owned()),
            ..CredentialsConfig::default()
        };
        let config = PrefixConfig {
            endpoint: Some(server.url(account)),
            account: Some(account.name.clone()),
            credentials: Some(credentials),
            ..PrefixConfig::new("az://data/")
        };
        let variables = [("KEY", account.key.as_str()), ("SAS", sas.as_str())];
        places.push(Place::new(server.store(account, "data").unwrap(), config, &variables));
    }
    Remote { places: places.try_into().ok().unwrap(), _server: Box::new(server) }
}

/// Two web servers that speak WebDAV and ask for a token.
pub(crate) async fn web() -> Remote {
    let mut servers = Vec::new();
    let mut places = Vec::new();
    for _ in 0..2 {
        let server = WebServer::start(Some("token-of-the-test"), true).await.unwrap();
        let credentials = CredentialsConfig { bearer_env: Some("TOKEN".to_owned()), ..CredentialsConfig::default() };
        let config = PrefixConfig { credentials: Some(credentials), ..PrefixConfig::new(format!("{}/", server.url())) };
        let write = LocalFileSystem::new_with_prefix(PathBuf::from(server.folder())).unwrap();
        places.push(Place::new(write, config, &[("TOKEN", "token-of-the-test")]));
        servers.push(server);
    }
    Remote { places: places.try_into().ok().unwrap(), _server: Box::new(servers) }
}
