//! GetCatalogs, GetDbSchemas, GetTables, GetTableTypes.
//!
//! Start reading at [`tables`].

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{GetCatalogsBuilder, GetDbSchemasBuilder, GetTablesBuilder};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};
use bytes::Bytes;

use super::like::like;
use super::listing::{Kind, Listed, Listing};
use super::{Batches, batch, built};
use crate::status::Outcome;
use crate::wire::{Place, Profile, table_schema};

/// Tables and columns that are listed in one batch, about.
const TABLES_AT_A_TIME: usize = 4096;
const COLUMNS_AT_A_TIME: usize = 8192;

pub(super) fn catalogs_schema() -> SchemaRef {
    GetCatalogsBuilder::new().schema()
}

pub(super) fn schemas_schema() -> SchemaRef {
    GetDbSchemasBuilder::new(None::<String>, None::<String>).schema()
}

pub(super) fn tables_schema(include_schema: bool) -> SchemaRef {
    GetTablesBuilder::new(None::<String>, None::<String>, None::<String>, Vec::<String>::new(), include_schema).schema()
}

pub(super) fn table_types_schema() -> SchemaRef {
    CommandGetTableTypes {}.into_builder().schema()
}

/// The one catalog; domains are its schemas, because many tools do not join across catalogs.
pub(super) fn catalogs(listing: &Listing) -> Outcome<RecordBatch> {
    let mut builder = GetCatalogsBuilder::new();
    builder.append(&listing.catalog);
    built(builder.build())
}

/// Schemas whose name matches the pattern.
pub(super) fn schemas(listing: &Listing, command: &CommandGetDbSchemas) -> Outcome<RecordBatch> {
    let mut builder = GetDbSchemasBuilder::new(None::<String>, None::<String>);
    if listing.is_catalog(command.catalog.as_deref()) {
        let pattern = command.db_schema_filter_pattern.as_deref();
        for schema in listing.schemas.iter().filter(|schema| pattern.is_none_or(|p| like(schema, p))) {
            builder.append(&listing.catalog, schema);
        }
    }
    built(builder.build())
}

/// Tables whose names match the patterns and whose kind was asked for, with or without their columns; some at a time, made when they
/// are asked for, so that a mesh of any size is listed in bounded memory.
pub(super) fn tables(listing: Listing, command: CommandGetTables, profile: Profile) -> Batches {
    let Listing { catalog, mut tables, .. } = listing;
    let (schema_pattern, table_pattern) = (command.db_schema_filter_pattern, command.table_name_filter_pattern);
    let types = &command.table_types;
    tables.retain(|table| {
        command.catalog.as_ref().is_none_or(|name| *name == catalog)
            && schema_pattern.as_ref().is_none_or(|p| like(&table.schema, p))
            && table_pattern.as_ref().is_none_or(|p| like(&table.name, p))
            && (types.is_empty() || types.iter().any(|word| table.kind.is_called(word)))
    });
    let include_schema = command.include_schema;
    let mut tables = tables.into_iter();
    Box::new(std::iter::from_fn(move || {
        let (mut part, mut columns) = (Vec::new(), 0);
        while columns < COLUMNS_AT_A_TIME && part.len() < TABLES_AT_A_TIME {
            let Some(table) = tables.next() else { break };
            columns += if include_schema { table.columns.fields().len() } else { 0 };
            part.push(table);
        }
        (!part.is_empty()).then(|| some_tables(&catalog, &part, include_schema, profile))
    }))
}

/// One batch of tables, which are sorted.
fn some_tables(catalog: &str, tables: &[Listed], include_schema: bool, profile: Profile) -> Outcome<RecordBatch> {
    let text = |of: fn(&Listed) -> &str| Arc::new(StringArray::from_iter_values(tables.iter().map(of))) as ArrayRef;
    let mut arrays = vec![
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(catalog, tables.len()))) as ArrayRef,
        text(|table| &table.schema),
        text(|table| &table.name),
        text(|table| table.kind.word()),
    ];
    if include_schema {
        let columns = tables.iter().map(|table| columns(catalog, table, profile)).collect::<Outcome<Vec<_>>>()?;
        arrays.push(Arc::new(BinaryArray::from_iter_values(columns)));
    }
    batch(&tables_schema(include_schema), arrays)
}

/// The columns of a table with the types that a query sends, and what drivers show of them.
fn columns(catalog: &str, table: &Listed, profile: Profile) -> Outcome<Bytes> {
    let names = [catalog, table.schema.as_str(), table.name.as_str()];
    let place = Place { profile, names, is_writable: table.kind == Kind::TemporaryTable };
    let fields = table.columns.fields().iter().enumerate();
    table_schema(fields.map(|(at, field)| (field.as_ref(), table.remarks(at, field.name()))), place)
}

/// Every kind of table there is.
pub(super) fn table_types() -> Outcome<RecordBatch> {
    let mut builder = CommandGetTableTypes {}.into_builder();
    for kind in Kind::ALL {
        builder.append(kind.word());
    }
    built(builder.build())
}
