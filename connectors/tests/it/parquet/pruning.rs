//! What a scan leaves out, and what it must not leave out; as told by its report and by the requests it makes.

use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, ident, lit};
use datafusion::physical_plan::displayable;
use meshweave_connectors::conformance::{WatchedStore, rows_of};
use meshweave_connectors::parquet::Parquet;
use meshweave_engine::connect::Port;
use meshweave_engine::context::{Pushed, ScanReport};
use object_store::memory::InMemory;

use crate::support::{connector, context, file, numbers, port, put, put_bytes, read, row_groups_of};

/// Four files of 1000 rows in row groups of 250: `n` grows through all of them, `text` is long.
fn wide(from: i64) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("x", DataType::Float64, true),
    ]));
    let ids: Vec<i64> = (from..from + 1000).collect();
    let texts: StringArray = ids.iter().map(|id| Some(format!("{:0>200}", id * 7919))).collect();
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let floats: Float64Array = ids.iter().map(|id| Some(if *id == 1100 { f64::NAN } else { *id as f64 })).collect();
    let columns: Vec<arrow::array::ArrayRef> = vec![Arc::new(Int64Array::from(ids)), Arc::new(texts), Arc::new(floats)];
    RecordBatch::try_new(schema, columns).unwrap()
}

async fn table() -> (Port, Arc<WatchedStore>) {
    let store = Arc::new(InMemory::new());
    for index in 0..4 {
        let bytes = file(&wide(index * 1000), row_groups_of(250));
        put_bytes(store.as_ref(), &format!("orders/part-{index}.parquet"), bytes).await;
    }
    let watch = Arc::new(WatchedStore::default());
    (port(watch.wrap(store), "memory", "orders", Some(wide(0).schema())), watch)
}

async fn scan(
    connector: &Parquet,
    port: &Port,
    shape: impl FnOnce(LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder>,
) -> (ScanReport, Vec<String>) {
    let ctx = context();
    let reading = read(connector, &ctx, port).await;
    let rows = rows_of(&reading.query(shape).await.unwrap()).unwrap();
    (ctx.scans.reports().pop().unwrap(), rows)
}

#[tokio::test]
async fn files_row_groups_and_columns_are_left_out() {
    let (port, _) = table().await;
    let connector = connector();
    let (all, rows) = scan(&connector, &port, Ok).await;
    assert_eq!((all.files_total, all.files_kept, rows.len()), (4, 4, 4000));
    assert!(all.bytes_kept < all.bytes_total && all.bytes_kept * 10 > all.bytes_total * 9, "{all:?}");

    let narrow =
        |plan: LogicalPlanBuilder| plan.filter(col("n").between(lit(1300_i64), lit(1310_i64)))?.project(vec![col("n")]);
    let (some, rows) = scan(&connector, &port, narrow).await;
    assert_eq!((some.files_kept, rows.len()), (1, 11));
    assert_eq!(some.columns, ["n"]);
    assert_eq!(some.columns_total, 3);
    assert!(some.bytes_kept * 100 < all.bytes_kept, "one row group of one narrow column: {some:?}");
    assert!(some.predicates.iter().all(|(_, pushed, _)| *pushed == Pushed::Superset), "{some:?}");
}

#[tokio::test]
async fn every_predicate_is_reported_with_its_reason() {
    let (port, _) = table().await;
    let cases: [(Expr, Pushed, &str); 4] = [
        (col("n").lt(lit(5_i64)), Pushed::Superset, "minima"),
        (col("x").gt(lit(5.0)), Pushed::No, "NaN"),
        (ident("text").like(lit("%9")), Pushed::No, "cannot decide"),
        ((col("n") % lit(2_i64)).eq(lit(0_i64)), Pushed::No, "cannot decide"),
    ];
    for (predicate, expected, why) in cases {
        let (report, _) = scan(&connector(), &port, |plan| plan.filter(predicate.clone())).await;
        let (text, pushed, reason) = &report.predicates[0];
        assert_eq!(*pushed, expected, "{text}: {reason}");
        assert!(reason.contains(why), "{text}: {reason}");
    }
}

#[tokio::test]
async fn nan_is_never_pruned() {
    let (port, _) = table().await;
    let connector = connector();
    for (predicate, rows) in [
        (col("x").gt(lit(3999.5)), 1),
        (col("x").eq(lit(f64::NAN)), 1),
        (col("x").gt(lit(3998.5)), 2),
        (col("x").not_eq(lit(7.0)), 3999),
    ] {
        let (_, found) = scan(&connector, &port, |plan| plan.filter(predicate.clone())).await;
        assert_eq!(found.len(), rows, "{predicate}");
    }
    let top = |plan: LogicalPlanBuilder| plan.sort(vec![col("x").sort(false, false)])?.limit(0, Some(2));
    let (_, found) = scan(&connector, &port, top).await;
    assert!(found.iter().any(|row| row.contains("NaN")), "{found:?}");
}

/// Writers leave NaN out of minimum and maximum, so this file looks as if all its values were equal.
#[tokio::test]
async fn a_column_with_nan_is_no_constant() {
    let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Float64, true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Float64Array::from(vec![1.5, f64::NAN, 1.5]))])
        .unwrap();
    let store = Arc::new(InMemory::new());
    put(store.as_ref(), "orders/a.parquet", &batch).await;
    let port = port(store, "memory", "orders", Some(schema));
    let (_, rows) = scan(&connector(), &port, Ok).await;
    assert_eq!(rows, ["\"1.5\"", "\"1.5\"", "\"NaN\""]);
    let (_, rows) = scan(&connector(), &port, |plan| plan.filter(col("x").not_eq(lit(1.5)))).await;
    assert_eq!(rows, ["\"NaN\""]);
}

