//! The query log's tables: what ran, for whom, over which products.
//!
//! Start reading at [`StateStore::queries`].

use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, Transaction};

use super::StateStore;
use crate::error::Result;
use crate::observe::record::QueryRecord;

/// One query as it is told in `mesh.queries`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedQuery {
    /// Unique and sortable by time.
    pub query_id: String,
    /// When it came, microseconds since 1970 UTC.
    pub started_at: i64,
    /// From its arrival to its end.
    pub duration: Duration,
    /// Who asked.
    pub principal: String,
    /// Why, when the caller said.
    pub purpose: Option<String>,
    /// Its text.
    pub statement: String,
    /// The version vector, JSON.
    pub versions: String,
    /// Rows of the answer that were taken.
    pub rows: i64,
    /// Rows that scans produced.
    pub rows_read: i64,
    /// Bytes that stores sent.
    pub bytes: i64,
    /// Requests made to stores.
    pub requests: i64,
    /// `finished`, `failed`, `cancelled` or `dropped`.
    pub outcome: String,
    /// The kind of the error.
    pub error_kind: Option<String>,
    /// The text of the error.
    pub error: Option<String>,
}

/// One who reads a product, as the query log knows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Consumer {
    /// Who.
    pub principal: String,
    /// How many queries that are still remembered.
    pub queries: i64,
    /// When the last of them came, microseconds since 1970 UTC.
    pub last_at: i64,
}

impl StateStore {
    /// Writes records, all or none, and removes what is past its end.
    pub(crate) async fn put_queries(&self, records: &[QueryRecord]) -> Result<()> {
        self.put_queries_at(records, Timestamp::now()).await
    }

    async fn put_queries_at(&self, records: &[QueryRecord], now: Timestamp) -> Result<()> {
        let pool = self.pool().await?;
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.unavailable(error))?;
        for record in records {
            insert(&mut transaction, record).await.map_err(|error| self.unavailable(error))?;
        }
        let oldest = now.as_microsecond().saturating_sub(micros(self.query_retention));
        sqlx::query("DELETE FROM query WHERE started_at < ? OR seq <= (SELECT max(seq) FROM query) - ?")
            .bind(oldest)
            .bind(self.query_records)
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.unavailable(error))?;
        transaction.commit().await.map_err(|error| self.unavailable(error))
    }

    /// The queries that are remembered, the newest first: those of `principal`, and those that read one of `products`.
    ///
    /// - `products`: `domain.product`.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn queries(&self, principal: &str, products: &[String]) -> Result<Vec<LoggedQuery>> {
        let products = serde_json::Value::from(products.to_vec()).to_string();
        let rows = sqlx::query(
            "SELECT * FROM query WHERE principal = ?1 OR seq IN \
             (SELECT seq FROM query_product WHERE product IN (SELECT value FROM json_each(?2))) ORDER BY seq DESC",
        )
        .bind(principal)
        .bind(products)
        .fetch_all(self.pool().await?)
        .await
        .map_err(|error| self.unavailable(error))?;
        rows.iter().map(logged).collect::<sqlx::Result<_>>().map_err(|error| self.unavailable(error))
    }

    /// Who reads a major version of a product, as far as is remembered; most queries first.
    ///
    /// - `product`: `domain.product`.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn consumers(&self, product: &str, major: u64) -> Result<Vec<Consumer>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT principal, count(*), max(started_at) FROM query JOIN query_product USING (seq) \
             WHERE product = ? AND major = ? AND outcome <> 'failed' GROUP BY principal ORDER BY 2 DESC, 1",
        )
        .bind(product)
        .bind(i64::try_from(major).unwrap_or(i64::MAX))
        .fetch_all(self.pool().await?)
        .await
        .map_err(|error| self.unavailable(error))?;
        Ok(rows.into_iter().map(|(principal, queries, last_at)| Consumer { principal, queries, last_at }).collect())
    }
}

