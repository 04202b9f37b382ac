//! The register of products: what was registered, resolved for planning, at one moment.
//!
//! In: records from a [`CatalogStore`] and the mesh's documents. Out: an immutable [`CatalogSnapshot`].
//! Holds always:
//! - a snapshot never changes; a new one is swapped in as a whole, and running queries keep theirs;
//! - listings and planning use resolved columns and never read storage.
//!
//! Start reading at [`CatalogSnapshot::resolve`].

mod assemble;
pub mod bucket;
pub mod change;
pub mod config;
pub mod folder;
mod maintain;
mod names;
mod open;
pub mod postgres;
pub mod register;
pub mod registrations;
pub mod resolution;
mod rows;
pub mod schema_diff;
pub mod schemas;
pub mod search;
pub mod sqlite;
pub mod system;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use meshweave_contract::model::{Column, Product};
use meshweave_contract::name::{DomainName, ProductId, TableName};

use crate::drift::DriftPolicy;
use crate::error::Result;
use crate::storage::DomainStorage;

pub use self::open::{Catalog, Freshness};

/// The state of the catalog at one moment.
#[derive(Debug)]
pub struct CatalogSnapshot {
    /// Grows with every change.
    pub version: u64,
    /// The catalog's name in SQL (`mesh` unless configured).
    pub catalog_name: String,
    /// Every domain, sorted by folded name.
    pub domains: Vec<Arc<Domain>>,
    /// Every registered product version, drafts and retired ones too, sorted by folded name, then version.
    pub entries: Vec<Arc<Entry>>,
    /// What could not be read, and why; the rest of the mesh is unaffected.
    pub problems: Vec<CatalogProblem>,
    /// Names to entries; made once.
    index: names::Index,
}

impl CatalogSnapshot {
    /// A snapshot of these domains and product versions; sorts them, and builds the index of names.
    ///
    /// Of two product versions whose names and versions fold alike the first is kept: the caller reports the other.
    pub fn new(
        version: u64,
        catalog_name: impl Into<String>,
        mut domains: Vec<Arc<Domain>>,
        mut entries: Vec<Arc<Entry>>,
        problems: Vec<CatalogProblem>,
    ) -> Self {
        domains.sort_by_cached_key(|domain| domain.name.folded());
        entries.sort_by_cached_key(|entry| (entry.id().name.folded(), entry.id().version.clone()));
        entries.dedup_by(|b, a| a.id().version == b.id().version && a.id().name.folded() == b.id().name.folded());
        let index = names::Index::new(&entries);
        Self { version, catalog_name: catalog_name.into(), domains, entries, problems, index }
    }

    /// The same, with one more problem.
    pub(crate) fn with_problem(&self, problem: CatalogProblem) -> Self {
        let problems = self.problems.iter().cloned().chain([problem]).collect();
        Self::new(self.version, self.catalog_name.clone(), self.domains.clone(), self.entries.clone(), problems)
    }

    /// The domain of this name; unquoted names fold, so the spelling may differ.
    pub fn domain(&self, name: &str) -> Option<&Arc<Domain>> {
        let folded = meshweave_contract::name::fold(name);
        self.domains.iter().find(|domain| domain.name.folded() == folded)
    }

    /// The product version with exactly this name (folded) and version.
    pub fn entry(&self, id: &ProductId) -> Option<&Arc<Entry>> {
        self.index.versions(&id.name.folded()).iter().map(|i| &self.entries[*i]).find(|e| e.id().version == id.version)
    }
}

/// One domain of the mesh.
#[derive(Debug)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// The team that answers for it.
    pub owner_team: Option<String>,
    /// Where to reach it.
    pub contact: Option<String>,
    /// Its storage.
    pub storage: DomainStorage,
    /// Fills contracts without a storage location; `{product}`, `{version}`, `{major}` are replaced.
    pub location_template: Option<String>,
    /// What queries do about schema drift, where a contract does not say.
    pub drift: DriftPolicy,
}

/// One registered product version.
#[derive(Debug)]
pub struct Entry {
    /// What its contract says, with the domain's defaults filled in (owner's team, storage location).
    pub product: Product,
    /// The domain it belongs to.
    pub domain: Arc<Domain>,
    /// The contract's text as it was written, byte for byte.
    pub text: Arc<[u8]>,
    /// The contracts of its output ports, when the text is a product document that refers to them.
    pub contracts: Vec<PortContract>,
    /// The schema file that its contract names, as it was when the version was registered.
    pub schema_file: Option<SchemaText>,
    /// The form it was written in, in words (`datamesh.io/v1`, `ODCS 3.1.0`).
    pub form: String,
    /// `sha256:` and hex digits over the canonical form.
    pub hash: String,
    /// Its tables, in the contract's order; the first is the main one.
    pub tables: Vec<ResolvedTable>,
    /// RFC 3339, when known.
    pub registered_at: Option<String>,
    /// The principal who registered it, when known.
    pub registered_by: Option<String>,
    /// What queries do about schema drift: as its contract says, else as its domain does.
    pub drift_policy: DriftPolicy,
}

impl Entry {
    /// Name and version.
    pub fn id(&self) -> &ProductId {
        &self.product.id
    }
}

/// One table with the columns that SQL sees.
#[derive(Debug, Clone)]
pub struct ResolvedTable {
    /// Its name; the main table bears the product's.
    pub name: TableName,
    /// Arrow columns; none until a contract without a schema was looked at once.
    pub schema: Option<SchemaRef>,
    /// The same columns with everything the contract says of each.
    pub columns: Vec<Column>,
}

/// The subject of a problem that concerns the whole mesh and is told to everybody; no domain has this name.
pub(crate) const WHOLE_MESH: &str = "mesh";

