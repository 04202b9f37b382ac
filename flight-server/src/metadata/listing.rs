//! The tables that one caller sees, under the names that drivers are shown.
//!
//! Schema = domain; the names of product tables are the catalog's: `orders`, `orders.items`, `orders@1`.
//!
//! Start reading at [`Listing::new`].

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use meshweave_contract::model::{Body, Table};
use meshweave_engine::QueryContext;
use meshweave_engine::catalog::system::{ColumnDoc, schema_of};
use meshweave_engine::catalog::{CatalogSnapshot, Entry, ResolvedTable};
use meshweave_engine::temp::TEMP;

use crate::backend::Backend;

/// What stands behind a listed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    View,
    SystemTable,
    TemporaryTable,
}

impl Kind {
    /// Every kind, sorted by its word.
    pub(super) const ALL: [Self; 4] = [Self::SystemTable, Self::Table, Self::TemporaryTable, Self::View];

    /// The word in `table_type`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::SystemTable => "SYSTEM TABLE",
            Self::TemporaryTable => "TEMPORARY TABLE",
        }
    }

    /// Whether a driver's filter means this kind; `BASE TABLE` is another word for `TABLE`, and JDBC says `LOCAL TEMPORARY`.
    pub(super) fn is_called(self, word: &str) -> bool {
        let other = match self {
            Self::Table => "BASE TABLE",
            Self::TemporaryTable => "LOCAL TEMPORARY",
            Self::View | Self::SystemTable => "",
        };
        word.eq_ignore_ascii_case(self.word()) || (!other.is_empty() && word.eq_ignore_ascii_case(other))
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
    /// What the columns of a system table mean.
    docs: Vec<ColumnDoc>,
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
        entry.product.sql_table(name)
    }

    /// What a column means, in words.
    ///
    /// - `at`: its place among the columns, where it stands in the contract too, as a rule.
    pub(super) fn remarks(&self, at: usize, column: &str) -> Option<&str> {
        if let Some(documented) = self.docs.get(at).filter(|(name, ..)| *name == column) {
            return Some(documented.2);
        }
        let declared = &self.resolved()?.columns;
        let here = declared.get(at).filter(|c| c.name == column);
        here.or_else(|| declared.iter().find(|c| c.name == column))?.description.as_deref()
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
            columns: schema_of(&table.columns),
            product: None,
            docs: table.columns,
        }));
        tables.extend(ctx.temp.iter().flat_map(|temp| temp.tables()).map(|table| Listed {
            schema: TEMP.to_owned(),
            name: table.name().to_owned(),
            kind: Kind::TemporaryTable,
            columns: Arc::clone(table.schema()),
            product: None,
            docs: Vec::new(),
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

/// Tables of the products that the caller may discover, under the names that SQL finds them by.
fn product_tables(snapshot: &CatalogSnapshot, backend: &dyn Backend, ctx: &QueryContext) -> Vec<Listed> {
    let listed = snapshot.listing(&|product| backend.discovers(ctx, product));
    listed.into_iter().map(product_table).collect()
}

fn product_table(listed: meshweave_engine::catalog::Listed) -> Listed {
    let table = listed.entry.tables.get(listed.index);
    Listed {
        schema: listed.schema,
        name: listed.table,
        kind: match listed.entry.product.body {
            Body::View { .. } => Kind::View,
            Body::Stored | Body::Materialization { .. } => Kind::Table,
        },
        columns: table.and_then(|t| t.schema.clone()).unwrap_or_else(|| Arc::new(Schema::empty())),
        product: Some((listed.entry, listed.index)),
        docs: Vec::new(),
    }
}
