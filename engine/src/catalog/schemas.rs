//! The schema register: the schema of every product version, by subject and version.
//!
//! In: a product version of a snapshot. Out: its schema in one text: the Avro file that its contract names, else its resolved
//! columns as JSON. The subject is `domain.product`; the version is the product's.
//! Holds always: a registered version's schema never changes, so neither does its fingerprint.
//!
//! Start reading at [`Schema::of`].

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::system::ColumnDoc;
use super::{Entry, ResolvedColumn, ResolvedTable, ResolvedTableColumns};

/// The schema of one product version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schema {
    /// `domain.product`.
    pub subject: String,
    /// The version of the product.
    pub version: String,
    /// `avro` where the contract names an Avro schema, else `json`.
    pub format: String,
    /// The schema: an Avro file byte for byte, or `{"subject", "version", "tables": [{"name", "columns": [{"name", "type", "nullable"}]}]}`.
    pub schema: String,
    /// `sha256:` and hex digits over [`Self::schema`].
    pub fingerprint: String,
    /// RFC 3339; none for a contract that was put into the mesh folder by hand.
    pub registered_at: Option<String>,
}

/// Resolved columns as the register tells them.
#[derive(Serialize)]
struct Resolved<'e> {
    subject: &'e str,
    version: &'e str,
    tables: Vec<ResolvedTableColumns>,
}

impl Schema {
    /// The schema of a product version; none as long as no columns are known.
    pub fn of(entry: &Entry) -> Option<Self> {
        let (subject, version) = (entry.id().name.to_string(), entry.id().version.to_string());
        let (format, schema) = match &entry.schema_file {
            Some(file) => (file.format.clone(), file.text.clone()),
            None => ("json".to_owned(), as_json(&subject, &version, &entry.tables)?),
        };
        let fingerprint = format!("sha256:{}", hex::encode(Sha256::digest(&schema)));
        Some(Self { subject, version, format, schema, fingerprint, registered_at: entry.registered_at.clone() })
    }
}

fn as_json(subject: &str, version: &str, tables: &[ResolvedTable]) -> Option<String> {
    let tables: Vec<ResolvedTableColumns> = tables.iter().filter_map(columns_of).collect();
    if tables.is_empty() {
        return None;
    }
    serde_json::to_string_pretty(&Resolved { subject, version, tables }).ok()
}

fn columns_of(table: &ResolvedTable) -> Option<ResolvedTableColumns> {
    let schema = table.schema.as_ref()?;
    let columns = table.columns.iter().zip(schema.fields()).map(|(column, field)| ResolvedColumn {
        name: column.name.clone(),
        logical_type: column.logical_type.clone(),
        nullable: field.is_nullable(),
    });
    Some(ResolvedTableColumns { name: table.name.clone(), columns: columns.collect() })
}

/// The columns of `mesh.schemas`.
pub(super) fn columns() -> Vec<ColumnDoc> {
    vec![
        ("subject", DataType::Utf8, "What the schema is of: `domain.product`."),
        ("version", DataType::Utf8, "The version of the product."),
        ("format", DataType::Utf8, "avro where the contract names an Avro schema, else json."),
        ("schema", DataType::Utf8, "The schema's text: the Avro file, or the resolved columns."),
        ("fingerprint", DataType::Utf8, "The hash of that text."),
        ("registered_at", DataType::Utf8, "When it was registered, RFC 3339; null for one that was put there by hand."),
    ]
}

/// The rows of `mesh.schemas`, in the order of [`columns`].
pub(super) fn rows(entries: &[&Entry]) -> Vec<ArrayRef> {
    let schemas: Vec<Schema> = entries.iter().filter_map(|entry| Schema::of(entry)).collect();
    let text =
        |of: fn(&Schema) -> Option<&str>| -> ArrayRef { Arc::new(schemas.iter().map(of).collect::<StringArray>()) };
    vec![
        text(|s| Some(&s.subject)),
        text(|s| Some(&s.version)),
        text(|s| Some(&s.format)),
        text(|s| Some(&s.schema)),
        text(|s| Some(&s.fingerprint)),
        text(|s| s.registered_at.as_deref()),
    ]
}
