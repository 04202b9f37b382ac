//! One file as a stream of batches: fetched by a task, parsed by a thread, both ended when the stream is dropped.
//!
//! Holds always: at most two batches wait; the stream ends only after the thread has said that the file was read to its end.
//!
//! Start reading at [`batches`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use futures::stream::{self, BoxStream, StreamExt};
use meshweave_engine::{Error, Result};
use object_store::ObjectMeta;
use tokio::sync::{mpsc, oneshot};

use super::format::{RowFormat, Wanted};
use super::{input, thread};
use crate::common::source::Source;

/// A file that is being read.
struct Reading {
    path: String,
    batches: mpsc::Receiver<RecordBatch>,
    parsing: Option<Result<oneshot::Receiver<Result<()>>>>,
    _fetching: SpawnedTask<()>,
}

/// The rows of a file.
pub(super) fn batches(
    format: Arc<dyn RowFormat>,
    source: Source,
    file: ObjectMeta,
    wanted: Wanted,
) -> BoxStream<'static, datafusion::error::Result<RecordBatch>> {
    let path = file.location.to_string();
    let packing = format.kind().packing(&path);
    let (input, fetching) = input::open(source, file, packing);
    let (sender, batches) = mpsc::channel(1);
    let parsing = thread::run(move || -> Result<()> {
        let mut rows = format.rows(input, wanted)?;
        while let Some(batch) = rows.next()? {
            if sender.blocking_send(batch).is_err() {
                return Ok(());
            }
        }
        Ok(())
    });
    let reading = Reading { path, batches, parsing: Some(parsing), _fetching: fetching };
    stream::unfold(reading, Reading::next).boxed()
}

impl Reading {
    async fn next(mut self) -> Option<(datafusion::error::Result<RecordBatch>, Self)> {
        if let Some(batch) = self.batches.recv().await {
            return Some((Ok(batch), self));
        }
        let ended = match self.parsing.take()? {
            Ok(parsing) => parsing.await,
            Err(error) => Ok(Err(error)),
        };
        let error = match ended {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(cause) => Error::internal(format!("the reader of \"{}\" broke", self.path), cause),
        };
        Some((Err(DataFusionError::from(error)), self))
    }
}
