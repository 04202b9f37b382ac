//! What drivers ask before they ask for rows: catalogs, schemas, tables, keys, types, and what the server can do.
//!
//! In: one metadata command and what its caller may find. Out: its schema, or its batches, made as they are read.
//! Holds always:
//! - everything comes from the catalog's snapshot; no storage is read, so a product whose storage is down is listed like any other;
//! - what the caller may not discover does not exist here;
//! - the schemas are exactly those of Flight SQL as Arrow's own servers have it, nullability included.
//!
//! Start reading at [`answer`].

mod keys;
mod like;
mod listing;
mod sql_info;
mod tables;
mod type_info;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::error::FlightError;
use arrow_flight::sql::Command;
use meshweave_engine::QueryContext;

use crate::backend::Backend;
use crate::status::{Fault, Outcome};
use crate::wire::{Profile, WireSchema};
use listing::Listing;

/// The schema of a metadata command's answer; none when it is not such a command.
pub(crate) fn schema(command: &Command) -> Option<SchemaRef> {
    match command {
        Command::CommandGetCatalogs(_) => Some(tables::catalogs_schema()),
        Command::CommandGetDbSchemas(_) => Some(tables::schemas_schema()),
        Command::CommandGetTables(c) => Some(tables::tables_schema(c.include_schema)),
        Command::CommandGetTableTypes(_) => Some(tables::table_types_schema()),
        Command::CommandGetSqlInfo(_) => Some(sql_info::schema()),
        Command::CommandGetXdbcTypeInfo(_) => Some(type_info::schema()),
        Command::CommandGetPrimaryKeys(_) => Some(keys::primary_schema()),
        Command::CommandGetImportedKeys(_)
        | Command::CommandGetExportedKeys(_)
        | Command::CommandGetCrossReference(_) => Some(keys::foreign_schema()),
        _ => None,
    }
}

/// The batches of an answer, each made when it is asked for.
pub(crate) type Batches = Box<dyn Iterator<Item = Outcome<RecordBatch>> + Send>;

/// The answer of a metadata command; none when it is not such a command.
///
/// - `profile`: the types that listed columns are shown with: those that a query would send.
/// - `handle_lifetime`: how long a prepared statement can be used.
pub(crate) fn answer(
    command: Command,
    backend: &dyn Backend,
    ctx: &QueryContext,
    profile: Profile,
    handle_lifetime: Duration,
) -> Outcome<Option<Batches>> {
    let listing = || Listing::new(backend, ctx);
    let batch = match command {
        Command::CommandGetCatalogs(_) => tables::catalogs(&listing()),
        Command::CommandGetDbSchemas(c) => tables::schemas(&listing(), &c),
        Command::CommandGetTables(c) => return Ok(Some(tables::tables(listing(), c, profile))),
        Command::CommandGetTableTypes(_) => tables::table_types(),
        Command::CommandGetSqlInfo(c) => sql_info::sql_info(&c, profile, handle_lifetime),
        Command::CommandGetXdbcTypeInfo(c) => type_info::type_info(c),
        Command::CommandGetPrimaryKeys(c) => keys::primary(&listing(), &c),
        Command::CommandGetImportedKeys(c) => keys::imported(&listing(), &c),
        Command::CommandGetExportedKeys(c) => keys::exported(&listing(), &c),
        Command::CommandGetCrossReference(c) => keys::cross_reference(&listing(), &c),
        _ => return Ok(None),
    };
    Ok(Some(Box::new(std::iter::once(Ok(batch?)))))
}

/// The products' tables whose `schema.table` fits a pattern, each with its path and its columns; none of them is read.
///
/// - `pattern`: as `LIKE` knows it; empty: every one.
pub(crate) fn flights(
    backend: &dyn Backend,
    ctx: &QueryContext,
    profile: Profile,
    pattern: &str,
) -> Vec<(Vec<String>, WireSchema)> {
    let listing = Listing::new(backend, ctx);
    let products = listing.tables.iter().filter(|table| table.product.is_some());
    let wanted =
        products.filter(|table| pattern.is_empty() || like::like(&format!("{}.{}", table.schema, table.name), pattern));
    wanted
        .map(|table| (vec![table.schema.clone(), table.name.clone()], WireSchema::new(&table.columns, profile)))
        .collect()
}

/// An error of arrow-flight's builders.
fn building(error: &FlightError) -> Fault {
    Fault::internal("building a listing", error)
}

/// The batch of a builder.
fn built(batch: Result<RecordBatch, FlightError>) -> Outcome<RecordBatch> {
    batch.map_err(|e| building(&e))
}

/// A batch of our own columns.
fn batch(schema: &SchemaRef, columns: Vec<arrow::array::ArrayRef>) -> Outcome<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| Fault::internal("building a listing", &e))
}
