//! An Avro file without its packing: each block is unpacked within a bound, and every end is looked at.
//!
//! In: the bytes of a file. Out: the bytes of the same file as if it had never been packed; the rows that its blocks announce.
//! Holds always:
//! - never more than one block is held, packed and unpacked, each within the bound: a few bytes cannot become all memory;
//! - a file ends behind a block, else it is cut; a block ends with the file's marker, else it is damaged.
//!
//! The reader of `arrow-avro` unpacks a block however large it becomes, looks at no marker, and takes a file that is cut within a
//! block for a shorter file.
//!
//! Start reading at [`Blocks`].
//!
//! # Source
//! Avro 1.12, "Object Container Files".

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use meshweave_engine::Error;
use parking_lot::Mutex;

use super::header::{Header, Marker};
use super::number;
use super::packing::Packing;
use crate::rows::input::{Failures, Input};
use crate::rows::place::Place;

/// Why a file cannot be read on.
#[derive(Debug)]
pub(super) enum Why {
    /// The bytes did not come, or cannot be unpacked.
    Io(io::Error),
    /// The file ends too early.
    Cut,
    /// What is wrong with the file, in words.
    Broken(String),
    /// A block, or the header, is larger than the bound.
    TooLarge,
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Io(error),
        }
    }
}

/// What was learnt of a file while it was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Learnt(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    rows: u64,
    is_whole: bool,
    error: Option<Error>,
}

impl Learnt {
    /// Why it could not be read on.
    pub(super) fn error(&self) -> Option<Error> {
        self.0.lock().error.clone()
    }

    /// The rows that its blocks announce, when it was read to its end.
    pub(super) fn whole(&self) -> Option<u64> {
        let state = self.0.lock();
        state.is_whole.then_some(state.rows)
    }
}

/// The blocks of a file, unpacked.
#[derive(Debug)]
pub(super) struct Blocks {
    input: BufReader<Input>,
    packing: Packing,
    marker: Marker,
    limit: usize,
    place: Place,
    failures: Failures,
    learnt: Learnt,
    block: Cursor<Vec<u8>>,
}

impl Blocks {
    /// Reads the header of a file; gives it as it is without packing, and the blocks.
    ///
    /// - `limit`: bytes of a block, packed or not.
    ///
    /// # Errors
    /// Those of storage; what is no header, or too large a one.
    pub(super) fn open(input: Input, limit: usize) -> Result<(Vec<u8>, Self), Error> {
        let (place, failures) = (input.place().clone(), input.failed());
        let mut input = BufReader::new(input);
        let opened = Header::read(&mut input, limit).and_then(|header| {
            let packing = Packing::named(&header.codec)?;
            Ok((header, packing))
        });
        let (header, packing) = opened.map_err(|why| told(&place, &failures, limit, why))?;
        let (learnt, block) = (Learnt::default(), Cursor::default());
        Ok((header.bytes, Self { input, packing, marker: header.marker, limit, place, failures, learnt, block }))
    }

    /// What is learnt while they are read.
    pub(super) fn learnt(&self) -> Learnt {
        self.learnt.clone()
    }

    /// Takes the next block; false at the end of the file.
    fn next(&mut self) -> Result<bool, Why> {
        let Some(rows) = number::read_or_end(&mut self.input)? else { return Ok(false) };
        let Ok(announced) = u64::try_from(rows) else {
            return Err(Why::Broken(format!("has a block of {rows} rows")));
        };
        let size = number::size(&mut self.input, self.limit)?;
        let packed = number::bytes(&mut self.input, size)?;
        let mut marker = Marker::default();
        self.input.read_exact(&mut marker)?;
        if marker != self.marker {
            return Err(Why::Broken("has a damaged block".to_owned()));
        }
        let unpacked = self.packing.unpack(packed, self.limit)?;
        let mut block = Vec::with_capacity(unpacked.len() + 2 * number::LONGEST + marker.len());
        number::write(rows, &mut block);
        number::write(i64::try_from(unpacked.len()).unwrap_or(i64::MAX), &mut block);
        block.extend(unpacked);
        block.extend(marker);
        self.block = Cursor::new(block);
        let mut state = self.learnt.0.lock();
        state.rows = state.rows.saturating_add(announced);
        Ok(true)
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.block.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.next() {
                Ok(true) => {}
                Ok(false) => {
                    self.learnt.0.lock().is_whole = true;
                    return Ok(0);
                }
                Err(why) => {
                    let error = told(&self.place, &self.failures, self.limit, why);
                    let text = error.to_string();
                    self.learnt.0.lock().error = Some(error);
                    return Err(io::Error::other(text));
                }
            }
        }
    }
}

/// The error of a file: the storage's, when that failed.
fn told(place: &Place, failures: &Failures, limit: usize, why: Why) -> Error {
    failures.get().unwrap_or_else(|| match why {
        Why::Io(error) => place.unreadable(&error.to_string()),
        Why::Cut => place.broken("is cut, and no whole Avro file"),
        Why::Broken(what) => place.broken(&what),
        Why::TooLarge => place.too_large_a_block(limit),
    })
}
