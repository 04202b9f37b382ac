//! Rows that come from Python: any object with an Arrow C stream.
//!
//! Holds always: they are pulled by a thread that may wait for the interpreter's lock, a few batches ahead of who takes them in.
//!
//! Start reading at [`stream`].

use std::sync::Arc;

use arrow::array::RecordBatchReader as _;
use arrow::ffi_stream::ArrowArrayStreamReader;
use arrow_pyarrow::FromPyArrow;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Batches that are read before they are asked for.
const AHEAD: usize = 2;

/// The rows of a frame.
///
/// # Errors
/// The object has no Arrow stream, or its schema cannot be read.
pub(crate) fn stream(frame: &Bound<'_, PyAny>, threads: &Handle) -> PyResult<SendableRecordBatchStream> {
    let reader = ArrowArrayStreamReader::from_pyarrow_bound(frame)?;
    let schema = reader.schema();
    let (sender, receiver) = mpsc::channel(AHEAD);
    let mut pull = JoinSet::new();
    let work = move || {
        for batch in reader {
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    };
    pull.spawn_blocking_on(work, threads);
    let rows = futures::stream::unfold((receiver, pull), async |(mut receiver, pull)| {
        let batch = receiver.recv().await?;
        Some((batch.map_err(|error| DataFusionError::ArrowError(Box::new(error), None)), (receiver, pull)))
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows)))
}
