//! What the first lines of a JSON file tell of its columns.
//!
//! A promised column that every line keeps has the promised type. Others have the type of their values: whole numbers are `Int64`,
//! with others among them `Float64`; objects are structs with every member that was seen. What is only null is `Null`.
//!
//! Start reading at [`look`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use meshweave_engine::Result;
use serde_json::value::RawValue;

use super::object;
use crate::rows::cells::{Cell, Column};
use crate::rows::format::Look;
use crate::rows::input::Input;
use crate::rows::lines::Lines;
use crate::rows::nested::members;

/// How deep lists and objects are looked into.
const DEEPEST: usize = 32;

/// Looks at the first lines.
///
/// # Errors
/// When a line is no object, or a column has values that cannot be of one type.
pub(super) fn look(input: Input, look: &Look) -> Result<Schema> {
    let place = input.place().clone();
    let mut lines = Lines::new(input, look.rules.row_bytes);
    let mut columns = Columns::default();
    let mut left = look.sample_bytes;
    let mut rows = 0_u64;
    while left > 0
        && let Some((line, text)) = lines.next()?
    {
        left = left.saturating_sub(text.len() as u64 + 1);
        if text.trim_ascii().is_empty() {
            continue;
        }
        for (name, value) in object(line, text, &place)?.0 {
            let column = columns.named(&name, look.promised.as_deref());
            column.add(value, line).map_err(|first| {
                let what = format!("column \"{name}\" is of another type than in line {first}");
                place.broken_line_because(line, &what, "Name the column and its type in the contract.")
            })?;
        }
        rows += 1;
    }
    Ok(Schema::new(columns.all.into_iter().map(|column| column.field(rows)).collect::<Fields>()))
}

#[derive(Default)]
struct Columns {
    all: Vec<Seen>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn named(&mut self, name: &str, promised: Option<&Schema>) -> &mut Seen {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.to_owned(), self.all.len());
                let field = promised.and_then(|schema| schema.field_with_name(name).ok());
                self.all.push(Seen::new(name, field));
                self.all.len() - 1
            }
        };
        &mut self.all[place]
    }
}

/// What was seen of one column.
struct Seen {
    name: String,
    /// The promise, as long as every value keeps it.
    promise: Option<(Field, Column)>,
    is_promised: bool,
    data_type: DataType,
    first_line: u64,
    values: u64,
}

impl Seen {
    fn new(name: &str, promised: Option<&Field>) -> Self {
        let promise = promised.and_then(|field| {
            let column = Column::of(&field.clone().with_nullable(true)).ok()?;
            Some((field.clone(), column))
        });
        let (data_type, is_promised) = (DataType::Null, promised.is_some());
        Self { name: name.to_owned(), promise, is_promised, data_type, first_line: 0, values: 0 }
    }

    /// Adds a value; the error is the line of the first value of another type.
    fn add(&mut self, value: &RawValue, line: u64) -> Result<(), u64> {
        let seen = type_of(value.get());
        if seen == DataType::Null {
            return Ok(());
        }
        self.values += 1;
        if self.first_line == 0 {
            self.first_line = line;
        }
        if let Some((_, column)) = &mut self.promise
            && column.push(Cell::Json(value)).is_err()
        {
            self.promise = None;
        }
        self.data_type = match both(&self.data_type, &seen) {
            Some(data_type) => data_type,
            // A promised column is compared with its promise, and may differ from it in any way.
            None if self.is_promised => DataType::Utf8,
            None => return Err(self.first_line),
        };
        Ok(())
    }

    fn field(self, rows: u64) -> Field {
        match self.promise {
            Some((field, _)) => {
                let nullable = field.is_nullable() || self.values < rows;
                field.with_nullable(nullable)
            }
            None => Field::new(self.name, self.data_type, true),
        }
    }
}

/// The type of a value; `Null` for null.
pub(super) fn type_of(json: &str) -> DataType {
    type_within(json, DEEPEST)
}

fn type_within(json: &str, deepest: usize) -> DataType {
    match json.as_bytes().first() {
        Some(b'"') => DataType::Utf8,
        Some(b't' | b'f') => DataType::Boolean,
        Some(b'[') if deepest > 0 => {
            let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
            let types = items.iter().map(|item| type_within(item.get(), deepest - 1));
            let item = types.reduce(|one, other| both(&one, &other).unwrap_or(DataType::Utf8));
            DataType::List(Arc::new(Field::new_list_field(item.unwrap_or(DataType::Null), true)))
        }
        Some(b'{') if deepest > 0 => {
            let members = members(json).map_or_else(Vec::new, |members| members.0);
            let field = |(name, value): &(Cow<'_, str>, &RawValue)| {
                Field::new(name.as_ref(), type_within(value.get(), deepest - 1), true)
            };
            DataType::Struct(members.iter().map(field).collect())
        }
        Some(b'n') | None => DataType::Null,
        Some(b'[' | b'{') => DataType::Utf8,
        Some(_) if json.parse::<i64>().is_ok() => DataType::Int64,
        Some(_) => DataType::Float64,
    }
}

/// The type of which both are; none when there is none.
pub(super) fn both(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match (one, other) {
        (one, other) if one == other => one.clone(),
        (T::Null, other) => other.clone(),
        (one, T::Null) => one.clone(),
        (T::Int64, T::Float64) | (T::Float64, T::Int64) => T::Float64,
        (T::List(one), T::List(other)) => {
            T::List(Arc::new(Field::new_list_field(both(one.data_type(), other.data_type())?, true)))
        }
        (T::Struct(one), T::Struct(other)) => T::Struct(united(one, other)?),
        _ => return None,
    })
}

fn united(one: &Fields, other: &Fields) -> Option<Fields> {
    let mut fields: Vec<FieldRef> = one.iter().cloned().collect();
    let mut places: HashMap<String, usize> =
        one.iter().enumerate().map(|(place, field)| (field.name().clone(), place)).collect();
    for field in other {
        if let Some(place) = places.get(field.name()) {
            let data_type = both(fields[*place].data_type(), field.data_type())?;
            fields[*place] = Arc::new(Field::new(field.name(), data_type, true));
        } else {
            places.insert(field.name().clone(), fields.len());
            fields.push(Arc::clone(field));
        }
    }
    Some(fields.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::learnt::settled;

    fn check(values: &[&str], expected: Result<&str, u64>) {
        let mut seen = Seen::new("c", None);
        let added = values.iter().zip(1..).try_for_each(|(value, line)| {
            let json: &RawValue = serde_json::from_str(value).unwrap();
            seen.add(json, line)
        });
        let found = added.map(|()| settled(seen.field(1).data_type()).to_string());
        assert_eq!(found, expected.map(str::to_owned), "{values:?}");
    }

    #[test]
    fn types_meet() {
        check(&["1", "null", "2"], Ok("Int64"));
        check(&["1", "1.5"], Ok("Float64"));
        check(&["\"1\"", "\"x\""], Ok("Utf8"));
        check(&["true"], Ok("Boolean"));
        check(&["null"], Ok("Utf8"));
        check(&["[]", "[1]", "[null, 1.5]"], Ok("List(Float64)"));
        check(&["{}"], Ok("Utf8"));
        check(&["1", "\"x\""], Err(1));
        check(&["null", "[1]", "{\"a\": 1}"], Err(2));
    }
}
