//! Where answers go and what they look like.
//!
//! In: record batches, or tables of texts. Out: bytes on stdout or in a file.
//! Holds always:
//! - colours only on a terminal and without `NO_COLOR`; plain text in a pipe;
//! - a file appears whole or not at all.
//!
//! Start reading at [`Output`].

pub(crate) mod progress;
pub(crate) mod records;
pub(crate) mod sink;
mod style;
pub(crate) mod table;
pub(crate) mod units;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use arrow::array::RecordBatch;

use self::records::Records;
use self::sink::Sink;
pub(crate) use self::style::Style;
use self::table::Table;
use crate::args::{Format, Global};
use crate::failure::Outcome;
use crate::logs;

/// How this process writes, decided once from the options and the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// As typed; none leaves it to the command.
    typed: Option<Format>,
    /// Whether nothing but answers and errors is wanted.
    quiet: bool,
    style: Style,
    error_style: Style,
    /// Columns of the terminal, when stdout is one.
    width: Option<usize>,
}

impl Output {
    /// Looks at the options and at what stdout and stderr are.
    #[expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]
    pub(crate) fn new(global: &Global) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            typed: global.output,
            quiet: global.quiet,
            style: Style::new(!no_color && io::stdout().is_terminal()),
            error_style: Style::new(!no_color && io::stderr().is_terminal()),
            width: width.filter(|_| io::stdout().is_terminal()),
        }
    }

    /// Whether `--output json` was typed, so that errors are JSON too.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.typed, Some(Format::Json | Format::Ndjson))
    }

    /// The format: as typed, else by the ending of the file, else a table.
    pub(crate) fn format(&self, out: Option<&Path>) -> Format {
        self.typed.or_else(|| by_ending(out?)).unwrap_or(Format::Table)
    }

    /// Colours for stdout.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Colours for stderr.
    pub(crate) fn error_style(&self) -> Style {
        self.error_style
    }

    /// Columns of the terminal, when stdout is one.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether notes beside the answer are wanted.
    pub(crate) fn talks(&self) -> bool {
        !self.quiet
    }

    /// Whether notes go to somebody who reads along: a terminal, and not `--quiet`.
    pub(crate) fn talks_to_a_terminal(&self) -> bool {
        self.talks() && io::stderr().is_terminal()
    }

    /// Prints a text for people on stdout.
    pub(crate) fn print(&self, text: &str) -> Outcome {
        let mut sink = Sink::stdout();
        let written = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        sink.check(written)
    }

    /// Prints one JSON value on stdout, on lines for people who look.
    pub(crate) fn print_json(&self, value: &serde_json::Value) -> Outcome {
        self.print(&format!("{value:#}\n"))
    }

    /// Prints a note on stderr; that nobody listens is not a failure.
    pub(crate) fn note(&self, text: &str) {
        if self.talks() {
            logs::say(format!("{text}\n").as_bytes());
        }
    }

    /// Writes a small answer that is already here, in the format asked for.
    pub(crate) fn batch(&self, batch: &RecordBatch) -> Outcome {
        let format = self.format(None);
        if format == Format::Table {
            let mut table = Table::new(&batch.schema(), 0);
            table.add(batch)?;
            return self.print(&table.render(self.style, self.width));
        }
        let mut records = Records::open(format, &batch.schema(), Sink::stdout())?;
        records.write(batch)?;
        records.finish()
    }
}

/// The format that the ending of a file's name stands for.
fn by_ending(path: &Path) -> Option<Format> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Format::Csv,
        "json" => Format::Json,
        "ndjson" | "jsonl" => Format::Ndjson,
        "parquet" => Format::Parquet,
        "arrow" | "feather" => Format::Arrow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_stand_for_formats() {
        let check = |name: &str, expected| assert_eq!(by_ending(Path::new(name)), expected, "{name}");
        check("a.csv", Some(Format::Csv));
        check("a.b.PARQUET", Some(Format::Parquet));
        check("a.jsonl", Some(Format::Ndjson));
        check("a.txt", None);
        check("csv", None);
    }
}
