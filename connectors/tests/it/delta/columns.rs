//! Promised columns against stored ones: order, hiding, widening, broken promises, the promise "never null".

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::prelude::{Expr, col, lit};
use meshweave_connectors::conformance::{Reading, context};
use meshweave_engine::connect::{AsOf, Connector};
use meshweave_engine::context::Pushed;
use meshweave_engine::{Failure, Kind};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::support::{append, connector, create, port, read_with, text};

/// `n` INT, `s` text, `p` text (a partition), `x` INT that is null once.
async fn stored() -> Arc<dyn ObjectStore> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("s", DataType::Utf8, true),
        Field::new("p", DataType::Utf8, true),
        Field::new("x", DataType::Int32, true),
    ]));
    let mut table = create(&store, "t", &schema, &["p"]).await;
    for (partition, first) in [("a", 0), ("b", 10)] {
        let columns: Vec<ArrayRef> = vec![
            Arc::new((first..first + 3).collect::<Int32Array>()),
            Arc::new((first..first + 3).map(|n| Some(format!("s{n}"))).collect::<StringArray>()),
            Arc::new((0..3).map(|_| Some(partition)).collect::<StringArray>()),
            Arc::new((first..first + 3).map(|n| (n != 11).then_some(n * 100)).collect::<Int32Array>()),
        ];
        table = append(table, RecordBatch::try_new(Arc::clone(&schema), columns).unwrap()).await;
    }
    store
}

fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
    Arc::new(Schema::new(
        fields.iter().map(|(n, t, nullable)| Field::new(*n, t.clone(), *nullable)).collect::<Vec<_>>(),
    ))
}

async fn reading(fields: &[(&str, DataType, bool)]) -> (Reading, meshweave_engine::QueryContext) {
    let (store, delta, ctx) = (stored().await, connector(), context());
    let port = port("s", &store, "t", Some(schema(fields)));
    let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
    (Reading::of(&delta, &ctx, &port, &pinned).await.unwrap(), ctx)
}

const WIDE: [(&str, DataType, bool); 3] =
    [("p", DataType::Utf8View, true), ("n", DataType::Int64, true), ("s", DataType::LargeUtf8, true)];

#[tokio::test(flavor = "multi_thread")]
async fn columns_come_in_the_promised_order_and_types() {
    let (reading, _) = reading(&WIDE).await;
    let batches = reading.query(Ok).await.unwrap();
    for batch in &batches {
        assert_eq!(batch.schema(), schema(&WIDE));
    }
    let expected: Vec<String> =
        [0, 1, 2, 10, 11, 12].map(|n| format!("\"{}\" | \"{n}\" | \"s{n}\"", if n < 10 { "a" } else { "b" })).into();
    let mut expected = expected;
    expected.sort_unstable();
    assert_eq!(text(&batches), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_on_a_column_that_is_not_asked_for() {
    let (reading, _) = reading(&WIDE).await;
    let batches =
        reading.query(|plan| plan.filter(col("n").gt(lit(10_i64)))?.project([col("s"), col("p")])).await.unwrap();
    assert_eq!(text(&batches), ["\"s11\" | \"b\"", "\"s12\" | \"b\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widened_column_still_prunes() {
    let (reading, ctx) = reading(&WIDE).await;
    reading.query(|plan| plan.filter(col("n").gt(lit(10_i64)))).await.unwrap();
    let report = ctx.scans.reports().pop().unwrap();
    assert_eq!((report.files_total, report.files_kept), (2, 1), "{report:?}");
    assert_eq!(report.predicates.len(), 1);
    assert_eq!(report.predicates[0].1, Pushed::Superset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_literal_beyond_the_stored_type_matches_nothing_or_all() {
    let (reading, _) = reading(&WIDE).await;
    let none = reading.query(|plan| plan.filter(col("n").gt(lit(1_i64 << 40)))).await.unwrap();
    assert_eq!(text(&none), Vec::<String>::new());
    let all = reading.query(|plan| plan.filter(col("n").lt(lit(1_i64 << 40)))).await.unwrap();
    assert_eq!(text(&all).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_of_a_widened_column() {
    let (reading, _) = reading(&WIDE).await;
    let none = Vec::<Expr>::new;
    let bounds = reading.query(|plan| plan.aggregate(none(), [min(col("n")), max(col("n"))])).await.unwrap();
    assert_eq!(text(&bounds), ["\"0\" | \"12\""]);
    let high = |plan: datafusion::logical_expr::LogicalPlanBuilder| {
        plan.filter(col("n").gt(lit(0_i64)))?.aggregate(none(), [min(col("n")), max(col("n"))])
    };
    assert_eq!(text(&reading.query(high).await.unwrap()), ["\"1\" | \"12\""]);
}

async fn check_broken(fields: &[(&str, DataType, bool)], words: &str) {
    let (store, delta, ctx) = (stored().await, connector(), context());
    let port = port("s", &store, "t", Some(schema(fields)));
    let error = read_with(&delta, &ctx, &port, &AsOf::Latest).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ContractBroken, "{error}");
    assert!(matches!(error.failure(), Failure::ContractBroken { product, .. } if product == "sales.facts@1"));
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_breaks_the_contract() {
    check_broken(
        &[("n", DataType::Int32, true), ("N", DataType::Int32, true)],
        "column \"N\" is not stored (the table has \"n\")",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_promise_breaks_the_contract() {
    check_broken(&[("n", DataType::Int16, true)], "column \"n\" is promised as int16 and stored as int32").await;
    check_broken(&[("s", DataType::Date32, true)], "column \"s\" is promised as date and stored as string").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_in_a_column_that_promises_none_breaks_the_contract() {
    check_broken(&[("x", DataType::Int32, false)], "column \"x\" promises no nulls and holds 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_without_nulls_keeps_the_promise() {
    let fields = [("n", DataType::Int64, false), ("p", DataType::Utf8, false)];
    let (reading, _) = reading(&fields).await;
    let batches = reading.query(Ok).await.unwrap();
    assert!(batches.iter().all(|batch| batch.schema() == schema(&fields)));
    assert_eq!(text(&batches).len(), 6);
}
