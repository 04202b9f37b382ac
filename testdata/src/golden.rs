//! The right answers to the 22 queries of TPC-H at scale factor 0.1, made by DuckDB, and the comparison with them.
//!
//! In: an answer as record batches. Out: nothing, or a [`Difference`] that can be read.
//! Holds always:
//! - rows are compared as a multiset: their order is not, how often each comes is;
//! - integers, decimals, text and dates are compared exactly, by value (`1.50` is `1.5`);
//! - only where DuckDB answered with a floating number (a division or an average) is there a [`TOLERANCE`];
//! - a column is of the golden one's family of types: no number for a text, no float for a decimal.
//!
//! Start reading at [`compare`].

use std::cmp::Ordering;
use std::fmt;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

use crate::error::{Error, Result};

mod cell;
mod stored;

use cell::Cell;
pub use stored::{EMPTY, QUERIES, SCALE, query, row_counts};

/// How far a floating number may lie from the golden one, relative to the larger of it and 1.
///
/// A quotient of decimals has six digits after the point in DataFusion and is a double in DuckDB.
pub const TOLERANCE: f64 = 1e-6;

/// The kinds of types between which values can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Whole numbers of any size.
    Integer,
    /// Exact numbers.
    Decimal,
    /// Floating numbers; decimals are accepted too, with the tolerance.
    Float,
    /// Text.
    Text,
    /// Calendar days.
    Date,
}

impl Family {
    fn of_word(word: &str) -> Result<Self> {
        Ok(match word {
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "float" => Self::Float,
            "text" => Self::Text,
            "date" => Self::Date,
            other => {
                return Err(Error::Malformed(format!(
                    "a golden answer has a column of the unknown family \"{other}\""
                )));
            }
        })
    }

    /// Whether an answer's column may be of this type.
    fn admits(self, data_type: &DataType) -> bool {
        match self {
            Self::Integer => data_type.is_integer(),
            Self::Decimal => data_type.is_decimal(),
            Self::Float => data_type.is_floating() || data_type.is_decimal(),
            Self::Text => matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
            Self::Date => matches!(data_type, DataType::Date32),
        }
    }
}

/// One column of a golden answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; not compared, because engines choose names of their own.
    pub name: String,
    /// Its family.
    pub family: Family,
}

/// The right answer to one query.
#[derive(Debug, Clone)]
pub struct Golden {
    /// Its columns, in order.
    pub columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Golden {
    /// The answer to query `number`, from 1 to 22.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no such query or its file is broken.
    pub fn of(number: usize) -> Result<Self> {
        Self::parse(stored::answer(number)?)
    }

    /// Reads the lines of an answer as `make_golden.py` writes them.
    fn parse(text: &str) -> Result<Self> {
        let broken = |why: &str| Error::Malformed(format!("a golden answer {why}"));
        let mut lines = text.lines().map(serde_json::from_str::<Value>);
        let head = lines.next().and_then(Result::ok).ok_or_else(|| broken("has no first line"))?;
        let columns = head["columns"].as_array().ok_or_else(|| broken("has no columns"))?;
        let columns = columns.iter().map(|column| {
            let word = |key: &str| column[key].as_str().unwrap_or_default();
            Ok(Column { name: word("name").to_owned(), family: Family::of_word(word("family"))? })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for line in lines {
            let line = line.map_err(|_| broken("has a line that is not JSON"))?;
            let values = line
                .as_array()
                .filter(|values| values.len() == columns.len())
                .ok_or_else(|| broken("has a row of another width"))?;
            rows.push(
                values.iter().zip(&columns).map(|(value, column)| Cell::new(value.as_str(), column.family)).collect(),
            );
        }
        if head["rows"].as_u64() != Some(rows.len() as u64) {
            return Err(broken("does not hold the rows that its first line counts"));
        }
        Ok(Self { columns, rows })
    }

    /// How many rows it has.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }
}

/// How an answer differs from the golden one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Difference {
    /// What is different, in lines for people.
    pub lines: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

fn differs(line: String) -> Result<(), Difference> {
    Err(Difference { lines: vec![line] })
}

/// Compares an answer with the golden one, as multisets of rows.
///
/// - `schema`: the answer's, so that an empty answer has types too.
///
/// # Errors
/// The first difference in shape, or the first ten rows that differ.
pub fn compare(schema: &Schema, answer: &[RecordBatch], golden: &Golden) -> Result<(), Difference> {
    if schema.fields().len() != golden.columns.len() {
        return differs(format!("{} columns instead of {}", schema.fields().len(), golden.columns.len()));
    }
    for (field, column) in schema.fields().iter().zip(&golden.columns) {
        if !column.family.admits(field.data_type()) {
            return differs(format!(
                "column \"{}\" is {} instead of {:?}",
                field.name(),
                field.data_type(),
                column.family
            ));
        }
    }
    let mut rows = cells(answer, golden).map_err(|error| Difference { lines: vec![error.to_string()] })?;
    if rows.len() != golden.rows.len() {
        return differs(format!("{} rows instead of {}", rows.len(), golden.rows.len()));
    }
    let mut expected = golden.rows.clone();
    rows.sort_by(|a, b| order(a, b));
    expected.sort_by(|a, b| order(a, b));
    let pairs = rows.iter().zip(&expected).filter(|(row, right)| !row.iter().zip(*right).all(|(a, b)| a.is_close(b)));
    let lines: Vec<String> =
        pairs.take(10).map(|(row, right)| format!("{} instead of {}", show(row), show(right))).collect();
    if lines.is_empty() { Ok(()) } else { Err(Difference { lines }) }
}

/// Exact cells first, so that a tolerated difference never changes which rows face each other.
fn order(a: &[Cell], b: &[Cell]) -> Ordering {
    let by = |wants_exact: bool| {
        a.iter().zip(b).filter(move |(x, _)| x.is_exact() == wants_exact).map(|(x, y)| x.order(y)).find(|o| o.is_ne())
    };
    by(true).or_else(|| by(false)).unwrap_or(Ordering::Equal)
}

fn cells(answer: &[RecordBatch], golden: &Golden) -> Result<Vec<Vec<Cell>>> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in answer {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for at in 0..batch.num_rows() {
            let row = columns.iter().enumerate().map(|(i, formatter)| {
                let text = batch.column(i).is_valid(at).then(|| formatter.value(at).to_string());
                Cell::new(text.as_deref(), golden.columns[i].family)
            });
            rows.push(row.collect());
        }
    }
    Ok(rows)
}

fn show(row: &[Cell]) -> String {
    row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests;
