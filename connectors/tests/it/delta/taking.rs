//! Rows that are added: read back as they came, all or none, beside others who write, whatever the store answers.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListBuilder,
    RecordBatch, StringArray, StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use meshweave_connectors::conformance::context;
use meshweave_connectors::delta::Delta;
use meshweave_contract::model::Partitioning;
use meshweave_engine::connect::{AsOf, Inflow, Intake, Landed, Port};
use meshweave_engine::storage::config::{CredentialsConfig, PrefixConfig};
use meshweave_engine::version::Version;
use meshweave_engine::{Error, Kind};
use meshweave_test_peers::S3Server;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use parking_lot::Mutex;

use super::support::{append, connector, create, create_with, numbered, port, read, text};
use crate::remote::locate;
use crate::support::local_store;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// Columns as contracts promise them.
fn promised() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8View, true)]))
}

fn target(store: &Arc<dyn ObjectStore>) -> Port {
    port("taking", store, "t", Some(promised()))
}

async fn open(delta: &Delta, port: &Port) -> Box<dyn Inflow> {
    Intake::open(delta, &context(), port).await.unwrap()
}

/// Adds batches, cast to the stored columns as the engine does it.
async fn fill(inflow: &mut Box<dyn Inflow>, batches: &[RecordBatch]) {
    for batch in batches {
        let schema = inflow.schema();
        let columns = batch.columns().iter().zip(schema.fields()).map(|(c, f)| cast(c, f.data_type()).unwrap());
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
        inflow.write(&batch).await.unwrap();
    }
}

async fn add(delta: &Delta, port: &Port, batches: &[RecordBatch]) -> Result<Landed, Error> {
    let mut inflow = Intake::open(delta, &context(), port).await?;
    fill(&mut inflow, batches).await;
    inflow.commit().await
}

/// Everything that lies in a store beside the logs.
async fn files(store: &Arc<dyn ObjectStore>) -> Vec<String> {
    let all: Vec<ObjectMeta> = store.list(Some(&Path::from("t"))).try_collect().await.unwrap();
    let mut names: Vec<String> = all.into_iter().map(|meta| meta.location.to_string()).collect();
    names.retain(|name| !name.contains("_delta_log"));
    names.sort();
    names
}

async fn version(delta: &Delta, port: &Port) -> Version {
    meshweave_engine::connect::Connector::pin(delta, &context(), port, &AsOf::Latest).await.unwrap().version
}

/// Waits for what a task does by itself; the clock only guards.
async fn until_no_file_is_left(store: &Arc<dyn ObjectStore>, expected: usize) {
    let gone = async {
        while files(store).await.len() != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_to_a_table_and_read_at_once() {
    let store = memory();
    append(create(&store, "t", &numbered(0, 0).schema(), &[]).await, numbered(0, 3)).await;
    let (delta, port) = (connector(), target(&store));
    let mut expected = text(&[numbered(0, 3)]);
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);

    let mut inflow = open(&delta, &port).await;
    fill(&mut inflow, &[numbered(3, 2)]).await;
    inflow.seal().await.unwrap();
    fill(&mut inflow, &[numbered(5, 2), numbered(7, 1)]).await;
    inflow.seal().await.unwrap();
    assert_eq!(version(&delta, &port).await, Version::Delta(1), "nobody sees them yet");
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);
    let landed = inflow.commit().await.unwrap();
    assert_eq!((landed.version.clone(), landed.files), (Version::Delta(2), 2));
    assert!(landed.bytes > 100, "{landed:?}");

    expected.extend(text(&[numbered(3, 5)]));
    expected.sort();
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);
    assert_eq!(text(&read(&delta, &port, &AsOf::Number(1)).await), text(&[numbered(0, 3)]), "the old version stays");
    let observed = meshweave_engine::connect::Connector::probe(&delta, &context(), &port).await.unwrap();
    assert_eq!(observed.rows, Some(8), "the log has statistics");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_columns_that_the_contract_does_not_name() {
    let store = memory();
    let stored = Schema::new(vec![
        Field::new("note", DataType::Utf8, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("day", DataType::Date32, true),
        Field::new("id", DataType::Int32, true),
    ]);
    create(&store, "t", &stored, &["name", "day"]).await;
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8View, true),
        Field::new("day", DataType::Date32, true),
    ]));
    let (delta, port) = (connector(), port("taking", &store, "t", Some(Arc::clone(&schema))));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
        Arc::new(StringViewArray::from(vec![Some("a/b c%=ü"), None, Some("a/b c%=ü"), Some("x")])),
        Arc::new(Date32Array::from(vec![Some(19_000), Some(19_000), Some(19_001), None])),
    ];
    let batch = RecordBatch::try_new(schema, columns).unwrap();
    let landed = add(&delta, &port, &[batch.clone(), batch.slice(0, 1)]).await.unwrap();
    assert_eq!(landed.files, 4, "one per partition");
    let mut expected = text(&[batch.clone(), batch.slice(0, 1)]);
    expected.sort();
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);
    assert!(files(&store).await.iter().any(|file| file.contains("day=2022-01-08")), "{:?}", files(&store).await);
}

