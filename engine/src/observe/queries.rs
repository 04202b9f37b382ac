//! `mesh.queries`: the query log as a table, the queries that run or wait now first.
//!
//! Holds always: a caller sees own queries, and those that read a product of the caller's teams; of the latter who asked and
//! what it cost, without what would tell of other products: the statement, the error, their names and versions.
//!
//! Start reading at [`Queries`].

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use async_trait::async_trait;

use super::log::QueryLog;
use super::table::Logged;
use crate::error::Result;
use crate::state::{LoggedQuery, product_of};
use crate::version::VersionVector;

/// The queries that a caller may see.
#[derive(Debug)]
pub(crate) struct Queries {
    /// The caller.
    pub(crate) principal: String,
    /// The products of the caller's teams, `domain.product`.
    pub(crate) owned: Vec<String>,
}

#[async_trait]
impl Logged for Queries {
    const NAME: &'static str = "queries";

    async fn arrays(&self, log: &QueryLog) -> Result<Vec<ArrayRef>> {
        let rows = log.queries(&self.principal, &self.owned).await?;
        Ok(self.columns(&rows))
    }
}

impl Queries {
    fn columns(&self, rows: &[LoggedQuery]) -> Vec<ArrayRef> {
        let own = |row: &LoggedQuery| row.principal == self.principal;
        let text = |of: fn(&LoggedQuery) -> Option<&str>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let own_text = |of: fn(&LoggedQuery) -> Option<&str>| -> ArrayRef {
            Arc::new(rows.iter().map(|row| of(row).filter(|_| own(row))).collect::<StringArray>())
        };
        let count = |of: fn(&LoggedQuery) -> i64| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int64Array>()) };
        let started = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.started_at));
        let versions: Vec<VersionVector> = rows.iter().map(|row| self.versions(row)).collect();
        let products = versions.iter().map(|v| v.products.keys().map(String::as_str).collect::<Vec<_>>().join(","));
        let told = versions.iter().map(|v| serde_json::to_string(v).ok());
        vec![
            text(|row| Some(&row.query_id)),
            Arc::new(started.with_timezone("UTC")),
            Arc::new(rows.iter().map(|row| row.duration.as_secs_f64() * 1e3).collect::<Float64Array>()),
            text(|row| Some(&row.principal)),
            text(|row| row.purpose.as_deref()),
            own_text(|row| Some(&row.statement)),
            Arc::new(products.map(Some).collect::<StringArray>()),
            Arc::new(told.collect::<StringArray>()),
            count(|row| row.rows),
            count(|row| row.rows_read),
            count(|row| row.bytes),
            count(|row| row.requests),
            count(|row| row.memory),
            count(|row| row.spilled),
            Arc::new(rows.iter().map(|row| row.waited.as_secs_f64() * 1e3).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|row| row.position).collect::<Int64Array>()),
            text(|row| Some(&row.outcome)),
            text(|row| row.error_kind.as_deref()),
            own_text(|row| row.error.as_deref()),
        ]
    }

    /// What a query read, as far as the caller may know: all of an own one, the caller's products of another's.
    fn versions(&self, row: &LoggedQuery) -> VersionVector {
        let mut versions: VersionVector = serde_json::from_str(&row.versions).unwrap_or_default();
        if row.principal != self.principal {
            versions
                .products
                .retain(|key, _| product_of(key).is_some_and(|(product, _)| self.owned.contains(&product)));
        }
        versions
    }
}
