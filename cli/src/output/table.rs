//! Aligned columns for people.
//!
//! In: record batches, or rows of texts. Out: text; numbers to the right, `NULL` dimmed, control characters escaped.
//! Holds always: a table never claims to be whole when it is not.
//!
//! Start reading at [`Table`].

use std::fmt::Write as _;

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use meshweave_engine::Error;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Style;
use super::units;
use crate::failure::Outcome;

/// A column is never cut below this many characters.
const LEAST_WIDTH: usize = 8;
/// Blanks between two columns.
const GAP: usize = 2;

/// Rows as text, up to a number; the rest is counted.
#[derive(Debug)]
pub(crate) struct Table {
    names: Vec<String>,
    right: Vec<bool>,
    rows: Vec<Vec<Option<String>>>,
    max_rows: usize,
    total: u64,
}

impl Table {
    /// A table with the columns of `schema`.
    ///
    /// - `max_rows`: rows kept at most; 0 keeps all.
    pub(crate) fn new(schema: &SchemaRef, max_rows: usize) -> Self {
        let names = schema.fields().iter().map(|field| escaped(field.name())).collect();
        let right = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
        Self { names, right, rows: Vec::new(), max_rows, total: 0 }
    }

    /// A table of texts.
    pub(crate) fn of_texts<const N: usize>(names: [&str; N], rows: Vec<[String; N]>) -> Self {
        let total = rows.len() as u64;
        let rows = rows.into_iter().map(|row| row.into_iter().map(|text| Some(escaped(&text))).collect()).collect();
        Self { names: names.map(str::to_owned).to_vec(), right: vec![false; N], rows, max_rows: 0, total }
    }

    /// Aligns a column of texts to the right.
    #[must_use]
    pub(crate) fn right(mut self, column: usize) -> Self {
        self.right[column] = true;
        self
    }

    /// Adds the rows of a batch, as far as they are shown, and counts the rest.
    ///
    /// # Errors
    /// A value that cannot be shown.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Outcome {
        let room = if self.max_rows == 0 { usize::MAX } else { self.max_rows - self.rows.len() };
        let options = FormatOptions::default();
        let shown = |error| Error::internal("showing the answer", error);
        let formatters = batch
            .columns()
            .iter()
            .map(|column| Ok((column.logical_nulls(), ArrayFormatter::try_new(column.as_ref(), &options)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(shown)?;
        for row in 0..batch.num_rows().min(room) {
            let cells = formatters.iter().map(|(nulls, formatter)| match nulls {
                Some(nulls) if nulls.is_null(row) => Ok(None),
                _ => formatter.value(row).try_to_string().map(|text| Some(escaped(&text))),
            });
            self.rows.push(cells.collect::<Result<_, _>>().map_err(shown)?);
        }
        self.total += batch.num_rows() as u64;
        Ok(())
    }

    /// Rows in all, shown or not.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Rows that are not shown.
    pub(crate) fn hidden(&self) -> u64 {
        self.total - self.rows.len() as u64
    }

    /// The text: a header, a line, the rows; and how many are not shown.
    ///
    /// - `width`: columns of the terminal; wider cells are cut with `…`. None: nothing is cut.
    pub(crate) fn render(&self, style: Style, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut text = String::new();
        let names: Vec<_> = self.names.iter().map(|name| Some(name.clone())).collect();
        self.line(&mut text, &names, &widths, |cell| style.bold(cell), style);
        let rule: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
        let _ = writeln!(text, "{}", style.dim(rule.join(&" ".repeat(GAP))));
        for row in &self.rows {
            self.line(&mut text, row, &widths, |cell| cell.to_owned(), style);
        }
        if self.hidden() > 0 {
            let more =
                format!("… {} ({} in all)", units::count(self.hidden(), "more row"), units::thousands(self.total));
            let _ = writeln!(text, "{}", style.dim(more));
        }
        text
    }

    fn line(
        &self,
        text: &mut String,
        cells: &[Option<String>],
        widths: &[usize],
        paint: impl Fn(&str) -> String,
        style: Style,
    ) {
        let last = cells.len().saturating_sub(1);
        for (i, cell) in cells.iter().enumerate() {
            let (shown, painted) = match cell {
                Some(cell) => {
                    let shown = cut(cell, widths[i]);
                    (shown.width(), paint(&shown))
                }
                None => ("NULL".len(), style.dim("NULL")),
            };
            let blanks = " ".repeat(widths[i].saturating_sub(shown));
            match (self.right[i], i == last) {
                (true, _) => {
                    let _ = write!(text, "{blanks}{painted}");
                }
                (false, true) => text.push_str(&painted),
                (false, false) => {
                    let _ = write!(text, "{painted}{blanks}");
                }
            }
            if i < last {
                text.push_str(&" ".repeat(GAP));
            }
        }
        text.push('\n');
    }

    /// The width of each column; the widest give way first when the terminal is too narrow.
    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.as_ref().map_or("NULL".len(), |cell| cell.width()));
            }
        }
        let Some(terminal) = terminal else { return widths };
        let room = terminal.saturating_sub(GAP * widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > LEAST_WIDTH => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// The text in at most `width` columns; `…` stands for what was cut.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// The text without control characters, which would break the lines or speak to the terminal.
fn escaped(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("name", Arc::new(StringArray::from(vec![Some("Zoë"), None, Some("a\nb")])) as ArrayRef),
            ("n", Arc::new(Int64Array::from(vec![Some(5), Some(1200), None])) as ArrayRef),
        ])
        .unwrap()
    }

    fn check(max_rows: usize, width: Option<usize>, expected: &str) {
        let mut table = Table::new(&batch().schema(), max_rows);
        table.add(&batch()).unwrap();
        assert_eq!(table.render(Style::plain(), width), expected);
    }

    #[test]
    fn columns_are_aligned_and_control_characters_escaped() {
        check(0, None, "name     n\n────  ────\nZoë      5\nNULL  1200\na\\nb  NULL\n");
    }

    #[test]
    fn what_is_not_shown_is_said() {
        check(1, None, "name  n\n────  ─\nZoë   5\n… 2 more rows (3 in all)\n");
    }

    #[test]
    fn the_widest_column_gives_way() {
        let table = Table::of_texts(["a", "b"], vec![["x".into(), "0123456789abcdef".into()]]);
        assert_eq!(table.render(Style::plain(), Some(12)), "a  b\n─  ─────────\nx  01234567…\n");
    }

    #[test]
    fn nothing_speaks_to_the_terminal() {
        assert_eq!(escaped("\u{1b}[31mred"), "\\u{1b}[31mred");
    }
}
