//! From what was typed to an open mesh: the folder, the settings, who asks, the engine.
//!
//! Start reading at [`Session::open`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meshweave_contract::model::Product;
use meshweave_engine::catalog::Entry;
use meshweave_engine::engine::Parts;
use meshweave_engine::policy::{AccessBlockPolicy, Action, Decision, PolicyEngine};
use meshweave_engine::settings::Settings;
use meshweave_engine::temp::TempSchema;
use meshweave_engine::{Engine, Principal, QueryContext};

use crate::args::Global;
use crate::config;
use crate::failure::{self, Fault, Outcome};

/// Time that one command gives to contracts without known columns.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// The document that makes a folder a mesh.
pub(crate) const MESH_FILE: &str = "mesh.yaml";

/// Time that a process gives to what it still has to write down.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// The engine of this process, for what must be done before it exits.
static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();

/// Writes down what the queries of this process left to be written. What takes too long is lost, and nothing else.
pub(crate) async fn close() {
    if let Some(engine) = ENGINE.get()
        && tokio::time::timeout(CLOSE_LIMIT, engine.flush()).await.is_err()
    {
        tracing::warn!("records of queries were not written in time");
    }
}

/// An open mesh and who asks.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The engine over the mesh.
    pub(crate) engine: Arc<Engine>,
    /// Who asks.
    pub(crate) principal: Principal,
    /// The tables that the statements of this process make.
    temp: Arc<TempSchema>,
    /// The engine's own policy, for listings that are made here.
    policy: Arc<dyn PolicyEngine>,
}

impl Session {
    /// Finds the mesh, reads the settings and opens the engine.
    ///
    /// # Errors
    /// No mesh, wrong settings, wrong documents, a catalog that does not answer.
    pub(crate) async fn open(global: &Global) -> Outcome<Self> {
        let here = || std::env::current_dir().map_err(|e| failure::file(Path::new("."), "finding this folder", e));
        match bucket_mesh(global) {
            Some(url) => {
                let settings = config::load(global, Some(&here()?))?;
                Self::in_bucket(global, settings, url).await
            }
            None => Self::open_at(global, find_mesh(global)?).await,
        }
    }

    /// The same for a mesh below a prefix of a bucket; its objects are copied into a local folder.
    async fn in_bucket(global: &Global, mut settings: Settings, url: String) -> Outcome<Self> {
        let copies = settings.catalog.bucket.copies.clone().map_or_else(|| copies_of(&url), Ok)?;
        settings.catalog.bucket.url = Some(url);
        Self::with_settings(global, copies, settings).await
    }

    /// The same for a mesh folder that is known.
    pub(crate) async fn open_at(global: &Global, mesh: PathBuf) -> Outcome<Self> {
        let mesh = absolute(&mesh)?;
        let settings = config::load(global, Some(&mesh))?;
        Self::open_with(global, mesh, settings).await
    }

    /// The same with settings that were read already.
    ///
    /// - `mesh`: absolute.
    pub(crate) async fn open_with(global: &Global, mesh: PathBuf, settings: Settings) -> Outcome<Self> {
        match settings.catalog.bucket.url.clone() {
            Some(url) => Box::pin(Self::in_bucket(global, settings, url)).await,
            None => Self::with_settings(global, mesh, settings).await,
        }
    }

    async fn with_settings(global: &Global, mesh: PathBuf, settings: Settings) -> Outcome<Self> {
        let principal = principal(global, settings.principal.clone().map(Into::into));
        let policy: Arc<dyn PolicyEngine> = Arc::new(AccessBlockPolicy);
        let connectors = meshweave_connectors::all(&settings);
        let parts = Parts { mesh, settings, connectors, policy: Arc::clone(&policy) };
        let engine = Engine::open(parts).await?;
        ENGINE.get_or_init(|| Arc::clone(&engine));
        let temp = engine.temp_schema();
        let session = Self { engine, principal, temp, policy };
        session.resolve_by_hand().await;
        Ok(session)
    }

    /// Gives contracts that were put into the mesh folder by hand their columns, within a bounded time.
    ///
    /// What stays unresolved is listed in `mesh.problems` with its reason, and stops nothing.
    async fn resolve_by_hand(&self) {
        let ctx = self.context().with_timeout(RESOLVE_LIMIT);
        if let Err(error) = ctx.bounded(self.engine.resolve_what_is_pending(&ctx)).await {
            tracing::warn!(error = %error.report(), "contracts that were put in by hand are not resolved");
        }
    }

    /// A context for one query of this session's principal.
    pub(crate) fn context(&self) -> QueryContext {
        QueryContext { temp: Some(Arc::clone(&self.temp)), ..QueryContext::new(self.principal.clone()) }
    }

    /// Whether the principal may do this with a product version.
    pub(crate) fn may(&self, action: Action, entry: &Entry) -> bool {
        self.decide(action, &entry.product)
    }

    /// Whether the principal may find a product.
    pub(crate) fn may_find(&self, product: &Product) -> bool {
        self.decide(Action::Discover, product)
    }

