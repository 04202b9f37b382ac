//! The tables that one caller sees, under the names that drivers are shown.
//!
//! Schema = domain. A product's main table bears the product's name, a further table `product.table`; the newest active major bears
//! the plain names, every other live major has `@major` behind them (surfaces, section 3).
//!
//! Start reading at [`Listing::new`].

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use meshweave_contract::model::{Body, Column, Status, Table};
use meshweave_contract::name::fold;
use meshweave_engine::QueryContext;
use meshweave_engine::catalog::{CatalogSnapshot, Entry, ResolvedTable};

use crate::backend::Backend;

/// What stands behind a listed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    View,
    SystemTable,
}

impl Kind {
    /// Every kind, sorted by its word.
    pub(super) const ALL: [Self; 3] = [Self::SystemTable, Self::Table, Self::View];

    /// The word in `table_type`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::SystemTable => "SYSTEM TABLE",
        }
    }

    /// Whether a driver's filter means this kind; `BASE TABLE` is another word for `TABLE`.
    pub(super) fn is_called(self, word: &str) -> bool {
        word.eq_ignore_ascii_case(self.word()) || (self == Self::Table && word.eq_ignore_ascii_case("BASE TABLE"))
    }
}

/// One table as drivers see it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its columns as SQL sees them; empty until a contract without a schema was looked at once.
    pub(super) columns: SchemaRef,
    /// Where its contract stands; none for a system table.
    pub(super) product: Option<(Arc<Entry>, usize)>,
}

impl Listed {
    /// The table's part of the contract, with what it says of every column.
    pub(super) fn resolved(&self) -> Option<&ResolvedTable> {
        self.product.as_ref().and_then(|(entry, table)| entry.tables.get(*table))
    }

    /// The table as the contract declares it.
    pub(super) fn declared(&self) -> Option<&Table> {
        let (entry, _) = self.product.as_ref()?;
        let name = &self.resolved()?.name;
        entry.product.tables().iter().find(|table| table.name == *name)
    }

    /// What the contract says of a column.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.resolved()?.columns.iter().find(|column| column.name == name)
    }
}

/// Everything one caller sees, sorted by schema and name.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) catalog: String,
    pub(super) schemas: Vec<String>,
    pub(super) tables: Vec<Listed>,
}

impl Listing {
    /// What the caller of `ctx` may discover.
    pub(super) fn new(backend: &dyn Backend, ctx: &QueryContext) -> Self {
        let snapshot = backend.catalog();
        let mut tables = product_tables(&snapshot, backend, ctx);
        tables.extend(backend.system_tables().into_iter().map(|table| Listed {
            schema: table.schema,
            name: table.name,
            kind: Kind::SystemTable,
            columns: table.columns,
            product: None,
        }));
        tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        let mut schemas: Vec<String> = tables.iter().map(|table| table.schema.clone()).collect();
        schemas.dedup();
        Self { catalog: snapshot.catalog_name.clone(), schemas, tables }
    }

    /// The table with exactly this name; a schema or catalog that was not given is not looked at.
    pub(super) fn find(&self, catalog: Option<&str>, schema: Option<&str>, table: &str) -> Vec<&Listed> {
        if !self.is_catalog(catalog) {
            return Vec::new();
        }
        let fits = |t: &&Listed| schema.is_none_or(|s| t.schema == s) && t.name == table;
        self.tables.iter().filter(fits).collect()
    }

    /// Whether a catalog filter means our catalog: absent means every one, and the empty name those tables that have none.
    pub(super) fn is_catalog(&self, filter: Option<&str>) -> bool {
        filter.is_none_or(|name| name == self.catalog)
    }
}

fn product_tables(snapshot: &CatalogSnapshot, backend: &dyn Backend, ctx: &QueryContext) -> Vec<Listed> {
    let mut products: BTreeMap<(String, String), BTreeMap<u64, &Arc<Entry>>> = BTreeMap::new();
    for entry in &snapshot.entries {
        if entry.product.status == Status::Retired || !backend.discovers(ctx, &entry.product) {
            continue;
        }
        let id = entry.id();
        let majors = products.entry((fold(id.name.domain.as_str()), fold(id.name.product.as_str()))).or_default();
        // The newest version of each major stands for it.
        match majors.get(&id.version.major) {
            Some(newer) if newer.id().version >= id.version => {}
            _ => {
                majors.insert(id.version.major, entry);
            }
        }
    }
    let mut tables = Vec::new();
    for majors in products.values() {
        let newest_active = majors.values().rev().find(|entry| entry.product.status == Status::Active);
        let main = newest_active.or_else(|| majors.values().next_back()).map(|entry| entry.id().version.major);
        for (major, entry) in majors {
            let suffix = if Some(*major) == main { String::new() } else { format!("@{major}") };
            tables.extend(tables_of(entry, &suffix));
        }
    }
    tables
}

fn tables_of(entry: &Arc<Entry>, suffix: &str) -> Vec<Listed> {
    let product = &entry.id().name.product;
    let kind = match entry.product.body {
        Body::View { .. } => Kind::View,
        Body::Stored | Body::Materialization { .. } => Kind::Table,
    };
    let listed = |(index, table): (usize, &ResolvedTable)| Listed {
        schema: entry.id().name.domain.to_string(),
        name: if index == 0 { format!("{product}{suffix}") } else { format!("{product}.{}{suffix}", table.name) },
        kind,
        columns: table.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty())),
        product: Some((Arc::clone(entry), index)),
    };
    entry.tables.iter().enumerate().map(listed).collect()
}
