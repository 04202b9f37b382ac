//! Hears how the files of one scan differ from what the contract promises of their columns, and says what is refused.
//!
//! In: what each file turns out to hold, told while it is read. Out: nothing, or the error of a difference that the product's
//! policy refuses. Every difference is reported to the query.
//! Holds always:
//! - a column that some files lack is told, and one that all files of a version lack is an error: it would be null in every row;
//! - a file without rows tells nothing, unless it names its columns.
//!
//! Start reading at [`Watch`].

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use meshweave_contract::name::fold;
use meshweave_engine::drift::{Difference, shortened};
use meshweave_engine::types::logical_type;
use meshweave_engine::{QueryContext, Result};
use parking_lot::Mutex;

use super::place::Place;
use crate::common::drift::{missing, new_column, nulls, other_type, words};
use crate::common::types::keeps;

/// What is promised of the files of one scan.
#[derive(Debug)]
pub(crate) struct Promise {
    /// The query.
    pub(crate) ctx: QueryContext,
    /// The key of the version vector.
    pub(crate) key: String,
    /// The promised columns that files hold.
    pub(crate) columns: SchemaRef,
    /// Names of the columns that folders hold; files may hold them too.
    pub(crate) folders: Vec<String>,
    /// How many files the scan reads.
    pub(crate) files: usize,
    /// Whether these are all files of the version.
    pub(crate) are_all: bool,
}

/// Hears what the files of one scan hold.
#[derive(Debug)]
pub(crate) struct Watch {
    promise: Promise,
    heard: Mutex<Heard>,
}

/// What was heard so far.
#[derive(Debug)]
struct Heard {
    /// The files that told which columns they hold, or that they tell nothing.
    files: HashSet<String>,
    /// Whether some file holds a promised column.
    held: Vec<bool>,
    /// Whether some file lacks it.
    lacked: Vec<bool>,
}

impl Watch {
    /// Has heard nothing yet.
    pub(crate) fn new(promise: Promise) -> Self {
        let columns = promise.columns.fields().len();
        let heard = Heard { files: HashSet::new(), held: vec![false; columns], lacked: vec![false; columns] };
        Self { promise, heard: Mutex::new(heard) }
    }

    /// Whether a column of this name stands in folders, for formats whose names may be spelled differently.
    pub(crate) fn folds_like_a_folder(&self, name: &str) -> bool {
        self.promise.folders.iter().any(|folder| fold(folder) == fold(name))
    }

    /// A file tells all its columns with their types.
    ///
    /// # Errors
    /// A stored type that does not keep the promised one; what [`Self::holds`] and [`Self::new_columns`] refuse.
    pub(crate) fn stored(&self, place: &Place, stored: &Schema) -> Result<()> {
        let promised = self.promise.columns.fields();
        let found: Vec<Option<&Field>> = promised.iter().map(|f| stored.field_with_name(f.name()).ok()).collect();
        let broken = promised.iter().zip(&found).filter_map(|(field, found)| {
            let found = found.filter(|found| !keeps(field.data_type(), found.data_type()))?;
            let (name, held, wanted) = (field.name(), words(found.data_type()), logical_type(field.data_type()));
            let message = format!("holds column \"{name}\" as {held}, promised is {wanted}");
            Some(Difference { message, ..other_type(field, found) })
        });
        self.weigh(place, &broken.collect::<Vec<_>>())?;
        self.holds(place, &found.iter().map(Option::is_some).collect::<Vec<_>>(), stored)?;
        let new = stored.fields().iter().filter(|f| self.promise.columns.field_with_name(f.name()).is_err());
        self.new_columns(place, &new.map(|field| field.as_ref().clone()).collect::<Vec<_>>())
    }

    /// A file tells which promised columns it holds, in their order.
    ///
    /// - `stored`: its columns, as far as they are known, to find one that is spelled differently.
    ///
    /// # Errors
    /// A missing column that may not be null, that no file holds, or that the product's policy refuses.
    pub(crate) fn holds(&self, place: &Place, held: &[bool], stored: &Schema) -> Result<()> {
        let nowhere = self.hear(place, Some(held));
        self.lacks(place, |column| !held[column], &nowhere, stored)
    }

    /// A file tells that it has no rows and names no columns.
    ///
    /// # Errors
    /// A column that no other file holds.
    pub(crate) fn is_empty(&self, place: &Place) -> Result<()> {
        let nowhere = self.hear(place, None);
        self.lacks(place, |_| false, &nowhere, &Schema::empty())
    }

    /// Keeps what a file tells; gives, for each promised column, whether every file was heard and none holds it.
    fn hear(&self, place: &Place, held: Option<&[bool]>) -> Vec<bool> {
        let mut heard = self.heard.lock();
        heard.files.insert(place.path().to_owned());
        let Heard { files, held: anywhere, lacked } = &mut *heard;
        for (column, held) in held.into_iter().flatten().enumerate() {
            anywhere[column] |= held;
            lacked[column] |= !held;
        }
        let is_last = self.promise.are_all && files.len() >= self.promise.files;
        anywhere.iter().zip(lacked).map(|(held, lacked)| is_last && *lacked && !held).collect()
    }

    fn lacks(&self, place: &Place, lacks: impl Fn(usize) -> bool, nowhere: &[bool], stored: &Schema) -> Result<()> {
        let promised = self.promise.columns.fields().iter().enumerate();
        let lacking = promised.filter(|(column, _)| lacks(*column) || nowhere[*column]).map(|(column, field)| {
            let (name, wanted) = (field.name(), logical_type(field.data_type()));
            let (is_fatal, why) = match (field.is_nullable(), nowhere[column]) {
                (false, _) => (true, ", which may not be null"),
                (true, true) => (true, ", which no file holds"),
                (true, false) => (false, ""),
            };
            let message = format!("lacks column \"{name}\" ({wanted}){why}");
            Difference { is_fatal, message, ..missing(field, stored) }
        });
        self.weigh(place, &lacking.collect::<Vec<_>>())
    }

    /// A file tells columns that are not promised.
    ///
    /// # Errors
    /// The first, when the product's policy refuses it.
    pub(crate) fn new_columns(&self, place: &Place, columns: &[Field]) -> Result<()> {
        let new = columns.iter().filter(|field| !self.promise.folders.contains(field.name())).map(|field| {
            let (name, held) = (shortened(field.name()), words(field.data_type()));
            let message = format!("holds column \"{name}\" ({held}), which the contract does not name");
            Difference { message, ..new_column(field) }
        });
        self.weigh(place, &new.collect::<Vec<_>>())
    }

    /// A value is refused: the query fails with an error that says where.
    ///
    /// - `stored`: what it looks like; none for a null.
    pub(crate) fn value_is_refused(&self, promised: &Field, stored: Option<DataType>) {
        let difference = match stored {
            Some(stored) => other_type(promised, &Field::new(promised.name(), stored, true)),
            None => nulls(promised, 1),
        };
        self.promise.ctx.drift.weigh(&self.promise.key, &[difference]);
    }

    fn weigh(&self, place: &Place, found: &[Difference]) -> Result<()> {
        match self.promise.ctx.drift.weigh(&self.promise.key, found).first() {
            None => Ok(()),
            Some(first) => Err(place.broken(&first.message)),
        }
    }
}