/// Columns of every type that a Delta table holds.
fn many_types() -> RecordBatch {
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("x"), None]);
    lists.append_null();
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let structs = StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int64, true)), inner)]);
    let instants = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None]);
    let decimals = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(20, 4).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("float", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        ("exact", Arc::new(decimals)),
        ("text", Arc::new(StringViewArray::from(vec![Some("ü"), None]))),
        ("bytes", Arc::new(BinaryViewArray::from(vec![Some(b"\x00\xff".as_slice()), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_000), None]))),
        ("instant", Arc::new(instants.clone().with_timezone("UTC"))),
        ("reading", Arc::new(instants)),
        ("list", Arc::new(lists.finish())),
        ("inside", Arc::new(structs)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_yet_is_made_with_its_first_rows() {
    let folder = tempfile::tempdir().unwrap();
    let batch = many_types();
    for store in [memory(), local_store(folder.path())] {
        let (delta, mut port) = (connector(), port("taking", &store, "t", Some(batch.schema())));
        port.spec.partitioning = vec![
            Partitioning { field: "text".to_owned(), granularity: None },
            Partitioning { field: "day".to_owned(), granularity: Some("day".to_owned()) },
        ];
        open(&delta, &port).await.abandon().await;
        assert!(
            store.list(None).try_collect::<Vec<_>>().await.is_ok_and(|all| all.is_empty())
                || files(&store).await.is_empty()
        );
        let landed = add(&delta, &port, std::slice::from_ref(&batch)).await.unwrap();
        assert_eq!((landed.version, landed.files), (Version::Delta(0), 2), "one file per value of `text`");
        let landed = add(&delta, &port, &[batch.slice(1, 1)]).await.unwrap();
        assert_eq!((landed.version, landed.files), (Version::Delta(1), 1));
        let mut expected = text(&[batch.clone(), batch.slice(1, 1)]);
        expected.sort();
        assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_no_delta_table_holds_are_told() {
    let store = memory();
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("at", DataType::Time64(TimeUnit::Microsecond), true),
        Field::new("u", DataType::UInt32, true),
    ]);
    let port = port("taking", &store, "t", Some(Arc::new(schema)));
    let error = Intake::open(&connector(), &context(), &port).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "sales.facts@1 breaks its contract: rows cannot be added: the column \"at\" is time(us), which no delta table holds; \
         the column \"u\" is uint32, which no delta table holds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_ask_more_of_a_writer_take_no_rows() {
    let fields = numbered(0, 0).schema();
    let mapped = memory();
    let by_name = HashMap::from([("delta.columnMapping.mode".to_owned(), Some("name".to_owned()))]);
    create_with(&mapped, "t", &fields, &[], by_name).await;
    let constrained = memory();
    let table = create(&constrained, "t", &fields, &[]).await;
    table.add_constraint().with_constraint("positive", "id > 0").await.unwrap();
    for (store, expected) in [(mapped, "has mapped columns"), (constrained, "has constraints of its own")] {
        let error = Intake::open(&connector(), &context(), &target(&store)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (stored, expected) in [
        (
            vec![Field::new("id", DataType::Utf8, true)],
            "the column \"id\" is int64 and stored as string; the column \"name\" is not stored",
        ),
        (
            vec![
                Field::new("id", DataType::Int64, true),
                Field::new("name", DataType::Utf8, true),
                Field::new("must", DataType::Utf8, false),
            ],
            "the contract does not name \"must\", which is never null",
        ),
    ] {
        let store = memory();
        create(&store, "t", &Schema::new(stored), &[]).await;
        let error = Intake::open(&connector(), &context(), &target(&store)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ContractBroken, "{error}");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_leaves_no_version_and_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for store in [memory(), local_store(folder.path())] {
        append(create(&store, "t", &numbered(0, 0).schema(), &[]).await, numbered(0, 3)).await;
        let (delta, port) = (connector(), target(&store));
        let mut abandoned = open(&delta, &port).await;
        fill(&mut abandoned, &[numbered(3, 2)]).await;
        abandoned.seal().await.unwrap();
        fill(&mut abandoned, &[numbered(5, 2)]).await;
        assert_eq!(files(&store).await.len(), 2);
        abandoned.abandon().await;
        assert_eq!(files(&store).await.len(), 1);

        let mut dropped = open(&delta, &port).await;
        fill(&mut dropped, &[numbered(3, 2)]).await;
        dropped.seal().await.unwrap();
        fill(&mut dropped, &[numbered(5, 2)]).await;
        let sealing = dropped.seal();
        drop(sealing);
        drop(dropped);
        until_no_file_is_left(&store, 1).await;
        assert_eq!(version(&delta, &port).await, Version::Delta(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_add_at_the_same_time_land() {
    let store = memory();
    create(&store, "t", &numbered(0, 0).schema(), &[]).await;
    let (delta, port) = (connector(), target(&store));
    let mut inflows = Vec::new();
    for writer in 0..5 {
        let mut inflow = open(&delta, &port).await;
        fill(&mut inflow, &[numbered(writer * 10, 10)]).await;
        inflows.push(inflow.commit());
    }
    let landed = futures::future::join_all(inflows).await;
    let mut versions: Vec<i64> = landed
        .into_iter()
        .map(|landed| match landed.unwrap().version {
            Version::Delta(version) => version,
            other => panic!("{other:?}"),
        })
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
    let mut expected = text(&[numbered(0, 50)]);
    expected.sort();
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_make_the_same_table_make_one() {
    let store = memory();
    let (delta, port) = (connector(), target(&store));
    let (mut first, mut second) = (open(&delta, &port).await, open(&delta, &port).await);
    fill(&mut first, &[numbered(0, 2)]).await;
    fill(&mut second, &[numbered(2, 2)]).await;
    assert_eq!(first.commit().await.unwrap().version, Version::Delta(0));
    assert_eq!(second.commit().await.unwrap().version, Version::Delta(1));
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), text(&[numbered(0, 4)]));

    let other = memory();
    let port = target(&other);
    let mut late = open(&delta, &port).await;
    fill(&mut late, &[numbered(0, 2)]).await;
    create(&other, "t", &numbered(0, 0).schema(), &["name"]).await;
    let error = late.commit().await.unwrap_err();
    assert!(error.to_string().contains("its table was changed by somebody else"), "{error}");
    assert_eq!(files(&other).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_becomes_another_meanwhile_takes_nothing() {
    let store = memory();
    let table = create(&store, "t", &numbered(0, 0).schema(), &[]).await;
    let (delta, port) = (connector(), target(&store));
    let mut inflow = open(&delta, &port).await;
    fill(&mut inflow, &[numbered(0, 2)]).await;
    let properties = HashMap::from([("delta.appendOnly".to_owned(), "true".to_owned())]);
    table.set_tbl_properties().with_properties(properties).await.unwrap();
    let error = inflow.commit().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("its table was changed by somebody else"), "{error}");
    assert_eq!(files(&store).await, Vec::<String>::new());
    assert_eq!(add(&delta, &port, &[numbered(0, 2)]).await.unwrap().version, Version::Delta(2));
}

/// How a store answers to entries of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// As it is.
    Truly,
    /// It does what it is asked, and says that it failed.
    LosesIt,
    /// It does nothing, and its failure does not tell.
    Fails,
    /// It does nothing, and says so.
    Refuses,
}

#[derive(Debug)]
struct Odd {
    inner: InMemory,
    answer: Mutex<Answer>,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        let answer = if path.as_ref().contains("_delta_log") { *self.answer.lock() } else { Answer::Truly };
        let failed = || object_store::Error::Generic { store: "S3", source: "status code: 500 Internal Error".into() };
        match answer {
            Answer::Truly => self.inner.put_opts(path, payload, options).await,
            Answer::LosesIt => self.inner.put_opts(path, payload, options).await.and_then(|_| Err(failed())),
            Answer::Fails => Err(failed()),
            Answer::Refuses => Err(object_store::Error::PermissionDenied {
                path: path.to_string(),
                source: "status code: 403 Forbidden".into(),
            }),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_land_once_or_not_whatever_the_store_answers() {
    for (answer, lands, files_left) in [
        (Answer::LosesIt, true, 1),
        // Nobody knows: what an entry may name is not taken away.
        (Answer::Fails, false, 1),
        (Answer::Refuses, false, 0),
    ] {
        for is_new in [false, true] {
            let odd = Arc::new(Odd { inner: InMemory::new(), answer: Mutex::new(Answer::Truly) });
            let store: Arc<dyn ObjectStore> = Arc::clone(&odd) as Arc<dyn ObjectStore>;
            if !is_new {
                create(&store, "t", &numbered(0, 0).schema(), &[]).await;
            }
            let (delta, port) = (connector(), target(&store));
            let mut inflow = open(&delta, &port).await;
            fill(&mut inflow, &[numbered(0, 2)]).await;
            *odd.answer.lock() = answer;
            let outcome = inflow.commit().await;
            *odd.answer.lock() = Answer::Truly;
            assert_eq!(outcome.is_ok(), lands, "{answer:?} {is_new} {outcome:?}");
            if answer == Answer::Fails {
                let error = outcome.unwrap_err();
                assert!(error.to_string().contains("the storage did not say whether it took the rows"), "{error}");
            }
            assert_eq!(files(&store).await.len(), files_left, "{answer:?}");
            let again = add(&delta, &port, &[numbered(2, 2)]).await.unwrap();
            let first = i64::from(!is_new);
            assert_eq!(again.version, Version::Delta(first + i64::from(lands)), "{answer:?}");
            let expected = if lands { numbered(0, 4) } else { numbered(2, 2) };
            assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), text(&[expected]), "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_made_where_the_table_wants_them() {
    let store = memory();
    let every_two = HashMap::from([("delta.checkpointInterval".to_owned(), Some("2".to_owned()))]);
    create_with(&store, "t", &numbered(0, 0).schema(), &[], every_two).await;
    let (delta, port) = (connector(), target(&store));
    for n in 0..4 {
        add(&delta, &port, &[numbered(n, 1)]).await.unwrap();
    }
    let log: Vec<ObjectMeta> = store.list(Some(&Path::from("t/_delta_log"))).try_collect().await.unwrap();
    assert!(log.iter().any(|entry| entry.location.as_ref().ends_with("checkpoint.parquet")), "{log:?}");
    assert_eq!(text(&read(&connector(), &port, &AsOf::Latest).await), text(&[numbered(0, 4)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_who_added_rows() {
    let store = memory();
    let (delta, port) = (connector(), target(&store));
    add(&delta, &port, &[numbered(0, 1)]).await.unwrap();
    let entry = store.get(&Path::from("t/_delta_log/00000000000000000000.json")).await.unwrap().bytes().await.unwrap();
    let entry = String::from_utf8(entry.to_vec()).unwrap();
    let user = format!("\"userName\":\"{}\"", context().principal.user);
    assert!(entry.contains(&user) && entry.contains("\"meshweaveQueryId\":\""), "{entry}");
}

/// Rows with a text that no encoding makes small, so that a file is sent in parts.
fn large() -> RecordBatch {
    let noise = |n: i64| {
        let mut state = u64::try_from(n).unwrap().wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let words = std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            format!("{state:016x}")
        });
        words.take(64).collect::<String>()
    };
    let names: StringArray = (0..16_000).map(|n| Some(noise(n))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(0..16_000)), Arc::new(names)];
    RecordBatch::try_new(numbered(0, 0).schema(), columns).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_added_on_an_s3_server() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("data").unwrap();
    let credentials = CredentialsConfig {
        access_key_id_env: Some("KEY".to_owned()),
        secret_access_key_env: Some("SECRET".to_owned()),
        ..CredentialsConfig::default()
    };
    let config = PrefixConfig {
        endpoint: Some(server.url()),
        credentials: Some(credentials),
        ..PrefixConfig::new("s3://data/")
    };
    let variables = [("KEY", server.root().key.as_str()), ("SECRET", server.root().secret.as_str())];
    let mut port = target(&memory());
    port.location = locate(config, &variables, "t/");
    let store = Arc::clone(&port.location.store);
    let delta = connector();

    assert_eq!(add(&delta, &port, &[numbered(0, 2)]).await.unwrap().version, Version::Delta(0));
    let mut inflows = Vec::new();
    for writer in 1..4 {
        let mut inflow = open(&delta, &port).await;
        fill(&mut inflow, &[numbered(writer * 2, 2)]).await;
        inflows.push(inflow.commit());
    }
    for landed in futures::future::join_all(inflows).await {
        landed.unwrap();
    }
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await), text(&[numbered(0, 8)]));
    assert_eq!(version(&delta, &port).await, Version::Delta(3));

    let before = files(&store).await;
    let mut abandoned = open(&delta, &port).await;
    fill(&mut abandoned, &[large()]).await;
    abandoned.seal().await.unwrap();
    assert_eq!(files(&store).await.len(), before.len() + 1);
    fill(&mut abandoned, &[large()]).await;
    abandoned.abandon().await;
    assert_eq!(files(&store).await, before);
    assert_eq!(version(&delta, &port).await, Version::Delta(3));
    assert_eq!(add(&delta, &port, &[large()]).await.unwrap().version, Version::Delta(4));
}
