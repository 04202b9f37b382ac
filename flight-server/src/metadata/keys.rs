//! GetPrimaryKeys, GetImportedKeys, GetExportedKeys, GetCrossReference: from the contracts' keys and relationships.
//!
//! Holds always: both ends of a foreign key are tables that the caller may discover; an end that is not hides the key.
//!
//! Start reading at [`foreign_keys`].

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys, UpdateDeleteRules,
};
use meshweave_contract::model::Relationship;
use meshweave_contract::name::fold;

use super::batch;
use super::listing::{Listed, Listing};
use crate::status::Outcome;

// The protocol file writes the last two the other way round; Arrow's own servers in C++, Java and Go have them so, and assert it.
static PRIMARY: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ]))
});

static FOREIGN: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("pk_catalog_name", DataType::Utf8, true),
        Field::new("pk_db_schema_name", DataType::Utf8, true),
        Field::new("pk_table_name", DataType::Utf8, false),
        Field::new("pk_column_name", DataType::Utf8, false),
        Field::new("fk_catalog_name", DataType::Utf8, true),
        Field::new("fk_db_schema_name", DataType::Utf8, true),
        Field::new("fk_table_name", DataType::Utf8, false),
        Field::new("fk_column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("fk_key_name", DataType::Utf8, true),
        Field::new("pk_key_name", DataType::Utf8, true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
});

pub(super) fn primary_schema() -> SchemaRef {
    Arc::clone(&PRIMARY)
}

pub(super) fn foreign_schema() -> SchemaRef {
    Arc::clone(&FOREIGN)
}

fn primary_name(table: &Listed) -> String {
    format!("{}_pkey", table.name)
}

/// The key columns of a table, in key order; a column that is not there any more is left out.
fn primary_columns(table: &Listed) -> Vec<&str> {
    let Some(resolved) = table.resolved() else { return Vec::new() };
    let mut key: Vec<(u32, &str)> =
        resolved.columns.iter().filter_map(|c| c.key_position.map(|position| (position, c.name.as_str()))).collect();
    key.sort_unstable();
    key.into_iter().map(|(_, name)| name).collect()
}

/// GetPrimaryKeys.
pub(super) fn primary(listing: &Listing, command: &CommandGetPrimaryKeys) -> Outcome<RecordBatch> {
    let found = listing.find(command.catalog.as_deref(), command.db_schema.as_deref(), &command.table);
    let mut rows: Vec<(&Listed, &str, i32)> = Vec::new();
    for table in found {
        rows.extend(primary_columns(table).into_iter().zip(1..).map(|(column, sequence)| (table, column, sequence)));
    }
    let text = |of: &dyn Fn(&Listed, &str) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(table, column, _)| of(table, column))))
    };
    batch(
        &PRIMARY,
        vec![
            text(&|_, _| listing.catalog.clone()),
            text(&|table, _| table.schema.clone()),
            text(&|table, _| table.name.clone()),
            text(&|_, column| column.to_owned()),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|(.., sequence)| *sequence))),
            text(&|table, _| primary_name(table)),
        ],
    )
}

/// One foreign key between two listed tables.
struct ForeignKey<'a> {
    from: &'a Listed,
    to: &'a Listed,
    relationship: &'a Relationship,
    name: String,
}

/// Every foreign key whose both ends are listed.
fn foreign_keys(listing: &Listing) -> Vec<ForeignKey<'_>> {
    let mut keys = Vec::new();
    for from in &listing.tables {
        let relationships = from.declared().map_or(&[][..], |table| table.relationships.as_slice());
        for (number, relationship) in (1..).zip(relationships) {
            if let Some(to) = target(listing, from, &relationship.to) {
                keys.push(ForeignKey { from, to, relationship, name: format!("{}_fkey{number}", from.name) });
            }
        }
    }
    keys
}

/// The table that a relationship names: a table of the same product, `domain.product`, or `domain.product.table`.
fn target<'a>(listing: &'a Listing, from: &Listed, to: &str) -> Option<&'a Listed> {
    let parts: Vec<&str> = to.split('.').collect();
    let (schema, name) = match parts.as_slice() {
        [table] => return sibling(listing, from, table),
        [domain, product] => (*domain, (*product).to_owned()),
        [domain, product, table] => (*domain, format!("{product}.{table}")),
        _ => return None,
    };
    listing.tables.iter().find(|t| fold(&t.schema) == fold(schema) && fold(&t.name) == fold(&name))
}