#[tokio::test]
async fn a_limit_stops_the_list_of_files() {
    let (port, watch) = table().await;
    let before = watch.requests();
    let (report, rows) = scan(&connector(), &port, |plan| plan.limit(0, Some(1200))).await;
    assert_eq!((report.files_kept, report.limit, rows.len()), (2, Some(1200), 1200));
    let limited = watch.requests() - before;
    let (_, rows) = scan(&connector(), &port, Ok).await;
    assert_eq!(rows.len(), 4000);
    assert!(limited < watch.requests() - before - limited, "a limit must save requests");

    let narrow = |plan: LogicalPlanBuilder| plan.filter(col("n").gt(lit(2500_i64)))?.limit(0, Some(10));
    let (report, rows) = scan(&connector(), &port, narrow).await;
    assert_eq!(
        (report.files_kept, rows.len()),
        (2, 10),
        "a predicate that is applied later keeps every file that fits"
    );
}

#[tokio::test]
async fn footers_are_read_once() {
    let (port, watch) = table().await;
    let connector = connector();
    let used = async |connector: &Parquet| {
        let before = watch.requests();
        scan(connector, &port, Ok).await;
        watch.requests() - before
    };
    let (cold, warm) = (used(&connector).await, used(&connector).await);
    assert_eq!(cold - warm, 4, "four footers are read the first time only");
    let mut limits = meshweave_engine::settings::Settings::default().limits;
    limits.footer_cache = meshweave_engine::settings::ByteSize(0);
    let forgetful = Parquet::new(&limits);
    let (first, second) = (used(&forgetful).await, used(&forgetful).await);
    assert_eq!(first, second, "a cache without room keeps nothing");
    assert!(first >= cold);
}

#[tokio::test]
async fn counting_reads_no_data() {
    let (port, watch) = table().await;
    let connector = connector();
    scan(&connector, &port, Ok).await;
    let before = watch.requests();
    let counted = |plan: LogicalPlanBuilder| {
        plan.aggregate(Vec::<Expr>::new(), vec![datafusion::functions_aggregate::expr_fn::count(lit(1))])
    };
    let (_, rows) = scan(&connector, &port, counted).await;
    assert_eq!(rows, ["\"4000\""]);
    assert_eq!(watch.requests() - before, 1, "the listing alone");
}

#[tokio::test]
async fn dynamic_filters_reach_the_scan() {
    let (port, _) = table().await;
    let reading = read(&connector(), &context(), &port).await;
    let top = |plan: LogicalPlanBuilder| plan.sort(vec![col("n").sort(false, false)])?.limit(0, Some(3));
    let plan = reading.plan(top).await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    let scan = text.lines().find(|line| line.contains("DataSourceExec")).unwrap();
    assert!(scan.contains("predicate=DynamicFilter"), "{text}");
    let (_, rows) = self::scan(&connector(), &port, top).await;
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.starts_with("\"399")), "{rows:?}");
}

#[tokio::test]
async fn work_is_shared_among_partitions() {
    let store = Arc::new(InMemory::new());
    for index in 0..7 {
        put(store.as_ref(), &format!("orders/{index}.parquet"), &numbers(index * 10..index * 10 + 10)).await;
    }
    let port = port(store, "memory", "orders", Some(numbers([]).schema()));
    let reading = read(&connector(), &context(), &port).await;
    let plan = reading.opened.provider.scan(&reading.state, None, &[], None).await.unwrap();
    assert_eq!(plan.properties().partitioning.partition_count(), reading.state.config().target_partitions());
}
