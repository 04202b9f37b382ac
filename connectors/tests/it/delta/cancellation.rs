//! Stopping: a query that was cancelled or dropped asks its store for nothing more; a file that vanished is told by name.

use std::sync::Arc;

use futures::StreamExt;
use futures::TryStreamExt;
use meshweave_connectors::conformance::{Reading, WatchedStore, context};
use meshweave_engine::connect::{AsOf, Connector, Port};
use meshweave_engine::{Failure, Kind, QueryContext};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::support::{append, connector, create, numbered, numbered_schema, port, say};

/// Forty files, behind a watch.
async fn many_files() -> (Arc<dyn ObjectStore>, Arc<WatchedStore>, Port) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut table = create(&store, "t", &numbered_schema(), &[]).await;
    for file in 0..40 {
        table = append(table, numbered(file * 10, 10)).await;
    }
    let watch = Arc::new(WatchedStore::default());
    let port = port("s", &watch.wrap(Arc::clone(&store)), "t", Some(numbered_schema()));
    (store, watch, port)
}

async fn open(ctx: &QueryContext, port: &Port) -> Reading {
    let delta = connector();
    let pinned = delta.pin(ctx, port, &AsOf::Latest).await.unwrap();
    Reading::of(&delta, ctx, port, &pinned).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_query_asks_for_nothing_more() {
    let (_, watch, port) = many_files().await;
    let ctx = context();
    let reading = open(&ctx, &port).await;
    let mut stream = reading.stream().await.unwrap();
    stream.next().await.unwrap().unwrap();
    ctx.cancel.cancel();
    let before = watch.requests();
    let mut last = None;
    while let Some(next) = stream.next().await {
        last = Some(next);
    }
    // What was on its way when the query was cancelled may still arrive: at most one request for each partition.
    assert!(watch.requests() - before <= 3, "{} requests after the cancellation", watch.requests() - before);
    let error = say(last.unwrap().unwrap_err());
    assert_eq!(error.kind(), Kind::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_context_pins_nothing() {
    let (_, watch, port) = many_files().await;
    let ctx = context();
    ctx.cancel.cancel();
    let error = connector().pin(&ctx, &port, &AsOf::Latest).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(watch.requests(), 0);
}

/// A pin that is dropped while it replays the log on a blocking thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_pin_asks_for_nothing_more() {
    let (_, watch, port) = many_files().await;
    let (delta, ctx) = (connector(), context());
    let mut pin = Box::pin(delta.pin(&ctx, &port, &AsOf::Latest));
    while watch.requests() == 0 {
        assert!(futures::poll!(&mut pin).is_pending(), "the pin ended before its first request");
        tokio::task::yield_now().await;
    }
    drop(pin);
    let at_drop = watch.requests();
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(watch.requests() - at_drop <= 10, "{} requests after the drop", watch.requests() - at_drop);
    assert!(watch.requests() < 40, "the whole log was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_on_the_query() {
    let (_, watch, port) = many_files().await;
    let ctx = context();
    let reading = open(&ctx, &port).await;
    reading.query(Ok).await.unwrap();
    assert!(ctx.usage.requests() >= 80, "{}", ctx.usage.requests());
    assert!(ctx.usage.requests() <= watch.requests());
    assert!(ctx.usage.bytes() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_file_is_told_by_product() {
    let (store, _, port) = many_files().await;
    let ctx = context();
    let reading = open(&ctx, &port).await;
    let files: Vec<Path> = store.list(Some(&Path::from("t"))).map_ok(|meta| meta.location).try_collect().await.unwrap();
    let data = files.iter().rfind(|path| path.extension() == Some("parquet")).unwrap();
    store.delete(data).await.unwrap();
    let error = say(reading.query(Ok).await.unwrap_err());
    assert_eq!(error.kind(), Kind::Unavailable);
    let Failure::PinnedObjectChanged { product, object, .. } = error.failure() else { panic!("{error:?}") };
    assert_eq!(product, "sales.facts@1");
    assert!(data.as_ref().ends_with(object.as_str()), "{object}");
}
