//! An open mesh of this process, as Python holds it.
//!
//! Start reading at [`Engine`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meshweave_embed::register::{self, Task};
use meshweave_embed::{Mesh, Options};
use meshweave_engine::temp::{Ingest, IngestMode};
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Error, Principal, QueryContext, Result, Statement};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::home::{Home, Threads};
use crate::query::Query;
use crate::waiting::wait;
use crate::{catalog, fault, frames, values};

/// Time that closing gives to what is still to be written down.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Time that a fork gives to it: what is being written then leaves the child a locked database.
const FORK_LIMIT: Duration = Duration::from_secs(30);

/// A mesh, the threads that its queries run on, and what stops them all.
pub(crate) struct Open {
    pub(crate) mesh: Mesh,
    /// Follows the catalog while the mesh is open.
    _follow: Mutex<JoinSet<()>>,
    /// Cancelled when the mesh is closed.
    pub(crate) cancel: CancellationToken,
    pub(crate) threads: Threads,
}

impl Open {
    /// Whether the mesh is still open.
    ///
    /// # Errors
    /// `ClosedError` when it is not.
    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.cancel.is_cancelled() { Err(closed(py)) } else { Ok(()) }
    }
}

fn closed(py: Python<'_>) -> PyErr {
    fault::misused(py, "ClosedError", "the mesh was closed", "Open it again with meshweave.open().")
}

/// What goes with a statement beside its text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    schema: Option<String>,
    purpose: Option<String>,
    timeout: Option<Duration>,
}

impl Asked {
    /// A context for one planning or one run.
    pub(crate) fn context(&self, open: &Open, cancel: &CancellationToken) -> QueryContext {
        let mut ctx = open.mesh.context();
        ctx.cancel = cancel.child_token();
        ctx.default_schema.clone_from(&self.schema);
        ctx.purpose.clone_from(&self.purpose);
        match self.timeout {
            Some(limit) => ctx.with_timeout(limit),
            None => ctx,
        }
    }
}

/// A contract's file, and what was done (JSON) or the exception.
type Told = (String, Option<String>, Option<PyErr>);

/// The engine over one mesh.
#[pyclass(frozen, module = "meshweave._native")]
pub(crate) struct Engine(Mutex<Option<Home<Arc<Open>>>>);

impl Engine {
    /// What is open.
    ///
    /// # Errors
    /// `ClosedError` after a close, `ForkError` after a fork.
    fn open_now(&self, py: Python<'_>) -> PyResult<Arc<Open>> {
        match self.0.lock().as_ref() {
            Some(open) => open.get(py).map(Arc::clone),
            None => Err(closed(py)),
        }
    }
}

#[pymethods]
impl Engine {
    /// Finds the mesh, reads the settings and opens the engine, wired as the `meshweave` command wires it.
    #[staticmethod]
    #[pyo3(signature = (mesh=None, settings=None, allow_local=Vec::new(), principal=None))]
    fn open(
        py: Python<'_>,
        mesh: Option<PathBuf>,
        settings: Option<PathBuf>,
        allow_local: Vec<PathBuf>,
        principal: Option<&str>,
    ) -> PyResult<Self> {
        let principal = principal.map(Principal::parse).transpose().map_err(PyValueError::new_err)?;
        let options = Options { mesh, settings, allow_local, principal };
        let threads = Threads::start().map_err(PyOSError::new_err)?;
        let opening = async move { Mesh::open(&options).await };
        let mesh = wait(py, &threads, opening)?.map_err(|error| fault::raise(py, &error, None))?;
        let cancel = CancellationToken::new();
        let mut follow = JoinSet::new();
        let (engine, ctx) = (Arc::clone(&mesh.engine), mesh.context());
        follow.spawn_on(async move { engine.keep_current(&ctx).await }, &threads);
        let open = Open { mesh, _follow: Mutex::new(follow), cancel, threads };
        Ok(Self(Mutex::new(Some(Home::new(Arc::new(open))))))
    }

    /// Plans a statement: names resolved, policy asked, versions pinned.
    ///
    /// - `params`: Arrow arrays of one value each, a list or a dictionary.
    /// - `versions`: a version vector to read instead of the newest, JSON.
    #[pyo3(signature = (sql, params=None, versions=None, schema=None, purpose=None, timeout=None))]
    #[expect(clippy::too_many_arguments, reason = "a door: keyword arguments of one call")]
    fn plan(
        &self,
        py: Python<'_>,
        sql: String,
        params: Option<&Bound<'_, PyAny>>,
        versions: Option<&str>,
        schema: Option<String>,
        purpose: Option<String>,
        timeout: Option<f64>,
    ) -> PyResult<Query> {
        let open = self.open_now(py)?;
        let parameters = values::parameters(params)?;
        let wrong =
            |error: serde_json::Error| PyValueError::new_err(format!("the version vector cannot be read: {error}"));
        let pins: Option<VersionVector> = versions.map(serde_json::from_str).transpose().map_err(wrong)?;
        let timeout = timeout.map(Duration::try_from_secs_f64).transpose();
        let timeout = timeout.map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let asked = Asked { schema, purpose, timeout };
        Query::plan(py, &open, asked, Statement { sql, parameters }, pins)
    }

