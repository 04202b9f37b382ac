//! Parts a CSV file into records and fields, as RFC 4180 has it, with the marks that a contract names.
//!
//! In: bytes. Out: one record at a time: its fields without quotes, which of them were quoted, and the line it starts in.
//! Holds always:
//! - a quote that is never closed, text behind a closing quote and bytes that are not UTF-8 are errors with their line;
//! - never more than one record and one piece of the file is held;
//! - a byte order mark and blank lines are passed over; lines end in `\n`, `\r\n` or `\r`.
//!
//! DataFusion's own reader takes an open quote for a field that reaches to the end of the file.
//!
//! Start reading at [`Records::next`].

use std::io::Read;

use meshweave_contract::model::CsvStyle;
use meshweave_engine::Result;

use crate::rows::input::Input;

/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The marks of a CSV file as bytes.
#[derive(Debug, Clone, Copy)]
struct Marks {
    delimiter: u8,
    quote: u8,
    escape: Option<u8>,
}

impl Marks {
    fn of(style: &CsvStyle) -> Self {
        // A style with other marks is refused when the contract is read.
        let byte = |mark: char| u8::try_from(mark).unwrap_or(b'?');
        let escape = style.escape.filter(|escape| *escape != style.quote).map(byte);
        Self { delimiter: byte(style.delimiter), quote: byte(style.quote), escape }
    }
}

/// A CSV file being read.
#[derive(Debug)]
pub(super) struct Records {
    input: Input,
    marks: Marks,
    limit: usize,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    is_started: bool,
    line: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
    quoted: Vec<bool>,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// The line it starts in, from 1.
    pub(super) line: u64,
    text: &'a str,
    ends: &'a [usize],
    quoted: &'a [bool],
}

impl<'a> Record<'a> {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a field, and whether it was quoted.
    pub(super) fn field(&self, index: usize) -> (&'a str, bool) {
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        (&self.text[from..self.ends[index]], self.quoted[index])
    }

    /// Its size, bytes, without marks.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len()
    }
}

/// Where in a record we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Bare,
    Quoted,
    AfterQuote,
    Escaped,
}

impl Records {
    /// The records of `input`, each of at most `limit` bytes.
    pub(super) fn new(input: Input, style: &CsvStyle, limit: usize) -> Self {
        Self {
            input,
            marks: Marks::of(style),
            limit,
            buffer: vec![0; PIECE],
            at: 0,
            end: 0,
            is_started: false,
            line: 1,
            text: Vec::new(),
            ends: Vec::new(),
            quoted: Vec::new(),
        }
    }

