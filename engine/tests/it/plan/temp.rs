//! The `temp` schema of a session: what is written there, who sees it, what it may hold.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use meshweave_engine::settings::{ByteSize, Settings};
use meshweave_engine::temp::{Ingest, IngestMode};
use meshweave_engine::{Error, Failure, Kind, Parameters, QueryContext, Result, Statement};

use super::mesh::{Mesh, guest, shop};

/// A mesh, and a session on it.
struct Session {
    mesh: Mesh,
    ctx: QueryContext,
}

impl Session {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let mesh = Mesh::with(shop(), settings).await;
        let ctx = other(&mesh);
        Self { mesh, ctx }
    }

    async fn run(&self, sql: &str) -> Result<String> {
        self.mesh.cells_as(&self.ctx, &Statement::new(sql)).await
    }

    #[track_caller]
    fn check<'a>(&'a self, sql: &'a str, expected: &'a str) -> impl Future<Output = ()> + 'a {
        async move {
            let rows = self.run(sql).await.unwrap_or_else(|error| panic!("{sql}: {}", error.report()));
            assert_eq!(rows, expected, "{sql}");
        }
    }

    async fn refused(&self, sql: &str, kind: Kind, text: &str) {
        let error = self.run(sql).await.expect_err(sql);
        assert_eq!(error.kind(), kind, "{sql}: {}", error.report());
        assert!(error.to_string().contains(text), "{sql}: {error}");
    }

    async fn ingest(&self, table: &str, mode: IngestMode, batches: Vec<RecordBatch>) -> Result<u64> {
        let ingest = Ingest { table: table.to_owned(), mode };
        self.mesh.engine.ingest(&self.ctx, ingest, rows(batches)).await
    }
}

/// The context of another session.
fn other(mesh: &Mesh) -> QueryContext {
    QueryContext { temp: Some(mesh.engine.temp_schema()), ..guest() }
}

fn rows(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches[0].schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches.into_iter().map(Ok))))
}

fn people(ids: &[i32], names: &[&str]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int32Array::from(ids.to_vec()))), ("name", Arc::new(StringArray::from(names.to_vec())))];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test]
async fn a_table_is_made_filled_changed_and_dropped() {
    let session = Session::new().await;
    for (sql, expected) in [
        ("CREATE TABLE temp.People (Id INT NOT NULL, \"Full Name\" VARCHAR, born DATE)", "0"),
        ("INSERT INTO temp.people VALUES (1, 'Ada', DATE '1815-12-10'), (2, 'Bob', NULL)", "2"),
        ("INSERT INTO people (\"Full Name\", id) VALUES ('Cy', 3)", "1"),
        ("SELECT id, \"Full Name\", born FROM mesh.temp.people ORDER BY id", "1|Ada|1815-12-10;2|Bob|;3|Cy|"),
        ("UPDATE people SET \"Full Name\" = upper(\"Full Name\"), born = DATE '2000-01-01' WHERE id > 1", "2"),
        ("SELECT * FROM people ORDER BY ID", "1|Ada|1815-12-10;2|BOB|2000-01-01;3|CY|2000-01-01"),
        ("UPDATE people AS p SET id = p.id + 10 WHERE p.id = (SELECT max(id) FROM people)", "1"),
        ("DELETE FROM people p WHERE p.born IS NULL OR p.id = 2", "1"),
        ("SELECT id FROM people ORDER BY id", "1;13"),
        ("INSERT INTO people SELECT id + 100, 'again', born FROM people", "2"),
        ("SELECT count(*), sum(id) FROM people", "4|228"),
        ("TRUNCATE TABLE people", "4"),
        ("SELECT count(*) FROM people", "0"),
        ("DROP TABLE people", "0"),
        ("DROP TABLE IF EXISTS people", "0"),
    ] {
        session.check(sql, expected).await;
    }
    session
        .refused("SELECT * FROM temp.people", Kind::NotFound, "temporary table \"temp.people\" does not exist")
        .await;
    session.refused("DROP TABLE temp.people", Kind::NotFound, "does not exist").await;
    assert_eq!(session.mesh.engine.reserved_bytes(), 0, "what was dropped is still held");
}

