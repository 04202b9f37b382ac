//! The mesh's own documents: `mesh.yaml`, and one `domain.yaml` per domain.
//!
//! In: the mesh folder. Out: what is shared, and the domains. A wrong `mesh.yaml` is an error; a wrong `domain.yaml` is a problem
//! of that domain alone.
//!
//! Start reading at [`MeshConfig::read`] and [`read_domains`].

mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshweave_contract::name::{DomainName, RESERVED_DOMAINS, fold};
use serde::Deserialize;

use super::{CatalogProblem, Domain};
use crate::document::{self, invalid, invalid_hint};
use crate::drift::DriftPolicy;
use crate::error::{Error, Failure, Result};
use crate::storage::config::{PrefixConfig, SchemaPrefix};
use crate::storage::{DomainStorage, StorageContext};

pub use self::source::{PostgresConfig, Source, StoreConfig};

/// What the documents call their format.
const API_VERSION: &str = "meshweave/v1";
/// The catalog's name in SQL when `mesh.yaml` names none.
const CATALOG_NAME: &str = "mesh";

/// What is shared: `mesh.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshConfig {
    /// `meshweave/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Mesh`.
    pub kind: String,
    /// The mesh's name, for people.
    pub name: String,
    /// Where product versions are registered.
    #[serde(default)]
    pub catalog: CatalogConfig,
    /// What is so where a domain or a contract says nothing.
    #[serde(default)]
    pub defaults: Defaults,
    /// Where the document names the catalog's variable, for errors.
    #[serde(skip)]
    variable_place: String,
}

/// The `catalog:` block of `mesh.yaml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogConfig {
    /// The catalog's name in SQL; `mesh` unless given.
    #[serde(default)]
    pub name: Option<String>,
    /// `folder`, `sqlite` with its file, or `postgres` with the variable that holds its URL.
    #[serde(default)]
    pub source: Source,
    /// The SQLite file when `source` is the bare word `sqlite`; relative to the mesh folder.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// One domain: `domains/<name>/domain.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainConfig {
    /// `meshweave/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Domain`.
    pub kind: String,
    /// Its name; the folder's.
    pub name: DomainName,
    /// Who answers for it.
    #[serde(default)]
    pub owner: OwnerConfig,
    /// What its products may use.
    #[serde(default)]
    pub storage: Vec<PrefixConfig>,
    /// Where its schema files may lie.
    #[serde(default)]
    pub schema_prefixes: Vec<SchemaPrefix>,
    /// Fills contracts without a storage location.
    #[serde(default)]
    pub location_template: Option<String>,
    /// What is so where a contract says nothing.
    #[serde(default)]
    pub defaults: Defaults,
}

/// What is so where nothing else is said: the `defaults:` of the mesh and of a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// What a query does when stored columns are no longer those of the contract: `refuse`, `new-columns-ignored` or `widen`.
    #[serde(default)]
    pub schema_drift: Option<DriftPolicy>,
}

/// Who answers for a domain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerConfig {
    /// The team.
    #[serde(default)]
    pub team: Option<String>,
    /// Where to reach it.
    #[serde(default)]
    pub contact: Option<String>,
}

impl MeshConfig {
    /// Reads `mesh.yaml`.
    ///
    /// # Errors
    /// [`Failure::InvalidConfiguration`] with its place: no such file, an unknown key, a catalog that is not offered.
    pub fn read(mesh: &Path) -> Result<Self> {
        let path = mesh.join("mesh.yaml");
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let hint = "`meshweave init` makes a mesh folder; --mesh names another one.";
            invalid_hint(&file, format!("the mesh's document cannot be read: {error}"), hint)
        })?;
        let mut config: Self = document::typed(&text, &file)?;
        config.variable_place = place_of(&text, &file, "url_env");
        check_head(&file, &config.api_version, &config.kind, "Mesh")?;
        config.check_catalog(&file)?;
        Ok(config)
    }

    fn check_catalog(&self, file: &str) -> Result<()> {
        let name = self.catalog_name();
        if DomainName::new(name).is_err() {
            return Err(invalid(
                file,
                format!("the catalog's name {name:?} may hold letters, digits, `_` and `-` only"),
            ));
        }
        match &self.catalog.source {
            Source::Folder | Source::Postgres(_) if self.catalog.path.is_some() => {
                Err(invalid(file, "`path` belongs to the catalog source `sqlite`"))
            }
            Source::Postgres(None) => Err(invalid_hint(
                file,
                "the catalog source `postgres` names no variable",
                "Write `catalog: {source: {postgres: {url_env: VARIABLE}}}`; the variable holds the URL.",
            )),
            Source::Sqlite(None) if self.catalog.path.is_none() => Err(invalid_hint(
                file,
                "the catalog source `sqlite` names no file",
                "Write `catalog: {source: {sqlite: PATH}}`.",
            )),
            Source::Sqlite(Some(_)) if self.catalog.path.is_some() => Err(invalid(file, "the catalog names two files")),
            Source::Other(word) => Err(invalid_hint(
                file,
                format!("the catalog source `{word}` is not offered in this version"),
                "Catalog sources: `folder`, `sqlite: PATH`, and `postgres: {url_env: VARIABLE}`.",
            )),
            Source::Folder | Source::Sqlite(_) | Source::Postgres(_) => Ok(()),
        }
    }

    /// The catalog's name in SQL.
    pub fn catalog_name(&self) -> &str {
        self.catalog.name.as_deref().unwrap_or(CATALOG_NAME)
    }

    /// What products are registered in.
    pub fn store(&self, mesh: &Path) -> StoreConfig {
        match &self.catalog.source {
            Source::Sqlite(file) => match file.as_ref().or(self.catalog.path.as_ref()) {
                Some(file) => StoreConfig::Sqlite(mesh.join(file)),
                None => StoreConfig::Folder,
            },
            Source::Postgres(Some(named)) => {
                StoreConfig::Postgres { variable: named.url_env.clone(), place: self.variable_place.clone() }
            }
            Source::Folder | Source::Postgres(None) | Source::Other(_) => StoreConfig::Folder,
        }
    }
}

