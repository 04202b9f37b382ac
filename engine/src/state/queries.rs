//! The query log's tables: what ran, for whom, over which products.
//!
//! Start reading at [`StateStore::queries`].

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};

use super::StateStore;
use super::database::with_pool;
use super::drift::{FORGET, MEET, bind_drift, in_order};
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
    /// The most memory that its operators held at a time, bytes.
    pub memory: i64,
    /// Bytes that its operators wrote to disk.
    pub spilled: i64,
    /// How long it waited for a place.
    pub waited: Duration,
    /// Its place in the queue, from 1, while it waits.
    pub position: Option<i64>,
    /// `finished`, `failed`, `cancelled` or `dropped`; `running` or `waiting` before its end.
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

/// One query: seventeen values, as [`bind_record`] gives them.
const INSERT: &str = "INSERT INTO query (query_id, started_at, duration_us, principal, purpose, statement, versions, rows, \
     rows_read, bytes, requests, memory, spilled, waited_us, outcome, error_kind, error) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING seq";

/// A statement with the values of [`INSERT`].
macro_rules! bind_record {
    ($query:expr, $record:expr) => {
        $query
            .bind($record.query_id.to_string())
            .bind($record.started_at.as_microsecond())
            .bind(micros($record.duration))
            .bind(text(&$record.principal))
            .bind($record.purpose.as_deref().map(text))
            .bind(text(&$record.statement))
            .bind(serde_json::to_string(&$record.versions).unwrap_or_default())
            .bind(count($record.rows))
            .bind(count($record.rows_read))
            .bind(count($record.bytes))
            .bind(count($record.requests))
            .bind(count($record.memory))
            .bind(count($record.spilled))
            .bind(micros($record.waited))
            .bind($record.outcome.word())
            .bind($record.error.as_ref().map(|(kind, _)| kind.word()))
            .bind($record.error.as_ref().map(|(_, said)| text(said)))
    };
}
impl StateStore {
    /// Writes records, all or none, and removes what is past its end.
    pub(crate) async fn put_queries(&self, records: &[QueryRecord]) -> Result<()> {
        self.put_queries_at(records, Timestamp::now()).await
    }

    async fn put_queries_at(&self, records: &[QueryRecord], now: Timestamp) -> Result<()> {
        let oldest = now.as_microsecond().saturating_sub(micros(self.query_retention));
        let oldest_drift = now.as_microsecond().saturating_sub(micros(self.drift_retention));
        with_pool!(&self.database, pool => async {
            let mut transaction = pool.begin_with(self.database.begin()).await?;
            for record in records {
                let insert = sqlx::query_scalar(INSERT);
                let seq: i64 = bind_record!(insert, record).fetch_one(&mut *transaction).await?;
                for (product, major) in record.versions.products.keys().filter_map(|key| product_of(key)) {
                    sqlx::query("INSERT INTO query_product (seq, product, major) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                        .bind(seq)
                        .bind(product)
                        .bind(count(major))
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            for (drift, at) in in_order(records) {
                bind_drift!(sqlx::query(MEET), drift, at).execute(&mut *transaction).await?;
            }
            sqlx::query("DELETE FROM query WHERE started_at < $1 OR seq <= (SELECT max(seq) FROM query) - $2")
                .bind(oldest)
                .bind(self.query_records)
                .execute(&mut *transaction)
                .await?;
            if records.iter().any(|record| !record.drift.is_empty()) {
                let forget = sqlx::query(FORGET).bind(oldest_drift).bind(self.drift_records);
                forget.execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
    }

    /// Whether it is worth while to write now.
    pub(crate) fn may_answer(&self) -> bool {
        self.database.may_answer()
    }

    /// Whether what could not be written may be written later.
    pub(crate) fn is_out(&self) -> bool {
        self.database.is_out()
    }

    /// The queries that are remembered, the newest first: those of `principal`, and those that read one of `products`.
    ///
    /// - `products`: `domain.product`.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn queries(&self, principal: &str, products: &[String]) -> Result<Vec<LoggedQuery>> {
        let products = serde_json::Value::from(products.to_vec()).to_string();
        let asked = format!(
            "SELECT * FROM query WHERE principal = $1 OR seq IN \
             (SELECT seq FROM query_product WHERE product IN ({})) ORDER BY seq DESC",
            self.database.listed()
        );
        with_pool!(&self.database, pool => async {
            let rows = sqlx::query(AssertSqlSafe(asked.as_str())).bind(principal).bind(&products).fetch_all(pool).await?;
            rows.iter().map(logged).collect::<sqlx::Result<Vec<_>>>()
        })
    }

    /// Who reads a major version of a product, as far as is remembered; most queries first.
    ///
    /// - `product`: `domain.product`.
    ///
    /// # Errors
    /// [`crate::Failure::Unavailable`] when the database does not answer.
    pub async fn consumers(&self, product: &str, major: u64) -> Result<Vec<Consumer>> {
        let rows: Vec<(String, i64, i64)> = with_pool!(&self.database, pool => {
            sqlx::query_as(
                "SELECT principal, count(*), max(started_at) FROM query JOIN query_product USING (seq) \
                 WHERE product = $1 AND major = $2 AND outcome <> 'failed' GROUP BY principal ORDER BY 2 DESC, 1",
            )
            .bind(product)
            .bind(count(major))
            .fetch_all(pool)
        })?;
        Ok(rows.into_iter().map(|(principal, queries, last_at)| Consumer { principal, queries, last_at }).collect())
    }
}

/// A text as every database can hold it: PostgreSQL refuses the character zero.
fn text(said: &str) -> Cow<'_, str> {
    if said.contains('\0') { Cow::Owned(said.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(said) }
}

pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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

fn logged<'r, R: Row>(row: &'r R) -> sqlx::Result<LoggedQuery>
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    let duration: i64 = row.try_get("duration_us")?;
    let waited: i64 = row.try_get("waited_us")?;
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
        memory: row.try_get("memory")?,
        spilled: row.try_get("spilled")?,
        waited: Duration::from_micros(waited.unsigned_abs()),
        position: None,
        outcome: row.try_get("outcome")?,
        error_kind: row.try_get("error_kind")?,
        error: row.try_get("error")?,
    })
}

#[cfg(test)]
mod tests {
    use meshweave_contract::name::{ProductId, ProductName};