    fn decide(&self, action: Action, product: &Product) -> bool {
        matches!(self.policy.decide(&self.principal, None, product, action), Decision::Granted(_))
    }
}

/// The URL of a mesh in a bucket, when one was named.
pub(crate) fn bucket_mesh(global: &Global) -> Option<String> {
    let named = global.mesh.as_ref()?.to_str()?;
    ["s3://", "s3a://"].iter().any(|scheme| named.starts_with(scheme)).then(|| named.to_owned())
}

/// The folder for copies of a bucket's objects: one per URL, in the user's cache.
#[expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]
fn copies_of(url: &str) -> Outcome<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let Some(cache) = cache else {
        let hint = "Name a folder in `catalog.bucket.copies`, or set XDG_CACHE_HOME or HOME.";
        return Err(failure::unusable(url, "there is no folder for copies of its objects", hint));
    };
    let name: String = url.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(cache.join("meshweave").join("buckets").join(name))
}

/// Who asks: as typed, else as configured, else the user of the operating system.
#[expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]
fn principal(global: &Global, configured: Option<Principal>) -> Principal {
    let user = || {
        let named = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(std::env::var_os);
        let user = named.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.is_empty());
        Principal { user: user.unwrap_or_else(|| "local".to_owned()), teams: Vec::new() }
    };
    global.principal.clone().or(configured).unwrap_or_else(user)
}

/// The folder's absolute path: a process may change its own folder, and the mesh stays where it is.
pub(crate) fn absolute(mesh: &Path) -> Outcome<PathBuf> {
    std::path::absolute(mesh).map_err(|error| failure::file(mesh, "finding the mesh", error))
}

/// The mesh folder: as typed, else the current folder or its nearest parent that holds `mesh.yaml`.
///
/// # Errors
/// There is none; the hint says how to name or make one.
pub(crate) fn find_mesh(global: &Global) -> Outcome<PathBuf> {
    if let Some(url) = bucket_mesh(global) {
        let hint = "Name a folder with --mesh, or the files themselves.";
        return Err(failure::unusable(url, "this command needs a mesh folder, not a bucket", hint));
    }
    match &global.mesh {
        Some(named) => named_mesh(named),
        None => {
            let here = std::env::current_dir().map_err(|e| failure::file(Path::new("."), "finding this folder", e))?;
            nearest_mesh(&here).ok_or_else(|| no_mesh(&here))
        }
    }
}

/// A mesh that was named by its folder or by its document.
fn named_mesh(named: &Path) -> Outcome<PathBuf> {
    if named.join(MESH_FILE).is_file() {
        return Ok(named.to_path_buf());
    }
    if named.is_file() && named.file_name().is_some_and(|name| name == MESH_FILE) {
        let folder = named.parent().filter(|folder| !folder.as_os_str().is_empty());
        return Ok(folder.unwrap_or_else(|| Path::new(".")).to_path_buf());
    }
    let what = if named.is_dir() { format!("holds no {MESH_FILE}") } else { "is not a folder".to_owned() };
    let hint = format!("A mesh is a folder with a {MESH_FILE}; `meshweave demo` makes one to try.");
    Err(failure::unusable(named.display().to_string(), what, hint))
}

/// The nearest folder at or above `from` that holds `mesh.yaml`.
fn nearest_mesh(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|folder| folder.join(MESH_FILE).is_file()).map(Path::to_path_buf)
}

fn no_mesh(here: &Path) -> Fault {
    let hint = match nearby_mesh(here) {
        Some(name) => format!("The folder {name} here is a mesh: add `--mesh {name}`, or set MESHWEAVE_MESH."),
        None => "Name the mesh with --mesh PATH or MESHWEAVE_MESH; `meshweave demo` makes one to try.".to_owned(),
    };
    failure::unusable(here.display().to_string(), format!("neither this folder nor a parent holds a {MESH_FILE}"), hint)
}

/// The first folder directly below `here` that is a mesh, by name.
fn nearby_mesh(here: &Path) -> Option<String> {
    let mut names: Vec<_> = std::fs::read_dir(here)
        .ok()?
        .flatten()
        .filter(|child| child.path().join(MESH_FILE).is_file())
        .map(|child| child.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_parent_with_a_mesh_document_is_the_mesh() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("domains/commerce");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(nearest_mesh(&below).filter(|found| found.starts_with(folder.path())), None);
        std::fs::write(folder.path().join(MESH_FILE), "").unwrap();
        assert_eq!(nearest_mesh(&below), Some(folder.path().to_path_buf()));
        assert_eq!(named_mesh(&folder.path().join(MESH_FILE)).unwrap(), folder.path());
    }

    #[test]
    fn a_folder_without_a_mesh_points_at_one_nearby() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("meshweave-demo")).unwrap();
        assert_eq!(nearby_mesh(folder.path()), None);
        std::fs::write(folder.path().join("meshweave-demo").join(MESH_FILE), "").unwrap();
        assert_eq!(nearby_mesh(folder.path()).as_deref(), Some("meshweave-demo"));
    }
}
