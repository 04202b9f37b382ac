//! Columns of lists, structs and maps, filled from JSON.
//!
//! Holds always: a member that the JSON lacks is null where it may be, else refused; a member that stands twice is refused.
//!
//! Start reading at [`members`] and [`Places`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::error::ArrowError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cells::{Cell, Cells, Column, Refusal};

/// The members of a JSON object, in the order in which they stand; none when it is no object.
pub(crate) fn members(json: &str) -> Option<Members<'_>> {
    serde_json::from_str(json).ok()
}

/// The members of a JSON object.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

/// Where the columns of a row or a struct stand, by name.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, usize>);

impl Places {
    /// The places of these columns.
    pub(crate) fn of<'n>(names: impl IntoIterator<Item = &'n String>) -> Self {
        Self(names.into_iter().enumerate().map(|(place, name)| (name.clone(), place)).collect())
    }

    /// The value of each column; none where the object lacks it. Members that are no columns are passed over.
    ///
    /// # Errors
    /// The column that stands there twice.
    pub(crate) fn values<'a>(&self, members: &Members<'a>) -> Result<Vec<Option<&'a RawValue>>, String> {
        let mut values = vec![None; self.0.len()];
        for (name, value) in &members.0 {
            if let Some(place) = self.0.get(name.as_ref())
                && values[*place].replace(*value).is_some()
            {
                return Err(name.to_string());
            }
        }
        Ok(values)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// A name, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Reader)
    }
}

/// The JSON of a cell.
fn json(cell: Cell<'_>) -> &str {
    match cell {
        Cell::Null => "null",
        Cell::Text(text) => text,
        Cell::Json(value) => value.get(),
    }
}

fn nulls(valid: &mut Vec<bool>) -> Option<NullBuffer> {
    let valid = std::mem::take(valid);
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

/// Lists.
pub(super) struct ListCells {
    field: FieldRef,
    item: Column,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl ListCells {
    pub(super) fn of(field: &FieldRef) -> Result<Self, String> {
        Ok(Self { field: Arc::clone(field), item: Column::of(field)?, lengths: Vec::new(), valid: Vec::new() })
    }
}

impl Cells for ListCells {
    fn null(&mut self) {
        self.lengths.push(0);
        self.valid.push(false);
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
        let items: Vec<&RawValue> = serde_json::from_str(json(cell)).map_err(|_| "is no list".to_owned())?;
        for item in &items {
            self.item.push(Cell::Json(item)).map_err(|why| format!("has an item that {why}"))?;
        }
        self.lengths.push(items.len());
        self.valid.push(true);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths));
        let items = self.item.finish()?;
        Ok(Arc::new(ListArray::try_new(Arc::clone(&self.field), offsets, items, nulls(&mut self.valid))?))
    }
}

/// Structs.
pub(super) struct StructCells {
    fields: Fields,
    places: Places,
    columns: Vec<Column>,
    valid: Vec<bool>,
}

impl StructCells {
    pub(super) fn of(fields: &Fields) -> Result<Self, String> {
        let columns = fields.iter().map(|field| Column::of(field)).collect::<Result<_, _>>()?;
        let places = Places::of(fields.iter().map(|field| field.name()));
        Ok(Self { fields: fields.clone(), places, columns, valid: Vec::new() })
    }
}

impl Cells for StructCells {
    fn null(&mut self) {
        self.columns.iter_mut().for_each(Column::placeholder);
        self.valid.push(false);
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
        let members = members(json(cell)).ok_or_else(|| "is no object".to_owned())?;
        let values = self.places.values(&members).map_err(|name| format!("has the member \"{name}\" twice"))?;
        for ((field, column), value) in self.fields.iter().zip(&mut self.columns).zip(values) {
            let name = field.name();
            match value {
                Some(value) => {
                    column.push(Cell::Json(value)).map_err(|why| format!("has a member \"{name}\" that {why}"))?;
                }
                None if column.may_be_null() => column.placeholder(),
                None => return Err(format!("lacks the member \"{name}\", which may not be null")),
            }
        }
        self.valid.push(true);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let rows = self.valid.len();
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let nulls = nulls(&mut self.valid);
        Ok(Arc::new(StructArray::try_new_with_length(self.fields.clone(), columns, nulls, rows)?))
    }
}

