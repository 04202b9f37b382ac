//! Whether rows that were written by one Avro schema can be read by another, and what a registry's modes ask for.
//!
//! In: two schemas of tables. Out: every reason why rows of the one cannot be read by the other, or read as something else.
//! Holds always: "partly" is no; a schema can read what it has written itself.
//!
//! The Avro crate's own `SchemaCompatibility::can_read` is not used. It stops at the first fault; a name that stands for a type
//! defined elsewhere in the schema is never looked up, so that it both refuses schemas whose definition only moved to another
//! field and accepts types that changed behind a name; and it reads milliseconds as microseconds, since both are `long`. The
//! tests hold one case of each, and fail when the crate does better.
//!
//! Start reading at [`read_by`] for two schemas and at [`Mode`] for a history of them.
//!
//! # Source
//! The Avro specification 1.12, "Schema Resolution"; the modes of the Confluent schema registry.

mod resolve;

use std::fmt;
use std::str::FromStr;

use apache_avro::Schema;
use serde::Serialize;

use crate::model::Table;
use crate::problem::Problem;

/// The Avro schema of a table: a record, checked.
#[derive(Debug, Clone)]
pub struct AvroSchema(Schema);

impl AvroSchema {
    /// Reads the text of an `.avsc` file, at most 1 MiB, whose root is a record.
    ///
    /// # Errors
    /// Every problem, with its place in the text.
    pub fn read(text: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        crate::parse::avro_schema(text, file).map(Self)
    }
}

/// One reason why rows of a writer's schema cannot be read by a reader's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The way to it in the reader's schema: `address.city`, `stops[]`; empty for the table itself.
    pub path: String,
    /// What is wrong; lower case, no final stop.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.why),
            path => write!(f, "`{path}`: {}", self.why),
        }
    }
}

/// Whether every row of a writer's schema can be read by a reader's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AvroCompatibility {
    /// Why not; empty when they can.
    pub faults: Vec<Fault>,
}

impl AvroCompatibility {
    /// Whether every row can be read.
    pub fn is_readable(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Whether every row that `writer` can have written can be read by `reader`, as what it was.
///
/// An enum symbol that the reader does not know is a fault unless the reader has a default for it; a union member that the reader
/// cannot read is a fault; a logical type that became another one (milliseconds as microseconds) is a fault, although the bytes
/// could be read.
///
/// Cost: at most a million steps, whatever the schemas; beyond that they count as incompatible, and the fault says so.
pub fn read_by(writer: &AvroSchema, reader: &AvroSchema) -> AvroCompatibility {
    AvroCompatibility { faults: resolve::faults(&writer.0, &reader.0) }
}

/// Which schemas must be able to read which others' rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Nothing is asked for.
    None,
    /// The new schema reads rows of the last one.
    Backward,
    /// The new schema reads rows of every earlier one.
    BackwardTransitive,
    /// The last schema reads rows of the new one.
    Forward,
    /// Every earlier schema reads rows of the new one.
    ForwardTransitive,
    /// Both, with the last schema.
    Full,
    /// Both, with every earlier schema. The default: one table holds rows of all versions of a major.
    #[default]
    FullTransitive,
}

const MODES: [(&str, Mode); 7] = [
    ("NONE", Mode::None),
    ("BACKWARD", Mode::Backward),
    ("BACKWARD_TRANSITIVE", Mode::BackwardTransitive),
    ("FORWARD", Mode::Forward),
    ("FORWARD_TRANSITIVE", Mode::ForwardTransitive),
    ("FULL", Mode::Full),
    ("FULL_TRANSITIVE", Mode::FullTransitive),
];

/// A word that is no compatibility mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} is no compatibility mode; write NONE, BACKWARD, FORWARD or FULL, or one of the last three with _TRANSITIVE"
)]
pub struct BadMode {
    /// The word as it was written.
    pub word: String,
}

impl FromStr for Mode {
    type Err = BadMode;

    fn from_str(word: &str) -> Result<Self, BadMode> {
        let found = MODES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word.trim()));
        found.map(|(_, mode)| *mode).ok_or_else(|| BadMode { word: word.to_owned() })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MODES.iter().find(|(_, mode)| mode == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// The direction in which two schemas failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The new schema cannot read rows of an earlier one.
    Backward,
    /// An earlier schema cannot read rows of the new one.
    Forward,
}

/// A mode that a new schema breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Which of the earlier schemas, by its index.
    pub earlier: usize,
    /// Who cannot read whose rows.
    pub direction: Direction,
    /// Why.
    pub faults: Vec<Fault>,
}

impl Mode {
    /// The mode that a table's contract asks for by `schema.compatibility`; the default when it says nothing.
    ///
    /// # Errors
    /// [`BadMode`] when the word is none.
    pub fn of(table: &Table) -> Result<Self, BadMode> {
        match table.custom.get("compatibility") {
            None => Ok(Self::default()),
            Some(serde_json::Value::String(word)) => word.parse(),
            Some(other) => Err(BadMode { word: other.to_string() }),
        }
    }

    fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    /// Everything in which a new schema breaks this mode.
    ///
    /// - `earlier`: the schemas before it, oldest first, of one major; none break no mode.
    /// - returns the breaches, oldest schema first; empty when the mode is kept.
    pub fn breaches(self, earlier: &[AvroSchema], new: &AvroSchema) -> Vec<Breach> {
        let backward = !matches!(self, Self::None | Self::Forward | Self::ForwardTransitive);
        let forward = !matches!(self, Self::None | Self::Backward | Self::BackwardTransitive);
        let first = if self.is_transitive() { 0 } else { earlier.len().saturating_sub(1) };
        let mut breaches = Vec::new();
        for (i, old) in earlier.iter().enumerate().skip(first) {
            let pairs = [(Direction::Backward, backward, old, new), (Direction::Forward, forward, new, old)];
            for (direction, _, writer, reader) in pairs.into_iter().filter(|(_, wanted, _, _)| *wanted) {
                let faults = read_by(writer, reader).faults;
                if !faults.is_empty() {
                    breaches.push(Breach { earlier: i, direction, faults });
                }
            }
        }
        breaches
    }
}

#[cfg(test)]
mod tests;
