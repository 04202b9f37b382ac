//! JSON lines as a table: one object per line.
//!
//! Columns are the members of the objects, by name; a member that is missing is null where it may be. Numbers may stand in quotes
//! (JSON has no exact large numbers and no NaN), times and bytes (hex digits) stand in strings.
//!
//! Start reading at [`connectors`].

mod look;
mod names;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use meshweave_engine::Result;
use meshweave_engine::settings::Limits;

use self::look::type_of;
use self::names::Names;
use crate::common::kind::Kind;
use crate::rows::RowFiles;
use crate::rows::cells::Cell;
use crate::rows::format::{Filling, Look, RowFormat, Rows, Wanted, all_can_be_filled};
use crate::rows::input::Input;
use crate::rows::lines::Lines;
use crate::rows::nested::{Members, members};
use crate::rows::place::Place;
use crate::rows::watch::Watch;

const ENDINGS: &[&str] = &[".json", ".jsonl", ".ndjson"];
/// The words that contracts have for JSON lines.
const WORDS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// The connectors for JSON lines, one for each word that contracts have for them.
pub fn connectors(limits: &Limits) -> impl Iterator<Item = RowFiles> {
    WORDS
        .map(|word| {
            let kind = Kind { word, people: "JSON", endings: ENDINGS, may_be_packed: true };
            RowFiles::new(Arc::new(JsonLines { kind }), limits)
        })
        .into_iter()
}

#[derive(Debug)]
struct JsonLines {
    kind: Kind,
}

impl RowFormat for JsonLines {
    fn kind(&self) -> &Kind {
        &self.kind
    }

    fn can_hold(&self, file_schema: &Schema) -> Result<(), String> {
        all_can_be_filled(self.kind.people, file_schema)
    }

    fn rows(&self, input: Input, wanted: Wanted) -> Result<Box<dyn Rows>> {
        let place = input.place().clone();
        let filling = Filling::new(&wanted, &place)?;
        let lines = Lines::new(input, wanted.rules.row_bytes);
        let names = Names::of(&wanted);
        Ok(Box::new(JsonRows { lines, place, names, filling, watch: wanted.watch, rows: 0 }))
    }

    fn look(&self, input: Input, look: &Look) -> Result<Schema> {
        look::look(input, look)
    }
}

/// The object of a line.
fn object<'t>(line: u64, text: &'t str, place: &Place) -> Result<Members<'t>> {
    members(text).ok_or_else(|| {
        if text.trim_start().starts_with('[') {
            let hint = "Write one object per line, without brackets around them and without commas between them.";
            return place.broken_line_because(line, "is a list, and no object", hint);
        }
        place.broken_line(line, "is no JSON object")
    })
}

/// The rows of one file.
struct JsonRows {
    lines: Lines,
    place: Place,
    names: Names,
    filling: Filling,
    watch: Arc<Watch>,
    rows: u64,
}

impl Rows for JsonRows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.filling.is_full() {
            let Some((line, text)) = self.lines.next()? else { break };
            if text.trim_ascii().is_empty() {
                continue;
            }
            let members = object(line, text, &self.place)?;
            let values = self.names.values(&members);
            let values =
                values.map_err(|name| self.place.broken_line(line, &format!("has the member \"{name}\" twice")))?;
            for (index, value) in values.into_iter().enumerate() {
                let is_missing = value.is_none();
                if let Err(why) = self.filling.columns[index].push(value.map_or(Cell::Null, Cell::Json)) {
                    let seen = value.filter(|value| value.get() != "null").map(|value| type_of(value.get()));
                    self.watch.value_is_refused(self.filling.field(index), seen);
                    let name = self.filling.field(index).name();
                    let what = if is_missing {
                        format!("lacks column \"{name}\", which may not be null")
                    } else {
                        format!("column \"{name}\" {why}")
                    };
                    return Err(self.place.broken_line(line, &what));
                }
            }
            self.filling.row_is_done(text.len());
            self.rows += 1;
        }
        let is_end = !self.filling.is_full();
        self.watch.new_columns(&self.place, &self.names.new_columns(is_end))?;
        match (is_end, self.rows) {
            (false, _) => {}
            (true, 0) => self.watch.is_empty(&self.place)?,
            (true, _) => self.watch.holds(&self.place, self.names.held(), &self.names.schema())?,
        }
        self.filling.take(&self.place)
    }
}