/// Maps, from JSON objects; the keys are text.
pub(super) struct MapCells {
    entries: FieldRef,
    keys: Column,
    values: Column,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl MapCells {
    pub(super) fn of(entries: &FieldRef) -> Result<Self, String> {
        let DataType::Struct(fields) = entries.data_type() else {
            return Err("a map without keys and values".to_owned());
        };
        let (Some(key), Some(value)) = (fields.first(), fields.get(1)) else {
            return Err("a map without keys and values".to_owned());
        };
        let keys = Column::of(&Field::clone(key))?;
        let (lengths, valid) = (Vec::new(), Vec::new());
        Ok(Self { entries: Arc::clone(entries), keys, values: Column::of(value)?, lengths, valid })
    }
}

impl Cells for MapCells {
    fn null(&mut self) {
        self.lengths.push(0);
        self.valid.push(false);
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<(), Refusal> {
        let members = members(json(cell)).ok_or_else(|| "is no object".to_owned())?;
        let mut seen = HashSet::with_capacity(members.0.len());
        for (name, value) in &members.0 {
            if !seen.insert(name.as_ref()) {
                return Err("has a key twice".to_owned());
            }
            self.keys.push(Cell::Text(name)).map_err(|why| format!("has a key that {why}"))?;
            self.values.push(Cell::Json(value)).map_err(|why| format!("has a value that {why}"))?;
        }
        self.lengths.push(members.0.len());
        self.valid.push(true);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.entries.data_type() else {
            return Err(ArrowError::SchemaError("a map without keys and values".to_owned()));
        };
        let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut self.lengths));
        let entries = StructArray::try_new(fields.clone(), vec![self.keys.finish()?, self.values.finish()?], None)?;
        let nulls = nulls(&mut self.valid);
        Ok(Arc::new(MapArray::try_new(Arc::clone(&self.entries), offsets, entries, nulls, false)?))
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::display::array_value_to_string;

    use super::*;

    fn fill(data_type: DataType, texts: &[&str]) -> Result<Vec<String>, String> {
        let mut column = Column::of(&Field::new("c", data_type, true))?;
        for text in texts {
            let json: &RawValue = serde_json::from_str(text).unwrap();
            column.push(Cell::Json(json))?;
        }
        let array = column.finish().unwrap();
        Ok((0..texts.len()).map(|row| array_value_to_string(&array, row).unwrap()).collect())
    }

    fn place() -> DataType {
        DataType::Struct(Fields::from(vec![
            Field::new("city", DataType::Utf8, true),
            Field::new("zip", DataType::Int64, false),
        ]))
    }

    #[test]
    fn values_of_each_sort() {
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true)));
        assert_eq!(fill(list, &["[1, null]", "null", "[]"]).unwrap(), ["[1, ]", "", "[]"]);
        let structs = fill(place(), &[r#"{"zip": "7", "city": "\u0041"}"#, "null", r#"{"zip": 8, "more": 1}"#]);
        assert_eq!(structs.unwrap(), ["{city: A, zip: 7}", "", "{city: , zip: 8}"]);
        let entries =
            Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Float64, true)]);
        let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false);
        assert_eq!(fill(map, &[r#"{"a": 1.5, "b": null}"#, "null"]).unwrap(), ["{a: 1.5, b: }", ""]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let check = |data_type, text, expected: &str| assert_eq!(fill(data_type, &[text]).unwrap_err(), expected);
        check(DataType::Int64, "1.5", "is no int64");
        check(DataType::Int64, "true", "is no int64");
        check(DataType::Utf8, "1", "is no string");
        check(DataType::Utf8, "{}", "is no string");
        check(DataType::Boolean, "\"true\"", "is no boolean");
        check(DataType::Date32, "20240101", "is no date");
        check(place(), r#"{"city": "x"}"#, "lacks the member \"zip\", which may not be null");
        check(place(), r#"{"zip": null}"#, "has a member \"zip\" that is null, which it may not be");
        check(place(), r#"{"zip": 1, "zip": 2}"#, "has the member \"zip\" twice");
        check(place(), "[]", "is no object");
        assert!(fill(DataType::Duration(arrow::datatypes::TimeUnit::Second), &[]).is_err());
    }
}