#[tokio::test]
async fn a_table_of_a_query_joins_with_products() {
    let session = Session::new().await;
    session.check("CREATE TABLE mine AS SELECT orderId, amount * 2 AS twice FROM commerce.orders", "3").await;
    let sql = "SELECT o.orderId, m.twice FROM commerce.orders o JOIN temp.mine m ON m.orderId = o.orderId \
               WHERE o.amount > 10 ORDER BY 1";
    session.check(sql, "2|40.0;3|60.0").await;
    session.check("CREATE TABLE IF NOT EXISTS mine AS SELECT 1 AS x", "0").await;
    session.check("CREATE OR REPLACE TABLE mine AS SELECT 1 AS x", "1").await;
    session.check("SELECT * FROM mine", "1").await;
    session.refused("CREATE TABLE mine (a INT)", Kind::InvalidQuery, "temp.mine exists already").await;
}

#[tokio::test]
async fn only_its_session_sees_a_table() {
    let session = Session::new().await;
    session.check("CREATE TABLE mine AS SELECT 1 AS x", "1").await;
    let stranger = other(&session.mesh);
    let asked = session.mesh.cells_as(&stranger, &Statement::new("SELECT * FROM temp.mine")).await;
    assert_eq!(asked.unwrap_err().kind(), Kind::NotFound);
    let listed =
        "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'temp'";
    session.check(listed, "temp|mine|LOCAL TEMPORARY").await;
    assert_eq!(session.mesh.cells_as(&stranger, &Statement::new(listed)).await.unwrap(), "");
    session.check("SHOW TABLES IN temp", "mesh|temp|mine|LOCAL TEMPORARY").await;
    session.check("DESCRIBE mine", "x|Int64|YES").await;
    let columns =
        "SELECT column_name, ordinal_position, data_type FROM information_schema.columns WHERE table_name = 'mine'";
    session.check(columns, "x|1|Int64").await;
    let nobody = session.mesh.cells_as(&guest(), &Statement::new("CREATE TABLE mine (a INT)")).await.unwrap_err();
    assert_eq!(nobody.kind(), Kind::Unsupported);
    assert!(nobody.to_string().contains("without a session"), "{nobody}");
}

#[tokio::test]
async fn products_stay_read_only() {
    let session = Session::new().await;
    for sql in [
        "INSERT INTO commerce.orders SELECT * FROM commerce.orders",
        "DELETE FROM commerce.orders",
        "UPDATE commerce.orders SET amount = 0",
        "DROP TABLE commerce.orders",
        "TRUNCATE TABLE commerce.orders",
        "CREATE TABLE commerce.mine (a INT)",
        "CREATE TABLE commerce.mine AS SELECT 1",
        "CREATE VIEW temp.v AS SELECT 1",
        "EXPLAIN DELETE FROM temp.x",
        "WITH d AS (DELETE FROM temp.x RETURNING *) SELECT * FROM d",
    ] {
        session.refused(sql, Kind::Unsupported, "is not supported").await;
    }
    session.refused("INSERT INTO orders VALUES (1)", Kind::NotFound, "temp.orders").await;
    session.refused("INSERT INTO temp.nothing VALUES (1)", Kind::NotFound, "temp.nothing").await;
    assert_eq!(session.mesh.memory.pins("commerce.orders@2"), 0, "a refused statement has touched storage");
}

#[tokio::test]
async fn clauses_that_are_not_offered_are_refused() {
    let session = Session::new().await;
    session.check("CREATE TABLE t (a INT NOT NULL, b INT)", "0").await;
    for sql in [
        "CREATE TABLE k (a INT PRIMARY KEY)",
        "CREATE TABLE k (a INT, UNIQUE (a))",
        "CREATE TABLE k (a INT DEFAULT 5)",
        "CREATE TABLE k LIKE t",
        "UPDATE t SET a = 1 FROM t AS u",
        "UPDATE t SET a = 1 RETURNING a",
        "DELETE FROM t USING t AS u",
        "INSERT OVERWRITE t SELECT 1, 2",
    ] {
        session.refused(sql, Kind::Unsupported, "not supported").await;
    }
    session.refused("CREATE TABLE k (a INT, A INT)", Kind::InvalidQuery, "is there twice").await;
    session.refused("CREATE TABLE \"a.b\" (a INT)", Kind::InvalidQuery, "point").await;
    session.refused("INSERT INTO t VALUES (NULL, 1)", Kind::InvalidQuery, "non-nullable").await;
    session.refused("INSERT INTO t SELECT NULL, 1", Kind::InvalidQuery, "\"a\" takes no nulls").await;
    session.refused("UPDATE t SET nothing = 1", Kind::NotFound, "nothing").await;
    session.refused("INSERT INTO t (c) VALUES (1)", Kind::NotFound, "\"c\"").await;
    session.check("SELECT count(*) FROM t", "0").await;
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let session = Session::new().await;
    session.check("CREATE TABLE t AS SELECT * FROM generate_series(1, 20000) AS s(i)", "20000").await;
    let divides = "INSERT INTO t SELECT 1 / (i - 20000) FROM t";
    assert!(session.run(divides).await.is_err());
    assert!(session.run("UPDATE t SET i = 1 / (i - 20000)").await.is_err());
    assert!(session.run("CREATE OR REPLACE TABLE t AS SELECT 1 / (i - 20000) AS i FROM t").await.is_err());
    session.check("SELECT count(*), sum(i) FROM t", "20000|200010000").await;
}

