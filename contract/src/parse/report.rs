//! Collects every problem of one document.

use std::cell::Cell;

use super::near::nearest;
use super::node::Place;
use crate::problem::{Problem, Severity, code};

/// The most problems of one file that are told; a text with more is no contract, and telling all would cost more than reading it.
const MAX_PROBLEMS: usize = 1000;
/// The longest message, in characters; names of a hostile text may be long.
const MAX_MESSAGE: usize = 1000;
/// How many names are looked at, in one file, to find what mistyped ones were meant to be.
const MAX_CANDIDATES: usize = 20_000;

/// The problems of one file so far.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    problems: Vec<Problem>,
    has_errors: bool,
    /// Where the first problem stands that is not told.
    untold: Option<Place>,
    candidates: Cell<usize>,
}

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        let candidates = Cell::new(MAX_CANDIDATES);
        Self { file: file.to_owned(), problems: Vec::new(), has_errors: false, untold: None, candidates }
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
        let (message, mend) = (cut(message), cut(mend));
        self.take(Problem { file: self.file.clone(), line, column, severity, code, message, mend });
    }

    fn take(&mut self, problem: Problem) {
        self.has_errors |= problem.severity == Severity::Error;
        if self.problems.len() >= MAX_PROBLEMS {
            self.untold = self.untold.or(Some(Place { line: problem.line, column: problem.column }));
            return;
        }
        self.problems.push(problem);
    }

    /// Takes over what another reader noted, of this file or of one that belongs to it.
    pub(crate) fn append(&mut self, other: Self) {
        other.problems.into_iter().for_each(|problem| self.take(problem));
        self.untold = self.untold.or(other.untold);
    }

    /// Whether it is still worth looking for what was meant: a text with more faults than this is no contract.
    pub(crate) fn wants_hints(&self) -> bool {
        self.problems.len() < 100
    }

    /// What `name` was meant to be, while that is worth looking for.
    pub(crate) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
        if !self.wants_hints() {
            return None;
        }
        let some: Vec<&str> = candidates.into_iter().take(self.candidates.get()).collect();
        self.candidates.set(self.candidates.get() - some.len());
        nearest(name, some).into_iter().next()
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Every problem, in the order of the text, each once; those of other files come after.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        let own = &self.file;
        self.problems.sort_by(|a, b| {
            let key = |p: &Problem| (p.file != *own, p.line, p.column);
            (a.file != *own).cmp(&(b.file != *own)).then_with(|| a.file.cmp(&b.file)).then_with(|| key(a).cmp(&key(b)))
        });
        self.problems.dedup();
        if let Some(at) = self.untold {
            let last = self.problems.last().map(|p| (p.line, p.column));
            let (line, column) = last.unwrap_or_default().max((at.line.max(1), at.column.max(1)));
            let message = format!("more than {MAX_PROBLEMS} problems; the others are not told");
            let mend = "Mend these first.".to_owned();
            // Warnings stop nothing, however many they are.
            let severity = if self.has_errors { Severity::Error } else { Severity::Warning };
            let file = self.file.clone();
            self.problems.push(Problem { file, line, column, severity, code: code::TOO_MANY, message, mend });
        }
        self.problems
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
