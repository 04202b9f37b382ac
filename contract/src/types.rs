//! The logical types of columns: what a contract promises and what a file was seen to hold, in one language.
//!
//! In: the spelling of a contract form, or a connector's observation. Out: a [`LogicalType`].
//! Holds always: no Arrow here; the engine maps each type to exactly one Arrow type and back.
//!
//! Start reading at [`LogicalType::accepts`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Precision of times and timestamps, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Whole seconds.
    Second,
    /// Thousandths.
    Milli,
    /// Millionths; what contracts mean when they name no unit.
    Micro,
    /// Billionths.
    Nano,
}

/// A named, typed member of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StructField {
    /// Its spelling.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub logical_type: LogicalType,
    /// Whether it may be absent.
    pub nullable: bool,
}

/// What a column holds.
///
/// The abstract words of contract forms (`number`, `integer`, `timestamp`) become the widest usual type
/// ([`Self::Float64`], [`Self::Int64`], microseconds); [`Self::accepts`] says which stored types keep that promise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    /// True or false.
    Boolean,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// IEEE 754, 16 bits.
    Float16,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// `number`: any numeric type keeps this promise.
    Number,
    /// `integer`: any whole-number type keeps this promise.
    Integer,
    /// Exact, `precision` digits of which `scale` are after the point.
    Decimal {
        /// Digits in all, 1 to 76.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// UTF-8 text.
    String,
    /// UTF-8 text or 16 bytes that hold a UUID.
    Uuid,
    /// UTF-8 text that holds JSON.
    Json,
    /// Bytes.
    Binary,
    /// `size` bytes each.
    FixedBinary {
        /// Bytes per value.
        size: i32,
    },
    /// A calendar day.
    Date,
    /// A time of day.
    Time {
        /// Stored precision.
        unit: TimeUnit,
    },
    /// A point in time (`utc`) or a wall-clock reading (not `utc`).
    Timestamp {
        /// Stored precision.
        unit: TimeUnit,
        /// Whether it is an instant.
        utc: bool,
    },
    /// A span of time.
    Interval,
    /// Elapsed time.
    Duration {
        /// Stored precision.
        unit: TimeUnit,
    },
    /// Values of one type, in order.
    List {
        /// The type of each.
        item: Box<Self>,
        /// Whether an item may be absent.
        item_nullable: bool,
    },
    /// Named members.
    Struct {
        /// In order.
        fields: Vec<StructField>,
    },
    /// Keys to values.
    Map {
        /// The type of keys; never null.
        key: Box<Self>,
        /// The type of values.
        value: Box<Self>,
        /// Whether a value may be absent.
        value_nullable: bool,
    },
    /// `object` or `any` without more: whatever is stored keeps this promise.
    Any,
}

/// The deepest type that a contract may promise, in levels of lists, maps and structs. As JSON each level takes up to four, and
/// readers of JSON stop at 128.
pub const MAX_TYPE_DEPTH: usize = 24;

