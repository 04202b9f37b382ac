//! The system tables and `information_schema` as tables that can be planned over.
//!
//! Start reading at [`provider`].

use std::sync::Arc;

use datafusion::catalog::{MemTable, TableProvider};
use meshweave_contract::model::Product;

use crate::catalog::{CatalogSnapshot, system};
use crate::error::{Failure, Result};
use crate::temp::{self, TempSchema};

/// One system table of a snapshot, with what the caller may discover.
///
/// - `temp`: the session's own tables, which `information_schema` lists too.
///
/// # Errors
/// [`Failure::NameNotFound`] when there is no such table.
pub(super) fn provider(
    snapshot: &CatalogSnapshot,
    schema: &str,
    name: &str,
    visible: &dyn Fn(&Product) -> bool,
    temp: Option<&Arc<TempSchema>>,
) -> Result<Arc<dyn TableProvider>> {
    let rows = match schema {
        "mesh" => system::table(name, snapshot, visible),
        _ => system::information_schema(name, snapshot, visible),
    };
    let Some(rows) = rows else {
        return Err(Failure::NameNotFound {
            what: "system table",
            name: format!("{schema}.{name}"),
            product: None,
            nearest: Vec::new(),
        }
        .into());
    };
    let rows = match temp {
        Some(temp) if schema != "mesh" => temp::listed(name, &snapshot.catalog_name, rows, temp)?,
        _ => rows,
    };
    Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
}
