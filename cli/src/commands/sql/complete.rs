//! What the word under the cursor may become: names of products, their columns, words of SQL, commands of the session.
//!
//! Holds always: only what the caller may find is offered.
//!
//! Start reading at [`Assistant::candidates`].

use meshweave_contract::name;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::repl::COMMANDS;
use super::split::split;
use crate::session::Session;

/// Words of SQL that are offered.
const WORDS: [&str; 52] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COUNT",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RIGHT",
    "SELECT",
    "SHOW",
    "THEN",
    "TRUE",
    "UNION",
    "UNNEST",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Reads along while a statement is typed.
pub(super) struct Assistant {
    session: Session,
}

impl Assistant {
    pub(super) fn new(session: Session) -> Self {
        Self { session }
    }

    /// Where the word under the cursor begins, and what it may become.
    fn candidates(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = &line[..cursor];
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '\\' | '"');
        let begin =
            before.rfind(|c| !is_of_word(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let typed = name::fold(&before[begin..].replace('"', ""));
        if typed.is_empty() {
            return (begin, Vec::new());
        }
        if typed.starts_with('\\') {
            let fitting = COMMANDS.iter().map(|(command, ..)| (*command).to_owned());
            return (begin, fitting.filter(|command| command.starts_with(&typed)).collect());
        }
        let fits = |word: &String| name::fold(&word.replace('"', "")).starts_with(&typed);
        let mut found: Vec<String> = self.names(line).into_iter().filter(fits).collect();
        found.sort();
        found.dedup();
        found.extend(WORDS.iter().map(|word| (*word).to_owned()).filter(fits));
        (begin, found)
    }

    /// Tables, and the columns of those that the statement names.
    fn names(&self, line: &str) -> Vec<String> {
        let snapshot = self.session.engine.snapshot();
        let folded = name::fold(line);
        let mut names = Vec::new();
        for listed in snapshot.listing(&|product| self.session.may_find(product)) {
            let table = format!("{}.{}", listed.schema, quoted(&listed.table));
            if folded.contains(&name::fold(&format!("{}.{}", listed.schema, listed.table))) {
                let columns = &listed.entry.tables[listed.index].columns;
                names.extend(columns.iter().map(|column| quoted(&column.name)));
            }
            names.push(table);
        }
        let own = meshweave_engine::catalog::system::names();
        names.extend(own.into_iter().map(|table| format!("mesh.{table}")));
        names
    }
}

/// A name as it must be typed: in quotes where a plain identifier could not say it.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
        && name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (begin, found) = self.candidates(line, cursor);
        Ok((begin, found.into_iter().map(|word| Pair { display: word.clone(), replacement: word }).collect()))
    }
}

impl Validator for Assistant {
    /// A statement goes on until its `;`; a command of the session is one line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let (_, open) = split(text);
        let whole = !open || text.trim_start().starts_with('\\');
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_identifiers_are_quoted() {
        assert_eq!(quoted("orders.items"), "orders.items");
        assert_eq!(quoted("customer-lifetime-value"), "\"customer-lifetime-value\"");
        assert_eq!(quoted("orders@1"), "\"orders@1\"");
        assert_eq!(quoted("2024"), "\"2024\"");
    }
}