impl LogicalType {
    /// How many levels of lists, maps and structs stand inside each other; none for a plain type.
    pub fn depth(&self) -> usize {
        match self {
            Self::List { item, .. } => 1 + item.depth(),
            Self::Map { key, value, .. } => 1 + key.depth().max(value.depth()),
            Self::Struct { fields } => 1 + fields.iter().map(|f| f.logical_type.depth()).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether values stored as `stored` keep the promise of `self` without loss.
    ///
    /// Equal types do; so do legal widenings (an `int32` file under an `int64` contract), abstract words
    /// (`number`, `integer`, `any`), any unit of a timestamp, text for `uuid` and `json`.
    /// An instant and a wall-clock reading never stand for each other.
    pub fn accepts(&self, stored: &Self) -> bool {
        if self == stored {
            return true;
        }
        match (self, stored) {
            (Self::Any, _) => true,
            (Self::Number, s) => s.is_number(),
            (Self::Integer, s) => s.whole_bits().is_some(),
            (Self::Uuid, Self::String | Self::FixedBinary { size: 16 }) | (Self::Json, Self::String) => true,
            (Self::Binary, Self::FixedBinary { .. }) => true,
            (Self::Float64, Self::Float32 | Self::Float16) | (Self::Float32, Self::Float16) => true,
            (Self::Float64 | Self::Float32, s) if s.whole_bits().is_some_and(|(bits, _)| bits <= 16) => true,
            (Self::Float64, s) if s.whole_bits().is_some_and(|(bits, _)| bits <= 32) => true,
            (Self::Decimal { precision: p, scale: s }, Self::Decimal { precision: q, scale: r }) => {
                s >= r && i16::from(*p) - i16::from(*s) >= i16::from(*q) - i16::from(*r)
            }
            (Self::Timestamp { utc: a, .. }, Self::Timestamp { utc: b, .. }) => a == b,
            (Self::Time { .. }, Self::Time { .. }) | (Self::Duration { .. }, Self::Duration { .. }) => true,
            (Self::Timestamp { utc: false, .. }, Self::Date) => true,
            (Self::List { item, item_nullable }, Self::List { item: i, item_nullable: n }) => {
                item.accepts(i) && (*item_nullable || !n)
            }
            (Self::Map { key, value, .. }, Self::Map { key: k, value: v, .. }) => key.accepts(k) && value.accepts(v),
            (Self::Struct { fields }, Self::Struct { fields: stored }) => {
                fields.iter().all(|field| match stored.iter().find(|s| s.name == field.name) {
                    Some(s) => field.logical_type.accepts(&s.logical_type) && (field.nullable || !s.nullable),
                    None => field.nullable,
                })
            }
            (wide, narrow) => match (wide.whole_bits(), narrow.whole_bits()) {
                (Some((w, signed)), Some((n, narrow_signed))) => match (signed, narrow_signed) {
                    (true, true) | (false, false) => w >= n,
                    (true, false) => w > n,
                    (false, true) => false,
                },
                _ => false,
            },
        }
    }

    /// Bits and signedness of a whole-number type.
    pub(crate) fn whole_bits(&self) -> Option<(u8, bool)> {
        Some(match self {
            Self::Int8 => (8, true),
            Self::Int16 => (16, true),
            Self::Int32 => (32, true),
            Self::Int64 => (64, true),
            Self::UInt8 => (8, false),
            Self::UInt16 => (16, false),
            Self::UInt32 => (32, false),
            Self::UInt64 => (64, false),
            _ => return None,
        })
    }

    /// Whether every value is a number.
    pub(crate) fn is_number(&self) -> bool {
        self.whole_bits().is_some()
            || matches!(
                self,
                Self::Float16 | Self::Float32 | Self::Float64 | Self::Decimal { .. } | Self::Number | Self::Integer
            )
    }

    /// The type that files get when a contract promises `self` and nothing has been stored yet.
    ///
    /// Abstract words become concrete: `number` a double, `integer` a 64-bit integer, `any` text.
    #[must_use]
    pub fn concrete(&self) -> Self {
        match self {
            Self::Number => Self::Float64,
            Self::Integer => Self::Int64,
            Self::Any => Self::String,
            Self::List { item, item_nullable } => {
                Self::List { item: Box::new(item.concrete()), item_nullable: *item_nullable }
            }
            Self::Map { key, value, value_nullable } => Self::Map {
                key: Box::new(key.concrete()),
                value: Box::new(value.concrete()),
                value_nullable: *value_nullable,
            },
            Self::Struct { fields } => Self::Struct {
                fields: fields
                    .iter()
                    .map(|f| StructField {
                        name: f.name.clone(),
                        logical_type: f.logical_type.concrete(),
                        nullable: f.nullable,
                    })
                    .collect(),
            },
            other => other.clone(),
        }
    }
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = |u: &TimeUnit| match u {
            TimeUnit::Second => "s",
            TimeUnit::Milli => "ms",
            TimeUnit::Micro => "us",
            TimeUnit::Nano => "ns",
        };
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Int8 => f.write_str("int8"),
            Self::Int16 => f.write_str("int16"),
            Self::Int32 => f.write_str("int32"),
            Self::Int64 => f.write_str("int64"),
            Self::UInt8 => f.write_str("uint8"),
            Self::UInt16 => f.write_str("uint16"),
            Self::UInt32 => f.write_str("uint32"),
            Self::UInt64 => f.write_str("uint64"),
            Self::Float16 => f.write_str("float16"),
            Self::Float32 => f.write_str("float32"),
            Self::Float64 => f.write_str("float64"),
            Self::Number => f.write_str("number"),
            Self::Integer => f.write_str("integer"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::String => f.write_str("string"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::Binary => f.write_str("binary"),
            Self::FixedBinary { size } => write!(f, "binary({size})"),
            Self::Date => f.write_str("date"),
            Self::Time { unit: u } => write!(f, "time({})", unit(u)),
            Self::Timestamp { unit: u, utc: true } => write!(f, "timestamp({}, utc)", unit(u)),
            Self::Timestamp { unit: u, utc: false } => write!(f, "timestamp({})", unit(u)),
            Self::Interval => f.write_str("interval"),
            Self::Duration { unit: u } => write!(f, "duration({})", unit(u)),
            Self::List { item, .. } => write!(f, "list<{item}>"),
            Self::Struct { fields } => {
                f.write_str("struct<")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", field.name, field.logical_type)?;
                }
                f.write_str(">")
            }
            Self::Map { key, value, .. } => write!(f, "map<{key}, {value}>"),
            Self::Any => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType as T;

    fn check(promised: &T, stored: &T, expected: bool) {
        assert_eq!(promised.accepts(stored), expected, "{promised} accepts {stored}");
    }

    #[test]
    fn widening_is_accepted_and_narrowing_is_not() {
        check(&T::Int64, &T::Int32, true);
        check(&T::Int32, &T::Int64, false);
        check(&T::Int64, &T::UInt32, true);
        check(&T::Int64, &T::UInt64, false);
        check(&T::UInt64, &T::Int8, false);
        check(&T::Float64, &T::Float32, true);
        check(&T::Float64, &T::Int64, false);
        check(&T::Decimal { precision: 12, scale: 2 }, &T::Decimal { precision: 10, scale: 2 }, true);
        check(&T::Decimal { precision: 12, scale: 4 }, &T::Decimal { precision: 12, scale: 2 }, false);
    }

    #[test]
    fn abstract_words_accept_what_they_mean() {
        check(&T::Number, &T::Decimal { precision: 15, scale: 2 }, true);
        check(&T::Number, &T::String, false);
        check(&T::Integer, &T::Int16, true);
        check(&T::Integer, &T::Float64, false);
    }

    #[test]
    fn an_instant_is_not_a_wall_clock() {
        let ts = |utc| T::Timestamp { unit: TimeUnit::Micro, utc };
        check(&ts(true), &T::Timestamp { unit: TimeUnit::Nano, utc: true }, true);
        check(&ts(true), &ts(false), false);
    }
}
