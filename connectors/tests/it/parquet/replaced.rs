//! An object that is replaced, rewritten or removed after the pin is an error that says so.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt;
use meshweave_connectors::common::find;
use meshweave_connectors::conformance::Reading;
use meshweave_engine::connect::{Connector, Port};
use meshweave_test_peers::S3Server;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::support::{
    all_rows, connector, context, file, is_changed, local_store, numbers, port, put_bytes, read, row_groups_of,
};

const PATH: &str = "orders/part-0.parquet";

/// Files of one size with four row groups; no row of one is in another.
fn content(from: i64) -> Bytes {
    file(&numbers(from..from + 4000), row_groups_of(1000).set_dictionary_enabled(false))
}

pub(crate) struct Table {
    store: Arc<dyn ObjectStore>,
    folder: Option<TempDir>,
    port: Port,
}

impl Table {
    async fn in_memory() -> Self {
        Self::of(Arc::new(InMemory::new()), None, "memory").await
    }

    async fn in_files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = local_store(folder.path());
        Self::of(store, Some(folder), "local").await
    }

    async fn of(store: Arc<dyn ObjectStore>, folder: Option<TempDir>, id: &str) -> Self {
        let read = Arc::clone(&store);
        Self { folder, ..Self::remote(store, read, id).await }
    }

    /// Written through one store, read through another over the same objects.
    pub(crate) async fn remote(write: Arc<dyn ObjectStore>, read: Arc<dyn ObjectStore>, id: &str) -> Self {
        put_bytes(write.as_ref(), PATH, content(0)).await;
        let port = port(read, id, "orders", Some(numbers([]).schema()));
        Self { store: write, folder: None, port }
    }

    fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join(PATH)
    }

    pub(crate) async fn replace(&self) {
        put_bytes(self.store.as_ref(), PATH, content(5_000_000)).await;
    }

    /// Writes other bytes into the same file: same inode, same size, another time.
    fn rewrite(&self) {
        use std::os::unix::fs::MetadataExt;
        let inode = std::fs::metadata(self.path()).unwrap().ino();
        std::fs::write(self.path(), content(5_000_000)).unwrap();
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        File::options().write(true).open(self.path()).unwrap().set_modified(later).unwrap();
        assert_eq!(std::fs::metadata(self.path()).unwrap().ino(), inode);
    }

    pub(crate) async fn remove(&self) {
        self.store.delete(&PATH.into()).await.unwrap();
    }
}

/// Reading what was pinned before `change` fails.
pub(crate) async fn changed_before_reading(table: &Table, change: impl AsyncFnOnce(&Table)) {
    let (connector, ctx) = (connector(), context());
    let pinned = connector.pin(&ctx, &table.port, &meshweave_engine::connect::AsOf::Latest).await.unwrap();
    let reading = Reading::of(&connector, &ctx, &table.port, &pinned).await.unwrap();
    change(table).await;
    let error = reading.scan(None, &[], None).await.expect_err("it must be refused");
    assert!(find(&error).is_some_and(is_changed), "{error}");
}

/// A change after the first row group was given ends the stream with an error, and no new row is given.
pub(crate) async fn changed_between_row_groups(table: &Table, change: impl AsyncFnOnce(&Table)) {
    let (connector, ctx) = (connector(), context());
    let reading = read(&connector, &ctx, &table.port).await;
    let plan = reading.opened.provider.scan(&reading.state, None, &[], None).await.unwrap();
    let mut stream = plan.execute(0, reading.task()).unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.num_rows(), 1000, "the first batch is the first row group");
    change(table).await;
    let mut rest = Vec::new();
    while let Some(next) = stream.next().await {
        rest.push(next);
    }
    let error = rest.pop().expect("the stream must not end well").expect_err("the stream must end with an error");
    assert!(find(&error).is_some_and(is_changed), "{error}");
    assert!(rest.is_empty(), "no further row may be given");
}

#[tokio::test]
async fn replaced_before_reading() {
    changed_before_reading(&Table::in_memory().await, Table::replace).await;
    changed_before_reading(&Table::in_files().await, Table::replace).await;
}

#[tokio::test]
async fn replaced_between_row_groups() {
    changed_between_row_groups(&Table::in_memory().await, Table::replace).await;
    changed_between_row_groups(&Table::in_files().await, Table::replace).await;
}

#[tokio::test]
async fn replaced_and_removed_on_s3() {
    let server = S3Server::start().await.unwrap();
    for (bucket, between) in [("first", false), ("second", true)] {
        server.create_bucket(bucket).unwrap();
        let store = Arc::new(server.root().store(&server.url(), bucket).unwrap());
        let table = Table::of(store, None, "s3").await;
        if between {
            changed_between_row_groups(&table, Table::replace).await;
            changed_between_row_groups(&table, Table::remove).await;
        } else {
            changed_before_reading(&table, Table::replace).await;
            changed_before_reading(&table, Table::remove).await;
        }
    }
}

#[tokio::test]
async fn rewritten_in_place() {
    changed_before_reading(&Table::in_files().await, async |table: &Table| table.rewrite()).await;
    changed_between_row_groups(&Table::in_files().await, async |table: &Table| table.rewrite()).await;
}

#[tokio::test]
async fn removed() {
    changed_before_reading(&Table::in_memory().await, Table::remove).await;
    changed_between_row_groups(&Table::in_memory().await, Table::remove).await;
    changed_between_row_groups(&Table::in_files().await, Table::remove).await;
}

#[tokio::test]
async fn the_next_query_sees_the_new_object() {
    for table in [Table::in_memory().await, Table::in_files().await] {
        let connector = connector();
        assert_eq!(all_rows(&connector, &table.port).await[0], "\"0\"");
        table.replace().await;
        let rows = all_rows(&connector, &table.port).await;
        assert_eq!((rows.len(), rows[0].as_str()), (4000, "\"5000000\""));
    }
}
