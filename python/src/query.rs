//! A planned statement: what it will read is pinned, nothing has run yet.
//!
//! Holds always: every reading has the versions that were pinned first, however often and however late it is read.
//!
//! Start reading at [`Query::read`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use arrow::ffi::FFI_ArrowSchema;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Planned, Result, Statement};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::{Asked, Open};
use crate::fault;
use crate::home::Home;
use crate::reader::Reading;
use crate::waiting::wait;

/// How long a plan is good for: a statement's time runs from its planning on, and a later reading plans again.
const FRESH: Duration = Duration::from_secs(5);

/// A statement, its pinned versions, and its plan while that is fresh.
#[pyclass(frozen, module = "meshweave._native")]
pub(crate) struct Query {
    open: Home<Arc<Open>>,
    asked: Asked,
    statement: Statement,
    cancel: CancellationToken,
    schema: SchemaRef,
    versions: VersionVector,
    writes: bool,
    plan: Mutex<Option<Home<(Planned, Uuid, Instant)>>>,
}

impl Query {
    /// Grants, pins and plans a statement.
    ///
    /// # Errors
    /// Every kind of the engine's; `KeyboardInterrupt`.
    pub(crate) fn plan(
        py: Python<'_>,
        open: &Arc<Open>,
        asked: Asked,
        statement: Statement,
        pins: Option<VersionVector>,
    ) -> PyResult<Self> {
        let cancel = open.cancel.child_token();
        let (planned, query) = planned(py, open, &asked, &statement, &cancel, pins)?;
        Ok(Self {
            schema: planned.schema(),
            versions: planned.versions().clone(),
            writes: planned.writes(),
            plan: Mutex::new(Some(Home::new((planned, query, Instant::now())))),
            open: Home::new(Arc::clone(open)),
            asked,
            statement,
            cancel,
        })
    }
}

fn planned(
    py: Python<'_>,
    open: &Arc<Open>,
    asked: &Asked,
    statement: &Statement,
    cancel: &CancellationToken,
    pins: Option<VersionVector>,
) -> PyResult<(Planned, Uuid)> {
    let ctx = asked.context(open, cancel);
    let query = ctx.query_id;
    let (engine, statement) = (Arc::clone(&open.mesh.engine), statement.clone());
    let work = async move { engine.plan(&ctx, &statement, pins.as_ref()).await };
    let planned = wait(py, &open.threads, work)?.map_err(|error| fault::raise(py, &error, Some(query)))?;
    Ok((planned, query))
}

#[pymethods]
impl Query {
    /// The columns, as an Arrow C schema.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// The version vector, JSON.
    #[getter]
    fn versions(&self) -> PyResult<String> {
        serde_json::to_string(&self.versions).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Whether it writes to a temporary table when it is read.
    #[getter]
    fn writes(&self) -> bool {
        self.writes
    }

    /// Waits for a place and starts to run; each call reads anew, the same versions.
    fn read(&self, py: Python<'_>) -> PyResult<Reading> {
        let open = self.open.get(py)?;
        open.check(py)?;
        let fresh = self.plan.lock().take().filter(|plan| {
            plan.peek().is_some_and(|(_, _, made)| made.elapsed() < FRESH) && !self.cancel.is_cancelled()
        });
        let (planned, query) = match fresh.and_then(Home::into_inner) {
            Some((planned, query, _)) => (planned, query),
            None => {
                let pins = Some(self.versions.clone());
                planned(py, open, &self.asked, &self.statement, &self.cancel, pins)?
            }
        };
        let (home, own) = (std::thread::current().id(), Arc::clone(open));
        let work = async move { Result::Ok(Reading::new(own, planned.run().await?, home)) };
        wait(py, &open.threads, work)?.map_err(|error| fault::raise(py, &error, Some(query)))
    }

    /// Stops every reading, and those to come.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        self.open.get(py)?;
        self.cancel.cancel();
        Ok(())
    }
}
