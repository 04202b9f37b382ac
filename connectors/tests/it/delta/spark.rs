//! Tables that Spark wrote: every version, row by row, against what Spark reads of it, and against deltalake's own provider.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::physical_plan::collect;
use meshweave_connectors::conformance::{Dice, NewTable, Reading, context, rows_where};
use meshweave_engine::connect::{AsOf, Connector};
use serde_json::Value;
use url::Url;

use super::support::{connector, local_port, plain_rows, read, text};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/delta-spark").join(name)
}

/// Rows by version, as Spark has them.
fn expected(name: &str) -> Vec<(i64, Vec<String>)> {
    let file = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    let versions = file["versions"].as_object().unwrap();
    let rows = |version: &Value| {
        let mut rows: Vec<String> = version["rows"].as_array().unwrap().iter().map(Value::to_string).collect();
        rows.sort_unstable();
        rows
    };
    versions.iter().map(|(number, version)| (number.parse().unwrap(), rows(version))).collect()
}

async fn check(name: &str) {
    let newest = check_versions(name).await;
    assert_eq!(text(&newest), text(&by_deltalake(&folder(name)).await), "{name}, deltalake's own provider");
}

/// Reads every version, and gives the newest.
async fn check_versions(name: &str) -> Vec<arrow::array::RecordBatch> {
    let expected = expected(name);
    let delta = connector();
    let port = local_port(&folder(name), None);
    for (number, rows) in &expected {
        let given = read(&delta, &port, &AsOf::Number(*number)).await;
        assert_eq!(&plain_rows(&given), rows, "{name}, version {number}");
    }
    let newest = read(&delta, &port, &AsOf::Latest).await;
    assert_eq!(Some(&plain_rows(&newest)), expected.last().map(|(_, rows)| rows), "{name}, newest");
    newest
}

/// The newest version, through deltalake's own provider in a session of its own.
async fn by_deltalake(folder: &Path) -> Vec<arrow::array::RecordBatch> {
    let theirs =
        deltalake::open_table(Url::from_directory_path(folder.canonicalize().unwrap()).unwrap()).await.unwrap();
    let session = deltalake::delta_datafusion::create_session().state();
    let provider = theirs.table_provider().await.unwrap();
    let columns = Connector::probe(&connector(), &context(), &local_port(folder, None)).await.unwrap().schema;
    let order: Vec<usize> = columns.fields().iter().map(|f| provider.schema().index_of(f.name()).unwrap()).collect();
    let plan = provider.scan(&session, Some(&order), &[], None).await.unwrap();
    let coalesced = Arc::new(datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec::new(plan));
    collect(coalesced, session.task_ctx()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_vectors() {
    check("deletes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn column_mapping_by_name() {
    check("mapped_by_name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn column_mapping_by_id() {
    check("mapped_by_id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_vectors_over_mapped_columns() {
    check("mapped_deletes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_with_nulls_and_odd_characters() {
    check("partitioned").await;
}

/// Our own scan reads them; deltalake's does not, and the day it does, the table is read like the others.
#[tokio::test(flavor = "multi_thread")]
async fn widened_types() {
    check_versions("widened").await;
    let theirs = deltalake::open_table(Url::from_directory_path(folder("widened").canonicalize().unwrap()).unwrap());
    let refused = theirs.await.unwrap().table_provider().await.unwrap_err();
    assert!(refused.to_string().contains("TypeWidening"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn classic_checkpoints() {
    check("checkpointed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_checkpoints() {
    check("checkpointed_v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_types_and_every_scalar() {
    check("nested").await;
}

/// Random predicates, over the tables that our own scan reads and over those that deltalake reads.
#[tokio::test(flavor = "multi_thread")]
async fn predicates_keep_the_same_rows() {
    let names = ["deletes", "mapped_by_name", "mapped_by_id", "mapped_deletes", "partitioned", "widened", "nested"];
    for name in names {
        let (delta, port, ctx) = (connector(), local_port(&folder(name), None), context());
        let batches = read(&delta, &port, &AsOf::Latest).await;
        let table = NewTable { schema: batches[0].schema(), batches, partition_by: Vec::new() };
        let reading = Reading::latest(&delta, &ctx, &port).await.unwrap();
        let mut dice = Dice::new(7);
        for _ in 0..40 {
            let predicate = dice.predicate(&table);
            let Ok(expected) = rows_where(&table, &predicate).await else { continue };
            let found = reading.query(|plan| plan.filter(predicate.clone())).await.unwrap();
            assert_eq!(text(&found), expected, "{name}: {predicate}");
        }
    }
}

/// Counting needs no data file, with deletion vectors or without.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_knows_the_number_of_rows() {
    let delta = connector();
    for name in ["deletes", "mapped_by_name", "checkpointed", "partitioned"] {
        let port = local_port(&folder(name), None);
        let ctx = context();
        let observed = delta.probe(&ctx, &port).await.unwrap();
        let rows = expected(name).last().map(|(_, rows)| rows.len() as u64);
        assert_eq!(observed.rows, rows, "{name}");
        let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
        let reading = Reading::of(&delta, &ctx, &port, &pinned).await.unwrap();
        let told = reading.opened.provider.statistics().unwrap().num_rows;
        assert_eq!(told.get_value().map(|rows| *rows as u64), rows, "{name}");
    }
}