/// Something of the mesh that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogProblem {
    /// The product or domain, as far as known.
    pub subject: String,
    /// File, line and column where there is one.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// One part of a name in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamePart {
    /// Without its quotes.
    pub text: String,
    /// Whether it was quoted; then it is matched exactly.
    pub quoted: bool,
}

impl NamePart {
    /// A part as it stands unquoted.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: false }
    }

    /// A part that stood in quotes.
    pub fn quoted(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: true }
    }
}

/// One table as drivers list it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The schema: the domain's name.
    pub schema: String,
    /// The table: `orders`, `orders.items`, `orders@1`, `orders.items@1`.
    pub table: String,
    /// The product version.
    pub entry: Arc<Entry>,
    /// Index in [`Entry::tables`].
    pub index: usize,
}

/// What a name in SQL stands for.
#[derive(Debug, Clone)]
pub enum Resolved {
    /// A table of a product.
    Product {
        /// The product version.
        entry: Arc<Entry>,
        /// Index in [`Entry::tables`].
        table: usize,
    },
    /// A table of the reserved domain `mesh`, by its name (`products`, `columns`, …).
    System(String),
    /// A table of `information_schema`, by its name.
    InformationSchema(String),
}

impl Resolved {
    /// The key in the version vector, when it has one: `domain.product@major`, with `.table` before the `@` for a further table.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Product { entry, table: 0 } => Some(entry.id().major_key()),
            Self::Product { entry, table } => {
                let id = entry.id();
                Some(format!("{}.{}@{}", id.name, entry.tables[*table].name, id.version.major))
            }
            Self::System(_) | Self::InformationSchema(_) => None,
        }
    }
}

/// Where registered product versions are kept: append-only, with compare-and-set.
#[async_trait]
pub trait CatalogStore: fmt::Debug + Send + Sync {
    /// In words, for people: `folder ./mesh`, `sqlite catalog.db`, `postgres db:5432/mesh`.
    fn describe(&self) -> String;

    /// Everything there is, and the version it adds up to.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the store does not answer. A record that cannot be read is a problem of its own,
    /// never an error of the whole.
    async fn load(&self) -> Result<StoredCatalog>;

    /// Adds product versions when the catalog still has the version `expected`; all or nothing.
    ///
    /// # Errors
    /// [`crate::Failure::CatalogConflict`] when somebody was faster; [`crate::Failure::Unavailable`] when the store does not answer.
    async fn append(&self, expected: u64, records: &[Record]) -> Result<u64>;

    /// Gives resolved columns to a record that has none yet (a contract that was put there by hand).
    ///
    /// # Errors
    /// [`crate::Failure::CatalogConflict`] when there is no such record, or it has resolved columns already;
    /// [`crate::Failure::Unavailable`] when the store does not answer.
    async fn resolve(&self, id: &ProductId, resolved: &ResolvedColumns) -> Result<()>;

    /// Waits until somebody may have changed the catalog; for one waiter. A store that is not told waits for ever: look in turns, too.
    async fn changed(&self) {
        std::future::pending().await
    }
}

/// What a store holds.
#[derive(Debug, Clone, Default)]
pub struct StoredCatalog {
    /// Grows with every append (and with every edit of a folder).
    pub version: u64,
    /// Every record, any order.
    pub records: Vec<Record>,
    /// What could not be read.
    pub problems: Vec<CatalogProblem>,
}

/// One registered product version as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name and version.
    pub id: ProductId,
    /// The contract's text, byte for byte.
    pub text: Vec<u8>,
    /// Whether the text is JSON (`.json`) or YAML (`.yaml`).
    pub is_json: bool,
    /// The contracts that a product document refers to.
    pub contracts: Vec<PortContract>,
    /// Where the text lies, for error messages.
    pub place: String,
    /// Its resolved columns, when known: the text of `<version>.schema.json`.
    pub resolved: Option<ResolvedColumns>,
    /// `sha256:` and hex digits over the canonical form; empty when not computed yet.
    pub hash: String,
    /// RFC 3339.
    pub registered_at: Option<String>,
    /// The principal.
    pub registered_by: Option<String>,
}

/// The contract of an output port, beside the product document that refers to it: `<version>.contracts/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortContract {
    /// The file's name, without folders; ends in `.json` for JSON.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A schema in a language of its own.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaText {
    /// The language: `avro`.
    pub format: String,
    /// The file's text.
    pub text: String,
}

/// The resolved columns of a product version: `<version>.schema.json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedColumns {
    /// The format's version: 2 with a schema file, else 1.
    pub v: u32,
    /// The register's subject: `domain.product`.
    pub subject: String,
    /// The product version.
    pub version: String,
    /// `contract`, `avro`, `observed`: where the columns come from.
    pub source: String,
    /// The schema file that the contract names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_file: Option<SchemaText>,
    /// Where the product lies when the contract names no location (from `--storage` or the domain's template), per table.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub locations: std::collections::BTreeMap<String, String>,
    /// How it is stored there (`parquet`, `delta`), per table of [`Self::locations`].
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub formats: std::collections::BTreeMap<String, String>,
    /// Tables in order, with concrete column types.
    pub tables: Vec<ResolvedTableColumns>,
}

impl ResolvedColumns {
    /// The newest format that this program reads.
    pub const NEWEST: u32 = 2;
}

/// The columns of one table in [`ResolvedColumns`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedTableColumns {
    /// The table's name.
    pub name: TableName,
    /// In order.
    pub columns: Vec<ResolvedColumn>,
}

/// One column in [`ResolvedColumns`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedColumn {
    /// Its spelling, as stored.
    pub name: String,
    /// Concrete: maps to exactly one Arrow type.
    #[serde(rename = "type")]
    pub logical_type: meshweave_contract::types::LogicalType,
    /// Whether it may be null.
    pub nullable: bool,
}
