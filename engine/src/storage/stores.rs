//! The stores behind remote addresses: one per endpoint, bucket and credentials, shared by everybody in the process.
//!
//! Holds always: two domains with different keys never share a store, nor its identity.
//!
//! Start reading at [`Stores::get`].

use std::collections::HashMap;
use std::sync::Arc;

use object_store::ObjectStore;
use parking_lot::Mutex;

use super::address::{Kind, Scheme, azure_account};
use super::config::PrefixConfig;
use super::credentials::{self, Credentials, Sources};
use super::{StoreId, azure, gcs, s3, web};
use crate::document;
use crate::error::Result;
use crate::settings::StorageSettings;

/// The stores of a process.
#[derive(Debug, Default)]
pub(super) struct Stores(Mutex<HashMap<Key, Made>>);

/// A store, and what it was made with.
type Made = (Credentials, Arc<dyn ObjectStore>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    id: StoreId,
    /// What changes how it is reached, and not what it holds.
    reached: String,
}

/// Which store is meant, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A bucket behind an S3 endpoint.
    S3(s3::Bucket),
    /// A bucket of Google's.
    Gcs(gcs::Bucket),
    /// A container of an Azure account.
    Azure(azure::Container),
    /// A web server.
    Web(web::Server),
}

impl Target {
    /// What a prefix and an address under it mean.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] for an endpoint that is no web address, or a profile that is none.
    pub(super) fn of(scheme: Scheme, authority: &str, config: &PrefixConfig, sources: Sources<'_>) -> Result<Self> {
        let endpoint = config.endpoint.as_deref().map(|e| super::client::endpoint(e, sources.place)).transpose()?;
        let endpoint = endpoint.map(str::to_owned);
        let name = authority.to_owned();
        Ok(match scheme {
            Scheme::S3 => {
                let of_profile = || credentials::region(config.credentials.as_ref(), sources);
                let region = match &config.region {
                    Some(region) => Some(region.clone()),
                    None => of_profile()?,
                };
                let region = region.unwrap_or_else(|| "us-east-1".to_owned());
                Self::S3(s3::Bucket { name, endpoint, region, path_style: config.path_style.unwrap_or(true) })
            }
            Scheme::Gcs => Self::Gcs(gcs::Bucket { name, endpoint }),
            Scheme::Az => {
                let account = config.account.clone().ok_or_else(|| without_account(sources.place))?;
                Self::Azure(azure::Container { name, account, cloud: azure::PUBLIC_CLOUD.to_owned(), endpoint })
            }
            Scheme::Abfss => {
                let (container, account, cloud) =
                    azure_account(authority).ok_or_else(|| without_account(sources.place))?;
                let [name, account, cloud] = [container, account, cloud].map(str::to_owned);
                Self::Azure(azure::Container { name, account, cloud, endpoint })
            }
            Scheme::Https | Scheme::Http => Self::Web(web::Server { url: format!("{}://{authority}", scheme.word()) }),
        })
    }

    /// What the identity of the store is the hash of.
    fn described(&self, credentials: &Credentials) -> String {
        let scope = credentials.scope();
        match self {
            Self::S3(bucket) => bucket.described(&scope),
            Self::Gcs(bucket) => bucket.described(&scope),
            Self::Azure(container) => container.described(&scope),
            Self::Web(server) => server.described(&scope),
        }
    }

    fn build(
        &self,
        credentials: &Credentials,
        settings: &StorageSettings,
    ) -> object_store::Result<Arc<dyn ObjectStore>> {
        Ok(match self {
            Self::S3(bucket) => Arc::new(s3::build(bucket, credentials, settings)?),
            Self::Gcs(bucket) => Arc::new(gcs::build(bucket, credentials, settings)?),
            Self::Azure(container) => Arc::new(azure::build(container, credentials, settings)?),
            Self::Web(server) => Arc::new(web::build(server, credentials, settings)?),
        })
    }

    fn name(&self) -> &str {
        match self {
            Self::S3(bucket) => &bucket.name,
            Self::Gcs(bucket) => &bucket.name,
            Self::Azure(container) => &container.name,
            Self::Web(server) => &server.url,
        }
    }
}

impl Stores {
    /// Gives a store; made at its first use, and again when the keys have changed.
    ///
    /// # Errors
    /// [`crate::Failure::InvalidConfiguration`] at `place` when it cannot be made of what the domain says.
    pub(super) fn get(
        &self,
        target: &Target,
        credentials: &Credentials,
        settings: &StorageSettings,
        place: &str,
    ) -> Result<(StoreId, Arc<dyn ObjectStore>)> {
        let id = StoreId::of(&target.described(credentials));
        let reached = match target {
            Target::S3(bucket) => format!("{}|{}", bucket.region, bucket.path_style),
            Target::Gcs(_) | Target::Azure(_) | Target::Web(_) => String::new(),
        };
        let key = Key { id: id.clone(), reached };
        let mut stores = self.0.lock();
        if let Some((with, store)) = stores.get(&key)
            && with == credentials
        {
            return Ok((id, Arc::clone(store)));
        }
        let store = target.build(credentials, settings).map_err(|error| {
            document::invalid(
                place,
                format!("the store of {} cannot be made: {}", target.name(), without_secrets(&error)),
            )
        })?;
        stores.insert(key, (credentials.clone(), Arc::clone(&store)));
        Ok((id, store))
    }
}

/// What a client says of credentials that it cannot use may quote them; then only its kind is told.
fn without_secrets(error: &object_store::Error) -> String {
    match error {
        object_store::Error::Generic { store, .. } => format!("{store} does not take the credentials or the endpoint"),
        other => other.to_string(),
    }
}

fn without_account(place: &str) -> crate::Error {
    let hint =
        "Write `account: NAME` beside the prefix, or write the prefix as abfss://container@NAME.dfs.core.windows.net/.";
    document::invalid_hint(place, "an az:// prefix needs the account it belongs to".to_owned(), hint)
}

/// What kind of store a prefix names takes from its document, beside `credentials`.
pub(super) fn misplaced(kind: Option<Kind>, scheme: Option<Scheme>, config: &PrefixConfig) -> Option<&'static str> {
    let remote = matches!(kind, Some(Kind::S3 | Kind::Gcs | Kind::Azure));
    let keys = [
        ("endpoint", config.endpoint.is_some(), remote),
        ("region", config.region.is_some(), kind == Some(Kind::S3)),
        ("path_style", config.path_style.is_some(), kind == Some(Kind::S3)),
        ("account", config.account.is_some(), scheme == Some(Scheme::Az)),
        ("credentials", config.credentials.is_some(), kind.is_some()),
    ];
    keys.into_iter().find(|(_, said, taken)| *said && !taken).map(|(key, ..)| key)
}
