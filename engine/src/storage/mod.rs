//! A domain's storage: which prefixes it may use, with which credentials, and the stores behind them.
//!
//! In: the `storage:` entries of a `domain.yaml`. Out: a [`Location`] for a URL that lies under one of them.
//! Holds always:
//! - a location is only ever made from a domain's own prefixes, with that domain's credentials;
//! - a [`StoreId`] differs whenever endpoint, bucket or credentials differ, so it can start every cache key.
//!
//! Start reading at [`DomainStorage::locate`].

mod address;
pub mod config;
mod credentials;
mod local;
mod location;
pub mod meter;
mod s3;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use meshweave_contract::name::DomainName;
use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use self::address::{Address, BadAddress, Root};
use self::config::{PrefixConfig, SchemaPrefix};
use self::local::{ConfinedFiles, real_path};
use self::s3::{Bucket, Stores};
use crate::document;
use crate::error::{Error, Failure, Result};
use crate::settings::{Environment, Settings, StorageSettings};

pub use self::location::{Location, StoreId};

/// What all domains of a process share: where the mesh lies, what the process allows, and the stores made so far.
#[derive(Debug, Clone)]
pub struct StorageContext {
    mesh: PathBuf,
    settings: StorageSettings,
    environment: Environment,
    stores: Arc<Stores>,
}

impl StorageContext {
    /// The context of one process.
    ///
    /// - `mesh`: the mesh folder; `file://./` starts there.
    pub fn new(mesh: impl Into<PathBuf>, settings: &Settings) -> Self {
        Self {
            mesh: mesh.into(),
            settings: settings.storage.clone(),
            environment: settings.environment.clone(),
            stores: Arc::default(),
        }
    }
}

/// The storage of one domain: its prefixes, in the order of its document.
#[derive(Debug)]
pub struct DomainStorage {
    domain: DomainName,
    /// The document, for errors.
    place: String,
    prefixes: Vec<Prefix>,
    schema_prefixes: Vec<Prefix>,
    context: StorageContext,
}

/// One prefix, read once.
#[derive(Debug, Clone)]
struct Prefix {
    address: Address,
    config: PrefixConfig,
}

impl DomainStorage {
    /// The storage of a domain.
    ///
    /// - `place`: the document it is written in, for errors.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] for a prefix that is no address, a wildcard in a prefix, or credentials that are not offered.
    pub fn new(
        domain: DomainName,
        place: &str,
        storage: &[PrefixConfig],
        schemas: &[SchemaPrefix],
        context: &StorageContext,
    ) -> Result<Self> {
        let prefixes: Vec<Prefix> = storage.iter().map(|config| Prefix::read(config, place)).collect::<Result<_>>()?;
        let schema_prefixes = schemas
            .iter()
            .map(|schema| match schema {
                SchemaPrefix::Full(config) => Prefix::read(config, place),
                SchemaPrefix::Url(url) => like_the_domains_own(url, &prefixes, place),
            })
            .collect::<Result<_>>()?;
        Ok(Self { domain, place: place.to_owned(), prefixes, schema_prefixes, context: context.clone() })
    }

