//! The system tables: what the catalog holds, as rows.
//!
//! In: a snapshot and what the caller may discover. Out: record batches; planning wraps them as tables of schema `mesh` and
//! `information_schema`.
//! Holds always: a product that the caller may not discover has no row in any of them, and no problem about it is told.
//!
//! Start reading at [`table`].

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use meshweave_contract::model::{Body, Product, Status, Visibility};

use super::{CatalogSnapshot, Entry, Listed, WHOLE_MESH, schemas};
use crate::types::plain_type;

/// A column of a system table: its name, type, and what it means.
pub type ColumnDoc = (&'static str, DataType, &'static str);

/// What the caller may discover.
type Visible<'a> = &'a dyn Fn(&Product) -> bool;

/// Names of the tables of schema `mesh`.
pub fn names() -> Vec<&'static str> {
    vec!["products", "columns", "contracts", "schemas", "problems", "queries", "drift"]
}

/// Names of the tables of `information_schema`.
pub fn information_schema_names() -> Vec<&'static str> {
    vec!["schemata", "tables", "columns"]
}

/// The columns of a table of schema `mesh`, with their meaning; none when there is no such table.
pub fn columns(name: &str) -> Option<Vec<ColumnDoc>> {
    Some(match name {
        "products" => vec![
            ("domain", DataType::Utf8, "The owning domain; the schema in SQL."),
            ("product", DataType::Utf8, "The name inside the domain."),
            ("version", DataType::Utf8, "The version of the contract."),
            ("major", DataType::UInt64, "Its major version; `\"product@major\"` pins it."),
            ("status", DataType::Utf8, "draft, active, deprecated or retired."),
            ("kind", DataType::Utf8, "stored, view or materialization."),
            ("description", DataType::Utf8, "What it is about."),
            ("owner_team", DataType::Utf8, "The team that answers for it."),
            ("owner_contact", DataType::Utf8, "Where to reach the owner."),
            ("tags", DataType::Utf8, "Free labels, separated by commas."),
            ("tables", DataType::Utf8, "Its tables, the main one first, separated by commas."),
            ("format", DataType::Utf8, "How the main table is stored: parquet, delta, …."),
            ("discovery", DataType::Utf8, "Who may find it: public, restricted or private."),
            ("read", DataType::Utf8, "Who may read it: public, restricted or private."),
            ("is_default", DataType::Boolean, "Whether `domain.product` without a major means this version."),
        ],
        "columns" => vec![
            ("domain", DataType::Utf8, "The owning domain."),
            ("product", DataType::Utf8, "The product."),
            ("version", DataType::Utf8, "The version of the contract."),
            ("table", DataType::Utf8, "The table; the main one bears the product's name."),
            ("position", DataType::Int32, "Place in the table, from 1."),
            ("column", DataType::Utf8, "The column's spelling."),
            ("type", DataType::Utf8, "What it holds, in the words of contracts."),
            ("declared_type", DataType::Utf8, "The type as the contract spells it."),
            ("nullable", DataType::Boolean, "Whether the contract lets it be null."),
            ("key_position", DataType::Int32, "Place in the primary key, from 1; null outside it."),
            ("classification", DataType::Utf8, "Its confidentiality class."),
            ("pii", DataType::Boolean, "Whether it holds personal data; null when nothing was said."),
            ("description", DataType::Utf8, "What it means."),
        ],
        "contracts" => vec![
            ("domain", DataType::Utf8, "The owning domain."),
            ("product", DataType::Utf8, "The product."),
            ("version", DataType::Utf8, "The version of the contract."),
            ("form", DataType::Utf8, "The form it was written in."),
            ("hash", DataType::Utf8, "The hash of its canonical form."),
            (
                "registered_at",
                DataType::Utf8,
                "When it was registered, RFC 3339; null for one that was put there by hand.",
            ),
            ("registered_by", DataType::Utf8, "Who registered it."),
            ("text", DataType::Utf8, "The contract as it was written."),
        ],
        "schemas" => schemas::columns(),
        "problems" => vec![
            ("subject", DataType::Utf8, "The product or domain, as far as known."),
            ("place", DataType::Utf8, "File, line and column where there is one."),
            ("message", DataType::Utf8, "What is wrong."),
        ],
        "drift" => vec![
            ("last_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "When a query met it last."),
            ("first_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "When a query met it first."),
            ("domain", DataType::Utf8, "The owning domain."),
            ("product", DataType::Utf8, "The product."),
            ("version", DataType::Utf8, "The version whose contract is not met."),
            ("table", DataType::Utf8, "The table; the main one bears the product's name."),
            ("pinned", DataType::Utf8, "The version of the data in which it was met last."),
            ("column", DataType::Utf8, "The column's spelling."),
            ("change", DataType::Utf8, "new column, missing column, other type or nulls."),
            ("promised", DataType::Utf8, "The promised type; null for a new column."),
            ("stored", DataType::Utf8, "The stored type; null for a missing column."),
            ("done", DataType::Utf8, "refused, ignored, widened or read as null."),
            ("queries", DataType::Int64, "How many queries met it."),
        ],
        "queries" => vec![
            ("query_id", DataType::Utf8, "The query's id, as errors and answers tell it."),
            ("started_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "When it came."),
            (
                "duration_ms",
                DataType::Float64,
                "From its arrival to its end, or to now while it runs or waits, milliseconds.",
            ),
            ("principal", DataType::Utf8, "Who asked."),
            ("purpose", DataType::Utf8, "Why, when the caller said."),
            ("statement", DataType::Utf8, "The statement; null for those of others."),
            ("products", DataType::Utf8, "What it read, `domain.product@major`, separated by commas."),
            ("versions", DataType::Utf8, "The pinned version of each, JSON."),
            ("rows", DataType::Int64, "Rows of the answer that were taken."),
            ("rows_read", DataType::Int64, "Rows that scans produced."),
            ("bytes", DataType::Int64, "Bytes that stores sent."),
            ("requests", DataType::Int64, "Requests made to stores."),
            ("memory", DataType::Int64, "The most memory its operators held at a time, bytes."),
            ("spilled", DataType::Int64, "Bytes its operators wrote to disk."),
            ("waited_ms", DataType::Float64, "How long it waited for a place, milliseconds."),
            ("position", DataType::Int64, "Its place in the queue, from 1, while it waits."),
            (
                "outcome",
                DataType::Utf8,
                "finished, failed, cancelled, or dropped by its reader; running or waiting in this process.",
            ),
            ("error_kind", DataType::Utf8, "The kind of the error."),
            ("error", DataType::Utf8, "The error; null for those of others."),
        ],
        _ => return None,
    })
}

/// The columns of a table of `information_schema`, as in the SQL standard; none when there is no such table.
pub fn information_schema_columns(name: &str) -> Option<Vec<ColumnDoc>> {
    Some(match name {
        "schemata" => vec![
            ("catalog_name", DataType::Utf8, "The catalog."),
            ("schema_name", DataType::Utf8, "The schema: a domain, or one of the engine's own."),
            ("schema_owner", DataType::Utf8, "The team that answers for the domain."),
        ],
        "tables" => vec![
            ("table_catalog", DataType::Utf8, "The catalog."),
            ("table_schema", DataType::Utf8, "The schema."),
            ("table_name", DataType::Utf8, "The table: `orders`, `orders.items`, `orders@1`."),
            ("table_type", DataType::Utf8, "BASE TABLE, VIEW or SYSTEM VIEW."),
        ],
        "columns" => vec![
            ("table_catalog", DataType::Utf8, "The catalog."),
            ("table_schema", DataType::Utf8, "The schema."),
            ("table_name", DataType::Utf8, "The table."),
            ("column_name", DataType::Utf8, "The column's spelling."),
            ("ordinal_position", DataType::Int32, "Place in the table, from 1."),
            ("column_default", DataType::Utf8, "Always null: products have no defaults."),
            ("is_nullable", DataType::Utf8, "YES or NO."),
            ("data_type", DataType::Utf8, "The Arrow type that clients get."),
            ("character_maximum_length", DataType::Int64, "The longest text that the contract allows, characters."),
            ("numeric_precision", DataType::Int64, "Digits of a decimal."),
            ("numeric_scale", DataType::Int64, "Digits after the point of a decimal."),
        ],
        _ => return None,
    })
}

/// The Arrow schema of a table's columns.
pub fn schema_of(columns: &[ColumnDoc]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|(name, kind, _)| Field::new(*name, kind.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// A table of schema `mesh`; none when there is no such table, or it is not made from the catalog (`queries`, `drift`).
///
/// - `visible`: what the caller may discover.
pub fn table(name: &str, snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Option<RecordBatch> {
    let schema = schema_of(&columns(name)?);
    let arrays = match name {
        "products" => products(snapshot, visible),
        "columns" => product_columns(snapshot, visible),
        "contracts" => contracts(snapshot, visible),
        "schemas" => schemas::rows(&entries(snapshot, visible)),
        "problems" => problems(snapshot, visible),
        _ => return None,
    };
    RecordBatch::try_new(schema, arrays).ok()
}

/// A table of `information_schema`; none when there is no such table.
///
/// - `visible`: what the caller may discover.
pub fn information_schema(name: &str, snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Option<RecordBatch> {
    let schema = schema_of(&information_schema_columns(name)?);
    let arrays = match name {
        "schemata" => schemata(snapshot, visible),
        "tables" => tables(snapshot, visible),
        "columns" => listed_columns(snapshot, visible),
        _ => return None,
    };
    RecordBatch::try_new(schema, arrays).ok()
}

fn text<'a, T: AsRef<str> + 'a>(values: impl IntoIterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

fn entries<'a>(snapshot: &'a CatalogSnapshot, visible: Visible<'_>) -> Vec<&'a Entry> {
    snapshot.entries.iter().filter(|e| visible(&e.product)).map(AsRef::as_ref).collect()
}

/// Domain, product and version of each: how every row begins.
fn names_of(rows: &[&Entry]) -> Vec<ArrayRef> {
    vec![
        text(rows.iter().map(|e| Some(e.id().name.domain.as_str()))),
        text(rows.iter().map(|e| Some(e.id().name.product.as_str()))),
        text(rows.iter().map(|e| Some(e.id().version.to_string()))),
    ]
}

fn products(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let rows = entries(snapshot, visible);
    let listing = snapshot.listing(visible);
    let defaults: std::collections::HashSet<String> =
        listing.iter().filter(|l| l.index == 0 && !l.table.contains('@')).map(|l| l.entry.id().to_string()).collect();
    let tables = |e: &Entry| e.tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(",");
    let format = |e: &Entry| e.product.tables().first().and_then(|t| t.storage.as_ref()).map(|s| s.format.clone());
    let mut arrays = names_of(&rows);
    arrays.extend([
        Arc::new(rows.iter().map(|e| Some(e.id().version.major)).collect::<UInt64Array>()) as ArrayRef,
        text(rows.iter().map(|e| Some(status_word(e.product.status)))),
        text(rows.iter().map(|e| Some(kind_word(&e.product.body)))),
        text(rows.iter().map(|e| e.product.description.as_deref())),
        text(rows.iter().map(|e| e.product.owner.team.as_deref())),
        text(rows.iter().map(|e| e.product.owner.contact.as_deref())),
        text(rows.iter().map(|e| Some(e.product.tags.join(",")))),
        text(rows.iter().map(|e| Some(tables(e)))),
        text(rows.iter().map(|e| format(e))),
        text(rows.iter().map(|e| Some(visibility_word(e.product.access.discovery)))),
        text(rows.iter().map(|e| Some(visibility_word(e.product.access.read)))),
        Arc::new(rows.iter().map(|e| Some(defaults.contains(&e.id().to_string()))).collect::<BooleanArray>()),
    ]);
    arrays
}

fn product_columns(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let mut rows = Vec::new();
    for entry in entries(snapshot, visible) {
        for table in &entry.tables {
            rows.extend(table.columns.iter().enumerate().map(|(i, column)| (entry, table, i, column)));
        }
    }
    let mut arrays = names_of(&rows.iter().map(|r| r.0).collect::<Vec<_>>());
    arrays.extend([
        text(rows.iter().map(|r| Some(r.1.name.as_str()))),
        Arc::new(rows.iter().map(|r| i32::try_from(r.2 + 1).ok()).collect::<Int32Array>()) as ArrayRef,
        text(rows.iter().map(|r| Some(r.3.name.as_str()))),
        text(rows.iter().map(|r| Some(r.3.logical_type.to_string()))),
        text(rows.iter().map(|r| r.3.declared_type.as_deref())),
        Arc::new(rows.iter().map(|r| Some(r.3.nullable)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.3.key_position.and_then(|p| i32::try_from(p).ok())).collect::<Int32Array>()),
        text(rows.iter().map(|r| r.3.classification.as_deref())),
        Arc::new(rows.iter().map(|r| r.3.pii).collect::<BooleanArray>()),
        text(rows.iter().map(|r| r.3.description.as_deref())),
    ]);
    arrays
}

fn contracts(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let rows = entries(snapshot, visible);
    let mut arrays = names_of(&rows);
    arrays.extend([
        text(rows.iter().map(|e| Some(e.form.as_str()))),
        text(rows.iter().map(|e| Some(e.hash.as_str()))),
        text(rows.iter().map(|e| e.registered_at.as_deref())),
        text(rows.iter().map(|e| e.registered_by.as_deref())),
        text(rows.iter().map(|e| Some(String::from_utf8_lossy(&e.text)))),
    ]);
    arrays
}

/// Problems are for whoever may discover the product they are about. One about a file that could not be read belongs to
/// nobody yet, and is told to the domain's owner by its subject: callers who see any product of the domain. What concerns the
/// whole mesh is told to everybody.
fn problems(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let seen = entries(snapshot, visible);
    let domains: std::collections::HashSet<&str> = seen.iter().map(|e| e.id().name.domain.as_str()).collect();
    let hidden: std::collections::HashSet<String> = snapshot
        .entries
        .iter()
        .filter(|e| !visible(&e.product))
        .flat_map(|e| [e.id().name.to_string(), e.id().to_string()])
        .collect();
    let told = |subject: &str| {
        let domain = subject.split(['.', '@']).next().unwrap_or_default();
        subject == WHOLE_MESH || (domains.contains(domain) && !hidden.contains(subject))
    };
    let rows: Vec<_> = snapshot.problems.iter().filter(|p| told(&p.subject)).collect();
    vec![
        text(rows.iter().map(|p| Some(p.subject.as_str()))),
        text(rows.iter().map(|p| Some(p.place.as_str()))),
        text(rows.iter().map(|p| Some(p.message.as_str()))),
    ]
}

/// The engine's own tables, as schema and table.
fn own_tables() -> Vec<(&'static str, &'static str, Vec<ColumnDoc>)> {
    let mesh = names().into_iter().map(|n| ("mesh", n, columns(n).unwrap_or_default()));
    let standard = information_schema_names()
        .into_iter()
        .map(|n| ("information_schema", n, information_schema_columns(n).unwrap_or_default()));
    mesh.chain(standard).collect()
}

fn schemata(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let listing = snapshot.listing(visible);
    let mut rows: Vec<(&str, Option<&str>)> =
        listing.iter().map(|l| (l.schema.as_str(), l.entry.domain.owner_team.as_deref())).collect();
    rows.dedup_by_key(|(schema, _)| *schema);
    rows.extend([("mesh", None), ("information_schema", None)]);
    vec![
        text(rows.iter().map(|_| Some(snapshot.catalog_name.as_str()))),
        text(rows.iter().map(|(schema, _)| Some(*schema))),
        text(rows.iter().map(|(_, owner)| *owner)),
    ]
}

fn tables(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let listing = snapshot.listing(visible);
    let table_type = |l: &Listed| match l.entry.product.body {
        Body::View { .. } => "VIEW",
        Body::Stored | Body::Materialization { .. } => "BASE TABLE",
    };
    let mut rows: Vec<(&str, &str, &str)> =
        listing.iter().map(|l| (l.schema.as_str(), l.table.as_str(), table_type(l))).collect();
    let own = own_tables();
    rows.extend(own.iter().map(|(schema, name, _)| (*schema, *name, "SYSTEM VIEW")));
    vec![
        text(rows.iter().map(|_| Some(snapshot.catalog_name.as_str()))),
        text(rows.iter().map(|r| Some(r.0))),
        text(rows.iter().map(|r| Some(r.1))),
        text(rows.iter().map(|r| Some(r.2))),
    ]
}

/// One row of `information_schema.columns`.
struct ColumnRow {
    schema: String,
    table: String,
    column: String,
    position: usize,
    nullable: bool,
    data_type: DataType,
    max_length: Option<u64>,
}

fn listed_columns(snapshot: &CatalogSnapshot, visible: Visible<'_>) -> Vec<ArrayRef> {
    let mut rows: Vec<ColumnRow> = Vec::new();
    for listed in snapshot.listing(visible) {
        let table = &listed.entry.tables[listed.index];
        rows.extend(table.columns.iter().enumerate().map(|(i, c)| ColumnRow {
            schema: listed.schema.clone(),
            table: listed.table.clone(),
            column: c.name.clone(),
            position: i + 1,
            nullable: c.nullable,
            data_type: plain_type(&c.logical_type),
            max_length: c.range.max_length,
        }));
    }
    for (schema, table, columns) in own_tables() {
        rows.extend(columns.into_iter().enumerate().map(|(i, (name, data_type, _))| ColumnRow {
            schema: schema.to_owned(),
            table: table.to_owned(),
            column: name.to_owned(),
            position: i + 1,
            nullable: true,
            data_type,
            max_length: None,
        }));
    }
    let decimal = |r: &ColumnRow| match r.data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((i64::from(precision), i64::from(scale)))
        }
        _ => None,
    };
    vec![
        text(rows.iter().map(|_| Some(snapshot.catalog_name.as_str()))),
        text(rows.iter().map(|r| Some(r.schema.as_str()))),
        text(rows.iter().map(|r| Some(r.table.as_str()))),
        text(rows.iter().map(|r| Some(r.column.as_str()))),
        Arc::new(rows.iter().map(|r| i32::try_from(r.position).ok()).collect::<Int32Array>()),
        text(rows.iter().map(|_| None::<&str>)),
        text(rows.iter().map(|r| Some(if r.nullable { "YES" } else { "NO" }))),
        text(rows.iter().map(|r| Some(r.data_type.to_string()))),
        Arc::new(rows.iter().map(|r| r.max_length.and_then(|l| i64::try_from(l).ok())).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| decimal(r).map(|d| d.0)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| decimal(r).map(|d| d.1)).collect::<Int64Array>()),
    ]
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

fn kind_word(body: &Body) -> &'static str {
    match body {
        Body::Stored => "stored",
        Body::View { .. } => "view",
        Body::Materialization { .. } => "materialization",
    }
}

fn visibility_word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Restricted => "restricted",
        Visibility::Private => "private",
    }
}
