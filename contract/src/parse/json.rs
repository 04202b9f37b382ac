//! Reads JSON (RFC 8259) as a tree of nodes, with the place of every key and value.
//!
//! Holds always: escapes are exact, surrogate pairs included; recursion ends at 64 levels.
//!
//! Start reading at [`read`].

use std::collections::HashSet;

use super::node::{Entry, Kind, Node, Place, is_json_number};
use super::report::Report;
use super::text::{MAX_DEPTH, MAX_KEY};
use super::yaml::{duplicate, long_key};
use crate::problem::code;

/// Reads one JSON document; none when it is no JSON or nested too deep.
pub(crate) fn read(text: &str, report: &mut Report) -> Option<Node> {
    let mut reader = Reader { rest: text, at: Place { line: 1, column: 1 }, depth: 0, report };
    reader.blank();
    if reader.rest.is_empty() {
        let mend = "Write a contract in one of the forms that are read.";
        reader.report.error(reader.at, code::EMPTY, "the document is empty", mend);
        return None;
    }
    let node = reader.value()?;
    reader.blank();
    if !reader.rest.is_empty() {
        return reader.wrong("more text follows the document", "Remove what follows, or mend the closing brackets.");
    }
    Some(node)
}

struct Reader<'t, 'r> {
    rest: &'t str,
    at: Place,
    depth: usize,
    report: &'r mut Report,
}

impl<'t> Reader<'t, '_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.at = match c {
            '\n' => Place { line: self.at.line + 1, column: 1 },
            _ => Place { column: self.at.column + 1, ..self.at },
        };
        Some(c)
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn wrong<T>(&mut self, message: &str, mend: &str) -> Option<T> {
        self.report.error(self.at, code::SYNTAX, message, mend);
        None
    }

    fn value(&mut self) -> Option<Node> {
        let place = self.at;
        let kind = match self.peek() {
            Some('{') => self.nested(Self::map)?,
            Some('[') => self.nested(Self::list)?,
            Some('"') => Kind::Scalar { text: self.string()?, quoted: true },
            _ => Kind::Scalar { text: self.word()?, quoted: false },
        };
        Some(Node { place, kind })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Kind>) -> Option<Kind> {
        if self.depth >= MAX_DEPTH {
            let message = format!("blocks are nested deeper than {MAX_DEPTH} levels");
            self.report.error(self.at, code::TOO_DEEP, message, "Flatten this part of the document.");
            return None;
        }
        self.depth += 1;
        self.next();
        let kind = read(self)?;
        self.depth -= 1;
        Some(kind)
    }

    fn list(&mut self) -> Option<Kind> {
        let mut items = Vec::new();
        self.blank();
        if self.skip(']') {
            return Some(Kind::List(items));
        }
        loop {
            self.blank();
            items.push(self.value()?);
            self.blank();
            if self.skip(']') {
                return Some(Kind::List(items));
            }
            if !self.skip(',') {
                return self.wrong("a comma or `]` is missing", "Separate the items by commas and close the list.");
            }
        }
    }

    fn map(&mut self) -> Option<Kind> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        self.blank();
        if self.skip('}') {
            return Some(Kind::Map(entries));
        }
        loop {
            self.blank();
            let place = self.at;
            if self.peek() != Some('"') {
                return self.wrong("a quoted key is missing", "Write the key in double quotes; no comma before `}`.");
            }
            let key = self.string()?;
            self.blank();
            if !self.skip(':') {
                return self.wrong("a colon is missing after the key", "Write `\"key\": value`.");
            }
            self.blank();
            let value = self.value()?;
            if key.len() > MAX_KEY {
                long_key(&key, place, self.report);
            } else if seen.insert(key.clone()) {
                entries.push(Entry { key, place, value });
            } else {
                duplicate(&key, place, self.report);
            }
            self.blank();
            if self.skip('}') {
                return Some(Kind::Map(entries));
            }
            if !self.skip(',') {
                return self.wrong("a comma or `}` is missing", "Separate the entries by commas and close the block.");
            }
        }
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.next();
        }
        found
    }

    fn word(&mut self) -> Option<String> {
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if !matches!(word, "true" | "false" | "null") && !is_json_number(word) {
            return self
                .wrong("a JSON value is missing", "Write a number, true, false, null, or text in double quotes.");
        }
        for _ in word.chars() {
            self.next();
        }
        Some(word.to_owned())
    }

    fn string(&mut self) -> Option<String> {
        self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    return self.wrong("the text ends inside a quoted string", "Close the string by a double quote.");
                }
                Some('"') => {
                    self.next();
                    return Some(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some('\n' | '\r' | '\t') => {
                    return self.wrong("a quoted string holds a line break or tab", "Write it as \\n, \\r or \\t.");
                }
                Some(c) => {
                    text.push(c);
                    self.next();
                }
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let start = self.at;
        self.next();
        Some(match self.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('u') => return self.unicode(start),
            _ => {
                self.at = start;
                return self
                    .wrong("an escape is not known to JSON", "Use \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX.");
            }
        })
    }

    /// The character of `\uXXXX`, or of two of them that make a surrogate pair.
    fn unicode(&mut self, start: Place) -> Option<char> {
        let first = self.hex()?;
        let scalar = match first {
            0xD800..=0xDBFF if self.skip('\\') && self.skip('u') => {
                let second = self.hex()?;
                (0xDC00..=0xDFFF).contains(&second).then(|| 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            }
            other => Some(other),
        };
        match scalar.and_then(char::from_u32) {
            Some(c) => Some(c),
            None => {
                self.at = start;
                self.wrong("half of a surrogate pair stands alone", "Write both halves, or the character itself.")
            }
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|d| u32::from_str_radix(d, 16).ok()) else {
            return self.wrong("four hexadecimal digits are missing after \\u", "Write \\u and four digits.");
        };
        for _ in 0..4 {
            self.next();
        }
        Some(code)
    }
}