    /// The storage of a domain that has local folders only.
    ///
    /// - `prefixes`: `file:` URLs.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn local(domain: DomainName, prefixes: &[&str], context: &StorageContext) -> Result<Self> {
        let configs: Vec<PrefixConfig> = prefixes.iter().map(|prefix| PrefixConfig::new(*prefix)).collect();
        Self::new(domain, "domain.yaml", &configs, &[], context)
    }

    /// The prefixes as they were written.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.prefixes.iter().map(|p| p.config.prefix.as_str())
    }

    /// Gives the place behind `url`, when it lies under one of the domain's prefixes; the longest one decides.
    ///
    /// - `url`: absolute, or `file://./…` relative to the mesh folder. A wildcard (`*`, `?`, `[`) starts the location's pattern.
    ///
    /// # Errors
    /// [`crate::Failure::Denied`] when no prefix of the domain covers it (symbolic links followed first for local paths);
    /// [`crate::Failure::InvalidConfiguration`] when a credential it needs is not set.
    pub fn locate(&self, url: &str) -> Result<Location> {
        self.find(url, &self.prefixes, "prefixes")
    }

    /// Gives the place of a schema file, when it lies under one of the domain's schema prefixes or its storage prefixes.
    ///
    /// # Errors
    /// As [`Self::locate`].
    pub fn schema_location(&self, url: &str) -> Result<Location> {
        match self.find(url, &self.schema_prefixes, "schema prefixes") {
            Err(error) if matches!(error.failure(), Failure::Denied { .. }) => {
                self.find(url, &self.prefixes, "prefixes").map_err(|_| error)
            }
            other => other,
        }
    }

    fn find(&self, url: &str, prefixes: &[Prefix], word: &str) -> Result<Location> {
        let address = Address::parse(url).map_err(|bad| self.denied(url, bad.to_string()))?;
        let (address, pattern) = address.split_pattern();
        let found = match &address.root {
            Root::Bucket(name) => self.in_bucket(name, &address, prefixes)?,
            Root::FileSystem | Root::MeshFolder => self.in_folder(&address, prefixes)?,
        };
        let Some((store_id, store, path, shown)) = found else {
            let covered: Vec<&str> = prefixes.iter().map(|p| p.config.prefix.as_str()).collect();
            let which = if covered.is_empty() { "it has none".to_owned() } else { covered.join(", ") };
            return Err(self.denied(url, format!("it lies under none of the domain's {word} ({which})")));
        };
        let url =
            shown_url(&shown, pattern.as_deref()).ok_or_else(|| self.denied(url, BadAddress::Path.to_string()))?;
        Ok(Location { store_id, store, path, pattern, url })
    }

    fn in_bucket(&self, bucket: &str, address: &Address, prefixes: &[Prefix]) -> Result<Option<Found>> {
        let covering = prefixes.iter().filter(|p| address.is_under(&p.address));
        let Some(prefix) = covering.max_by_key(|p| p.address.segments.len()) else { return Ok(None) };
        let config = &prefix.config;
        let credentials = credentials::resolve(
            config.credentials.as_ref(),
            &self.place,
            &self.context.mesh,
            &self.context.environment,
            self.context.settings.document_size.0,
        )?;
        let bucket = Bucket {
            name: bucket,
            endpoint: config.endpoint.as_deref(),
            region: config.region.as_deref().unwrap_or("us-east-1"),
            path_style: config.path_style.unwrap_or(true),
        };
        let (id, store) = self.context.stores.bucket(bucket, &credentials, &self.context.settings, &self.place)?;
        let path = Path::parse(address.segments.join("/"))
            .map_err(|_| self.denied(&address.to_string(), BadAddress::Path.to_string()))?;
        Ok(Some((id, store, path, Shown::Bucket(address.clone()))))
    }

    fn in_folder(&self, address: &Address, prefixes: &[Prefix]) -> Result<Option<Found>> {
        let allowed = self.allowed_folders();
        let mut roots = Vec::new();
        for prefix in prefixes.iter().filter(|p| !matches!(p.address.root, Root::Bucket(_))) {
            let root = self.followed(&prefix.address)?;
            if !allowed.iter().any(|folder| root.starts_with(folder)) {
                return Err(document::invalid_hint(
                    &self.place,
                    format!("the prefix {} lies outside the mesh folder", prefix.config.prefix),
                    "Allow its folder under `storage.local` in meshweave.yaml, or with --allow-local.",
                ));
            }
            roots.push(root);
        }
        let path = self.followed(address)?;
        if !roots.iter().any(|root| path.starts_with(root)) {
            return Ok(None);
        }
        let in_store = Path::from_absolute_path(&path)
            .map_err(|_| self.denied(&address.to_string(), "the path is not valid UTF-8 text".to_owned()))?;
        Ok(Some((StoreId::local(), Arc::new(ConfinedFiles::new(roots)), in_store, Shown::File(path))))
    }

    /// The real paths of the mesh folder and the folders that the process allows; one that does not exist allows nothing.
    fn allowed_folders(&self) -> Vec<PathBuf> {
        let folders = std::iter::once(&self.context.mesh).chain(&self.context.settings.local);
        folders.filter_map(|folder| folder.canonicalize().ok()).collect()
    }

    fn followed(&self, address: &Address) -> Result<PathBuf> {
        let start: &FilePath = match address.root {
            Root::MeshFolder => &self.context.mesh,
            Root::FileSystem | Root::Bucket(_) => FilePath::new("/"),
        };
        let path = std::path::absolute(start).map(|start| address.segments.iter().fold(start, |path, s| path.join(s)));
        path.and_then(|path| real_path(&path))
            .map_err(|error| self.denied(&address.to_string(), format!("its path cannot be followed: {error}")))
    }

    fn denied(&self, url: &str, reason: String) -> Error {
        Failure::Denied {
            principal: format!("domain {}", self.domain),
            action: "use",
            product: without_userinfo(url),
            reason,
            hint: Some(format!("The prefixes that a domain may use stand under `storage` in {}.", self.place)),
        }
        .into()
    }
}

