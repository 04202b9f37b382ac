//! Which members of the objects of a file are which columns, and what else there is.
//!
//! In: one object after the other. Out: the values of the wanted columns; the promised columns that some object has; the members
//! that nobody promised, with their types.
//! Holds always: a member that is told once is not told again, and only so many are looked at.
//!
//! Start reading at [`Names::values`].

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::value::RawValue;

use super::look::{both, type_of};
use crate::rows::format::Wanted;
use crate::rows::learnt::settled_field;
use crate::rows::nested::Members;

/// Members that nobody promised, of one file, that are looked at; a file that uses values as names has more.
const MOST_NEW: usize = 1000;

/// The names of one file.
#[derive(Debug)]
pub(super) struct Names {
    /// The promised columns: where each stands in the promise and, when it is wanted, among the wanted ones.
    promised: HashMap<String, (usize, Option<usize>)>,
    wanted: usize,
    held: Vec<bool>,
    /// The members that nobody promised, with what was seen of them; none once they were told.
    new: BTreeMap<String, Option<DataType>>,
}

impl Names {
    /// Nothing was seen yet.
    pub(super) fn of(wanted: &Wanted) -> Self {
        let fields = wanted.rules.file_schema.fields();
        let place = |column: usize| wanted.projection.iter().position(|wanted| *wanted == column);
        let promised = fields.iter().enumerate().map(|(i, field)| (field.name().clone(), (i, place(i)))).collect();
        Self { promised, wanted: wanted.projection.len(), held: vec![false; fields.len()], new: BTreeMap::new() }
    }

    /// The value of each wanted column; none where the object lacks it.
    ///
    /// # Errors
    /// The wanted column that stands there twice.
    pub(super) fn values<'a>(&mut self, members: &Members<'a>) -> Result<Vec<Option<&'a RawValue>>, String> {
        let mut values = vec![None; self.wanted];
        for (name, value) in &members.0 {
            let Some((column, place)) = self.promised.get(name.as_ref()) else {
                self.see(name, value);
                continue;
            };
            self.held[*column] = true;
            if let Some(place) = place
                && values[*place].replace(*value).is_some()
            {
                return Err(name.to_string());
            }
        }
        Ok(values)
    }

    fn see(&mut self, name: &str, value: &RawValue) {
        if let Some(seen) = self.new.get_mut(name) {
            // A member that was told needs no further look.
            if let Some(known) = seen {
                *known = both(known, &type_of(value.get())).unwrap_or(DataType::Utf8);
            }
        } else if self.new.len() < MOST_NEW {
            self.new.insert(name.to_owned(), Some(type_of(value.get())));
        }
    }

    /// Which promised columns some object had, in the promised order.
    pub(super) fn held(&self) -> &[bool] {
        &self.held
    }

    /// The members that nobody promised and that were not given yet; those that were only null wait for the end of the file.
    pub(super) fn new_columns(&mut self, is_end: bool) -> Vec<Field> {
        let ripe = |seen: &DataType| is_end || *seen != DataType::Null;
        let new = self.new.iter_mut().filter_map(|(name, seen)| {
            let data_type = seen.take_if(|seen| ripe(seen))?;
            Some(settled_field(Field::new(name, data_type, true)))
        });
        new.collect()
    }

    /// The members that nobody promised; their types were told before.
    pub(super) fn schema(&self) -> Schema {
        Schema::new(self.new.keys().map(|name| Field::new(name, DataType::Null, true)).collect::<Vec<_>>())
    }
}
