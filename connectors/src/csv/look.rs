//! What the first records of a CSV file tell of its columns.
//!
//! A promised column that every record keeps has the promised type. Of others the first type in this order that every value has:
//! whole numbers, floating point numbers, truth values, days, moments without and with a time zone, text. What is only null is `Null`.
//!
//! Start reading at [`look`].

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use meshweave_engine::Result;

use super::header::Header;
use super::records::Records;
use super::{Nulls, cell};
use crate::rows::cells::{Column, is_text};
use crate::rows::format::Look;
use crate::rows::input::Input;
use crate::rows::{date, has_offset, moment, whole};

/// Looks at the first records.
///
/// # Errors
/// When they are not records.
pub(super) fn look(input: Input, look: &Look) -> Result<Schema> {
    let style = &look.rules.csv;
    let place = input.place().clone();
    let promised = look.promised.clone().unwrap_or_else(|| Schema::empty().into());
    let mut records = Records::new(input, style, look.rules.row_bytes);
    let mut seen: Option<(Header, Vec<Seen>)> = None;
    let mut left = look.sample_bytes;
    while left > 0
        && let Some(record) = records.next()?
    {
        left = left.saturating_sub(record.bytes() as u64);
        let (header, columns) = match &mut seen {
            Some(known) => known,
            None if style.header => {
                let header = Header::of(&record, &promised, &place)?;
                let columns = columns(&header, &promised);
                seen = Some((header, columns));
                continue;
            }
            None => {
                let mut header = Header::by_position(&promised);
                if look.promised.is_none() {
                    header.width = record.len();
                }
                let columns = columns(&header, &promised);
                seen.insert((header, columns))
            }
        };
        header.check(&record, &place)?;
        for (index, column) in columns.iter_mut().enumerate() {
            let (text, quoted) = record.field(index);
            column.add(text, quoted, &style.null);
        }
    }
    Ok(Schema::new(seen.map_or_else(Vec::new, |(_, columns)| columns.into_iter().map(Seen::field).collect())))
}

fn columns(header: &Header, promised: &Schema) -> Vec<Seen> {
    let column = |index: usize| {
        let known = header.places.iter().position(|place| *place == Some(index));
        let name = header.names.as_ref().map_or_else(|| format!("column_{}", index + 1), |names| names[index].clone());
        Seen::new(name, known.map(|known| promised.field(known)))
    };
    (0..header.width).map(column).collect()
}

/// The type that a value looks like.
pub(super) fn looks_like(text: &str) -> DataType {
    let mut seen = Seen::new(String::new(), None);
    seen.add(text, false, "");
    seen.field().data_type().clone()
}

/// What was seen of one column.
pub(super) struct Seen {
    name: String,
    promise: Option<Promise>,
    guesses: Vec<Guess>,
    has_null: bool,
    has_value: bool,
}

/// A promised column, as long as every value keeps it.
struct Promise {
    field: Field,
    column: Option<Column>,
}

/// A type that every value may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guess {
    Whole,
    Float,
    Truth,
    Day,
    WallClock,
    Instant,
}

const GUESSES: [Guess; 6] = [Guess::Whole, Guess::Float, Guess::Truth, Guess::Day, Guess::WallClock, Guess::Instant];

impl Guess {
    fn data_type(self) -> DataType {
        match self {
            Self::Whole => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::Day => DataType::Date32,
            Self::WallClock => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    /// Whether a text looks like a value of the type, and like nothing else that people write.
    fn fits(self, text: &str) -> bool {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !is_padded;
        match self {
            Self::Whole => is_number && text.parse::<i64>().is_ok(),
            Self::Float => {
                let is_long = digits.bytes().all(|byte| byte.is_ascii_digit()) && whole::<i64>(text).is_none();
                is_number && !is_long && text.parse::<f64>().is_ok_and(f64::is_finite)
            }
            Self::Truth => ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text)),
            Self::Day => date(text).is_some(),
            Self::WallClock => text.len() > 10 && moment(1_000_000, false)(text).is_some(),
            Self::Instant => has_offset(text) && moment(1_000_000, true)(text).is_some(),
        }
    }
}

impl Seen {
    /// Nothing yet.
    ///
    /// - `name`: as the file spells it.
    pub(super) fn new(name: String, promised: Option<&Field>) -> Self {
        let promise = promised
            .map(|field| Promise { field: field.clone(), column: Column::of(&field.clone().with_nullable(true)).ok() });
        let name = promise.as_ref().map_or(name, |promise| promise.field.name().clone());
        Self { name, promise, guesses: GUESSES.to_vec(), has_null: false, has_value: false }
    }

    /// One more value.
    pub(super) fn add(&mut self, text: &str, quoted: bool, null: &str) {
        let is_text = self.promise.as_ref().is_none_or(|promise| is_text(promise.field.data_type()));
        let nulls = Nulls { text: null, is_text };
        let Some(text) = nulls.value(text, quoted) else {
            self.has_null = true;
            return;
        };
        self.has_value = true;
        self.guesses.retain(|guess| guess.fits(text.trim_ascii()));
        if let Some(promise) = &mut self.promise
            && let Some(column) = &mut promise.column
            && column.push(cell(text)).is_err()
        {
            promise.column = None;
        }
    }

    /// What the column holds.
    pub(super) fn field(self) -> Field {
        match self.promise {
            Some(Promise { field, column: Some(_) }) => {
                let nullable = field.is_nullable() || self.has_null;
                field.with_nullable(nullable)
            }
            _ => {
                let guess = self.guesses.first().map_or(DataType::Utf8, |guess| guess.data_type());
                let data_type = if self.has_value { guess } else { DataType::Null };
                Field::new(self.name, data_type, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: &DataType) {
        let mut seen = Seen::new("c".to_owned(), None);
        values.iter().for_each(|value| seen.add(value, false, ""));
        assert_eq!(seen.field().data_type(), expected, "{values:?}");
    }

    #[test]
    fn types_are_guessed_from_every_value() {
        let wall = Guess::WallClock.data_type();
        let instant = Guess::Instant.data_type();
        check(&["1", "", "-20"], &DataType::Int64);
        check(&["1", "1.5"], &DataType::Float64);
        check(&["1", "x"], &DataType::Utf8);
        check(&["true", "FALSE"], &DataType::Boolean);
        check(&["2024-01-01"], &DataType::Date32);
        check(&["2024-01-01T00:00:00", "2024-01-01 12:00:00.5"], &wall);
        check(&["2024-01-01T00:00:00Z", "2024-01-01T00:00:00+01:00"], &instant);
        check(&["2024-01-01T00:00:00Z", "2024-01-01T00:00:00"], &DataType::Utf8);
        check(&["", ""], &DataType::Null);
    }

    #[test]
    fn numbers_that_are_names_stay_text() {
        check(&["00123", "10115"], &DataType::Utf8);
        check(&["12345678901234567890"], &DataType::Utf8);
        check(&["0", "0.5"], &DataType::Float64);
        check(&["nan"], &DataType::Utf8);
    }

    #[test]
    fn a_promise_that_is_kept_is_what_is_stored() {
        let promised = Field::new("c", DataType::Decimal128(10, 2), false);
        let of = |values: &[&str]| {
            let mut seen = Seen::new("C".to_owned(), Some(&promised));
            values.iter().for_each(|value| seen.add(value, false, ""));
            seen.field()
        };
        assert_eq!(of(&["1.5", "2"]), promised);
        assert_eq!(of(&["1.5", ""]), promised.clone().with_nullable(true));
        assert_eq!(of(&["1.555"]), Field::new("c", DataType::Float64, true));
    }
}