    /// Products that have every word, the best first, JSON.
    fn search(&self, py: Python<'_>, words: &str) -> PyResult<String> {
        let open = self.open_now(py)?;
        Ok(py.detach(|| catalog::search(&open.mesh, words)).to_string())
    }

    /// Everything that the catalog knows of one product, JSON.
    fn describe(&self, py: Python<'_>, name: &str) -> PyResult<String> {
        let open = self.open_now(py)?;
        let told = py.detach(|| catalog::describe(&open.mesh, name));
        told.map(|value| value.to_string()).map_err(|error| fault::raise(py, &error, None))
    }

    /// Registers contract files, folders and documents: per product version its file, what was done (JSON), or the exception.
    ///
    /// - `documents`: names and texts; a name that ends in `.json` is JSON.
    #[pyo3(signature = (paths, documents=Vec::new(), storage=None, dry_run=false))]
    fn register(
        &self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        documents: Vec<(String, Vec<u8>)>,
        storage: Option<String>,
        dry_run: bool,
    ) -> PyResult<Vec<Told>> {
        let open = self.open_now(py)?;
        let (engine, asking) = (Arc::clone(&open.mesh.engine), open.mesh.clone());
        let work = async move {
            let tasks: Vec<Task> = match documents.is_empty() {
                true => register::tasks(&paths, storage.as_deref(), dry_run)?,
                false => catalog::tasks(documents, storage.as_deref(), dry_run)?,
            };
            Result::Ok(engine.register_all(tasks, |_| asking.context(), |_, _| ()).await)
        };
        let done = wait(py, &open.threads, work)?.map_err(|error| fault::raise(py, &error, None))?;
        let told = |(file, result): (String, Result<_>)| match result {
            Ok(done) => (file, serde_json::to_string(&done).ok(), None),
            Err(error) => (file, None, Some(fault::raise(py, &error, None))),
        };
        Ok(done.into_iter().map(told).collect())
    }

    /// Takes the rows of an Arrow stream into `temp.name`, in place of what was there; gives their number.
    fn ingest(&self, py: Python<'_>, name: String, frame: &Bound<'_, PyAny>) -> PyResult<u64> {
        let open = self.open_now(py)?;
        let rows = frames::stream(frame, &open.threads)?;
        let ctx = Asked::default().context(&open, &open.cancel);
        let engine = Arc::clone(&open.mesh.engine);
        let ingest = Ingest { table: name, mode: IngestMode::Replace };
        let work = async move { engine.ingest(&ctx, ingest, rows).await };
        wait(py, &open.threads, work)?.map_err(|error| fault::raise(py, &error, None))
    }

    /// Who asks: the user and the teams.
    #[getter]
    fn principal(&self, py: Python<'_>) -> PyResult<(String, Vec<String>)> {
        let open = self.open_now(py)?;
        Ok((open.mesh.principal.user.clone(), open.mesh.principal.teams.clone()))
    }

    /// The catalog's name in SQL.
    #[getter]
    fn catalog(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.open_now(py)?.mesh.engine.snapshot().catalog_name.clone())
    }

    /// Bytes that all queries hold now.
    #[getter]
    fn reserved_bytes(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.open_now(py)?.mesh.engine.reserved_bytes())
    }

    /// Queries that run now.
    #[getter]
    fn running(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.open_now(py)?.mesh.engine.running_queries())
    }

    /// Waits until what queries left to be written is written.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let open = self.open_now(py)?;
        let engine = Arc::clone(&open.mesh.engine);
        let work = async move {
            // What takes longer is written in the parent, and may be in the child's way.
            let _ = tokio::time::timeout(FORK_LIMIT, engine.flush()).await;
            Result::<(), Error>::Ok(())
        };
        wait(py, &open.threads, work)?.map_err(|error| fault::raise(py, &error, None))
    }

    /// Stops what runs, and writes down what queries left to be written. A second call does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(open) = self.0.lock().take().and_then(Home::into_inner) else { return Ok(()) };
        open.cancel.cancel();
        let engine = Arc::clone(&open.mesh.engine);
        let work = async move {
            // What takes too long is lost, and nothing else.
            let _ = tokio::time::timeout(CLOSE_LIMIT, engine.flush()).await;
            Result::<(), Error>::Ok(())
        };
        let ended = wait(py, &open.threads, work);
        py.detach(|| drop(open));
        ended?.map_err(|error| fault::raise(py, &error, None))
    }
}
