//! Hidden partitions: folders leave files out only where footers confirmed them, or where the contract trusts them.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use meshweave_connectors::conformance::{NewTable, WatchedStore, rows_of, rows_where};
use meshweave_connectors::parquet::Parquet;
use meshweave_contract::model::Partitioning;
use meshweave_engine::connect::{Connector, Port};
use meshweave_engine::context::{Pushed, ScanReport};
use meshweave_engine::settings::{ByteSize, Settings};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::support::{context, port, put, read};

const DAY: i64 = 86_400_000_000;
/// 2024-01-01T00:00:00Z, microseconds.
const FIRST: i64 = 1_704_067_200_000_000;

fn schema() -> SchemaRef {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![Field::new("at", micros, true), Field::new("n", DataType::Int64, false)]))
}

fn rows(rows: &[(Option<i64>, i64)]) -> RecordBatch {
    let at: TimestampMicrosecondArray = rows.iter().map(|(at, _)| *at).collect();
    let n: Int64Array = rows.iter().map(|(_, n)| Some(*n)).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(at.with_timezone("UTC")), Arc::new(n)]).unwrap()
}

/// Midnight of a January day.
fn day(n: i64) -> i64 {
    FIRST + (n - 1) * DAY
}

fn at(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

/// What happens on a January day.
fn on(n: i64) -> Expr {
    ident("at").gt_eq(at(day(n))).and(ident("at").lt(at(day(n + 1))))
}

struct Table {
    store: Arc<InMemory>,
    watch: Arc<WatchedStore>,
    port: Port,
    batches: Vec<RecordBatch>,
}

impl Table {
    fn new(layout: Option<&str>, is_trusted: bool) -> Self {
        let store = Arc::new(InMemory::new());
        let watch = Arc::new(WatchedStore::default());
        let mut port = port(watch.wrap(Arc::clone(&store) as Arc<dyn ObjectStore>), "memory", "orders", Some(schema()));
        port.spec.partitioning = vec![Partitioning { field: "at".to_owned(), granularity: Some("day".to_owned()) }];
        port.spec.layout = layout.map(str::to_owned);
        port.spec.layout_trusted = is_trusted;
        Self { store, watch, port, batches: Vec::new() }
    }

    async fn add(&mut self, path: &str, batch: RecordBatch) {
        put(self.store.as_ref(), &format!("orders/{path}"), &batch).await;
        self.batches.push(batch);
    }

    /// Nine days with three rows each, and one row of the second day that came a week late.
    async fn january(layout: Option<&str>, is_trusted: bool) -> Self {
        let mut table = Self::new(layout, is_trusted);
        for n in 1..10 {
            let folder = layout.map_or_else(|| format!("2024/01/0{n}"), |_| format!("dt=2024-01-0{n}"));
            let hours = [0, 7, 23].map(|hour| (Some(day(n) + hour * DAY / 24), n));
            table.add(&format!("{folder}/part-0.parquet"), rows(&hours)).await;
        }
        let folder = layout.map_or("2024/01/09", |_| "dt=2024-01-09");
        table.add(&format!("{folder}/late.parquet"), rows(&[(Some(day(2) + 1), 100), (Some(day(9)), 9)])).await;
        table
    }

    /// The rows of a filter, what the scan said of it, and the requests that were made.
    async fn query(&self, connector: &Parquet, predicate: &Expr) -> (Vec<String>, ScanReport, u64) {
        let ctx = context();
        let before = self.watch.requests();
        let reading = read(connector, &ctx, &self.port).await;
        let batches = reading.query(|plan| plan.filter(predicate.clone())).await.unwrap();
        let requests = self.watch.requests() - before;
        (rows_of(&batches).unwrap(), ctx.scans.reports().pop().unwrap(), requests)
    }

    async fn expected(&self, predicate: &Expr) -> Vec<String> {
        let table = NewTable { schema: schema(), batches: self.batches.clone(), partition_by: Vec::new() };
        rows_where(&table, predicate).await.unwrap()
    }
}

/// A connector that keeps no footers, so that every one that is read costs a request.
fn forgetful() -> Parquet {
    let mut limits = Settings::default().limits;
    limits.footer_cache = ByteSize(0);
    Parquet::new(&limits)
}

#[tokio::test]
async fn a_late_row_in_a_wrong_folder_is_found() {
    for layout in [None, Some("dt={date}/"), Some("dt={value}")] {
        let table = Table::january(layout, false).await;
        let connector = forgetful();
        let mut spent = Vec::new();
        for _ in 0..3 {
            let (given, report, requests) = table.query(&connector, &on(2)).await;
            assert_eq!(given, table.expected(&on(2)).await);
            assert_eq!(given.len(), 4, "the late row among them");
            assert_eq!((report.files_kept, report.files_total), (2, 10));
            spent.push(requests);
        }
        // Eight files were not opened again: their footers have confirmed that their folders are right.
        assert!(spent[1] + 8 <= spent[0], "{spent:?}");
        assert_eq!(spent[1], spent[2]);
    }
}

#[tokio::test]
async fn the_report_says_how_folders_helped() {
    let table = Table::january(None, false).await;
    let (_, report, _) = table.query(&forgetful(), &on(2)).await;
    let whys: Vec<_> = report.predicates.iter().map(|(_, pushed, why)| (*pushed, why.as_str())).collect();
    let expected = "folders by day where footers confirmed them, minima and maxima of row groups";
    assert!(!whys.is_empty() && whys.iter().all(|why| *why == (Pushed::Superset, expected)), "{whys:?}");
}

#[tokio::test]
async fn trusted_folders_are_believed_at_once() {
    let table = Table::january(None, true).await;
    let connector = forgetful();
    let (given, report, requests) = table.query(&connector, &on(2)).await;
    // The contract says that there are no late rows; so the one that is there is not looked for.
    assert_eq!(given.len(), 3);
    assert_eq!((report.files_kept, report.files_total), (1, 10));
    assert!(report.predicates.iter().all(|(_, _, why)| why.starts_with("folders by day, trusted")), "{report:?}");
    let untrusted = Table::january(None, false).await;
    let (.., more) = untrusted.query(&forgetful(), &on(2)).await;
    assert!(requests + 9 <= more, "{requests} requests with trust, {more} without");
}

#[tokio::test]
async fn a_file_that_is_written_anew_is_asked_again() {
    let mut table = Table::january(None, false).await;
    let connector = forgetful();
    table.query(&connector, &on(2)).await;
    let replaced = rows(&[(Some(day(2) + 5), 55)]);
    table.batches[4] = replaced.clone();
    put(table.store.as_ref(), "orders/2024/01/05/part-0.parquet", &replaced).await;
    for _ in 0..2 {
        let (given, ..) = table.query(&connector, &on(2)).await;
        assert_eq!(given, table.expected(&on(2)).await);
        assert_eq!(given.len(), 5);
    }
}

#[tokio::test]
async fn nulls_and_files_outside_the_layout_are_never_left_out() {
    for is_trusted in [false, true] {
        let mut table = Table::new(None, is_trusted);
        table.add("2024/01/01/a.parquet", rows(&[(Some(day(1)), 1), (None, 2)])).await;
        table.add("2024/01/02/a.parquet", rows(&[(None, 3)])).await;
        table.add("unsorted/a.parquet", rows(&[(Some(day(1)), 4), (Some(day(2)), 5)])).await;
        table.add("a.parquet", rows(&[(Some(day(3)), 6)])).await;
        let connector = forgetful();
        let predicates = [
            ident("at").is_null(),
            ident("at").is_not_null(),
            ident("at").is_null().or(on(2)),
            on(1),
            on(3),
            ident("at").not_eq(at(day(1))),
        ];
        for predicate in predicates.iter().chain(&predicates) {
            let (given, ..) = table.query(&connector, predicate).await;
            assert_eq!(given, table.expected(predicate).await, "{predicate}, trusted: {is_trusted}");
        }
    }
}

/// Random rows in right and wrong folders: the same rows as without folders, at the first query and at later ones.
#[tokio::test]
async fn random_rows_in_random_folders() {
    let mut seed = 20_240_117_u64;
    let mut dice = |sides: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % sides).unwrap()
    };
    let mut table = Table::new(None, false);
    for file in 0..40 {
        let folder = 1 + dice(9);
        let count = 1 + dice(4);
        let made: Vec<(Option<i64>, i64)> = (0..count)
            .map(|_| match dice(10) {
                0 => (Some(day(1 + dice(9)) + dice(86_400) * 1_000_000), file),
                1 => (None, file),
                2 => (Some(day(folder)), file),
                3 => (Some(day(folder + 1) - 1), file),
                _ => (Some(day(folder) + dice(86_400) * 1_000_000), file),
            })
            .collect();
        table.add(&format!("2024/01/0{folder}/part-{file}.parquet"), rows(&made)).await;
    }
    let connector = Parquet::new(&Settings::default().limits);
    let mut kept = 0;
    for _ in 0..60 {
        let (from, until) = (day(1 + dice(9)) + dice(3) - 1, day(1 + dice(9)) + dice(3) - 1);
        let predicate = match dice(4) {
            0 => ident("at").gt(at(from)),
            1 => ident("at").between(at(from.min(until)), at(from.max(until))),
            2 => ident("at").eq(at(from)).or(ident("at").lt_eq(at(until))),
            _ => ident("at").lt(at(from)).and(ident("n").gt(lit(dice(40)))),
        };
        let (given, report, _) = table.query(&connector, &predicate).await;
        assert_eq!(given, table.expected(&predicate).await, "{predicate}");
        kept += report.files_kept;
    }
    assert!(kept < 60 * 40, "some files were left out");
}

#[tokio::test]
async fn folders_of_the_layout_are_no_columns() {
    let table = Table::january(Some("dt={date}/"), false).await;
    let mut port = table.port.clone();
    port.schema = None;
    let observed = forgetful().probe(&context(), &port).await.unwrap();
    let names: Vec<_> = observed.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["at", "n"]);
    port.spec.partitioning.clear();
    let observed = forgetful().probe(&context(), &port).await.unwrap();
    assert_eq!(observed.schema.fields().len(), 3, "without the partitioning, dt is a column");
}