    use super::*;
    use crate::drift::{Change, Difference, Done, Drift, DriftLog, DriftPolicy};
    use crate::error::Kind;
    use crate::observe::record::Outcome;
    use crate::settings::Settings;
    use crate::state::tests::Place;
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
            memory: 3,
            spilled: 4,
            waited: Duration::from_micros(5),
            outcome: Outcome::Finished,
            error: None,
            drift: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn a_caller_sees_own_queries_and_those_over_products_that_are_told() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
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
            assert_eq!(
                (error.memory, error.spilled, error.waited, error.position),
                (3, 4, Duration::from_micros(5), None)
            );
            assert_eq!((error.error_kind.as_deref(), error.error.as_deref()), (Some("unavailable"), Some("gone")));
        }
    }

    #[tokio::test]
    async fn consumers_are_counted_by_major_version() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
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
    }

    #[tokio::test]
    async fn the_log_ends_by_age_and_by_count() {
        for place in Place::all().await {
            let mut settings = Settings::default();
            settings.state.query_retention.0 = Duration::from_secs(100);
            settings.state.query_records = 3;
            let state = place.open(settings);
            let many: Vec<QueryRecord> = (0..5).map(|second| record("ann", "a.b@1", second)).collect();
            state.put_queries_at(&many, at(5)).await.unwrap();
            let starts =
                |queries: Vec<LoggedQuery>| queries.iter().map(|q| q.started_at / 1_000_000).collect::<Vec<_>>();
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

    #[tokio::test]
    async fn a_text_with_the_character_zero_is_kept_without_it() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
            let zero = QueryRecord { statement: "SELECT '\0'".to_owned(), ..record("ann", "a.b@1", 1) };
            state.put_queries_at(&[zero], at(2)).await.unwrap();
            assert_eq!(state.queries("ann", &[]).await.unwrap()[0].statement, "SELECT '\u{FFFD}'");
        }
    }

    fn drift(column: &str, pinned: &str) -> Drift {
        Drift {
            product: ProductId { name: ProductName::new("shop", "orders").unwrap(), version: "1.0.0".parse().unwrap() },
            table: "orders".parse().unwrap(),
            pinned: pinned.to_owned(),
            column: column.to_owned(),
            change: Change::NewColumn,
            promised: None,
            stored: Some("Utf8".to_owned()),
            done: Done::Ignored,
        }
    }

    #[tokio::test]
    async fn drift_is_one_row_however_often_it_is_met_and_has_an_end() {
        for place in Place::all().await {
            let settings = Settings::default();
            let kept = i64::try_from(settings.state.drift_retention.0.as_secs()).unwrap();
            let state = place.open(settings);
            let met =
                |second, found: Vec<Drift>| QueryRecord { drift: found, ..record("ann", "shop.orders@1", second) };
            let both = vec![drift("a", "delta 1"), drift("b", "delta 1")];
            state.put_queries_at(&[met(1, both), met(2, vec![drift("a", "delta 2")])], at(2)).await.unwrap();
            let told = state.drift().await.unwrap();
            let rows: Vec<_> = told.iter().map(|d| (d.column.as_str(), d.pinned.as_str(), d.queries)).collect();
            assert_eq!(rows, [("a", "delta 2", 2), ("b", "delta 1", 1)]);
            assert_eq!((told[0].first_at, told[0].last_at), (1_000_000, 2_000_000));
            assert_eq!((told[0].promised.as_deref(), told[0].stored.as_deref()), (None, Some("Utf8")));
            state.put_queries_at(&[met(3, vec![drift("c", "delta 3")])], at(kept + 2)).await.unwrap();
            let columns: Vec<String> = state.drift().await.unwrap().into_iter().map(|d| d.column).collect();
            assert_eq!(columns, ["c", "a"], "b was met too long ago");
        }
    }

    /// A query that came early may end late.
    #[tokio::test]
    async fn drift_is_met_last_by_the_query_that_came_last() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
            for (second, pinned) in [(5, "delta 2"), (1, "delta 1"), (3, "delta 1")] {
                let met = QueryRecord { drift: vec![drift("a", pinned)], ..record("ann", "shop.orders@1", second) };
                state.put_queries_at(&[met], at(5)).await.unwrap();
            }
            let told = state.drift().await.unwrap();
            let rows: Vec<_> = told.iter().map(|d| (d.pinned.as_str(), d.first_at, d.last_at, d.queries)).collect();
            assert_eq!(rows, [("delta 2", 1_000_000, 5_000_000, 3)]);
        }
    }

    /// Files may hold types and names of any length; no row is too long for its index.
    #[tokio::test]
    async fn the_longest_names_and_types_are_kept() {
        let long: String = (0..20_000).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap()).collect();
        for place in Place::all().await {
            let state = place.open(Settings::default());
            let log = DriftLog::default();
            let Drift { product, table, pinned, .. } = drift("a", "delta 1");
            log.pin("a", crate::drift::Pinned { product, table, policy: DriftPolicy::Widen, version: pinned });
            let (column, message) = (long.clone(), String::new());
            let (promised, stored) = (Some(long.clone()), Some(format!("{long}\0")));
            let wide = Difference { change: Change::OtherType, column, promised, stored, is_fatal: true, message };
            log.weigh("a", &[wide]);
            let met = QueryRecord { drift: log.found(), ..record("ann", "shop.orders@1", 1) };
            state.put_queries_at(&[met], at(2)).await.unwrap();
            let told = state.drift().await.unwrap();
            assert!(long.starts_with(told[0].column.trim_end_matches('…')) && told[0].column.len() > 100);
        }
    }

    /// Two servers that meet the same drift in another order write both.
    #[tokio::test(flavor = "multi_thread")]
    async fn servers_that_meet_the_same_drift_do_not_wait_for_each_other() {
        for place in Place::all().await {
            let state = place.open(Settings::default());
            let columns: Vec<String> = (0..50).map(|n| format!("c{n}")).collect();
            let one = async |columns: Vec<&String>| {
                let drift = columns.into_iter().map(|column| drift(column, "delta 1")).collect();
                let met = QueryRecord { drift, ..record("ann", "shop.orders@1", 1) };
                for _ in 0..20 {
                    state.put_queries_at(std::slice::from_ref(&met), at(2)).await.unwrap();
                }
            };
            tokio::join!(one(columns.iter().collect()), one(columns.iter().rev().collect()));
            let told = state.drift().await.unwrap();
            assert_eq!((told.len(), told.iter().map(|d| d.queries).collect::<Vec<_>>()), (50, vec![40; 50]));
        }
    }

    #[tokio::test]
    async fn of_much_drift_the_last_is_kept() {
        for place in Place::all().await {
            let mut settings = Settings::default();
            settings.state.drift_records = 3;
            let state = place.open(settings);
            for second in 0..5 {
                let found = vec![drift(&format!("c{second}"), "delta 1")];
                let met = QueryRecord { drift: found, ..record("ann", "shop.orders@1", second) };
                state.put_queries_at(&[met], at(second)).await.unwrap();
            }
            let columns: Vec<String> = state.drift().await.unwrap().into_iter().map(|d| d.column).collect();
            assert_eq!(columns, ["c4", "c3", "c2"]);
        }
    }
}