    /// The next record that is no blank line; none at the end of the file.
    ///
    /// # Errors
    /// Those of the storage; a record that is too long, not closed, or not UTF-8.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>> {
        self.pass_mark()?;
        let line = loop {
            let line = self.line;
            self.text.clear();
            self.ends.clear();
            self.quoted.clear();
            if !self.read_record(line)? {
                return Ok(None);
            }
            let is_blank = self.ends == [0] && !self.quoted[0];
            if !is_blank {
                break line;
            }
        };
        let text = std::str::from_utf8(&self.text);
        let text = text.map_err(|_| self.input.place().broken_line(line, "is not UTF-8"))?;
        Ok(Some(Record { line, text, ends: &self.ends, quoted: &self.quoted }))
    }

    /// Reads one record; false when the file has ended before it.
    fn read_record(&mut self, first_line: u64) -> Result<bool> {
        let mut state = State::FieldStart;
        let mut is_quoted = false;
        let mut has_any = false;
        loop {
            if self.text.len() + self.ends.len() > self.limit {
                return Err(self.input.place().too_long(first_line, self.limit));
            }
            if self.at == self.end && !self.fill()? {
                return self.ended(state, has_any, is_quoted, first_line);
            }
            has_any = true;
            state = match state {
                State::Quoted => self.quoted_run(),
                State::Escaped => {
                    self.keep_byte();
                    State::Quoted
                }
                State::FieldStart if self.buffer[self.at] == self.marks.quote => {
                    self.at += 1;
                    is_quoted = true;
                    State::Quoted
                }
                State::AfterQuote if self.buffer[self.at] == self.marks.quote && self.marks.escape.is_none() => {
                    self.keep_byte();
                    State::Quoted
                }
                State::FieldStart | State::Bare | State::AfterQuote => {
                    let before = self.at;
                    if state != State::AfterQuote {
                        self.bare_run();
                    }
                    if self.at == self.end {
                        State::Bare
                    } else {
                        match self.buffer[self.at] {
                            byte if byte == self.marks.delimiter => {
                                self.at += 1;
                                self.end_field(&mut is_quoted);
                                State::FieldStart
                            }
                            b'\n' | b'\r' => {
                                self.end_field(&mut is_quoted);
                                self.end_line()?;
                                return Ok(true);
                            }
                            _ if before == self.at => {
                                let what = "has text behind a closing quote";
                                return Err(self.input.place().broken_line(self.line, what));
                            }
                            _ => State::Bare,
                        }
                    }
                }
            };
        }
    }

    /// The file has ended inside a record, or where one would begin.
    fn ended(&mut self, state: State, has_any: bool, mut is_quoted: bool, line: u64) -> Result<bool> {
        match state {
            State::Quoted | State::Escaped => {
                let what = "opens a quote that is never closed";
                Err(self.input.place().broken_line(line, what))
            }
            _ if !has_any => Ok(false),
            _ => {
                self.end_field(&mut is_quoted);
                Ok(true)
            }
        }
    }

    /// Keeps what stands up to the next mark of a field without quotes.
    fn bare_run(&mut self) {
        let rest = &self.buffer[self.at..self.end];
        let delimiter = self.marks.delimiter;
        let found = rest.iter().position(|byte| *byte == delimiter || *byte == b'\n' || *byte == b'\r');
        self.keep(found.unwrap_or(rest.len()));
    }

    /// Keeps what stands up to the next mark of a quoted field, and passes the mark.
    fn quoted_run(&mut self) -> State {
        let rest = &self.buffer[self.at..self.end];
        let Marks { quote, escape, .. } = self.marks;
        let found = rest.iter().position(|byte| *byte == quote || Some(*byte) == escape);
        let count = found.unwrap_or(rest.len());
        self.line += rest[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.keep(count);
        if found.is_none() {
            return State::Quoted;
        }
        let mark = self.buffer[self.at];
        self.at += 1;
        if Some(mark) == escape { State::Escaped } else { State::AfterQuote }
    }

    fn keep(&mut self, count: usize) {
        self.text.extend_from_slice(&self.buffer[self.at..self.at + count]);
        self.at += count;
    }

    fn keep_byte(&mut self) {
        self.line += u64::from(self.buffer[self.at] == b'\n');
        self.keep(1);
    }

    fn end_field(&mut self, is_quoted: &mut bool) {
        self.ends.push(self.text.len());
        self.quoted.push(std::mem::take(is_quoted));
    }

    /// Passes the end of a line.
    fn end_line(&mut self) -> Result<()> {
        let is_return = self.buffer[self.at] == b'\r';
        self.at += 1;
        self.line += 1;
        if is_return && (self.at < self.end || self.fill()?) && self.buffer[self.at] == b'\n' {
            self.at += 1;
        }
        Ok(())
    }

    fn pass_mark(&mut self) -> Result<()> {
        if self.is_started {
            return Ok(());
        }
        self.is_started = true;
        while self.end < MARK.len() {
            let more = self.input.read(&mut self.buffer[self.end..]).map_err(|error| self.input.failure(&error))?;
            if more == 0 {
                break;
            }
            self.end += more;
        }
        if self.buffer[..self.end].starts_with(&MARK) {
            self.at = MARK.len();
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<bool> {
        self.at = 0;
        self.end = self.input.read(&mut self.buffer).map_err(|error| self.input.failure(&error))?;
        Ok(self.end > 0)
    }
}