async fn insert(transaction: &mut Transaction<'_, Sqlite>, record: &QueryRecord) -> sqlx::Result<()> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let versions = serde_json::to_string(&record.versions).unwrap_or_default();
    let done = sqlx::query(
        "INSERT INTO query (query_id, started_at, duration_us, principal, purpose, statement, versions, rows, rows_read, \
         bytes, requests, outcome, error_kind, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.query_id.to_string())
    .bind(record.started_at.as_microsecond())
    .bind(micros(record.duration))
    .bind(&record.principal)
    .bind(&record.purpose)
    .bind(&record.statement)
    .bind(versions)
    .bind(count(record.rows))
    .bind(count(record.rows_read))
    .bind(count(record.bytes))
    .bind(count(record.requests))
    .bind(record.outcome.word())
    .bind(record.error.as_ref().map(|(kind, _)| kind.word()))
    .bind(record.error.as_ref().map(|(_, text)| text))
    .execute(&mut **transaction)
    .await?;
    for key in record.versions.products.keys() {
        let Some((product, major)) = product_of(key) else { continue };
        sqlx::query("INSERT OR IGNORE INTO query_product (seq, product, major) VALUES (?, ?, ?)")
            .bind(done.last_insert_rowid())
            .bind(product)
            .bind(count(major))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// `domain.product` and the major version in a key of the version vector: `domain.product@1`, `domain.product.table@1`,
/// and either with a point in time behind it.
pub(crate) fn product_of(key: &str) -> Option<(String, u64)> {
    let (name, version) = key.split_once('@')?;
    let mut parts = name.split('.');
    let product = format!("{}.{}", parts.next()?, parts.next()?);
    let major = version.split(' ').next()?.parse().ok()?;
    Some((product, major))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn logged(row: &SqliteRow) -> sqlx::Result<LoggedQuery> {
    let duration: i64 = row.try_get("duration_us")?;
    Ok(LoggedQuery {
        query_id: row.try_get("query_id")?,
        started_at: row.try_get("started_at")?,
        duration: Duration::from_micros(duration.unsigned_abs()),
        principal: row.try_get("principal")?,
        purpose: row.try_get("purpose")?,
        statement: row.try_get("statement")?,
        versions: row.try_get("versions")?,
        rows: row.try_get("rows")?,
        rows_read: row.try_get("rows_read")?,
        bytes: row.try_get("bytes")?,
        requests: row.try_get("requests")?,
        outcome: row.try_get("outcome")?,
        error_kind: row.try_get("error_kind")?,
        error: row.try_get("error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::observe::record::Outcome;
    use crate::settings::Settings;
    use crate::version::{Version, VersionVector};

    fn record(principal: &str, product: &str, second: i64) -> QueryRecord {
        let mut versions = VersionVector::default();
        versions.products.insert(product.to_owned(), Version::Delta(3));
        QueryRecord {
            query_id: uuid::Uuid::now_v7(),
            started_at: Timestamp::from_second(second).unwrap(),
            duration: Duration::from_millis(5),
            principal: principal.to_owned(),
            purpose: None,
            statement: "SELECT 1".to_owned(),
            versions,
            rows: 1,
            rows_read: 10,
            bytes: 100,
            requests: 2,
            outcome: Outcome::Finished,
            error: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_caller_sees_own_queries_and_those_over_products_that_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateStore::new(folder.path(), &Settings::default());
        let mut failed = record("ann", "shop.orders@1", 3);
        failed.outcome = Outcome::Failed;
        failed.error = Some((Kind::Unavailable, "gone".to_owned()));
        let records = [
            record("ann", "shop.orders@1", 1),
            record("bob", "shop.orders.items@2", 2),
            failed,
            record("eve", "hr.pay@1", 4),
        ];
        state.put_queries_at(&records, at(5)).await.unwrap();
        let whose =
            |queries: Vec<LoggedQuery>| queries.into_iter().map(|q| (q.principal, q.outcome)).collect::<Vec<_>>();
        let pair = |who: &str, outcome: &str| (who.to_owned(), outcome.to_owned());
        let own = whose(state.queries("ann", &[]).await.unwrap());
        assert_eq!(own, [pair("ann", "failed"), pair("ann", "finished")]);
        let owner = whose(state.queries("olga", &["shop.orders".to_owned()]).await.unwrap());
        assert_eq!(owner, [pair("ann", "failed"), pair("bob", "finished"), pair("ann", "finished")]);
        assert_eq!(whose(state.queries("nobody", &[]).await.unwrap()), []);
        let error = state.queries("ann", &[]).await.unwrap()[0].clone();
        assert_eq!((error.error_kind.as_deref(), error.error.as_deref()), (Some("unavailable"), Some("gone")));
    }

    #[tokio::test]
    async fn consumers_are_counted_by_major_version() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateStore::new(folder.path(), &Settings::default());
        let records = [
            record("ann", "shop.orders@1", 1),
            record("bob", "shop.orders@1", 2),
            record("bob", "shop.orders.items@1 version 7", 3),
            record("cat", "shop.orders@2", 4),
        ];
        state.put_queries_at(&records, at(5)).await.unwrap();
        let consumers = state.consumers("shop.orders", 1).await.unwrap();
        let told: Vec<_> = consumers.iter().map(|c| (c.principal.as_str(), c.queries, c.last_at)).collect();
        assert_eq!(told, [("bob", 2, 3_000_000), ("ann", 1, 1_000_000)]);
    }

    #[tokio::test]
    async fn the_log_ends_by_age_and_by_count() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.state.query_retention.0 = Duration::from_secs(100);
        settings.state.query_records = 3;
        let state = StateStore::new(folder.path(), &settings);
        let many: Vec<QueryRecord> = (0..5).map(|second| record("ann", "a.b@1", second)).collect();
        state.put_queries_at(&many, at(5)).await.unwrap();
        let starts = |queries: Vec<LoggedQuery>| queries.iter().map(|q| q.started_at / 1_000_000).collect::<Vec<_>>();
        assert_eq!(starts(state.queries("ann", &[]).await.unwrap()), [4, 3, 2]);
        state.put_queries_at(&[record("ann", "a.b@1", 103)], at(103)).await.unwrap();
        assert_eq!(starts(state.queries("ann", &[]).await.unwrap()), [103, 4, 3]);
        assert_eq!(
            state.consumers("a.b", 1).await.unwrap()[0].queries,
            3,
            "the products of removed queries go with them"
        );
    }
}
