//! Versions: by number, by time, as recorded, and those that are not there.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt};
use meshweave_connectors::conformance::{WatchedStore, context};
use meshweave_engine::connect::{AsOf, Connector};
use meshweave_engine::version::Version;
use meshweave_engine::{Failure, Kind};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::support::{
    append, connector, create, create_with, local_port, numbered, numbered_schema, port, read, read_with, text,
};
use crate::support::local_store;

const SECOND: i64 = 1_000_000;

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

/// Version 0 is empty, version `n` has `n` times five rows.
async fn grown(store: &Arc<dyn ObjectStore>, path: &str, commits: i64) {
    let mut table = create(store, path, &numbered_schema(), &[]).await;
    for commit in 0..commits {
        table = append(table, numbered(commit * 5, 5)).await;
    }
}

/// Dates the commits of a local table: version `n` at `seconds[n]` since 1970.
fn date_commits(folder: &FilePath, seconds: &[u64]) {
    for (version, seconds) in seconds.iter().enumerate() {
        let file = folder.join(format!("_delta_log/{version:020}.json"));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(*seconds);
        std::fs::File::options().write(true).open(file).unwrap().set_modified(at).unwrap();
    }
}

async fn refused(port: &meshweave_engine::connect::Port, as_of: AsOf, words: &str) {
    let error = connector().pin(&context(), port, &as_of).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(matches!(error.failure(), Failure::Unavailable { what, .. } if what == "sales.facts@1"));
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_gives_its_rows() {
    let store = memory();
    grown(&store, "t", 3).await;
    let (delta, port) = (connector(), port("s", &store, "t", None));
    for version in [3, 0, 2, 1, 3] {
        let rows = text(&read(&delta, &port, &AsOf::Number(version)).await);
        assert_eq!(rows.len() as i64, version * 5, "version {version}");
        let recorded = AsOf::Recorded { version: Version::Delta(version), manifest: None };
        assert_eq!(text(&read(&delta, &port, &recorded).await), rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_there_names_those_that_are() {
    let store = memory();
    grown(&store, "t", 2).await;
    let port = port("s", &store, "t", None);
    refused(&port, AsOf::Number(9), "it has no version 9; its log holds versions 0 to 2").await;
    refused(&port, AsOf::Number(-1), "it has no version -1; its log holds versions 0 to 2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_unavailable() {
    let port = port("s", &memory(), "nothing", None);
    for as_of in [AsOf::Latest, AsOf::Number(0), AsOf::Timestamp(0)] {
        refused(&port, as_of, "no delta table lies at s3://bucket/nothing").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_manifest_is_no_delta_version() {
    let store = memory();
    grown(&store, "t", 1).await;
    let as_of = AsOf::Recorded { version: Version::Manifest("sha256:ab".to_owned()), manifest: None };
    let error = connector().pin(&context(), &port("s", &store, "t", None), &as_of).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidQuery);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_gives_the_version_of_then() {
    let folder = tempfile::tempdir().unwrap();
    let store = local_store(folder.path());
    grown(&store, "", 3).await;
    // Version 2 claims to be older than version 1: it counts as a millisecond younger.
    date_commits(folder.path(), &[1000, 2000, 1500, 3000]);
    let (delta, port) = (connector(), local_port(folder.path(), None));
    let cases = [
        (1000 * SECOND, 0),
        (2000 * SECOND - 1, 0),
        (2000 * SECOND, 1),
        (2000 * SECOND + 1000, 2),
        (2999 * SECOND, 2),
        (3000 * SECOND, 3),
        (9999 * SECOND, 3),
    ];
    for (moment, version) in cases {
        let pinned = delta.pin(&context(), &port, &AsOf::Timestamp(moment)).await.unwrap();
        assert_eq!(pinned.version, Version::Delta(version), "at {moment}");
    }
    let words = "it has no version as old as 1970-01-01T00:16:39Z: its oldest version 0 is of 1970-01-01T00:16:40Z";
    refused(&port, AsOf::Timestamp(999 * SECOND), words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_times_in_the_log_win_over_those_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("_delta_log");
    std::fs::create_dir(&log).unwrap();
    let schema =
        r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let info =
        |ms: i64| format!(r#"{{"commitInfo":{{"inCommitTimestamp":{ms},"timestamp":{ms},"operation":"WRITE"}}}}"#);
    let first = [
        info(5_000_000),
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["inCommitTimestamp"]}}"#.to_owned(),
        format!(
            r#"{{"metaData":{{"id":"t","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{schema}","partitionColumns":[],"configuration":{{"delta.enableInCommitTimestamps":"true"}},"createdTime":0}}}}"#
        ),
    ];
    std::fs::write(log.join("00000000000000000000.json"), first.join("\n")).unwrap();
    std::fs::write(log.join("00000000000000000001.json"), info(6_000_000)).unwrap();
    date_commits(folder.path(), &[10, 20]);
    let (delta, port) = (connector(), local_port(folder.path(), None));
    for (moment, version) in [(5_999 * SECOND, 0), (6_000 * SECOND, 1)] {
        let pinned = delta.pin(&context(), &port, &AsOf::Timestamp(moment)).await.unwrap();
        assert_eq!(pinned.version, Version::Delta(version));
    }
    refused(&port, AsOf::Timestamp(100 * SECOND), "it has no version as old as").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_version_is_never_overlooked_and_read_incrementally() {
    let store = memory();
    grown(&store, "t", 20).await;
    let watch = Arc::new(WatchedStore::default());
    let delta = connector();
    let port = port("s", &watch.wrap(Arc::clone(&store)), "t", None);
    let pin = async || delta.pin(&context(), &port, &AsOf::Latest).await.unwrap().version;
    assert_eq!(pin().await, Version::Delta(20));
    let whole = watch.requests();
    assert!(whole > 20, "the first pin reads every entry of the log: {whole} requests");
    for version in 21..24 {
        let mut table = super::support::table(&store, "t");
        table.load().await.unwrap();
        append(table, numbered(version * 5, 5)).await;
        let before = watch.requests();
        assert_eq!(pin().await, Version::Delta(version));
        let asked = watch.requests() - before;
        assert!(asked <= 8, "version {version} took {asked} requests");
    }
    let before = watch.requests();
    assert_eq!(pin().await, Version::Delta(23));
    let asked = watch.requests() - before;
    assert_eq!(asked, 2, "an unchanged log is asked for its newest commit and for what is behind it");
    let mut table = super::support::table(&store, "t");
    table.load().await.unwrap();
    deltalake::checkpoints::create_checkpoint(&table, None).await.unwrap();
    let before = watch.requests();
    assert_eq!(pin().await, Version::Delta(23));
    assert_eq!(watch.requests() - before, 2, "a checkpoint of the version itself is not behind it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_to_speak_of_what_is_missing_is_listed() {
    let store = memory();
    grown(&store, "t", 2).await;
    let watch = Arc::new(WatchedStore::default());
    watch.refuse_what_is_missing();
    let (delta, port) = (connector(), port("s", &watch.wrap(Arc::clone(&store)), "t", None));
    for version in 2..5 {
        for _again in 0..2 {
            let pinned = delta.pin(&context(), &port, &AsOf::Latest).await.unwrap();
            assert_eq!(pinned.version, Version::Delta(version));
        }
        let mut table = super::support::table(&store, "t");
        table.load().await.unwrap();
        append(table, numbered(version * 5, 5)).await;
    }
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await).len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_made_anew_is_not_its_predecessor() {
    let store = memory();
    let (delta, port) = (connector(), port("s", &store, "t", None));
    grown(&store, "t", 4).await;
    assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await).len(), 20);
    for commits in [4, 2] {
        let old: Vec<Path> = store.list(None).map_ok(|meta| meta.location).try_collect().await.unwrap();
        let old = futures::stream::iter(old.into_iter().map(Ok)).boxed();
        store.delete_stream(old).try_collect::<Vec<_>>().await.unwrap();
        let mut table = create(&store, "t", &numbered_schema(), &[]).await;
        for commit in 0..commits {
            table = append(table, numbered(1000 + commit, 1)).await;
        }
        let given = text(&read(&delta, &port, &AsOf::Latest).await);
        assert_eq!(given.len() as i64, commits);
        assert!(given[0].contains("n1000"), "{given:?}");
        assert_eq!(text(&read(&delta, &port, &AsOf::Number(1)).await), given[..1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_tidied_is_read_from_its_checkpoint() {
    let store = memory();
    grown(&store, "t", 6).await;
    let mut table = super::support::table(&store, "t");
    table.load_version(4).await.unwrap();
    deltalake::checkpoints::create_checkpoint(&table, None).await.unwrap();
    for version in 0..4 {
        store.delete(&Path::from(format!("t/_delta_log/{version:020}.json"))).await.unwrap();
    }
    let (delta, port) = (connector(), port("s", &store, "t", None));
    for version in [4, 5, 6] {
        assert_eq!(text(&read(&delta, &port, &AsOf::Number(version)).await).len() as i64, version * 5);
    }
    refused(&port, AsOf::Number(2), "it has no version 2; its log holds versions 4 to 6").await;
}

/// Logs are tidied by the times of their files, which a copy may have put out of order, and not at one stroke.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_version_before_a_hole_in_the_log_is_not_the_newest() {
    for is_discreet in [false, true] {
        let store = memory();
        grown(&store, "t", 6).await;
        let watch = Arc::new(WatchedStore::default());
        if is_discreet {
            watch.refuse_what_is_missing();
        }
        let (delta, port) = (connector(), port("s", &watch.wrap(Arc::clone(&store)), "t", None));
        delta.pin(&context(), &port, &AsOf::Number(2)).await.unwrap();
        let mut table = super::support::table(&store, "t");
        table.load_version(5).await.unwrap();
        deltalake::checkpoints::create_checkpoint(&table, None).await.unwrap();
        for version in [0, 1, 3, 4] {
            store.delete(&Path::from(format!("t/_delta_log/{version:020}.json"))).await.unwrap();
        }
        let pinned = delta.pin(&context(), &port, &AsOf::Latest).await.unwrap();
        assert_eq!(pinned.version, Version::Delta(6), "{is_discreet}");
        store.delete(&Path::from("t/_delta_log/00000000000000000002.json")).await.unwrap();
        assert_eq!(text(&read(&delta, &port, &AsOf::Latest).await).len(), 30);
        refused(&port, AsOf::Number(2), "it has no version 2").await;
    }
}

/// A table whose reader features deltalake does not have is refused by name, not read wrongly.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_reader_feature_is_refused() {
    let store = memory();
    let entry = [
        r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["fromTheFuture"],"writerFeatures":["fromTheFuture"]}}"#,
        r#"{"metaData":{"id":"t","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{},"createdTime":0}}"#,
    ];
    store.put(&Path::from("t/_delta_log/00000000000000000000.json"), entry.join("\n").into()).await.unwrap();
    let error = read_with(&connector(), &context(), &port("s", &store, "t", None), &AsOf::Latest).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(error.to_string().starts_with("sales.facts@1 is unavailable"), "{error}");
    assert!(error.report().contains("fromTheFuture"), "{}", error.report());
}

#[tokio::test(flavor = "multi_thread")]
async fn evolved_schemas_read_old_files_with_nulls() {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use deltalake::operations::write::SchemaMode;

    let store = memory();
    let table = create_with(&store, "t", &numbered_schema(), &[], HashMap::new()).await;
    let table = append(table, numbered(0, 2)).await;
    let wider = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("extra", DataType::Int64, true),
    ]));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![7])), Arc::new(Int64Array::from(vec![70]))];
    let batch = RecordBatch::try_new(wider, columns).unwrap();
    table.write([batch]).with_schema_mode(SchemaMode::Merge).await.unwrap();
    let given = text(&read(&connector(), &port("s", &store, "t", None), &AsOf::Latest).await);
    assert_eq!(given, ["\"0\" | \"n0\" | \"NULL\"", "\"1\" | \"n1\" | \"NULL\"", "\"7\" | \"NULL\" | \"70\""]);
}
