//! One thing that is wrong with a document, where, and how to mend it; and the table of all such things.
//!
//! Holds always: a code never changes its meaning, and every code that is reported stands in [`CODES`].
//!
//! Start reading at [`Problem`].

use std::fmt;

use serde::Serialize;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Deserves a look; stops nothing.
    Warning,
    /// The document cannot be used.
    Error,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// How much it weighs.
    pub severity: Severity,
    /// A stable word: `unknown-key`, `missing`, `bad-duration`, …; see [`CODES`].
    pub code: &'static str,
    /// What is wrong; lower case, no final stop.
    pub message: String,
    /// How to mend it; a sentence.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Self { file, line, column, code, message, mend, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}. {mend}")
    }
}

macro_rules! codes {
    ($($name:ident = $word:literal, $meaning:literal;)*) => {
        /// The words by which problems are known.
        pub mod code {
            $(#[doc = $meaning] pub const $name: &str = $word;)*
        }

        /// Every code and what it means, sorted by code.
        pub const CODES: &[(&str, &str)] = &[$(($word, $meaning)),*];
    };
}

codes! {
    ALIAS = "alias", "A YAML alias repeats another part of the document; contracts spell everything out.";
    BAD_ACCESS = "bad-access", "A word of the access block is not `public`, `restricted` or `private`.";
    BAD_AVAILABILITY = "bad-availability", "A share of successful reads is not a percentage or a fraction, or it is a bare `1`.";
    BAD_BOOLEAN = "bad-boolean", "A value is neither `true` nor `false`.";
    BAD_CHECK = "bad-check", "A quality rule lacks an argument, or has one that does not fit.";
    BAD_COLUMN = "bad-column", "A column has no usable name.";
    BAD_CSV = "bad-csv", "A mark of CSV files is not one ASCII character, or one character stands for two marks.";
    BAD_DATE = "bad-date", "A value is not an RFC 3339 date or timestamp.";
    BAD_DURATION = "bad-duration", "A span of time cannot be read, is zero or is negative.";
    BAD_FRACTION = "bad-fraction", "A share is not a percentage or a number from 0 to 1.";
    BAD_KEY = "bad-key", "A key is not plain text.";
    BAD_LATENCY = "bad-latency", "A bound on the time of an answer is not of the form `p99 < 1s`.";
    BAD_LAYOUT = "bad-layout", "The layout of hidden partitions does not tell a time, or has a slot that is not known.";
    BAD_LOCATION = "bad-location", "A storage location is not a URL.";
    BAD_NAME = "bad-name", "A domain, product or table name holds characters that a name may not hold.";
    BAD_NUMBER = "bad-number", "A value is not a number of the kind that stands here.";
    BAD_PROPERTY = "bad-property", "A custom property named `meshweave.…` holds what does not fit the field that it sets.";
    BAD_REFERENCE = "bad-reference", "A reference to another product is not `domain.product`, `domain.product.table` or a column of it.";
    BAD_SCHEMA = "bad-schema", "An Avro or JSON schema cannot be read as columns.";
    BAD_TYPE = "bad-type", "The type of a column is not known.";
    BAD_VERSION = "bad-version", "A version is not three numbers, such as `1.0.0`.";
    BAD_WORD = "bad-word", "A value is not one of the words that may stand here.";
    BYTE_ORDER_MARK = "byte-order-mark", "The text starts with a byte order mark.";
    CONFLICT = "conflict", "Two parts of the document say different things about the same matter.";
    CREDENTIALS = "credentials", "A contract holds a secret; credentials belong to the configuration of the domain.";
    DUPLICATE_COLUMN = "duplicate-column", "Two columns of a table are spelled alike, or differ only by case, `-` and `_`.";
    DUPLICATE_KEY = "duplicate-key", "A key stands twice in one block.";
    DUPLICATE_NAME = "duplicate-name", "Two tables or ports are named alike, or differ only by case, `-` and `_`.";
    EMPTY = "empty", "The document says nothing.";
    ENCODING = "encoding", "The text is not UTF-8, or holds control characters.";
    MISSING = "missing", "Something that must be said is not said.";
    NOT_A_LIST = "not-a-list", "A list belongs here.";
    NOT_A_MAP = "not-a-map", "A block of keys and values belongs here.";
    NOT_TEXT = "not-text", "A single value belongs here.";
    RESERVED_NAME = "reserved-name", "A domain takes a name that belongs to the engine.";
    SEVERAL_DOCUMENTS = "several-documents", "One file holds several documents.";
    SYNTAX = "syntax", "The text is not YAML or JSON.";
    TAG = "tag", "A YAML tag asks for a type that contracts do not have.";
    TOO_DEEP = "too-deep", "Blocks are nested deeper than 64 levels.";
    TOO_LARGE = "too-large", "The text is larger than 1 MiB, a key longer than 1024 bytes, or what a reference stands for is too much.";
    TOO_MANY = "too-many", "The document has more than 1000 problems; the others are not told.";
    UNKNOWN_COLUMN = "unknown-column", "A rule, key or partition names a column that the table does not declare.";
    UNKNOWN_FORM = "unknown-form", "The document is none of the contract forms that are read.";
    UNKNOWN_KEY = "unknown-key", "A key that this form does not have.";
    UNKNOWN_RULE = "unknown-rule", "A quality rule that is kept but that nothing here knows how to run.";
    UNKNOWN_TABLE = "unknown-table", "A rule or reference names a table that the product does not declare.";
    UNKNOWN_TYPE = "unknown-type", "A column type that is kept as written; any stored type will do.";
    UNKNOWN_VARIABLE = "unknown-variable", "A location holds a variable without a default; it is left to the domain's template.";
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "{CODES:?}");
    }
}
