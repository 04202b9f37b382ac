//! Hidden partitions of files without statistics: folders are believed only when the contract trusts them.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ident, lit};
use meshweave_contract::model::Partitioning;
use meshweave_engine::context::Pushed;

use super::support::{columns, csv_connector, files};
use crate::support::{context, read};

async fn check(is_trusted: bool, rows: usize, kept: u64, pushed: Pushed, why: &str) {
    let schema = columns(&[("at", DataType::Timestamp(TimeUnit::Second, None)), ("n", DataType::Int64)]);
    let table = [
        ("2024/01/a.csv", &b"at,n\n2024-01-05T00:00:00,1\n"[..]),
        ("2024/02/a.csv", b"at,n\n2024-02-05T00:00:00,2\n2024-01-31T23:59:59,3\n"),
        ("2024/03/a.csv", b"at,n\n2024-03-05T00:00:00,4\n"),
    ];
    let mut port = files(&table, Some(schema)).await;
    port.spec.partitioning = vec![Partitioning { field: "at".to_owned(), granularity: Some("month".to_owned()) }];
    port.spec.layout_trusted = is_trusted;
    let ctx = context();
    let reading = read(csv_connector().as_ref(), &ctx, &port).await;
    let february = lit(ScalarValue::TimestampSecond(Some(1_706_745_600), None));
    let batches = reading.query(|plan| plan.filter(ident("at").lt(february))).await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), rows);
    let report = ctx.scans.reports().pop().unwrap();
    assert_eq!((report.files_kept, report.files_total), (kept, 3));
    assert_eq!(report.predicates.len(), 1);
    assert_eq!((report.predicates[0].1, report.predicates[0].2.as_str()), (pushed, why));
}

#[tokio::test]
async fn without_trust_every_file_is_read() {
    check(false, 2, 3, Pushed::No, "CSV files have no statistics").await;
}

#[tokio::test]
async fn with_trust_folders_leave_files_out() {
    check(true, 1, 1, Pushed::Superset, "folders by month, trusted").await;
}
