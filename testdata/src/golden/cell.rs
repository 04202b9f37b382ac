//! One value of an answer, in the form in which it is compared.

use std::cmp::Ordering;
use std::fmt;

use super::{Family, TOLERANCE};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// No value, in a column that is compared exactly.
    Null,
    /// No value, in a floating column.
    NullFloat,
    /// The one spelling of an exact value.
    Exact(String),
    /// A floating number, NaN included.
    Float(f64),
}

impl Cell {
    /// A value as it was printed; none is null.
    pub(super) fn new(text: Option<&str>, family: Family) -> Self {
        match (text, family) {
            (None, Family::Float) => Self::NullFloat,
            (None, _) => Self::Null,
            // A text that is no number compares unequal to every number but itself.
            (Some(text), Family::Float) => text.parse().map_or_else(|_| Self::Exact(text.to_owned()), Self::Float),
            (Some(text), Family::Decimal | Family::Integer) => Self::Exact(shortest(text)),
            (Some(text), Family::Text | Family::Date) => Self::Exact(text.to_owned()),
        }
    }

    /// Whether it belongs to a column without tolerance.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Null | Self::Exact(_))
    }

    /// Any total order that puts equal cells together; NaN equals NaN, and nulls come first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::NullFloat => 1,
            Self::Exact(_) => 2,
            Self::Float(_) => 3,
        }
    }

    /// Whether it is the same value, within the tolerance when it is a floating one.
    pub(super) fn is_close(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) if a.is_nan() || b.is_nan() => a.is_nan() && b.is_nan(),
            (Self::Float(a), Self::Float(b)) => a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0),
            _ => self == other,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null | Self::NullFloat => f.write_str("null"),
            Self::Exact(text) => write!(f, "{text:?}"),
            Self::Float(number) => write!(f, "{number:?}"),
        }
    }
}

/// A number without zeros that say nothing: `1.50` and `1.5` become one, `-0.00` becomes `0`.
fn shortest(number: &str) -> String {
    let short = match number.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => number.to_owned(),
    };
    if short == "-0" { "0".to_owned() } else { short }
}
