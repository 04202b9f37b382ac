//! One thing that is wrong with a document, where, and how to mend it.

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
    /// A stable word: `unknown-key`, `missing`, `bad-duration`, ….
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
