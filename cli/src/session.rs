//! From what was typed to an open mesh.
//!
//! Start reading at [`Session::open`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meshweave_contract::model::Product;
use meshweave_embed::{Mesh, Options, find};
use meshweave_engine::catalog::Entry;
use meshweave_engine::policy::Action;
use meshweave_engine::settings::Settings;
use meshweave_engine::{Engine, Principal, QueryContext};

use crate::args::Global;
use crate::failure::Outcome;

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
    mesh: Mesh,
}

impl Session {
    /// Finds the mesh, reads the settings and opens the engine.
    ///
    /// # Errors
    /// No mesh, wrong settings, wrong documents, a catalog that does not answer.
    pub(crate) async fn open(global: &Global) -> Outcome<Self> {
        Ok(Self::of(Box::pin(Mesh::open(&options(global))).await?))
    }

    /// The same for a mesh folder that is known.
    pub(crate) async fn open_at(global: &Global, mesh: PathBuf) -> Outcome<Self> {
        Ok(Self::of(Box::pin(Mesh::open_at(&options(global), mesh)).await?))
    }

    /// The same with settings that were read already.
    ///
    /// - `mesh`: absolute.
    pub(crate) async fn open_with(global: &Global, mesh: PathBuf, settings: Settings) -> Outcome<Self> {
        Ok(Self::of(Box::pin(Mesh::open_with(&options(global), mesh, settings)).await?))
    }

    fn of(mesh: Mesh) -> Self {
        ENGINE.get_or_init(|| Arc::clone(&mesh.engine));
        Self { engine: Arc::clone(&mesh.engine), principal: mesh.principal.clone(), mesh }
    }

    /// A context for one query of this session's principal.
    pub(crate) fn context(&self) -> QueryContext {
        self.mesh.context()
    }

    /// Whether the principal may do this with a product version.
    pub(crate) fn may(&self, action: Action, entry: &Entry) -> bool {
        self.mesh.may(action, entry)
    }

    /// Whether the principal may find a product.
    pub(crate) fn may_find(&self, product: &Product) -> bool {
        self.mesh.may_find(product)
    }
}

/// What was typed of where the mesh lies and who asks.
pub(crate) fn options(global: &Global) -> Options {
    Options {
        mesh: global.mesh.clone(),
        settings: global.settings.clone(),
        allow_local: global.allow_local.clone(),
        principal: global.principal.clone(),
    }
}

/// The URL of a mesh in a bucket, when one was named.
pub(crate) fn bucket_mesh(global: &Global) -> Option<String> {
    find::bucket(global.mesh.as_deref())
}

/// The folder's absolute path.
pub(crate) fn absolute(mesh: &Path) -> Outcome<PathBuf> {
    Ok(find::absolute(mesh)?)
}

/// The mesh folder: as typed, else the current folder or its nearest parent that holds `mesh.yaml`.
///
/// # Errors
/// There is none; the hint says how to name or make one.
pub(crate) fn find_mesh(global: &Global) -> Outcome<PathBuf> {
    Ok(find::folder(global.mesh.as_deref())?)
}
