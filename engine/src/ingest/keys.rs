//! Keys that may not come twice among the rows of one ingestion.
//!
//! What the table holds already is not asked: a key is unique among the rows that come together.
//! Holds always: what is remembered of keys is counted; a key with a null in it is compared with none.
//!
//! Start reading at [`Key::seen_again`].

use std::collections::HashSet;
use std::fmt;

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, SortField};
use datafusion::execution::memory_pool::MemoryReservation;
use meshweave_contract::model::{Check, Column};
use meshweave_contract::name::alike;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Failure, Result};

/// Memory that one remembered key takes, bytes: its mark, and the set's room beside it.
const KEY_BYTES: usize = 40;

/// What stands for the values of a key; two keys with one mark would have to be looked for.
type Mark = [u8; 16];

/// Columns whose values together may come once.
pub(super) struct Key {
    columns: Vec<usize>,
    text: String,
    rows: RowConverter,
    seen: HashSet<Mark>,
    room: MemoryReservation,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("columns", &self.columns).field("seen", &self.seen.len()).finish_non_exhaustive()
    }
}

/// The keys of a contract: the primary one, unique columns, and those of its quality rules; each once.
///
/// # Errors
/// A key whose values cannot be compared, in words.
pub(super) fn of(
    columns: &[Column],
    quality: &[Check],
    schema: &Schema,
    room: &MemoryReservation,
) -> Result<Vec<Key>, String> {
    let mut wanted: Vec<Vec<usize>> = Vec::new();
    let mut add = |mut key: Vec<usize>| {
        key.sort_unstable();
        if !key.is_empty() && !wanted.contains(&key) {
            wanted.push(key);
        }
    };
    let at = |keep: &dyn Fn(&Column) -> bool| -> Vec<usize> {
        columns.iter().enumerate().filter(|(_, column)| keep(column)).map(|(at, _)| at).collect()
    };
    add(at(&|column| column.key_position.is_some()));
    at(&|column| column.unique).into_iter().for_each(|column| add(vec![column]));
    let is_plain = |check: &&Check| check.threshold.is_none() && !check.arguments.contains_key("where");
    for check in quality.iter().filter(|check| check.metric == "unique").filter(is_plain) {
        let listed = check.arguments.get("columns").and_then(Value::as_array).into_iter().flatten();
        let names = listed.filter_map(Value::as_str).chain(check.column.as_deref());
        let place = |name: &str| schema.fields().iter().position(|field| alike(field.name(), name));
        add(names.map(place).collect::<Option<Vec<usize>>>().unwrap_or_default());
    }
    wanted.into_iter().map(|columns| Key::new(columns, schema, room)).collect()
}

impl Key {
    fn new(columns: Vec<usize>, schema: &Schema, room: &MemoryReservation) -> Result<Self, String> {
        let names: Vec<String> = columns.iter().map(|at| format!("\"{}\"", schema.field(*at).name())).collect();
        let names = names.join(", ");
        let fields = columns.iter().map(|at| SortField::new(schema.field(*at).data_type().clone())).collect();
        let rows = RowConverter::new(fields).map_err(|error| format!("the key {names} cannot be compared: {error}"))?;
        let text = format!("{names} comes more than once");
        Ok(Self { columns, text, rows, seen: HashSet::new(), room: room.new_empty() })
    }

    /// The rule as it is told when it is broken.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The places of rows whose key came before, ascending.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when there is no memory to remember them.
    pub(super) fn seen_again(&mut self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let key: Vec<ArrayRef> = self.columns.iter().map(|at| ArrayRef::clone(&columns[*at])).collect();
        let count = key.first().map_or(0, |column| column.len());
        self.room.try_grow(count * KEY_BYTES).map_err(|error| Failure::Exhausted {
            message: format!("no memory to tell whether {}: {error}", self.text),
            hint: Some("Send fewer rows at a time.".to_owned()),
        })?;
        let rows = self.rows.convert_columns(&key);
        let rows = rows.map_err(|error| Error::internal("comparing keys of rows that come in", error))?;
        let is_whole = |row: &usize| key.iter().all(|column| column.is_valid(*row));
        Ok((0..count).filter(is_whole).filter(|row| !self.seen.insert(mark(rows.row(*row).as_ref()))).collect())
    }
}

fn mark(bytes: &[u8]) -> Mark {
    let digest = Sha256::digest(bytes);
    let mut mark = Mark::default();
    mark.copy_from_slice(&digest[..16]);
    mark
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field};
    use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryPool};
    use meshweave_contract::types::LogicalType;
    use serde_json::json;

    use super::*;
    use crate::error::Kind;

    fn room(bytes: usize) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
        MemoryConsumer::new("keys").register(&pool)
    }

    fn schema() -> Schema {
        Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8View, true)])
    }

    fn columns(key: [Option<u32>; 2], unique: [bool; 2]) -> Vec<Column> {
        let of = |at: usize, name: &str| Column {
            key_position: key[at],
            unique: unique[at],
            ..Column::new(name, LogicalType::String)
        };
        vec![of(0, "a"), of(1, "b")]
    }

    fn rows(a: &[Option<i64>], b: &[&str]) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(a.to_vec())), Arc::new(StringViewArray::from(b.to_vec()))]
    }

    #[test]
    fn a_key_comes_once_over_all_batches() {
        let room = room(10_000);
        let mut keys = of(&columns([Some(2), Some(1)], [false, true]), &[], &schema(), &room).unwrap();
        assert_eq!(
            keys.iter().map(Key::text).collect::<Vec<_>>(),
            ["\"a\", \"b\" comes more than once", "\"b\" comes more than once"]
        );
        let first = rows(&[Some(1), Some(1), None, None], &["x", "y", "z", "w"]);
        assert_eq!(keys[0].seen_again(&first).unwrap(), [0_usize; 0]);
        let second = rows(&[Some(1), Some(2), None], &["x", "x", "z"]);
        assert_eq!(keys[0].seen_again(&second).unwrap(), [0], "a null makes a key no key");
        assert_eq!(keys[1].seen_again(&first).unwrap(), [0_usize; 0]);
        assert_eq!(keys[1].seen_again(&second).unwrap(), [0, 1, 2]);
    }

    #[test]
    fn quality_rules_name_keys_too() {
        let rule = |column: Option<&str>, arguments: Value| Check {
            metric: "unique".to_owned(),
            table: None,
            column: column.map(str::to_owned),
            threshold: None,
            arguments: arguments.as_object().unwrap().clone().into_iter().collect(),
            severity: None,
            description: None,
        };
        let said =
            [rule(Some("A"), json!({})), rule(None, json!({ "columns": ["b", "a"] })), rule(Some("c"), json!({}))];
        let keys = of(&columns([None, None], [true, false]), &said, &schema(), &room(1)).unwrap();
        let columns: Vec<&[usize]> = keys.iter().map(|key| key.columns.as_slice()).collect();
        assert_eq!(columns, [&[0][..], &[0, 1]]);
    }

    #[test]
    fn what_is_remembered_is_counted() {
        let room = room(5 * KEY_BYTES);
        let mut keys = of(&columns([Some(1), None], [false, false]), &[], &schema(), &room).unwrap();
        keys[0].seen_again(&rows(&[Some(1), Some(2), Some(3)], &["", "", ""])).unwrap();
        let error = keys[0].seen_again(&rows(&[Some(4), Some(5), Some(6)], &["", "", ""])).unwrap_err();
        assert_eq!(error.kind(), Kind::Exhausted);
    }
}
