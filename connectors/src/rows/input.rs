//! A pinned object as bytes for a thread that parses: fetched piece by piece ahead of it, unpacked, and never read past a failure.
//!
//! In: a pinned object. Out: a reader for a blocking thread, and the task that feeds it.
//! Holds always:
//! - at most two pieces wait, whatever the size of the object;
//! - each piece is of the pinned object, or the reader fails; an object that ends early is a failure too;
//! - dropping either side ends the other.
//!
//! Start reading at [`open`].

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use meshweave_engine::Error;
use object_store::ObjectMeta;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::place::Place;
use crate::common::source::Source;

/// The first piece, bytes: a small answer costs little.
const FIRST_PIECE: u64 = 256 << 10;
/// The largest piece, bytes.
const LARGEST_PIECE: u64 = 4 << 20;

type Failed = Arc<Mutex<Option<Error>>>;

/// The bytes of one object, unpacked.
pub(crate) struct Input {
    reader: Reader,
    failed: Failed,
    place: Place,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.reader {
                Reader::Open(reader) => return reader.read(buffer),
                Reader::Closed(pieces, packing) => {
                    let pieces = pieces.take().ok_or_else(|| io::Error::other("it could not be unpacked"))?;
                    let reader = packing.convert_read(pieces).map_err(|e| io::Error::other(e.strip_backtrace()))?;
                    self.reader = Reader::Open(reader);
                }
            }
        }
    }
}

/// The bytes before and after the first of them was read: unpackers read as soon as they are made, which may block.
enum Reader {
    Closed(Option<Pieces>, FileCompressionType),
    Open(Box<dyn Read + Send>),
}

impl Input {
    /// Where the bytes come from.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What stopped the reader: the storage's failure, or bytes that cannot be unpacked.
    pub(crate) fn failure(&self, error: &io::Error) -> Error {
        let failed = self.failed.lock().clone();
        failed.unwrap_or_else(|| self.place.unreadable(&error.to_string()))
    }

    /// The storage's failure, when there was one.
    pub(crate) fn failed(&self) -> Failures {
        Failures(Arc::clone(&self.failed))
    }
}

/// Where a failure of the storage is found while somebody else holds the input.
#[derive(Debug, Clone)]
pub(crate) struct Failures(Failed);

impl Failures {
    /// The storage's failure, when there was one.
    pub(crate) fn get(&self) -> Option<Error> {
        self.0.lock().clone()
    }
}

/// Starts to fetch an object.
///
/// - returns the reader, for a thread that may block, and the task that feeds it; dropping the task ends the reading.
pub(crate) fn open(source: Source, file: ObjectMeta, packing: FileCompressionType) -> (Input, SpawnedTask<()>) {
    let (sender, receiver) = mpsc::channel(1);
    let failed = Failed::default();
    let place = Place::new(source.product(), file.location.as_ref());
    let pieces = Pieces { receiver, current: Bytes::new(), left: file.size, failed: Arc::clone(&failed) };
    let fetching = fetch(source, file, sender, Arc::clone(&failed));
    let reader = Reader::Closed(Some(pieces), packing);
    (Input { reader, failed, place }, SpawnedTask::spawn(fetching))
}

async fn fetch(source: Source, file: ObjectMeta, sender: mpsc::Sender<Bytes>, failed: Failed) {
    let mut from = 0;
    let mut piece = FIRST_PIECE;
    while from < file.size {
        let until = file.size.min(from + piece);
        match source.ranges(&file, std::slice::from_ref(&(from..until))).await {
            Ok(bytes) => {
                for bytes in bytes {
                    if sender.send(bytes).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                *failed.lock() = Some(error);
                return;
            }
        }
        from = until;
        piece = LARGEST_PIECE.min(piece * 2);
    }
}

/// The fetched pieces, one after the other.
struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
    left: u64,
    failed: Failed,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(bytes) => {
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    self.current = bytes;
                }
                None if self.failed.lock().is_some() => return Err(io::Error::other("the storage failed")),
                None if self.left > 0 => return Err(io::Error::other("nobody fetches it any more")),
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
