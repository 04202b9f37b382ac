//! An object that is replaced or removed after the pin is an error that says so, whatever was read of it before.

use std::sync::Arc;

use arrow::datatypes::DataType;
use bytes::Bytes;
use futures::StreamExt;
use meshweave_connectors::common::find;
use meshweave_engine::connect::Port;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use super::support::{columns, csv_connector};
use crate::support::{all_rows, context, is_changed, local_store, port, put_bytes, read};

const PATH: &str = "orders/a.csv";

/// Several pieces long.
fn content(from: i64) -> Bytes {
    ("id\n".to_owned() + &(from..from + 200_000).map(|id| format!("{id:09}\n")).collect::<String>()).into()
}

async fn table(store: &Arc<dyn ObjectStore>, id: &str) -> Port {
    put_bytes(store.as_ref(), PATH, content(0)).await;
    port(Arc::clone(store), id, "orders", Some(columns(&[("id", DataType::Int64)])))
}

async fn check(store: Arc<dyn ObjectStore>, id: &str) {
    for is_removed in [false, true] {
        let change = async || {
            if is_removed {
                store.delete(&PATH.into()).await.unwrap();
            } else {
                put_bytes(store.as_ref(), PATH, content(1_000_000)).await;
            }
        };
        let port = table(&store, id).await;
        let connector = csv_connector();
        let reading = read(connector.as_ref(), &context(), &port).await;
        change().await;
        let error = reading.scan(None, &[], None).await.expect_err("before reading");
        assert!(find(&error).is_some_and(is_changed), "{error}");

        let port = table(&store, id).await;
        let reading = read(connector.as_ref(), &context(), &port).await;
        let mut stream = reading.stream().await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        change().await;
        let error = loop {
            match stream.next().await.expect("a changed file must not end well") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(find(&error).is_some_and(is_changed), "{error}");
    }
    let port = table(&store, id).await;
    assert_eq!(all_rows(csv_connector().as_ref(), &port).await.len(), 200_000);
}

#[tokio::test]
async fn in_a_store_with_etags() {
    check(Arc::new(InMemory::new()), "memory").await;
}

#[tokio::test]
async fn in_local_files() {
    let folder = tempfile::tempdir().unwrap();
    check(local_store(folder.path()), "local").await;
}