/// Store identity, store, path in the store, and what is shown to people.
type Found = (StoreId, Arc<dyn ObjectStore>, Path, Shown);

/// A place as it is shown.
enum Shown {
    Bucket(Address),
    File(PathBuf),
}

impl Prefix {
    fn read(config: &PrefixConfig, place: &str) -> Result<Self> {
        let shown = without_userinfo(&config.prefix);
        let address = Address::parse(&config.prefix)
            .map_err(|bad| document::invalid(place, format!("the prefix {shown} cannot be used: {bad}")))?;
        let (address, pattern) = address.split_pattern();
        if pattern.is_some() {
            return Err(document::invalid(place, format!("the prefix {shown} holds a wildcard")));
        }
        if let Some(credentials) = &config.credentials {
            credentials::check(credentials, place)?;
        }
        let bucket_only = config.endpoint.is_some() || config.region.is_some() || config.credentials.is_some();
        if bucket_only && !matches!(address.root, Root::Bucket(_)) {
            let message = format!("the prefix {shown} is a local folder: it has no endpoint, region or credentials");
            return Err(document::invalid(place, message));
        }
        Ok(Self { address, config: config.clone() })
    }
}

/// A schema prefix without its own endpoint is reached like the domain's storage in the same bucket, else like its first bucket.
fn like_the_domains_own(url: &str, prefixes: &[Prefix], place: &str) -> Result<Prefix> {
    let alone = Prefix::read(&PrefixConfig::new(url), place)?;
    if !matches!(alone.address.root, Root::Bucket(_)) {
        return Ok(alone);
    }
    let same = prefixes.iter().find(|p| p.address.root == alone.address.root);
    let first = || prefixes.iter().find(|p| matches!(p.address.root, Root::Bucket(_)));
    Ok(match same.or_else(first) {
        Some(model) => {
            Prefix { config: PrefixConfig { prefix: url.to_owned(), ..model.config.clone() }, address: alone.address }
        }
        None => alone,
    })
}

/// The URL for people: segments encoded, the pattern's wildcards kept readable.
fn shown_url(shown: &Shown, pattern: Option<&str>) -> Option<Url> {
    let mut url = match shown {
        Shown::File(path) => Url::from_file_path(path).ok()?,
        Shown::Bucket(Address { root: Root::Bucket(bucket), segments }) => {
            let mut url = Url::parse(&format!("s3://{bucket}/")).ok()?;
            url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
            url
        }
        Shown::Bucket(_) => return None,
    };
    if let Some(pattern) = pattern {
        url.path_segments_mut().ok()?.pop_if_empty().extend(pattern.split('/'));
    }
    Some(url)
}

/// The URL without what stands before an `@` in its authority, should somebody have written keys there.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://…{}", &rest[at..]),
        None => url.to_owned(),
    }
}

impl fmt::Display for DomainStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes: Vec<&str> = self.prefixes().collect();
        write!(f, "{}", prefixes.join(", "))
    }
}
