//! A mesh opened in this process: what every door that runs an engine of its own shares.
//!
//! In: where the mesh lies and who asks, as the caller said it, and the environment. Out: a [`Mesh`]: an engine and a principal.
//! Holds always:
//! - two steps: what was said ([`Options`]) becomes ready ([`Mesh`]) before any work begins;
//! - files and environment are read here and in the doors, never below;
//! - what a mesh is wired of (settings, connectors, policy) is said once, in [`Mesh::open`].
//!
//! # Example
//!
//! ```no_run
//! use meshweave_embed::{Mesh, Options};
//! use meshweave_engine::{Result, Statement};
//!
//! async fn parcels_by_carrier() -> Result<()> {
//!     let options = Options { mesh: Some("meshweave-demo".into()), ..Options::default() };
//!     let mesh = Mesh::open(&options).await?;
//!     let statement = Statement::new("SELECT carrier, count(*) AS parcels FROM logistics.shipments GROUP BY carrier");
//!     let answer = mesh.engine.query(&mesh.context(), &statement).await?;
//!     let versions = answer.versions.clone();
//!     let batches = answer.collect().await?;
//!     let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
//!     assert!(rows > 0 && versions.products.contains_key("logistics.shipments@1"));
//!     mesh.engine.flush().await;
//!     Ok(())
//! }
//! ```
//!
//! Start reading at [`Mesh::open`].

pub mod fault;
pub mod files;
pub mod find;
pub mod register;
pub mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use meshweave_contract::model::Product;
use meshweave_engine::catalog::Entry;
use meshweave_engine::engine::Parts;
use meshweave_engine::policy::{AccessBlockPolicy, Action, Decision, PolicyEngine};
use meshweave_engine::settings::Settings;
use meshweave_engine::temp::TempSchema;
use meshweave_engine::{Engine, Principal, QueryContext, Result};

/// Time that opening gives to contracts without known columns.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// Where the mesh lies and who asks, as the caller said it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The mesh folder, its `mesh.yaml`, or `s3://bucket/prefix/`; none: the current folder or its nearest parent with a `mesh.yaml`.
    pub mesh: Option<PathBuf>,
    /// The settings of this process; none: `meshweave.yaml` in the mesh folder, when there is one.
    pub settings: Option<PathBuf>,
    /// Folders outside the mesh that products may lie in.
    pub allow_local: Vec<PathBuf>,
    /// Who asks; none: as the settings say, else the user of the operating system.
    pub principal: Option<Principal>,
}

/// An open mesh and who asks.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// The engine over the mesh.
    pub engine: Arc<Engine>,
    /// Who asks.
    pub principal: Principal,
    /// The tables that the statements of this mesh make.
    temp: Arc<TempSchema>,
    /// The engine's own policy, for listings that are made by doors.
    policy: Arc<dyn PolicyEngine>,
}

impl Mesh {
    /// Finds the mesh, reads the settings and opens the engine.
    ///
    /// # Errors
    /// No mesh, wrong settings, wrong documents, a catalog that does not answer.
    pub async fn open(options: &Options) -> Result<Self> {
        match find::bucket(options.mesh.as_deref()) {
            Some(url) => {
                let settings = settings::load(options, Some(&find::here()?))?;
                Self::in_bucket(options, settings, url).await
            }
            None => Self::open_at(options, find::folder(options.mesh.as_deref())?).await,
        }
    }

    /// The same for a mesh folder that is known.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_at(options: &Options, mesh: PathBuf) -> Result<Self> {
        let mesh = find::absolute(&mesh)?;
        let settings = settings::load(options, Some(&mesh))?;
        Self::open_with(options, mesh, settings).await
    }

    /// The same with settings that were read already.
    ///
    /// - `mesh`: absolute.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(options: &Options, mesh: PathBuf, settings: Settings) -> Result<Self> {
        match settings.catalog.bucket.url.clone() {
            Some(url) => Box::pin(Self::in_bucket(options, settings, url)).await,
            None => Self::with_settings(options, mesh, settings).await,
        }
    }

    /// The same for a mesh below a prefix of a bucket; its objects are copied into a local folder.
    async fn in_bucket(options: &Options, mut settings: Settings, url: String) -> Result<Self> {
        let copies = settings.catalog.bucket.copies.clone().map_or_else(|| find::copies_of(&url), Ok)?;
        settings.catalog.bucket.url = Some(url);
        Self::with_settings(options, copies, settings).await
    }

    async fn with_settings(options: &Options, mesh: PathBuf, settings: Settings) -> Result<Self> {
        let principal = principal(options.principal.clone(), settings.principal.clone().map(Into::into));
        let policy: Arc<dyn PolicyEngine> = Arc::new(AccessBlockPolicy);
        let connectors = meshweave_connectors::all(&settings);
        let parts = Parts { mesh, settings, connectors, policy: Arc::clone(&policy) };
        let engine = Engine::open(parts).await?;
        let mesh = Self { temp: engine.temp_schema(), engine, principal, policy };
        mesh.resolve_by_hand().await;
        Ok(mesh)
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

    /// A context for one query of this mesh's principal, with its temporary tables.
    pub fn context(&self) -> QueryContext {
        QueryContext { temp: Some(Arc::clone(&self.temp)), ..QueryContext::new(self.principal.clone()) }
    }

    /// Whether the principal may do this with a product version.
    pub fn may(&self, action: Action, entry: &Entry) -> bool {
        self.decide(action, &entry.product)
    }

    /// Whether the principal may find a product.
    pub fn may_find(&self, product: &Product) -> bool {
        self.decide(Action::Discover, product)
    }

    fn decide(&self, action: Action, product: &Product) -> bool {
        matches!(self.policy.decide(&self.principal, None, product, action), Decision::Granted(_))
    }
}

/// Who asks: as said, else as configured, else the user of the operating system.
#[expect(clippy::disallowed_methods, reason = "it reads the environment for the doors")]
fn principal(said: Option<Principal>, configured: Option<Principal>) -> Principal {
    let user = || {
        let named = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(std::env::var_os);
        let user = named.map(|name| name.to_string_lossy().into_owned()).filter(|name| !name.is_empty());
        Principal { user: user.unwrap_or_else(|| "local".to_owned()), teams: Vec::new() }
    };
    said.or(configured).unwrap_or_else(user)
}

/// The folder that holds a file; the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
