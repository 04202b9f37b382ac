//! Reads the type of a column as people write it: `string`, `decimal(10,2)`, `array<struct<a: int, b: text>>`.
//!
//! Holds always: abstract words (`number`, `integer`, `any`) stay abstract; words without a width mean the widest usual type.
//!
//! Start reading at [`type_of`].

use crate::types::{LogicalType as T, StructField, TimeUnit};

/// A type as it was spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spelled {
    pub(crate) logical_type: T,
    /// The longest text allowed: `varchar(20)`.
    pub(crate) max_length: Option<u64>,
}

/// Every word that is a type by itself; used for hints.
pub(crate) const WORDS: &[&str] = &[
    "any",
    "array",
    "bigint",
    "binary",
    "boolean",
    "bytes",
    "date",
    "datetime",
    "decimal",
    "double",
    "duration",
    "float",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "integer",
    "interval",
    "json",
    "list",
    "long",
    "map",
    "number",
    "numeric",
    "object",
    "real",
    "smallint",
    "string",
    "struct",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "tinyint",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uuid",
    "varchar",
];

/// Reads a type; none when it is no type that is known.
pub(crate) fn type_of(text: &str) -> Option<Spelled> {
    if text.len() > 4096 {
        return None;
    }
    let mut reader = Reader { rest: text.trim(), depth: 0 };
    let spelled = reader.spelled()?;
    reader.rest.trim().is_empty().then_some(spelled)
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn skip(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Letters, digits, `_` and blanks between them, in lower case: `timestamp with time zone`.
    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ' ')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
    }

    fn spelled(&mut self) -> Option<Spelled> {
        let word = self.word();
        if self.skip('<') {
            self.depth += 1;
            let logical_type = self.generic(&word).filter(|_| self.depth <= 32)?;
            self.depth -= 1;
            return self.skip('>').then_some(Spelled { logical_type, max_length: None });
        }
        let arguments = self.arguments()?;
        // `timestamp(3) with time zone` has its words on both sides.
        let tail = if arguments.is_empty() { String::new() } else { self.word() };
        let word = if tail.is_empty() { word } else { format!("{word} {tail}") };
        let mut spelled = plain(&word, &arguments)?;
        let mut lists = self.depth;
        while self.rest.trim_start().starts_with("[]") {
            self.skip('[');
            self.skip(']');
            lists += 1;
            if lists > 32 {
                return None;
            }
            let item = Box::new(spelled.logical_type);
            spelled = Spelled { logical_type: T::List { item, item_nullable: true }, max_length: None };
        }
        Some(spelled)
    }

    fn logical_type(&mut self) -> Option<T> {
        if self.depth > 32 {
            return None;
        }
        self.spelled().map(|s| s.logical_type)
    }

    fn generic(&mut self, word: &str) -> Option<T> {
        match word {
            "array" | "list" => Some(T::List { item: Box::new(self.logical_type()?), item_nullable: true }),
            "map" => {
                let key = Box::new(self.logical_type()?);
                let value = self.skip(',').then(|| self.logical_type())??;
                Some(T::Map { key, value: Box::new(value), value_nullable: true })
            }
            "struct" | "record" | "row" => self.members(),
            _ => None,
        }
    }

    fn members(&mut self) -> Option<T> {
        let mut fields = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))?;
            let (name, rest) = self.rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            self.rest = rest;
            self.skip(':');
            fields.push(StructField { name: name.to_owned(), logical_type: self.logical_type()?, nullable: true });
            if !self.skip(',') {
                return Some(T::Struct { fields });
            }
        }
    }

    /// `(10, 2)`; empty when there is none.
    fn arguments(&mut self) -> Option<Vec<i64>> {
        if !self.skip('(') {
            return Some(Vec::new());
        }
        let (inside, rest) = self.rest.split_once(')')?;
        self.rest = rest;
        inside.split(',').map(|a| if a.trim() == "max" { Some(i64::MAX) } else { a.trim().parse().ok() }).collect()
    }
}

fn plain(word: &str, arguments: &[i64]) -> Option<Spelled> {
    let max_length = match (word, arguments) {
        (
            "varchar" | "nvarchar" | "character varying" | "varchar2" | "char" | "nchar" | "character" | "string"
            | "text",
            [n],
        ) => (*n != i64::MAX).then(|| u64::try_from(*n).ok()).flatten(),
        _ => None,
    };
    let logical_type = match (word, arguments) {
        ("decimal" | "numeric" | "number" | "dec", [precision]) => decimal(*precision, 0)?,
        ("decimal" | "numeric" | "number" | "dec", [precision, scale]) => decimal(*precision, *scale)?,
        ("timestamp" | "datetime" | "timestamp without time zone" | "timestamp_ntz", [digits]) => {
            T::Timestamp { unit: unit(*digits)?, utc: false }
        }
        ("timestamptz" | "timestamp with time zone" | "timestamp_tz" | "timestamp_ltz", [digits]) => {
            T::Timestamp { unit: unit(*digits)?, utc: true }
        }
        ("time", [digits]) => T::Time { unit: unit(*digits)? },
        ("binary" | "fixed", [size]) if *size != i64::MAX => {
            T::FixedBinary { size: i32::try_from(*size).ok().filter(|s| *s > 0)? }
        }
        ("varbinary", [_]) => T::Binary,
        (
            "varchar" | "nvarchar" | "character varying" | "varchar2" | "char" | "nchar" | "character" | "string"
            | "text",
            [_],
        ) => T::String,
        (_, []) => simple(word)?,
        _ => return None,
    };
    Some(Spelled { logical_type, max_length })
}