#[tokio::test]
async fn a_statement_that_is_only_planned_or_left_early_writes_nothing() {
    let session = Session::new().await;
    session.check("CREATE TABLE t (i BIGINT)", "0").await;
    let insert = Statement::new("INSERT INTO t SELECT * FROM generate_series(1, 10) AS s(i)");
    let planned = session.mesh.engine.plan(&session.ctx, &insert, None).await.unwrap();
    assert!(planned.writes());
    drop(planned);
    drop(session.mesh.engine.query(&session.ctx, &insert).await.unwrap());
    session.check("SELECT count(*) FROM t", "0").await;
    let told = session.mesh.engine.describe(&session.ctx, "INSERT INTO t VALUES ($1)").await.unwrap();
    assert!(told.writes);
    assert_eq!(told.parameters[0].data_type, Some(arrow::datatypes::DataType::Int64));
}

#[tokio::test]
async fn two_changes_at_a_time_do_not_mix() {
    let session = Session::new().await;
    session.check("CREATE TABLE t AS SELECT 1 AS i", "1").await;
    let update = session.mesh.engine.plan(&session.ctx, &Statement::new("UPDATE t SET i = i + 1"), None).await.unwrap();
    let insert =
        session.mesh.engine.plan(&session.ctx, &Statement::new("INSERT INTO t VALUES (5)"), None).await.unwrap();
    session.check("INSERT INTO t VALUES (3)", "1").await;
    let error = update.run().await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    insert.run().await.unwrap().collect().await.unwrap();
    session.check("SELECT i FROM t ORDER BY i", "1;3;5").await;
}

#[tokio::test]
async fn parameters_are_bound_to_what_is_written() {
    let session = Session::new().await;
    session.check("CREATE TABLE t (i INT, s VARCHAR)", "0").await;
    let run = async |sql: &str, values: Vec<ScalarValue>| {
        let statement = Statement { sql: sql.to_owned(), parameters: Parameters::Positional(values) };
        session.mesh.cells_as(&session.ctx, &statement).await.unwrap()
    };
    let (seven, text) = (ScalarValue::Int64(Some(7)), ScalarValue::Utf8(Some("x".into())));
    assert_eq!(run("INSERT INTO t VALUES (?, ?)", vec![seven.clone(), text.clone()]).await, "1");
    assert_eq!(run("UPDATE t SET i = i + $1 WHERE s = $2", vec![seven, text]).await, "1");
    session.check("SELECT * FROM t", "14|x").await;
}

#[tokio::test]
async fn what_a_session_may_hold_is_bounded_and_counted() {
    let mut settings = Settings::default();
    settings.sessions.temp_memory = ByteSize(1 << 20);
    let session = Session::with(settings).await;
    session.check("CREATE TABLE t AS SELECT * FROM generate_series(1, 10000) AS s(i)", "10000").await;
    let held = session.ctx.temp.as_ref().unwrap().held_bytes();
    assert!((80_000..200_000).contains(&held), "{held}");
    assert!(session.mesh.engine.reserved_bytes() >= held);
    let more = "INSERT INTO t SELECT * FROM generate_series(1, 1000000) AS s(i)";
    session.refused(more, Kind::Exhausted, "sessions.temp_memory").await;
    session.check("SELECT count(*) FROM t", "10000").await;
    assert_eq!(session.ctx.temp.as_ref().unwrap().held_bytes(), held, "what was refused is still counted");
    session.ctx.temp.as_ref().unwrap().clear();
    assert_eq!(session.mesh.engine.reserved_bytes(), 0);
}