/// Another table of the same product version.
fn sibling<'a>(listing: &'a Listing, from: &Listed, table: &str) -> Option<&'a Listed> {
    let (entry, _) = from.product.as_ref()?;
    listing.tables.iter().find(|other| {
        other.product.as_ref().is_some_and(|(e, _)| Arc::ptr_eq(e, entry))
            && other.resolved().is_some_and(|resolved| resolved.name.folded() == fold(table))
    })
}

/// GetImportedKeys: what the columns of a table refer to.
pub(super) fn imported(listing: &Listing, c: &CommandGetImportedKeys) -> Outcome<RecordBatch> {
    let from = Filter::new(listing, c.catalog.as_deref(), c.db_schema.as_deref(), &c.table);
    rows(listing, |key| from.is(key.from), Order::Referred)
}

/// GetExportedKeys: what refers to the key of a table.
pub(super) fn exported(listing: &Listing, c: &CommandGetExportedKeys) -> Outcome<RecordBatch> {
    let to = Filter::new(listing, c.catalog.as_deref(), c.db_schema.as_deref(), &c.table);
    rows(listing, |key| to.is(key.to), Order::Referring)
}

/// GetCrossReference: how one table refers to another.
pub(super) fn cross_reference(listing: &Listing, c: &CommandGetCrossReference) -> Outcome<RecordBatch> {
    let to = Filter::new(listing, c.pk_catalog.as_deref(), c.pk_db_schema.as_deref(), &c.pk_table);
    let from = Filter::new(listing, c.fk_catalog.as_deref(), c.fk_db_schema.as_deref(), &c.fk_table);
    rows(listing, |key| to.is(key.to) && from.is(key.from), Order::Referred)
}

/// Which tables a command is about.
struct Filter<'a>(Vec<&'a Listed>);

impl<'a> Filter<'a> {
    fn new(listing: &'a Listing, catalog: Option<&str>, schema: Option<&str>, table: &str) -> Self {
        Self(listing.find(catalog, schema, table))
    }

    fn is(&self, table: &Listed) -> bool {
        self.0.iter().any(|found| std::ptr::eq(*found, table))
    }
}

/// By which end the specification sorts.
#[derive(Clone, Copy)]
enum Order {
    Referred,
    Referring,
}

fn rows(listing: &Listing, wanted: impl Fn(&ForeignKey<'_>) -> bool, order: Order) -> Outcome<RecordBatch> {
    let mut keys: Vec<ForeignKey<'_>> = foreign_keys(listing).into_iter().filter(wanted).collect();
    keys.sort_by_cached_key(|key| {
        let end = match order {
            Order::Referred => key.to,
            Order::Referring => key.from,
        };
        (end.schema.clone(), end.name.clone(), key.name.clone())
    });
    let mut rows: Vec<(&ForeignKey<'_>, &str, &str, i32)> = Vec::new();
    for key in &keys {
        let pairs = key.relationship.columns.iter().zip(&key.relationship.to_columns);
        rows.extend((1..).zip(pairs).map(|(sequence, (from, to))| (key, from.as_str(), to.as_str(), sequence)));
    }
    let text = |of: &dyn Fn(&ForeignKey<'_>, &str, &str) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, from, to, _)| of(key, from, to))))
    };
    let no_action = u8::try_from(UpdateDeleteRules::NoAction as i32).unwrap_or_default();
    let rule: ArrayRef = Arc::new(UInt8Array::from_iter_values(rows.iter().map(|_| no_action)));
    batch(
        &FOREIGN,
        vec![
            text(&|_, _, _| listing.catalog.clone()),
            text(&|key, _, _| key.to.schema.clone()),
            text(&|key, _, _| key.to.name.clone()),
            text(&|_, _, to| to.to_owned()),
            text(&|_, _, _| listing.catalog.clone()),
            text(&|key, _, _| key.from.schema.clone()),
            text(&|key, _, _| key.from.name.clone()),
            text(&|_, from, _| from.to_owned()),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|(.., sequence)| *sequence))),
            text(&|key, _, _| key.name.clone()),
            text(&|key, _, _| primary_name(key.to)),
            Arc::clone(&rule),
            rule,
        ],
    )
}
