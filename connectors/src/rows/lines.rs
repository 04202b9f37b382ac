//! Lines of a text file, one at a time, each of a bounded length.
//!
//! In: bytes. Out: lines without their ends (`\n` or `\r\n`), and their numbers, from 1.
//! Holds always: never more than one line and one piece of the file is held; a byte order mark is passed over; what is not UTF-8 is an error.
//!
//! Start reading at [`Lines::next`].

use std::io::Read;

use meshweave_engine::Result;

use super::input::Input;

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// A text file being read.
#[derive(Debug)]
pub(crate) struct Lines {
    input: Input,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    line: Vec<u8>,
    number: u64,
    limit: usize,
    is_done: bool,
}

impl Lines {
    /// The lines of `input`, each of at most `limit` bytes.
    pub(crate) fn new(input: Input, limit: usize) -> Self {
        let buffer = vec![0; PIECE];
        Self { input, buffer, at: 0, end: 0, line: Vec::new(), number: 0, limit, is_done: false }
    }

    /// The next line; none at the end of the file.
    ///
    /// # Errors
    /// Those of the storage; a line that is too long or not UTF-8.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>> {
        self.line.clear();
        self.number += 1;
        let mut has_any = false;
        loop {
            if self.at == self.end && !self.fill()? {
                break;
            }
            has_any = true;
            let rest = &self.buffer[self.at..self.end];
            let found = rest.iter().position(|byte| *byte == b'\n');
            let taken = found.unwrap_or(rest.len());
            if self.line.len() + taken > self.limit {
                return Err(self.input.place().too_long(self.number, self.limit));
            }
            self.line.extend_from_slice(&rest[..taken]);
            self.at += taken;
            if found.is_some() {
                self.at += 1;
                break;
            }
        }
        if !has_any {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let mark = if self.number == 1 && self.line.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        match std::str::from_utf8(&self.line[mark..]) {
            Ok(text) => Ok(Some((self.number, text))),
            Err(_) => Err(self.input.place().broken_line(self.number, "is not UTF-8")),
        }
    }

    fn fill(&mut self) -> Result<bool> {
        if !self.is_done {
            self.at = 0;
            self.end = self.input.read(&mut self.buffer).map_err(|error| self.input.failure(&error))?;
            self.is_done = self.end == 0;
        }
        Ok(!self.is_done)
    }
}
