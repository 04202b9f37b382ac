//! Which field of a record holds which promised column.
//!
//! With a header, columns are found by name: spelled exactly, else the one name that folds alike. Without one they are found by
//! position, in the promised order.
//!
//! Start reading at [`Header::of`].

use arrow::datatypes::Schema;
use meshweave_contract::name::fold;
use meshweave_engine::Result;

use super::look::Seen;
use super::records::Record;
use crate::rows::place::Place;
use crate::rows::watch::Watch;

/// The fields of every record of a file.
#[derive(Debug)]
pub(super) struct Header {
    /// Names of the fields, as spelled; with a header only.
    pub(super) names: Option<Vec<String>>,
    /// How many fields a record has.
    pub(super) width: usize,
    /// Which field holds each promised column; none when the file lacks it.
    pub(super) places: Vec<Option<usize>>,
}

impl Header {
    /// Of a file whose first record names its columns.
    ///
    /// # Errors
    /// When a column cannot be told from another.
    pub(super) fn of(record: &Record<'_>, promised: &Schema, place: &Place) -> Result<Self> {
        let names: Vec<String> = (0..record.len()).map(|i| record.field(i).0.trim().to_owned()).collect();
        let folded: Vec<String> = names.iter().map(|name| fold(name)).collect();
        let only = |column: &str, found: Vec<usize>| match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => {
                let what = format!("names column \"{column}\" more than once");
                Err(place.broken_line(record.line, &what))
            }
        };
        let find = |column: &String| {
            let exact = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(i, _)| i);
            let wanted = fold(column);
            let alike = || folded.iter().enumerate().filter(|(_, name)| **name == wanted).map(|(i, _)| i);
            match only(column, exact.collect())? {
                Some(one) => Ok(Some(one)),
                None => only(column, alike().collect()),
            }
        };
        let places = promised.fields().iter().map(|field| find(field.name())).collect::<Result<Vec<_>>>()?;
        Ok(Self { width: names.len(), names: Some(names), places })
    }

    /// Of a file without a header: the promised columns, one field each.
    pub(super) fn by_position(promised: &Schema) -> Self {
        let width = promised.fields().len();
        Self { names: None, width, places: (0..width).map(Some).collect() }
    }

    /// The fields that hold no promised column and none of the folders, with what is to be seen of them.
    pub(super) fn unnamed(&self, watch: &Watch) -> Vec<(usize, Seen)> {
        let names = self.names.iter().flatten().enumerate();
        let is_new = |index: usize, name: &str| !self.places.contains(&Some(index)) && !watch.folds_like_a_folder(name);
        names.filter(|(i, name)| is_new(*i, name)).map(|(i, name)| (i, Seen::new(name.clone(), None))).collect()
    }

    /// Checks that a record has as many fields as it should.
    ///
    /// # Errors
    /// Both numbers, with the line.
    pub(super) fn check(&self, record: &Record<'_>, place: &Place) -> Result<()> {
        if record.len() == self.width {
            return Ok(());
        }
        let whose = if self.names.is_some() { "the header" } else { "the contract" };
        let what = format!("has {} fields, {whose} has {}", record.len(), self.width);
        Err(place.broken_line(record.line, &what))
    }
}
