//! Collects every problem of one document.

use super::node::Place;
use crate::problem::{Problem, Severity};

/// The problems of one file so far.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: Vec::new() }
    }

    /// Notes what makes the document unusable.
    pub(crate) fn error(&mut self, at: Place, code: &'static str, message: impl Into<String>, mend: impl Into<String>) {
        self.add(at, Severity::Error, code, message.into(), mend.into());
    }

    /// Notes what deserves a look.
    pub(crate) fn warning(
        &mut self,
        at: Place,
        code: &'static str,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(at, Severity::Warning, code, message.into(), mend.into());
    }

    fn add(&mut self, at: Place, severity: Severity, code: &'static str, message: String, mend: String) {
        let (line, column) = (at.line.max(1), at.column.max(1));
        self.problems.push(Problem { file: self.file.clone(), line, column, severity, code, message, mend });
    }

    /// Takes over what another reader of the same file noted.
    pub(crate) fn append(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// Every problem, in the order of the text, each once.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|p| (p.line, p.column));
        self.problems.dedup();
        self.problems
    }
}
