//! What belongs to a table: a file, a folder, a glob; and what it means when nothing lies there.

use std::sync::Arc;

use bytes::Bytes;
use meshweave_connectors::conformance::Reading;
use meshweave_engine::connect::{AsOf, Connector, Port};
use meshweave_engine::version::Version;
use meshweave_engine::{Failure, Kind};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::support::{all_rows, connector, context, failure, local_store, numbers, port, put, put_bytes};

const FILES: [(&str, i64); 7] = [
    ("orders/a.parquet", 1),
    ("orders/b.parquet", 2),
    ("orders/deep/er/c.parquet", 3),
    ("orders/_tmp/d.parquet", 4),
    ("orders/.e.parquet", 5),
    ("orders/f.csv", 6),
    ("orders2/g.parquet", 7),
];

async fn shelf() -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for (path, n) in FILES {
        put(store.as_ref(), path, &numbers([n])).await;
    }
    put_bytes(store.as_ref(), "orders/empty.parquet", Bytes::new()).await;
    store
}

fn at(store: Arc<dyn ObjectStore>, path: &str) -> Port {
    port(store, "memory", path, Some(numbers([]).schema()))
}

async fn check(location: &str, expected: &[i64]) {
    let rows = all_rows(&connector(), &at(shelf().await, location)).await;
    let expected: Vec<_> = expected.iter().map(|n| format!("\"{n}\"")).collect();
    assert_eq!(rows, expected, "{location}");
}

#[tokio::test]
async fn files_folders_and_globs() {
    check("orders", &[1, 2, 3]).await;
    check("orders/", &[1, 2, 3]).await;
    check("orders/a.parquet", &[1]).await;
    check("orders/f.csv", &[6]).await;
    check("orders/*.parquet", &[1, 2]).await;
    check("orders/[b-z].parquet", &[2]).await;
    check("orders/**/?.parquet", &[1, 2, 3]).await;
    check("orders/deep/*/c*", &[3]).await;
    check("orders*/*.parquet", &[1, 2, 7]).await;
}

#[tokio::test]
async fn an_empty_folder_is_an_empty_table() {
    let port = at(Arc::new(InMemory::new()), "orders");
    assert!(all_rows(&connector(), &port).await.is_empty());
    let observed = connector().probe(&context(), &port).await.unwrap();
    assert_eq!((observed.files, observed.rows, observed.schema), (0, Some(0), numbers([]).schema()));
}

#[tokio::test]
async fn nothing_at_all_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let local = || local_store(folder.path());
    let schema = Some(numbers([]).schema());
    let missing = [
        port(Arc::new(InMemory::new()), "memory", "orders/a.parquet", schema.clone()),
        port(local(), "local", "orders", schema.clone()),
        port(Arc::new(InMemory::new()), "memory", "orders", None),
    ];
    for port in missing {
        let error = failure(&connector(), &port).await;
        assert!(matches!(error.failure(), Failure::Unavailable { what, .. } if what == "shop.orders"), "{error}");
    }
    assert!(all_rows(&connector(), &port(local(), "local", "empty", schema)).await.is_empty());
}

#[tokio::test]
async fn a_delta_table_is_not_read_as_plain_files() {
    let store = shelf().await;
    put_bytes(store.as_ref(), "orders/_delta_log/00000000000000000000.json", Bytes::from_static(b"{}")).await;
    let error = failure(&connector(), &at(store, "orders")).await;
    assert_eq!(error.kind(), Kind::ContractBroken);
    assert!(error.to_string().contains("Delta"), "{error}");
}

#[tokio::test]
async fn what_is_no_parquet_file_breaks_the_contract() {
    let store = shelf().await;
    put_bytes(store.as_ref(), "orders/bad.parquet", Bytes::from_static(b"this is no parquet file")).await;
    let error = failure(&connector(), &at(store, "orders")).await;
    assert_eq!(error.kind(), Kind::ContractBroken);
    assert!(error.to_string().contains("bad.parquet"), "{error}");
}

#[tokio::test]
async fn a_kept_manifest_is_read_without_listing() {
    let (store, connector, ctx) = (shelf().await, connector(), context());
    let port = at(Arc::clone(&store) as _, "orders");
    let pinned = connector.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
    put(store.as_ref(), "orders/later.parquet", &numbers([99])).await;
    let recorded = AsOf::Recorded { version: pinned.version.clone(), manifest: pinned.manifest.clone() };
    let again = connector.pin(&ctx, &port, &recorded).await.unwrap();
    assert_eq!(again.version, pinned.version);
    let reading = Reading::of(&connector, &ctx, &port, &again).await.unwrap();
    let batches = reading.scan(None, &[], None).await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
    assert_ne!(connector.pin(&ctx, &port, &AsOf::Latest).await.unwrap().version, pinned.version);
}

#[tokio::test]
async fn a_manifest_must_be_kept_whole_and_inside() {
    let (connector, ctx) = (connector(), context());
    let port = at(shelf().await, "orders");
    let pinned = connector.pin(&ctx, &port, &AsOf::Latest).await.unwrap();
    let recorded = |version: &Version, manifest: Option<Bytes>| AsOf::Recorded { version: version.clone(), manifest };
    let other = Version::Manifest("sha256:00".to_owned());
    let elsewhere = at(shelf().await, "orders2");
    let refused = [
        connector.pin(&ctx, &port, &recorded(&pinned.version, None)).await,
        connector.pin(&ctx, &port, &recorded(&other, pinned.manifest.clone())).await,
        connector.pin(&ctx, &port, &recorded(&Version::Delta(3), None)).await,
        connector.pin(&ctx, &elsewhere, &recorded(&pinned.version, pinned.manifest.clone())).await,
    ];
    for answer in refused {
        assert_eq!(answer.unwrap_err().kind(), Kind::Unavailable);
    }
}

#[tokio::test]
async fn plain_files_do_not_travel_in_time() {
    let port = at(shelf().await, "orders");
    for as_of in [AsOf::Number(1), AsOf::Timestamp(0)] {
        let error = connector().pin(&context(), &port, &as_of).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains("shop.orders"), "{error}");
    }
}

#[tokio::test]
async fn a_cancelled_query_pins_nothing() {
    let ctx = context();
    ctx.cancel.cancel();
    let error = connector().pin(&ctx, &at(shelf().await, "orders"), &AsOf::Latest).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
}
