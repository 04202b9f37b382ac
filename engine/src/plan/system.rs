//! The system tables and `information_schema` as tables that can be planned over.
//!
//! Start reading at [`provider`].

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use meshweave_contract::model::Product;

use crate::catalog::CatalogSnapshot;
use crate::error::{Failure, Result};

/// One system table of a snapshot, with what the caller may discover.
///
/// # Errors
/// [`Failure::NameNotFound`] when there is no such table.
pub(super) fn provider(
    snapshot: &CatalogSnapshot,
    schema: &str,
    name: &str,
    visible: &dyn Fn(&Product) -> bool,
) -> Result<Arc<dyn TableProvider>> {
    let _ = (snapshot, visible);
    Err(Failure::NameNotFound {
        what: "system table",
        name: format!("{schema}.{name}"),
        product: None,
        nearest: Vec::new(),
    }
    .into())
}
