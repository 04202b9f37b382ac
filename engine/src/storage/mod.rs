//! A domain's storage: which prefixes it may use, with which credentials, and the stores behind them.
//!
//! In: the `storage:` entries of a `domain.yaml`. Out: a [`Location`] for a URL that lies under one of them.
//! Holds always:
//! - a location is only ever made from a domain's own prefixes, with that domain's credentials;
//! - a [`StoreId`] differs whenever endpoint, bucket or credentials differ, so it can start every cache key.
//!
//! Start reading at [`DomainStorage::locate`].

mod address;
mod azure;
mod client;
pub mod config;
mod credentials;
mod fault;
mod gcs;
mod local;
mod location;
pub mod meter;
pub mod pattern;
mod places;
mod s3;
mod stores;
#[cfg(test)]
mod tests;
mod web;

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use meshweave_contract::name::DomainName;
use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use self::address::{Address, BadAddress, Root, Scheme};
use self::config::{PrefixConfig, SchemaPrefix};
use self::credentials::Sources;
use self::local::{ConfinedFiles, real_path};
use self::places::Places;
use self::stores::{Stores, Target};
use crate::document;
use crate::error::{Error, Failure, Result};
use crate::settings::{Environment, Settings, StorageSettings};

pub use self::fault::Fault;
pub use self::local::Ranges;
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
    /// Where places have led.
    places: Places,
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
        let (place, context, places) = (place.to_owned(), context.clone(), Places::default());
        Ok(Self { domain, place, prefixes, schema_prefixes, context, places })
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
        if let Some(known) = self.places.get(url) {
            return Ok(known);
        }
        let found = self.find(url, &self.prefixes, "prefixes")?;
        if let Some(path) = self.only_way(url, &found) {
            self.places.put(url, path, &found);
        }
        Ok(found)
    }

    /// The path of a local place, when nothing but links on this path could ever lead it elsewhere: it was found at the path that is
    /// written, and every local prefix is one of the folders above it, below one that the process allows.
    fn only_way(&self, url: &str, found: &Location) -> Option<PathBuf> {
        if !found.is_local() {
            return None;
        }
        let (address, _) = Address::parse(url).ok()?.split_pattern();
        let written = self.path(&address).ok()?;
        let folders = std::iter::once(&self.context.mesh).chain(&self.context.settings.local);
        let allowed: Vec<PathBuf> = folders.filter_map(|folder| std::path::absolute(folder).ok()).collect();
        let is_above = |prefix: &Prefix| {
            let prefix = self.path(&prefix.address);
            prefix.is_ok_and(|prefix| written.starts_with(&prefix) && allowed.iter().any(|f| prefix.starts_with(f)))
        };
        let mut prefixes = self.prefixes.iter().filter(|prefix| prefix.address.scheme().is_none());
        let is_only = prefixes.all(is_above) && Path::from_absolute_path(&written).is_ok_and(|path| path == found.path);
        is_only.then_some(written)
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
            Root::Remote(scheme, authority) => self.in_store(*scheme, authority, &address, prefixes)?,
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

    fn in_store(
        &self,
        scheme: Scheme,
        authority: &str,
        address: &Address,
        prefixes: &[Prefix],
    ) -> Result<Option<Found>> {
        let covering = prefixes.iter().filter(|p| address.is_under(&p.address));
        let Some(prefix) = covering.max_by_key(|p| p.address.segments.len()) else { return Ok(None) };
        let config = &prefix.config;
        let sources = Sources {
            place: &self.place,
            mesh: &self.context.mesh,
            environment: &self.context.environment,
            limit: self.context.settings.document_size.0,
        };
        let credentials = credentials::resolve(config.credentials.as_ref(), scheme.kind(), sources)?;
        let target = Target::of(scheme, authority, config, sources)?;
        let (id, store) = self.context.stores.get(&target, &credentials, &self.context.settings, &self.place)?;
        let path = Path::parse(address.segments.join("/"))
            .map_err(|_| self.denied(&address.to_string(), BadAddress::Path.to_string()))?;
        Ok(Some((id, store, path, Shown::Remote(address.clone()))))
    }

    fn in_folder(&self, address: &Address, prefixes: &[Prefix]) -> Result<Option<Found>> {
        let followed = self.followed(address);
        let known = followed.as_ref().ok();
        let allowed = self.allowed_folders(known);
        let mut roots = Vec::new();
        for prefix in prefixes.iter().filter(|p| !matches!(p.address.root, Root::Remote(..))) {
            let root = match known.and_then(|known| known.above(self.path(&prefix.address))) {
                Some(root) => root,
                None => self.followed(&prefix.address)?.real,
            };
            if !allowed.iter().any(|folder| root.starts_with(folder)) {
                return Err(document::invalid_hint(
                    &self.place,
                    format!("the prefix {} lies outside the mesh folder", prefix.config.prefix),
                    "Allow its folder under `storage.local` in meshweave.yaml, or with --allow-local.",
                ));
            }
            roots.push(root);
        }
        let path = followed?.real;
        if !roots.iter().any(|root| path.starts_with(root)) {
            return Ok(None);
        }
        let in_store = Path::from_absolute_path(&path)
            .map_err(|_| self.denied(&address.to_string(), "the path is not valid UTF-8 text".to_owned()))?;
        Ok(Some((StoreId::local(), Arc::new(ConfinedFiles::new(roots)), in_store, Shown::File(path))))
    }

    /// The real paths of the mesh folder and the folders that the process allows; one that does not exist allows nothing.
    ///
    /// - `known`: what has been followed already.
    fn allowed_folders(&self, known: Option<&Followed>) -> Vec<PathBuf> {
        let mesh = &self.context.mesh;
        let known = known.and_then(|known| known.above(std::path::absolute(mesh)));
        let mesh = known.or_else(|| mesh.canonicalize().ok());
        let others = self.context.settings.local.iter().filter_map(|folder| folder.canonicalize().ok());
        mesh.into_iter().chain(others).collect()
    }

    /// The path of a local address as it is written.
    fn path(&self, address: &Address) -> std::io::Result<PathBuf> {
        let start: &FilePath = match address.root {
            Root::MeshFolder => &self.context.mesh,
            Root::FileSystem | Root::Remote(..) => FilePath::new("/"),
        };
        Ok(address.segments.iter().fold(std::path::absolute(start)?, |path, segment| path.join(segment)))
    }

    fn followed(&self, address: &Address) -> Result<Followed> {
        let followed = self.path(address).and_then(|written| Ok(Followed { real: real_path(&written)?, written }));
        followed.map_err(|error| self.denied(&address.to_string(), format!("its path cannot be followed: {error}")))
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

/// A local path whose links have been followed.
#[derive(Debug)]
struct Followed {
    /// As it is written: absolute.
    written: PathBuf,
    /// Where it leads.
    real: PathBuf,
}

impl Followed {
    /// The real path of a folder that this path lies in, where it is known already: no link was met on the way to this path, so there
    /// is none on the way to the folder.
    fn above(&self, folder: std::io::Result<PathBuf>) -> Option<PathBuf> {
        folder.ok().filter(|folder| self.written == self.real && self.real.starts_with(folder))
    }
}

/// Store identity, store, path in the store, and what is shown to people.
type Found = (StoreId, Arc<dyn ObjectStore>, Path, Shown);

/// A place as it is shown.
enum Shown {
    Remote(Address),
    File(PathBuf),
}

impl Prefix {
    fn address(prefix: &str, place: &str) -> Result<Address> {
        let shown = without_userinfo(prefix);
        let address = Address::parse(prefix)
            .map_err(|bad| document::invalid(place, format!("the prefix {shown} cannot be used: {bad}")))?;
        let (address, pattern) = address.split_pattern();
        if pattern.is_some() {
            return Err(document::invalid(place, format!("the prefix {shown} holds a wildcard")));
        }
        Ok(address)
    }

    fn read(config: &PrefixConfig, place: &str) -> Result<Self> {
        let shown = without_userinfo(&config.prefix);
        let address = Self::address(&config.prefix, place)?;
        let scheme = address.scheme();
        let kind = scheme.map(Scheme::kind);
        if let Some(key) = stores::misplaced(kind, scheme, config) {
            let what = if kind.is_some() { "this kind of storage" } else { "a local folder" };
            return Err(document::invalid(place, format!("the prefix {shown} is {what}, which has no `{key}`")));
        }
        if let (Some(credentials), Some(kind)) = (&config.credentials, kind) {
            credentials::check(credentials, kind, place)?;
        }
        Ok(Self { address, config: config.clone() })
    }
}

/// A schema prefix without its own endpoint is reached like the domain's storage in the same bucket, else like its first prefix of
/// the same kind of store.
fn like_the_domains_own(url: &str, prefixes: &[Prefix], place: &str) -> Result<Prefix> {
    let address = Prefix::address(url, place)?;
    let Some(scheme) = address.scheme() else { return Prefix::read(&PrefixConfig::new(url), place) };
    let same = prefixes.iter().find(|p| p.address.root == address.root);
    // Another host is another server: nobody's token goes there.
    let first = || {
        let alike = |p: &&Prefix| p.address.scheme() == Some(scheme) && scheme.kind() != address::Kind::Http;
        prefixes.iter().find(alike)
    };
    match same.or_else(first) {
        Some(model) => Ok(Prefix { config: PrefixConfig { prefix: url.to_owned(), ..model.config.clone() }, address }),
        None => Prefix::read(&PrefixConfig::new(url), place),
    }
}

/// The URL for people: segments encoded, the pattern's wildcards kept readable.
fn shown_url(shown: &Shown, pattern: Option<&str>) -> Option<Url> {
    let mut url = match shown {
        Shown::File(path) => Url::from_file_path(path).ok()?,
        Shown::Remote(Address { root: Root::Remote(scheme, authority), segments }) => {
            let mut url = Url::parse(&format!("{}://{authority}/", scheme.word())).ok()?;
            url.path_segments_mut().ok()?.pop_if_empty().extend(segments);
            url
        }
        Shown::Remote(_) => return None,
    };
    if let Some(pattern) = pattern {
        url.path_segments_mut().ok()?.pop_if_empty().extend(pattern.split('/'));
    }
    Some(url)
}

/// The URL without what stands before an `@` in its authority, should somebody have written keys there.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // Azure writes the container there.
    if Address::parse(url).is_ok_and(|address| address.scheme() == Some(Scheme::Abfss)) {
        return url.to_owned();
    }
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
