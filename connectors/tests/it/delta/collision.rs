//! Two stores that hold a file of equal path, size and time: whose rows are whose.
//!
//! The control shows that stock deltalake on stock DataFusion mixes them; when it stops failing, our own footer cache may go.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::execution::session_state::SessionState;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::physical_plan::collect;
use datafusion::prelude::{col, lit};
use deltalake::delta_datafusion::DeltaScanNext;
use deltalake::logstore::{StorageConfig, default_logstore};
use meshweave_connectors::conformance::{Reading, context};
use meshweave_engine::connect::{AsOf, Connector, Opened};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use url::Url;

use super::support::{connector, port, text};

const ROWS: i64 = 1000;
const SECOND: i64 = 1_000_000;

/// A table of one file with the column `a` from `first` on; the log is the same for all but its statistics.
async fn bucket(first: i64) -> Arc<dyn ObjectStore> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let file = file(first);
    let schema =
        r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let stats = format!(
        r#"{{\"numRecords\":{ROWS},\"minValues\":{{\"a\":{first}}},\"maxValues\":{{\"a\":{}}},\"nullCount\":{{\"a\":0}}}}"#,
        first + ROWS - 1
    );
    let size = file.len();
    let log = [
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#.to_owned(),
        format!(
            r#"{{"metaData":{{"id":"one","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{}},"createdTime":0}}}}"#
        ),
        format!(
            r#"{{"add":{{"path":"part-0.parquet","partitionValues":{{}},"size":{size},"modificationTime":0,"dataChange":true,"stats":"{stats}"}}}}"#
        ),
    ];
    store.put(&Path::from("lake/t/part-0.parquet"), file.into()).await.unwrap();
    store.put(&Path::from("lake/t/_delta_log/00000000000000000000.json"), log.join("\n").into()).await.unwrap();
    store
}

/// Plain pages and no compression, so that the size does not depend on the values.
fn file(first: i64) -> Vec<u8> {
    let column: ArrayRef = Arc::new((first..first + ROWS).collect::<Int64Array>());
    let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    let plain =
        WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).set_dictionary_enabled(false).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(plain)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Rows at or above the second bucket's first value, and the bounds, as one session gives them.
async fn answers(session: &SessionState, opened: Opened) -> (Vec<String>, Vec<String>) {
    for (url, store) in &opened.stores {
        session.runtime_env().register_object_store(url.as_ref(), Arc::clone(store));
    }
    let reading = Reading { opened, state: session.clone() };
    let high = reading.query(|plan| {
        plan.filter(col("a").gt_eq(lit(SECOND)))?.aggregate(Vec::<datafusion::prelude::Expr>::new(), [count(col("a"))])
    });
    let high = text(&high.await.unwrap());
    let bounds = reading.query(|plan| {
        plan.filter(col("a").not_eq(lit(-1_i64)))?
            .aggregate(Vec::<datafusion::prelude::Expr>::new(), [min(col("a")), max(col("a"))])
    });
    (high, text(&bounds.await.unwrap()))
}

fn right(first: i64) -> (Vec<String>, Vec<String>) {
    let high = if first >= SECOND { ROWS } else { 0 };
    (vec![format!("\"{high}\"")], vec![format!("\"{first}\" | \"{}\"", first + ROWS - 1)])
}

/// Both buckets in one session, by stock deltalake.
async fn stock(session: &SessionState, store: &Arc<dyn ObjectStore>, name: &str) -> Opened {
    let root = Url::parse(&format!("s3://{name}/lake/t/")).unwrap();
    let rooted: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(store), "lake/t"));
    let log = default_logstore(rooted, Arc::clone(store), &root, &StorageConfig::default());
    let provider = DeltaScanNext::builder().with_log_store(log).with_session(Arc::new(session.clone())).build();
    Opened { provider: Arc::new(provider.await.unwrap()) as Arc<dyn TableProvider>, stores: Vec::new() }
}

fn session() -> SessionState {
    datafusion::prelude::SessionContext::new().state()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_differ_in_nothing_but_their_rows() {
    let (one, two) = (bucket(0).await, bucket(SECOND).await);
    let path = Path::from("lake/t/part-0.parquet");
    assert_eq!(one.head(&path).await.unwrap().size, two.head(&path).await.unwrap().size);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_buckets_never_mix() {
    let (one, two) = (bucket(0).await, bucket(SECOND).await);
    let (delta, session, ctx) = (connector(), session(), context());
    for round in 0..2 {
        for (id, store, first) in [("one", &one, 0), ("two", &two, SECOND)] {
            let port = port(id, store, "lake/t", None);
            let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
            let opened = delta.open(&ctx, &port, &pinned).await.unwrap();
            assert_eq!(answers(&session, opened).await, right(first), "bucket {id}, round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_buckets_in_one_plan_never_mix() {
    let (one, two) = (bucket(0).await, bucket(SECOND).await);
    let (delta, session, ctx) = (connector(), session(), context());
    let mut plans = Vec::new();
    for (id, store) in [("one", &one), ("two", &two)] {
        let port = port(id, store, "lake/t", None);
        let pinned = delta.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
        let opened = delta.open(&ctx, &port, &pinned).await.unwrap();
        for (url, store) in &opened.stores {
            session.runtime_env().register_object_store(url.as_ref(), Arc::clone(store));
        }
        let reading = Reading { opened, state: session.clone() };
        plans.push(reading.plan(|plan| plan.filter(col("a").not_eq(lit(-1_i64)))).await.unwrap());
    }
    for (plan, first) in plans.into_iter().zip([0, SECOND]) {
        let rows = text(&collect(plan, session.task_ctx()).await.unwrap());
        let mut expected: Vec<String> = (first..first + ROWS).map(|a| format!("\"{a}\"")).collect();
        expected.sort_unstable();
        assert_eq!(rows, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_stock_deltalake_mixes_them() {
    let (one, two) = (bucket(0).await, bucket(SECOND).await);
    let session = session();
    assert_eq!(answers(&session, stock(&session, &one, "one").await).await, right(0));
    let second = answers(&session, stock(&session, &two, "two").await).await;
    assert_ne!(
        second,
        right(SECOND),
        "stock deltalake tells the buckets apart now: our footer cache is no longer needed"
    );
}
