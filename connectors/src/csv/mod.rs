//! CSV files as a table.
//!
//! Columns are found by the names of the header, or by position where the contract says that there is no header. An unquoted empty
//! field (or the null text that the contract names) is null. Lists, structs and maps stand as JSON in their field, bytes as hex digits.
//!
//! Start reading at [`connector`].

mod header;
mod look;
mod records;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use meshweave_engine::Result;
use meshweave_engine::settings::Limits;

use self::header::Header;
use self::look::{Seen, looks_like};
use self::records::Records;
use crate::common::kind::Kind;
use crate::rows::RowFiles;
use crate::rows::cells::{Cell, is_text};
use crate::rows::format::{Filling, Look, RowFormat, Rows, Wanted, all_can_be_filled};
use crate::rows::input::Input;
use crate::rows::learnt::settled_field;
use crate::rows::place::Place;
use crate::rows::watch::Watch;

/// What CSV files are called, and how they are named.
const KIND: Kind = Kind { word: "csv", people: "CSV", endings: &[".csv"], may_be_packed: true };

/// The connector for CSV files.
pub fn connector(limits: &Limits) -> RowFiles {
    RowFiles::new(Arc::new(Csv), limits)
}

#[derive(Debug)]
struct Csv;

impl RowFormat for Csv {
    fn kind(&self) -> &Kind {
        &KIND
    }

    fn can_hold(&self, file_schema: &Schema) -> Result<(), String> {
        all_can_be_filled(KIND.people, file_schema)
    }

    fn rows(&self, input: Input, wanted: Wanted) -> Result<Box<dyn Rows>> {
        let place = input.place().clone();
        let filling = Filling::new(&wanted, &place)?;
        let mut records = Records::new(input, &wanted.rules.csv, wanted.rules.row_bytes);
        let promised = &wanted.rules.file_schema;
        let header = if wanted.rules.csv.header {
            match records.next()? {
                Some(record) => Header::of(&record, promised, &place)?,
                None => {
                    // A file without a record has no header either, and no rows.
                    wanted.watch.is_empty(&place)?;
                    Header::by_position(promised)
                }
            }
        } else {
            Header::by_position(promised)
        };
        tell(&wanted.watch, &header, &place)?;
        let columns = wanted.projection.iter().map(|column| header.places[*column]).collect();
        let new = header.unnamed(&wanted.watch);
        let (watch, null) = (wanted.watch, wanted.rules.csv.null.clone());
        Ok(Box::new(CsvRows { records, place, header, columns, filling, null, watch, new }))
    }

    fn look(&self, input: Input, look: &Look) -> Result<Schema> {
        look::look(input, look)
    }
}

/// Tells which promised columns a file has, when its header says so.
fn tell(watch: &Watch, header: &Header, place: &Place) -> Result<()> {
    let Some(names) = &header.names else { return Ok(()) };
    let held: Vec<bool> = header.places.iter().map(Option::is_some).collect();
    let stored: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Null, true)).collect();
    watch.holds(place, &held, &Schema::new(stored))
}

/// Which fields are null.
#[derive(Debug, Clone, Copy)]
struct Nulls<'a> {
    /// The text that stands for null.
    text: &'a str,
    /// Whether the column holds text.
    is_text: bool,
}

impl Nulls<'_> {
    /// The value of a field; none when it is null. Only text may be told from null by its quotes.
    fn value<'t>(&self, field: &'t str, quoted: bool) -> Option<&'t str> {
        let is_null = field == self.text && !(quoted && self.is_text);
        (!is_null).then_some(field)
    }
}

fn cell(text: &str) -> Cell<'_> {
    Cell::Text(text)
}

/// The rows of one file.
struct CsvRows {
    records: Records,
    place: Place,
    header: Header,
    /// Which field holds each wanted column.
    columns: Vec<Option<usize>>,
    filling: Filling,
    null: String,
    watch: Arc<Watch>,
    /// The fields that hold no promised column, until they were told.
    new: Vec<(usize, Seen)>,
}

impl Rows for CsvRows {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.filling.is_full() {
            let Some(record) = self.records.next()? else { break };
            self.header.check(&record, &self.place)?;
            for (index, place) in self.columns.iter().enumerate() {
                let is_text = is_text(self.filling.field(index).data_type());
                let nulls = Nulls { text: &self.null, is_text };
                let value = place.map(|place| record.field(place)).and_then(|(text, quoted)| nulls.value(text, quoted));
                if let Err(why) = self.filling.columns[index].push(value.map_or(Cell::Null, cell)) {
                    self.watch.value_is_refused(self.filling.field(index), value.map(looks_like));
                    let what = format!("column \"{}\" {why}", self.filling.field(index).name());
                    return Err(self.place.broken_line(record.line, &what));
                }
            }
            for (place, seen) in &mut self.new {
                let (text, quoted) = record.field(*place);
                seen.add(text, quoted, &self.null);
            }
            self.filling.row_is_done(record.bytes());
        }
        // The first rows show what the columns hold that nobody promised.
        let new: Vec<Field> = self.new.drain(..).map(|(_, seen)| settled_field(seen.field())).collect();
        self.watch.new_columns(&self.place, &new)?;
        self.filling.take(&self.place)
    }
}
