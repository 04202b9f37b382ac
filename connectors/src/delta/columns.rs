//! The columns that a product promises, held against the columns that its table stores.
//!
//! In: a port's resolved schema and a loaded version. Out: nothing, or every broken promise at once.
//! Holds always:
//! - a stored type keeps a promise only when no value can be lost: equal, a legal widening, another unit or encoding of the same thing;
//! - an instant and a wall-clock reading never stand for each other.
//!
//! Start reading at [`check`].

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::table::state::DeltaTableState;
use meshweave_engine::connect::Port;
use meshweave_engine::drift::{Change, Difference};
use meshweave_engine::{Failure, QueryContext, Result};

use super::snapshots::Loaded;
use crate::common::drift::{differences, nulls};
use crate::common::types::keeps;

/// The columns as stored, partition columns last.
pub(super) fn observed(loaded: &Loaded) -> SchemaRef {
    let stored = stored(loaded);
    let partitions = loaded.state.metadata().partition_columns();
    let (last, first): (Vec<FieldRef>, Vec<FieldRef>) =
        stored.fields().iter().cloned().partition(|field| partitions.contains(field.name()));
    Arc::new(Schema::new(first.into_iter().chain(last).collect::<Vec<_>>()))
}

/// The columns as stored, in the table's order, with plain Arrow types.
pub(super) fn stored(loaded: &Loaded) -> Schema {
    stored_in(&loaded.state)
}

/// The same of a table's state.
pub(super) fn stored_in(state: &DeltaTableState) -> Schema {
    let table = state.schema();
    let converted: Result<Schema, _> = table.as_ref().try_into_arrow();
    match converted {
        Ok(schema) => Schema::new(schema.fields().iter().map(|field| bare(field)).collect::<Vec<_>>()),
        Err(_) => Schema::empty(),
    }
}

/// A field without the metadata that column mapping keeps on it.
fn bare(field: &Field) -> Field {
    Field::new(field.name(), bare_type(field.data_type()), field.is_nullable())
}

fn bare_type(data_type: &DataType) -> DataType {
    let inner = |field: &FieldRef| Arc::new(bare(field));
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::List(item) => DataType::List(inner(item)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        other => other.clone(),
    }
}

/// Holds `promised` against what is stored, and reports what differs.
///
/// # Errors
/// [`Failure::ContractBroken`] with every column that is missing, too narrow, null where none may be (as far as the log tells), or
/// refused by the product's policy.
pub(super) fn check(ctx: &QueryContext, port: &Port, loaded: &Loaded, promised: &Schema) -> Result<()> {
    let stored = stored(loaded);
    let mut found = differences(promised, &stored);
    // A table says once for all its files which columns it has.
    found.iter_mut().filter(|one| one.change == Change::MissingColumn).for_each(|one| one.is_fatal = true);
    found.extend(promised.fields().iter().filter_map(|field| held_nulls(loaded, &stored, field)));
    let refused = ctx.drift.weigh(&port.key, &found);
    if refused.is_empty() {
        return Ok(());
    }
    let words: Vec<&str> = refused.iter().map(|one| one.message.as_str()).collect();
    Err(Failure::ContractBroken {
        product: port.key.clone(),
        message: format!("{} (delta version {})", words.join("; "), loaded.version),
        hint: Some("Register a version of the contract that says what is stored, or mend the table.".to_owned()),
    }
    .into())
}

fn held_nulls(loaded: &Loaded, stored: &Schema, promised: &Field) -> Option<Difference> {
    let found = stored.field_with_name(promised.name()).ok()?;
    if promised.is_nullable() || !found.is_nullable() || !keeps(promised.data_type(), found.data_type()) {
        return None;
    }
    let count = Some(known_nulls(loaded, promised.name())).filter(|nulls| *nulls > 0)?;
    Some(nulls(promised, count))
}

/// Nulls that the log counts in a column; files with deleted rows count as none, for their nulls may be the deleted ones.
fn known_nulls(loaded: &Loaded, column: &str) -> u64 {
    let Ok(files) = loaded.state.add_actions_table(true) else { return 0 };
    let deleted = files.column_by_name("deletion_vector.cardinality");
    let whole = |row: usize| deleted.is_none_or(|vectors| vectors.is_null(row));
    let count = |name: &str| files.column_by_name(&format!("{name}.{column}"));
    if let Some(values) = count("partition") {
        let rows = files.column_by_name("num_records").and_then(|rows| rows.as_primitive_opt::<Int64Type>());
        let of = |row: usize| rows.filter(|r| r.is_valid(row)).map_or(1, |r| r.value(row));
        let nulls = (0..files.num_rows()).filter(|&row| values.is_null(row) && whole(row));
        return nulls.map(|row| of(row).unsigned_abs()).sum();
    }
    let Some(counts) = count("null_count").and_then(|counts| counts.as_primitive_opt::<Int64Type>()) else { return 0 };
    (0..files.num_rows())
        .filter(|&row| counts.is_valid(row) && whole(row))
        .map(|row| counts.value(row).unsigned_abs())
        .sum()
}