#[tokio::test]
async fn rows_one_by_one_become_few_batches() {
    let session = Session::new().await;
    session.check("CREATE TABLE t (i BIGINT)", "0").await;
    for i in 0..200 {
        session.check(&format!("INSERT INTO t VALUES ({i})"), "1").await;
    }
    let batches = session.mesh.engine.query(&session.ctx, &Statement::new("SELECT i FROM t")).await.unwrap();
    let batches = batches.collect().await.unwrap();
    assert!(batches.len() < 12, "{} batches", batches.len());
    session.check("SELECT count(*), sum(i) FROM t", "200|19900").await;
}

#[tokio::test]
async fn rows_are_taken_in_by_every_mode() {
    let session = Session::new().await;
    use IngestMode::{Append, Create, CreateAppend, Replace};
    let ada = || vec![people(&[1], &["Ada"])];
    let error = session.ingest("people", Append, ada()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(session.ingest("people", Create, ada()).await.unwrap(), 1);
    let error = session.ingest("people", Create, ada()).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::TempTableExists { .. }), "{error}");
    assert_eq!(session.ingest("People", Append, vec![people(&[2], &["Bob"]), people(&[3], &["Cy"])]).await.unwrap(), 2);
    assert_eq!(session.ingest("people", CreateAppend, ada()).await.unwrap(), 1);
    session.check("SELECT id, name FROM people ORDER BY id, name", "1|Ada;1|Ada;2|Bob;3|Cy").await;
    assert_eq!(session.ingest("people", Replace, ada()).await.unwrap(), 1);
    assert_eq!(session.ingest("others", CreateAppend, ada()).await.unwrap(), 1);
    session.check("SELECT count(*) FROM people", "1").await;
}

#[tokio::test]
async fn taken_in_columns_go_by_name_and_are_cast() {
    let session = Session::new().await;
    session.check("CREATE TABLE t (id BIGINT NOT NULL, name VARCHAR, more DOUBLE)", "0").await;
    let columns: Vec<(&str, ArrayRef)> =
        vec![("Name", Arc::new(StringArray::from(vec!["Ada"]))), ("id", Arc::new(Int32Array::from(vec![1])))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    assert_eq!(session.ingest("t", IngestMode::Append, vec![batch]).await.unwrap(), 1);
    session.check("SELECT * FROM t", "1|Ada|").await;
    let odd: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int64Array::from(vec![2]))), ("x", Arc::new(Int64Array::from(vec![2])))];
    let error =
        session.ingest("t", IngestMode::Append, vec![RecordBatch::try_from_iter(odd).unwrap()]).await.unwrap_err();
    assert!(error.to_string().contains("column \"x\" does not exist in temp.t"), "{error}");
    let text: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(StringArray::from(vec!["many"])))];
    let error =
        session.ingest("t", IngestMode::Append, vec![RecordBatch::try_from_iter(text).unwrap()]).await.unwrap_err();
    assert!(error.to_string().contains("does not fit the column \"id\""), "{error}");
    session.check("SELECT count(*) FROM t", "1").await;
}

#[tokio::test]
async fn what_was_taken_in_stands_in_the_query_log() {
    let session = Session::new().await;
    session.ingest("people", IngestMode::Create, vec![people(&[1], &["Ada"])]).await.unwrap();
    session.ingest("people", IngestMode::Create, vec![people(&[1], &["Ada"])]).await.unwrap_err();
    session.mesh.engine.flush().await;
    let sql = "SELECT outcome FROM mesh.queries WHERE statement = 'INGEST INTO temp.people' ORDER BY started_at";
    session.check(sql, "finished;failed").await;
}

#[tokio::test]
async fn rows_that_break_off_are_not_taken_in() {
    let session = Session::new().await;
    let first = people(&[1], &["Ada"]);
    let broken = stream::iter(vec![Ok(first.clone()), Err(Error::invalid_query("the sender is gone").into())]);
    let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(first.schema(), broken));
    let ingest = Ingest { table: "people".to_owned(), mode: IngestMode::Create };
    let error = session.mesh.engine.ingest(&session.ctx, ingest, rows).await.unwrap_err();
    assert_eq!(error.to_string(), "the sender is gone");
    session.refused("SELECT * FROM temp.people", Kind::NotFound, "temp.people").await;
    assert_eq!(session.mesh.engine.reserved_bytes(), 0);
}
