//! One input that is read twice from its start: once for the header, once for the rows.
//!
//! Start reading at [`Tee::again`].

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use parking_lot::Mutex;

use super::framing::Framing;
use crate::rows::input::Input;

/// The input, the bytes that were read before it is read again, and how its framing stands.
#[derive(Debug)]
struct Shared {
    input: Input,
    /// What was read so far; none once it is not needed any more.
    kept: Option<Vec<u8>>,
    framing: Framing,
}

/// A handle on an input; clones read on where the others stopped.
#[derive(Debug, Clone)]
pub(super) struct Tee(Arc<Mutex<Shared>>);

impl Tee {
    /// Starts to keep what is read.
    pub(super) fn new(input: Input) -> Self {
        Self(Arc::new(Mutex::new(Shared { input, kept: Some(Vec::new()), framing: Framing::new() })))
    }

    /// The same bytes from the start; nothing is kept any more.
    pub(super) fn again(&self) -> impl Read + use<> {
        let kept = self.0.lock().kept.take().unwrap_or_default();
        Cursor::new(kept).chain(self.clone())
    }

    /// The rows that the file announces, when it was read to its end and is whole.
    pub(super) fn whole(&self) -> Option<u64> {
        self.0.lock().framing.whole()
    }
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.0.lock();
        let count = shared.input.read(buffer)?;
        shared.framing.pass(&buffer[..count]);
        if let Some(kept) = &mut shared.kept {
            kept.extend_from_slice(&buffer[..count]);
        }
        Ok(count)
    }
}
