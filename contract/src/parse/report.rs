//! Collects every problem of one document.

use super::near::nearest;
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

    /// Takes over what another reader noted, of this file or of one that belongs to it.
    pub(crate) fn append(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// Whether it is still worth looking for what was meant: a text with more faults than this is no contract.
    pub(crate) fn wants_hints(&self) -> bool {
        self.problems.len() < 100
    }

    /// What `name` was meant to be, while that is worth looking for.
    pub(crate) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
        if self.wants_hints() { nearest(name, candidates).into_iter().next() } else { None }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| p.severity == Severity::Error)
    }

    /// Every problem, in the order of the text, each once; those of other files come after.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        let own = &self.file;
        self.problems.sort_by(|a, b| {
            let key = |p: &Problem| (p.file != *own, p.line, p.column);
            (a.file != *own).cmp(&(b.file != *own)).then_with(|| a.file.cmp(&b.file)).then_with(|| key(a).cmp(&key(b)))
        });
        self.problems.dedup();
        self.problems
    }
}
