//! The table behind `mesh.drift`: where stored columns were found to differ from those of a contract.
//!
//! Holds always: one row per difference and what was done, however many queries met it; what is past its end is removed.
//!
//! Start reading at [`StateStore::drift`].

use sqlx::{ColumnIndex, Decode, Row, Type};

use super::StateStore;
use super::database::with_pool;
use crate::drift::Drift;
use crate::error::Result;
use crate::observe::record::QueryRecord;

/// One difference as it is told in `mesh.drift`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DriftRecord {
    /// `domain.product`.
    pub product: String,
    /// The product version whose contract is not met.
    pub version: String,
    /// Which of its tables.
    pub table: String,
    /// The column.
    pub column: String,
    /// `new column`, `missing column`, `other type` or `nulls`.
    pub change: String,
    /// The promised type; none for a new column.
    pub promised: Option<String>,
    /// The stored type; none for a missing column.
    pub stored: Option<String>,
    /// `refused`, `ignored`, `widened` or `read as null`.
    pub done: String,
    /// The version of the data in which it was met last.
    pub pinned: String,
    /// When a query met it first, microseconds since 1970 UTC.
    pub first_at: i64,
    /// When a query met it last, microseconds since 1970 UTC.
    pub last_at: i64,
    /// How many queries met it.
    pub queries: i64,
}

/// One difference that a query met: ten values, as [`bind_drift`] gives them. What is not there is stored as the empty text,
/// since no two nulls are alike.
pub(super) const MEET: &str = "INSERT INTO drift (product, version, table_name, column_name, change, promised, stored, done, pinned, \
     first_at, last_at, queries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 1) \
     ON CONFLICT (product, version, table_name, column_name, change, promised, stored, done) \
     DO UPDATE SET queries = drift.queries + 1, \
     pinned = CASE WHEN excluded.last_at >= drift.last_at THEN excluded.pinned ELSE drift.pinned END, \
     last_at = CASE WHEN excluded.last_at >= drift.last_at THEN excluded.last_at ELSE drift.last_at END, \
     first_at = CASE WHEN excluded.first_at < drift.first_at THEN excluded.first_at ELSE drift.first_at END";

/// The drift of some records and when it was met, in the order of the rows: two servers that write the same rows never wait for
/// each other.
pub(super) fn in_order(records: &[QueryRecord]) -> Vec<(&Drift, i64)> {
    let met = records.iter().flat_map(|record| record.drift.iter().map(|d| (d, record.started_at.as_microsecond())));
    let mut met: Vec<_> = met.collect();
    met.sort_by_key(|(drift, _)| {
        let Drift { product, table, column, change, promised, stored, done, .. } = drift;
        (product.to_string(), table.as_str(), column, change.word(), promised, stored, done.word())
    });
    met
}

/// Removes what was met last before `$1`, and all but the `$2` that were met last.
pub(super) const FORGET: &str = "DELETE FROM drift WHERE last_at < $1 OR seq NOT IN \
     (SELECT seq FROM drift ORDER BY last_at DESC, seq DESC LIMIT $2)";

/// A statement with the values of [`MEET`].
macro_rules! bind_drift {
    ($query:expr, $drift:expr, $at:expr) => {
        $query
            .bind($drift.product.name.to_string())
            .bind($drift.product.version.to_string())
            .bind($drift.table.as_str())
            .bind(&$drift.column)
            .bind($drift.change.word())
            .bind($drift.promised.as_deref().unwrap_or_default())
            .bind($drift.stored.as_deref().unwrap_or_default())
            .bind($drift.done.word())
            .bind(&$drift.pinned)
            .bind($at)
    };
}
pub(super) use bind_drift;

impl StateStore {
    /// Every difference that is remembered, the one that was met last first.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn drift(&self) -> Result<Vec<DriftRecord>> {
        with_pool!(&self.database, pool => async {
            let rows = sqlx::query("SELECT * FROM drift ORDER BY last_at DESC, seq DESC").fetch_all(pool).await?;
            rows.iter().map(told).collect::<sqlx::Result<Vec<_>>>()
        })
    }
}

fn told<'r, R: Row>(row: &'r R) -> sqlx::Result<DriftRecord>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let there = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(DriftRecord {
        product: row.try_get("product")?,
        version: row.try_get("version")?,
        table: row.try_get("table_name")?,
        column: row.try_get("column_name")?,
        change: row.try_get("change")?,
        promised: there(row.try_get("promised")?),
        stored: there(row.try_get("stored")?),
        done: row.try_get("done")?,
        pinned: row.try_get("pinned")?,
        first_at: row.try_get("first_at")?,
        last_at: row.try_get("last_at")?,
        queries: row.try_get("queries")?,
    })
}
