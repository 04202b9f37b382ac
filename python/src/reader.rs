//! The batches of a running query as an Arrow C stream.
//!
//! In: the engine's stream, driven by a task that stays at most [`AHEAD`] batches ahead. Out: batches to whoever pulls.
//! Holds always:
//! - memory is bounded: a reader that does not pull stops the query's work after [`AHEAD`] batches;
//! - dropping the reader stops the work; so do Ctrl-C in the thread that asked for it, and cancellation;
//! - the error that ended it is kept for [`Reading::fault`], since the C interface carries its text only.
//!
//! Start reading at [`Reader`].

use std::sync::Arc;
use std::thread::ThreadId;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use futures::StreamExt as _;
use meshweave_engine::context::Usage;
use meshweave_engine::{Answer, Error, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::engine::Open;
use crate::fault;
use crate::home::Home;
use crate::waiting::TICK;

/// Batches that are made before they are asked for.
const AHEAD: usize = 2;

/// Why a stream ended early.
enum End {
    Failed(Error),
    Interrupted(PyErr),
}

/// One reading of an answer: an Arrow C stream, once.
#[pyclass(frozen, module = "meshweave._native")]
pub(crate) struct Reading {
    reader: Mutex<Option<Home<Reader>>>,
    end: Arc<Mutex<Option<End>>>,
    usage: Arc<Usage>,
    query: Uuid,
}

impl Reading {
    /// Begins to read an answer that runs; called inside the runtime.
    ///
    /// - `home`: the thread that will be told of Ctrl-C.
    pub(crate) fn new(open: Arc<Open>, answer: Answer, home: ThreadId) -> Self {
        let Answer { schema, mut stream, usage, context, .. } = answer;
        let (sender, batches) = mpsc::channel(AHEAD);
        let mut pump = JoinSet::new();
        let work = async move {
            while let Some(batch) = stream.next().await {
                if sender.send(batch.map_err(Error::from)).await.is_err() {
                    return;
                }
            }
        };
        pump.spawn_on(work, &open.threads);
        let end = Arc::<Mutex<Option<End>>>::default();
        let reader = Reader { schema, batches, _pump: pump, open, home, end: Arc::clone(&end), ended: false };
        Self { reader: Mutex::new(Some(Home::new(reader))), end, usage, query: context.query_id }
    }
}

#[pymethods]
impl Reading {
    /// The stream, for any library that speaks Arrow; it can be taken once.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface lets a producer keep its own types; whoever wants others casts.
        let _ = requested_schema;
        let Some(reader) = self.reader.lock().take() else {
            let hint = "Ask the answer for a new one.";
            return Err(fault::misused(py, "InterfaceError", "this stream was taken already", hint));
        };
        reader.get(py)?;
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// Raises what ended the stream early; does nothing when nothing did.
    fn fault(&self, py: Python<'_>) -> PyResult<()> {
        match self.end.lock().take() {
            None => Ok(()),
            Some(End::Interrupted(error)) => Err(error),
            Some(End::Failed(error)) => Err(fault::raise(py, &error, Some(self.query))),
        }
    }

    /// Rows taken, bytes that stores sent, requests made to stores, place in the queue (0: it runs).
    fn progress(&self) -> (u64, u64, u64, usize) {
        let usage = &self.usage;
        (usage.taken_rows(), usage.bytes(), usage.requests(), usage.position().unwrap_or(0))
    }

    /// The query's id.
    #[getter]
    fn query_id(&self) -> String {
        self.query.to_string()
    }
}

/// The batches.
pub(crate) struct Reader {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch>>,
    _pump: JoinSet<()>,
    open: Arc<Open>,
    home: ThreadId,
    end: Arc<Mutex<Option<End>>>,
    ended: bool,
}

impl Reader {
    /// The next batch. In the thread that asked for the stream, signals are looked for and the interpreter's lock is released;
    /// any other thread may belong to a library whose caller holds the lock, and must not ask for it.
    fn pull(&mut self) -> Option<Result<RecordBatch, End>> {
        if std::thread::current().id() != self.home {
            let next = self.open.threads.block_on(self.batches.recv());
            return next.map(|batch| batch.map_err(End::Failed));
        }
        let with_lock = Python::try_attach(|py| {
            loop {
                let open = &self.open;
                let batches = &mut self.batches;
                let next =
                    py.detach(|| open.threads.block_on(async { tokio::time::timeout(TICK, batches.recv()).await }));
                match next {
                    Ok(next) => return next.map(|batch| batch.map_err(End::Failed)),
                    Err(_) => {
                        if let Err(error) = py.check_signals() {
                            return Some(Err(End::Interrupted(error)));
                        }
                    }
                }
            }
        });
        // Without an interpreter nobody waits for rows any more.
        with_lock.flatten()
    }
}

impl Iterator for Home<Reader> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.here()?;
        if reader.ended {
            return None;
        }
        let (text, end) = match reader.pull()? {
            Ok(batch) => return Some(Ok(batch)),
            Err(End::Failed(error)) => (told(&error), End::Failed(error)),
            Err(interrupted) => ("the query was interrupted".to_owned(), interrupted),
        };
        reader.ended = true;
        reader.batches.close();
        reader._pump.abort_all();
        reader.end.lock().get_or_insert(end);
        Some(Err(ArrowError::ExternalError(text.into())))
    }
}

impl RecordBatchReader for Home<Reader> {
    fn schema(&self) -> SchemaRef {
        self.peek().map_or_else(|| Arc::new(arrow::datatypes::Schema::empty()), |reader| Arc::clone(&reader.schema))
    }
}

/// An error with its hint, for libraries that get its text only.
fn told(error: &Error) -> String {
    match error.hint().filter(|hint| !hint.is_empty()) {
        Some(hint) => format!("{}\nhint: {hint}", error.report()),
        None => error.report(),
    }
}