/// The file, and the line and column where a key first stands outside a comment.
fn place_of(text: &str, file: &str, key: &str) -> String {
    let found = text.lines().zip(1..).find_map(|(line, number)| {
        let said = line.split('#').next().unwrap_or_default();
        said.find(key).map(|column| format!("{file}:{number}:{}", column + 1))
    });
    found.unwrap_or_else(|| file.to_owned())
}

fn check_head(file: &str, api_version: &str, kind: &str, expected: &str) -> Result<()> {
    if api_version != API_VERSION {
        let message = format!("apiVersion {api_version:?} is not known");
        return Err(invalid_hint(file, message, format!("Write `apiVersion: {API_VERSION}`.")));
    }
    if kind != expected {
        return Err(invalid_hint(
            file,
            format!("kind {kind:?} does not belong here"),
            format!("Write `kind: {expected}`."),
        ));
    }
    Ok(())
}

/// Reads every `domains/*/domain.yaml`.
///
/// - `defaults`: those of the mesh.
/// - returns the domains that are right, sorted by folder, and one problem for each that is not.
///
/// # Errors
/// [`Failure::Unavailable`] when the folder cannot be listed; a mesh without `domains` has none.
pub fn read_domains(
    mesh: &Path,
    catalog_name: &str,
    defaults: Defaults,
    context: &StorageContext,
) -> Result<(Vec<Arc<Domain>>, Vec<CatalogProblem>)> {
    let (mut domains, mut problems) = (Vec::<Arc<Domain>>::new(), Vec::new());
    for folder in domain_folders(mesh)? {
        let read =
            read_domain(mesh, &folder, catalog_name, defaults, context).and_then(|domain| unlike(domain, &domains));
        match read {
            Ok(domain) => domains.push(Arc::new(domain)),
            Err(error) => problems.push(problem_of(&folder, &error)),
        }
    }
    problems.extend(unenforced_policies(mesh));
    Ok((domains, problems))
}

fn domain_folders(mesh: &Path) -> Result<Vec<String>> {
    let root = mesh.join("domains");
    let entries = match std::fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::unavailable(root.display().to_string(), "the folder cannot be listed", error)),
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

fn read_domain(
    mesh: &Path,
    folder: &str,
    catalog_name: &str,
    defaults: Defaults,
    context: &StorageContext,
) -> Result<Domain> {
    let file = format!("domains/{folder}/domain.yaml");
    let text = std::fs::read_to_string(mesh.join(&file))
        .map_err(|error| invalid(&file, format!("the domain's document cannot be read: {error}")))?;
    let config: DomainConfig = document::typed(&text, &file)?;
    check_head(&file, &config.api_version, &config.kind, "Domain")?;
    let folded = config.name.folded();
    if folded != fold(folder) {
        return Err(invalid(&file, format!("the domain is called {} but lies in the folder {folder}", config.name)));
    }
    if RESERVED_DOMAINS.contains(&folded.as_str()) || folded == fold(catalog_name) {
        return Err(invalid(
            &file,
            format!("the name {} belongs to the engine; a domain may not take it", config.name),
        ));
    }
    let storage = DomainStorage::new(config.name.clone(), &file, &config.storage, &config.schema_prefixes, context)?;
    Ok(Domain {
        name: config.name,
        owner_team: config.owner.team,
        contact: config.owner.contact,
        storage,
        location_template: config.location_template,
        drift: config.defaults.schema_drift.or(defaults.schema_drift).unwrap_or_default(),
    })
}

fn unlike(domain: Domain, others: &[Arc<Domain>]) -> Result<Domain> {
    match others.iter().find(|other| other.name.folded() == domain.name.folded()) {
        Some(other) => Err(invalid(
            format!("domains/{}/domain.yaml", domain.name),
            format!("the name folds like domain {}", other.name),
        )),
        None => Ok(domain),
    }
}

fn problem_of(domain: &str, error: &Error) -> CatalogProblem {
    let hint = error.hint().map(|hint| format!(". {hint}")).unwrap_or_default();
    match error.failure() {
        Failure::InvalidConfiguration { place, message, .. } => {
            CatalogProblem { subject: domain.to_owned(), place: place.clone(), message: format!("{message}{hint}") }
        }
        _ => CatalogProblem { subject: domain.to_owned(), place: String::new(), message: format!("{error}{hint}") },
    }
}

/// Rego files lie where policies belong, and this version does not read them: whoever wrote them must hear of it.
fn unenforced_policies(mesh: &Path) -> Vec<CatalogProblem> {
    let entries = std::fs::read_dir(mesh.join("policies")).into_iter().flatten().filter_map(Result::ok);
    let files = entries.filter_map(|e| e.file_name().into_string().ok()).filter(|name| name.ends_with(".rego"));
    files
        .map(|file| CatalogProblem {
            subject: "policies".to_owned(),
            place: format!("policies/{file}"),
            message: "policies in Rego are not enforced in this version; the contracts' access blocks decide"
                .to_owned(),
        })
        .collect()
}
