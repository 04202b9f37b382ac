//! GetCatalogs, GetDbSchemas, GetTables, GetTableTypes.
//!
//! Start reading at [`tables`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow_flight::sql::metadata::{GetCatalogsBuilder, GetDbSchemasBuilder, GetTablesBuilder};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables};

use super::like::like;
use super::listing::{Kind, Listed, Listing};
use super::{building, built};
use crate::status::Outcome;
use crate::wire::{Profile, table_field};

pub(super) fn catalogs_schema() -> SchemaRef {
    GetCatalogsBuilder::new().schema()
}

pub(super) fn schemas_schema() -> SchemaRef {
    GetDbSchemasBuilder::new(None::<String>, None::<String>).schema()
}

pub(super) fn tables_schema(include_schema: bool) -> SchemaRef {
    tables_builder(include_schema).schema()
}

pub(super) fn table_types_schema() -> SchemaRef {
    CommandGetTableTypes {}.into_builder().schema()
}

/// Our filters are our own: the builder's know no aliases and no case.
fn tables_builder(include_schema: bool) -> GetTablesBuilder {
    GetTablesBuilder::new(None::<String>, None::<String>, None::<String>, Vec::<String>::new(), include_schema)
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

/// Tables whose names match the patterns and whose kind was asked for, with or without their columns.
pub(super) fn tables(listing: &Listing, command: &CommandGetTables, profile: Profile) -> Outcome<RecordBatch> {
    let mut builder = tables_builder(command.include_schema);
    let schema_pattern = command.db_schema_filter_pattern.as_deref();
    let table_pattern = command.table_name_filter_pattern.as_deref();
    let types = &command.table_types;
    let wanted = |table: &&Listed| {
        listing.is_catalog(command.catalog.as_deref())
            && schema_pattern.is_none_or(|p| like(&table.schema, p))
            && table_pattern.is_none_or(|p| like(&table.name, p))
            && (types.is_empty() || types.iter().any(|word| table.kind.is_called(word)))
    };
    for table in listing.tables.iter().filter(wanted) {
        let columns = if command.include_schema { columns(listing, table, profile) } else { Schema::empty() };
        builder
            .append(&listing.catalog, &table.schema, &table.name, table.kind.word(), &columns)
            .map_err(|e| building(&e))?;
    }
    built(builder.build())
}

/// The columns of a table with the types that a query sends, and what drivers show of them.
fn columns(listing: &Listing, table: &Listed, profile: Profile) -> Schema {
    let place = [listing.catalog.as_str(), table.schema.as_str(), table.name.as_str()];
    let is_writable = table.kind == Kind::TemporaryTable;
    let field = |field: &Arc<Field>| table_field(field, profile, place, table.remarks(field.name()), is_writable);
    Schema::new(table.columns.fields().iter().map(field).collect::<Vec<_>>())
}

/// Every kind of table there is.
pub(super) fn table_types() -> Outcome<RecordBatch> {
    let mut builder = CommandGetTableTypes {}.into_builder();
    for kind in Kind::ALL {
        builder.append(kind.word());
    }
    built(builder.build())
}
