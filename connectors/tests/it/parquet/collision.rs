//! Two stores with equal paths never mix, whatever else is equal; stock DataFusion mixes them, as a control.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit};
use meshweave_connectors::conformance::{Reading, rows_of};
use meshweave_engine::connect::Opened;
use meshweave_test_peers::S3Server;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use tempfile::TempDir;

use crate::support::{all_rows, connector, context, file, local_store, numbers, port, put_bytes, read, row_groups_of};

const ROWS: i64 = 1000;
pub(crate) const PATH: &str = "orders/part-0.parquet";

/// Two files of equal size; the first holds 0..1000, the second 1000000..1001000.
pub(crate) fn contents() -> [Bytes; 2] {
    let files =
        [0, 1_000_000].map(|from| file(&numbers(from..from + ROWS), row_groups_of(250).set_dictionary_enabled(false)));
    assert_eq!(files[0].len(), files[1].len(), "the files must not differ in size");
    files
}

/// Two local stores; path, size and time of the files are equal.
fn local_stores() -> [(TempDir, Arc<dyn ObjectStore>); 2] {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    contents().map(|bytes| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PATH);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let store = local_store(folder.path());
        (folder, store)
    })
}

fn summary(plan: LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder> {
    plan.aggregate(Vec::<Expr>::new(), vec![min(col("n")), max(col("n")), count(lit(1))])
}

fn large(plan: LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder> {
    plan.filter(col("n").gt_eq(lit(1_000_000_i64)))?.aggregate(Vec::<Expr>::new(), vec![count(lit(1))])
}

async fn answers(reading: &Reading) -> [String; 2] {
    let text = |batches: Vec<_>| rows_of(&batches).unwrap().join("; ");
    [text(reading.query(summary).await.unwrap()), text(reading.query(large).await.unwrap())]
}

pub(crate) async fn each_has_its_own_rows(stores: [Arc<dyn ObjectStore>; 2], ids: [&str; 2]) {
    let connector = connector();
    let schema = Some(numbers([]).schema());
    let ports: Vec<_> =
        stores.into_iter().zip(ids).map(|(store, id)| port(store, id, "orders", schema.clone())).collect();
    for _ in 0..2 {
        let first = answers(&read(&connector, &context(), &ports[0]).await).await;
        assert_eq!(first, [r#""0" | "999" | "1000""#, r#""0""#]);
        let second = answers(&read(&connector, &context(), &ports[1]).await).await;
        assert_eq!(second, [r#""1000000" | "1000999" | "1000""#, r#""1000""#]);
        assert_eq!(all_rows(&connector, &ports[0]).await[0], "\"0\"");
        assert_eq!(all_rows(&connector, &ports[1]).await[0], "\"1000000\"");
    }
}

#[tokio::test]
async fn equal_path_size_and_time() {
    let stores = local_stores();
    each_has_its_own_rows([0, 1].map(|i| Arc::clone(&stores[i].1)), ["local-a", "local-b"]).await;
}

#[tokio::test]
async fn equal_path_size_and_etag() {
    let mut stores: Vec<Arc<dyn ObjectStore>> = Vec::new();
    for bytes in contents() {
        let store = Arc::new(InMemory::new());
        put_bytes(store.as_ref(), PATH, bytes).await;
        stores.push(store);
    }
    let etag = |store: Arc<dyn ObjectStore>| async move {
        let options = object_store::GetOptions { head: true, ..Default::default() };
        store.get_opts(&PATH.into(), options).await.unwrap().meta.e_tag.unwrap()
    };
    let (one, other) = (Arc::clone(&stores[0]), Arc::clone(&stores[1]));
    assert_eq!(etag(Arc::clone(&one)).await, etag(Arc::clone(&other)).await, "only the store may differ");
    each_has_its_own_rows([one, other], ["a", "b"]).await;
}

#[tokio::test]
async fn equal_path_size_and_time_on_s3() {
    let server = S3Server::start().await.unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut stores: Vec<Arc<dyn ObjectStore>> = Vec::new();
    for (bucket, bytes) in ["bucket-one", "bucket-two"].into_iter().zip(contents()) {
        server.create_bucket(bucket).unwrap();
        let store = server.root().store(&server.url(), bucket).unwrap();
        put_bytes(&store, PATH, bytes).await;
        let object = File::options().write(true).open(server.folder().join(bucket).join(PATH)).unwrap();
        object.set_modified(time).unwrap();
        stores.push(Arc::new(store));
    }
    each_has_its_own_rows([Arc::clone(&stores[0]), Arc::clone(&stores[1])], ["s3-one", "s3-two"]).await;
}

/// A control: while this is so, DataFusion's own caches must stay out of the way. When it fails, upstream has mended it.
#[tokio::test]
async fn stock_listing_tables_mix_two_stores() {
    let stores = local_stores();
    let urls = ["one://bucket/", "two://bucket/"];
    let registered: Vec<_> = urls
        .iter()
        .zip(&stores)
        .map(|(url, (_, store))| (ObjectStoreUrl::parse(url).unwrap(), Arc::clone(store)))
        .collect();
    let tables = urls.map(|url| listing(&format!("{url}orders/"), numbers([]).schema()));
    let mut reading = Reading::over(Opened { provider: Arc::clone(&tables[0]) as _, stores: registered });
    let first = answers(&reading).await;
    assert_eq!(first, [r#""0" | "999" | "1000""#, r#""0""#]);
    reading.opened.provider = Arc::clone(&tables[1]) as _;
    let second = answers(&reading).await;
    assert_eq!(second[1], r#""0""#, "all 1000 rows of the second bucket satisfy it, and none is found");
}

fn listing(url: &str, schema: SchemaRef) -> Arc<ListingTable> {
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new(ListingTableUrl::parse(url).unwrap()).with_listing_options(options);
    Arc::new(ListingTable::try_new(config.with_schema(schema)).unwrap())
}
