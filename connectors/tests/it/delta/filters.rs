//! What reaches the scan: predicates, limits, dynamic filters, and what the report says of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::common::JoinType;
use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::{Expr, col, lit};
use meshweave_connectors::conformance::{Reading, context};
use meshweave_engine::connect::{AsOf, Connector};
use meshweave_engine::context::{Pushed, ScanReport};
use meshweave_engine::{Kind, QueryContext};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::support::{append, connector, create, local_port, port, read, say, text};
use crate::support::local_store;

const REGIONS: [Option<&str>; 4] = [Some("north"), Some("south"), None, Some("a b/c=d")];

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("region", DataType::Utf8, true),
    ]))
}

fn batch(file: usize, region: Option<&str>) -> RecordBatch {
    let first = i64::try_from(file).unwrap() * 10;
    let amounts = (0..10).map(|n| if n == 4 { f64::NAN } else { f64::from(n) });
    let columns: Vec<ArrayRef> = vec![
        Arc::new((first..first + 10).collect::<Int64Array>()),
        Arc::new(amounts.collect::<Float64Array>()),
        Arc::new((0..10).map(|_| region).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// Four files of ten rows, one per region; `partition_by` may be empty.
async fn facts(partition_by: &[&str]) -> (Reading, QueryContext) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut table = create(&store, "t", &schema(), partition_by).await;
    for (file, region) in REGIONS.into_iter().enumerate() {
        table = append(table, batch(file, region)).await;
    }
    let (delta, ctx) = (connector(), context());
    let port = port("s", &store, "t", Some(schema()));
    let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
    (Reading::of(&delta, &ctx, &port, &pinned).await.unwrap(), ctx)
}

/// Rows that satisfy `predicate`, files that are opened, and how the predicate was used.
async fn check(predicate: Expr, partition_by: &[&str], rows: usize, files: u64, pushed: Pushed) -> ScanReport {
    let (reading, ctx) = facts(partition_by).await;
    let found = reading.query(|plan| plan.filter(predicate.clone())).await.unwrap();
    assert_eq!(text(&found).len(), rows, "rows of {predicate}");
    let report = ctx.scans.reports().pop().unwrap();
    assert_eq!((report.files_total, report.files_kept), (4, files), "files of {predicate}: {report:?}");
    assert!(report.predicates.iter().all(|(_, how, _)| *how == pushed), "{report:?}");
    assert!(!report.predicates.is_empty(), "{report:?}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn partition_values_choose_files() {
    let report = check(col("region").eq(lit("north")), &["region"], 10, 1, Pushed::Exact).await;
    assert!(report.bytes_kept < report.bytes_total, "{report:?}");
    assert_eq!(report.predicates[0].2, "decided for whole files");
    check(col("region").eq(lit("a b/c=d")), &["region"], 10, 1, Pushed::Exact).await;
    check(col("region").is_null(), &["region"], 10, 1, Pushed::Exact).await;
    check(col("region").is_not_null(), &["region"], 30, 3, Pushed::Exact).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_partition_never_satisfies_a_comparison() {
    let (reading, _) = facts(&["region"]).await;
    let north = || col("region").eq(lit("north"));
    let cases = [
        (col("region").not_eq(lit("north")), 20),
        (Expr::Not(Box::new(north())), 20),
        (col("region").in_list(vec![lit("north"), lit("south")], true), 10),
        (north().or(col("region").is_null()), 20),
        (north().is_not_true(), 30),
        (col("region").gt(lit("n")), 20),
    ];
    for (predicate, rows) in cases {
        let found = reading.query(|plan| plan.filter(predicate.clone())).await.unwrap();
        assert_eq!(text(&found).len(), rows, "{predicate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_choose_files() {
    check(col("id").gt_eq(lit(30_i64)), &[], 10, 1, Pushed::Superset).await;
    check(col("id").eq(lit(15_i64)), &[], 1, 1, Pushed::Superset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floats_are_left_to_the_engine() {
    let report = check(col("amount").gt(lit(8.5)), &[], 8, 4, Pushed::No).await;
    assert_eq!(report.predicates[0].2, "floating point statistics do not tell of NaN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_columns_and_limit() {
    let (reading, ctx) = facts(&["region"]).await;
    reading.query(|plan| plan.project([col("id")])?.limit(0, Some(3))).await.unwrap();
    let report = ctx.scans.reports().pop().unwrap();
    assert_eq!((report.columns, report.columns_total, report.limit), (vec!["id".to_owned()], 3, Some(3)));
    assert_eq!(
        (report.product.as_str(), report.domain.as_str(), report.connector),
        ("sales.facts@1", "sales", "delta")
    );
    assert_eq!(report.version, "delta 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_opens_no_file() {
    let (reading, ctx) = facts(&["region"]).await;
    let found = reading.query(|plan| plan.aggregate(Vec::<Expr>::new(), [count(lit(1))])).await.unwrap();
    assert_eq!(text(&found), ["\"40\""]);
    assert_eq!(ctx.scans.reports().pop().unwrap().files_kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_after_a_filter() {
    let (reading, _) = facts(&["region"]).await;
    for limit in [1, 7, 10, 25, 40, 99] {
        let some = reading.query(|plan| plan.filter(col("id").gt_eq(lit(5_i64)))?.limit(0, Some(limit))).await.unwrap();
        assert_eq!(text(&some).len(), limit.min(35), "limit {limit}");
        let plain = reading.query(|plan| plan.limit(0, Some(limit))).await.unwrap();
        assert_eq!(text(&plain).len(), limit.min(40), "limit {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_after_deletion_vectors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/delta-spark/deletes");
    let (delta, ctx) = (connector(), context());
    let port = local_port(&folder, None);
    let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
    let reading = Reading::of(&delta, &ctx, &port, &pinned).await.unwrap();
    for limit in [1, 22, 24, 100, 500] {
        let some = reading.query(|plan| plan.limit(0, Some(limit))).await.unwrap();
        assert_eq!(text(&some).len(), limit.min(126), "limit {limit}");
        let alone = reading.scan(None, &[], Some(limit)).await.unwrap();
        assert!(text(&alone).len() >= limit.min(126), "limit {limit} given to the scan alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_sends_its_dynamic_filter_into_the_scan() {
    let (reading, _) = facts(&[]).await;
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![11, 12]));
    let small = Arc::new(Schema::new(vec![Field::new("key", DataType::Int64, true)]));
    let small =
        MemTable::try_new(Arc::clone(&small), vec![vec![RecordBatch::try_new(small, vec![keys]).unwrap()]]).unwrap();
    let small = LogicalPlanBuilder::scan("small", provider_as_source(Arc::new(small)), None).unwrap().build().unwrap();
    let plan = reading.plan(|plan| plan.join(small, JoinType::Inner, (vec!["id"], vec!["key"]), None)).await.unwrap();
    let shown = displayable(plan.as_ref()).indent(true).to_string();
    let source = shown.lines().find(|line| line.contains("DataSourceExec") && line.contains("parquet")).unwrap();
    assert!(source.contains("DynamicFilter"), "{shown}");
    assert_eq!(text(&collect(plan, reading.task()).await.unwrap()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_is_refused() {
    let (reading, _) = facts(&[]).await;
    let plan = reading.plan(Ok).await.unwrap();
    let provider = &reading.opened.provider;
    for refused in [
        provider.insert_into(&reading.state, plan, InsertOp::Append).await,
        provider.delete_from(&reading.state, vec![]).await,
        provider.update(&reading.state, vec![], vec![]).await,
        provider.truncate(&reading.state).await,
    ] {
        let error = say(refused.unwrap_err());
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains("sales.facts@1"), "{error}");
    }
}

/// The second road: the same files, read as plain Parquet without any of this.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_those_of_the_plain_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_store(folder.path());
    let mut table = create(&store, "", &schema(), &[]).await;
    for (file, region) in REGIONS.into_iter().enumerate() {
        table = append(table, batch(file, region)).await;
    }
    let mut plain = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "parquet") {
            let file = std::fs::File::open(path).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            plain.extend(reader.map(Result::unwrap));
        }
    }
    let given = read(&connector(), &local_port(folder.path(), Some(schema())), &AsOf::Latest).await;
    assert_eq!(text(&given), text(&plain));
    assert_eq!(text(&given).len(), 40);
}
