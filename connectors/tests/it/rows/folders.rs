//! Partition folders leave files out; what is not pushed says why.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{ident, lit};
use meshweave_connectors::conformance::rows_of;
use meshweave_engine::context::Pushed;

use super::support::{columns, csv_connector, files};
use crate::support::{context, read};

#[tokio::test]
async fn folders_prune_and_the_report_tells() {
    let schema = columns(&[("region", DataType::Utf8), ("id", DataType::Int64)]);
    let table = [
        ("region=north/a.csv", &b"id\n1\n2\n"[..]),
        ("region=south/a.csv", b"id\n3\n"),
        ("region=__HIVE_DEFAULT_PARTITION__/a.csv", b"id\n4\n"),
    ];
    let port = files(&table, Some(schema)).await;
    let ctx = context();
    let reading = read(csv_connector().as_ref(), &ctx, &port).await;
    let predicate = ident("region").eq(lit("north")).and(ident("id").gt(lit(1_i64)));
    let batches = reading.query(|plan| plan.filter(predicate)).await.unwrap();
    assert_eq!(rows_of(&batches).unwrap(), [r#""north" | "2""#]);
    let reports = ctx.scans.reports();
    let report = reports.last().unwrap();
    assert_eq!((report.files_kept, report.files_total), (1, 3));
    assert_eq!(report.connector, "csv");
    let pushed: Vec<_> = report.predicates.iter().map(|(_, pushed, why)| (*pushed, why.as_str())).collect();
    assert!(pushed.contains(&(Pushed::Exact, "decided for whole files")), "{pushed:?}");
    assert!(pushed.contains(&(Pushed::No, "CSV files have no statistics")), "{pushed:?}");
}
