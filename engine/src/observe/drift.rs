//! `mesh.drift`: where stored columns were found to differ from those of a contract.
//!
//! Holds always: a caller sees the drift of the product versions that the caller may find.
//!
//! Start reading at [`DriftRows`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use async_trait::async_trait;

use super::log::QueryLog;
use super::table::Logged;
use crate::error::Result;
use crate::state::DriftRecord;

/// The drift that a caller may see.
#[derive(Debug)]
pub(crate) struct DriftRows {
    /// For each `domain.product`, its versions in the catalog, and whether the caller may find each.
    pub(crate) versions: HashMap<String, HashMap<String, bool>>,
}

impl DriftRows {
    /// A version that the catalog no longer has is seen by whoever may find all that are left.
    fn sees(&self, row: &DriftRecord) -> bool {
        let Some(versions) = self.versions.get(&row.product) else { return false };
        versions.get(&row.version).copied().unwrap_or_else(|| versions.values().all(|may| *may))
    }
}

#[async_trait]
impl Logged for DriftRows {
    const NAME: &'static str = "drift";

    async fn arrays(&self, log: &QueryLog) -> Result<Vec<ArrayRef>> {
        let mut rows = log.drift().await?;
        rows.retain(|row| self.sees(row));
        Ok(columns(&rows))
    }
}

fn columns(rows: &[DriftRecord]) -> Vec<ArrayRef> {
    let text =
        |of: fn(&DriftRecord) -> Option<&str>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let time = |of: fn(&DriftRecord) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
    };
    vec![
        time(|row| row.last_at),
        time(|row| row.first_at),
        text(|row| row.product.split_once('.').map(|(domain, _)| domain)),
        text(|row| row.product.split_once('.').map(|(_, product)| product)),
        text(|row| Some(&row.version)),
        text(|row| Some(&row.table)),
        text(|row| Some(&row.pinned)),
        text(|row| Some(&row.column)),
        text(|row| Some(&row.change)),
        text(|row| row.promised.as_deref()),
        text(|row| row.stored.as_deref()),
        text(|row| Some(&row.done)),
        Arc::new(rows.iter().map(|row| Some(row.queries)).collect::<Int64Array>()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_may_not_be_found_has_no_drift() {
        let versions = |list: &[(&str, bool)]| list.iter().map(|(v, may)| ((*v).to_owned(), *may)).collect();
        let rows = DriftRows {
            versions: [
                ("shop.orders".to_owned(), versions(&[("1.0.0", true), ("2.0.0", false)])),
                ("shop.open".to_owned(), versions(&[("1.0.0", true)])),
            ]
            .into(),
        };
        let check = |product: &str, version: &str, expected| {
            let row = DriftRecord { product: product.into(), version: version.into(), ..DriftRecord::default() };
            assert_eq!(rows.sees(&row), expected, "{product} {version}");
        };
        check("shop.orders", "1.0.0", true);
        check("shop.orders", "2.0.0", false);
        check("shop.orders", "0.9.0", false);
        check("shop.open", "0.9.0", true);
        check("shop.gone", "1.0.0", false);
    }
}