fn decimal(precision: i64, scale: i64) -> Option<T> {
    let precision = u8::try_from(precision).ok().filter(|p| (1..=76).contains(p))?;
    let scale = i8::try_from(scale).ok().filter(|s| *s >= 0 && i16::from(*s) <= i16::from(precision))?;
    Some(T::Decimal { precision, scale })
}

fn unit(digits: i64) -> Option<TimeUnit> {
    Some(match digits {
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Milli,
        4..=6 => TimeUnit::Micro,
        7..=9 => TimeUnit::Nano,
        _ => return None,
    })
}

fn simple(word: &str) -> Option<T> {
    const MICRO: TimeUnit = TimeUnit::Micro;
    Some(match word {
        "boolean" | "bool" => T::Boolean,
        "int8" | "tinyint" | "byte" => T::Int8,
        "int16" | "smallint" | "short" => T::Int16,
        "int32" => T::Int32,
        "int64" | "bigint" | "long" => T::Int64,
        "uint8" => T::UInt8,
        "uint16" => T::UInt16,
        "uint32" => T::UInt32,
        "uint64" => T::UInt64,
        "float16" | "half" => T::Float16,
        "float32" | "real" => T::Float32,
        "float" | "float64" | "double" | "double precision" => T::Float64,
        "number" | "numeric" | "decimal" | "dec" => T::Number,
        "integer" | "int" => T::Integer,
        "string" | "text" | "varchar" | "nvarchar" | "character varying" | "varchar2" | "char" | "nchar"
        | "character" | "clob" => T::String,
        "uuid" | "guid" => T::Uuid,
        "json" | "jsonb" | "variant" => T::Json,
        "binary" | "bytes" | "varbinary" | "blob" | "bytea" => T::Binary,
        "date" => T::Date,
        "time" | "time without time zone" => T::Time { unit: MICRO },
        "timestamp" | "datetime" | "timestamp_ntz" | "timestamp without time zone" => {
            T::Timestamp { unit: MICRO, utc: false }
        }
        "timestamptz" | "timestamp_tz" | "timestamp_ltz" | "timestamp with time zone" | "instant" => {
            T::Timestamp { unit: MICRO, utc: true }
        }
        "interval" => T::Interval,
        "duration" => T::Duration { unit: MICRO },
        "array" | "list" => T::List { item: Box::new(T::Any), item_nullable: true },
        "map" => T::Map { key: Box::new(T::String), value: Box::new(T::Any), value_nullable: true },
        "any" | "object" | "struct" | "record" => T::Any,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = type_of(text).map_or_else(|| "none".to_owned(), |s| s.logical_type.to_string());
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn words_of_many_dialects() {
        check("string", "string");
        check("VARCHAR(20)", "string");
        check("Float", "float64");
        check("real", "float32");
        check("integer", "integer");
        check("bigint", "int64");
        check("decimal(10, 2)", "decimal(10,2)");
        check("NUMERIC(12)", "decimal(12,0)");
        check("decimal", "number");
        check("double precision", "float64");
        check("timestamp", "timestamp(us)");
        check("timestamp(3)", "timestamp(ms)");
        check("timestamp with time zone", "timestamp(us, utc)");
        check("timestamp(9) with time zone", "timestamp(ns, utc)");
        check("array<string>", "list<string>");
        check("text[]", "list<string>");
        check("map<string, int64>", "map<string, int64>");
        check("struct<a: int32, b: array<decimal(5,1)>>", "struct<a: int32, b: list<decimal(5,1)>>");
        check("binary(16)", "binary(16)");
        check("object", "any");
    }

    #[test]
    fn what_is_no_type_is_none() {
        for text in [
            "",
            "strng",
            "decimal(80,2)",
            "decimal(5,6)",
            "array<",
            "array<string",
            "map<string>",
            "struct<>",
            "string)",
        ] {
            check(text, "none");
        }
        assert!(type_of(&"array<".repeat(200)).is_none());
    }

    #[test]
    fn a_length_is_kept() {
        assert_eq!(type_of("varchar(20)").and_then(|s| s.max_length), Some(20));
        assert_eq!(type_of("varchar(max)").and_then(|s| s.max_length), None);
    }

    #[test]
    fn every_word_of_the_hints_is_a_type() {
        assert!(WORDS.iter().all(|word| type_of(word).is_some()));
    }
}
