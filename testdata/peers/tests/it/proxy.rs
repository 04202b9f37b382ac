//! The counting proxy before the real S3 server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use futures::future::join_all;
use meshweave_test_peers::{Action, Proxy, S3Server};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

/// A server, a proxy before it, a store through the proxy and one past it.
async fn behind_a_proxy() -> (S3Server, Proxy, AmazonS3, AmazonS3) {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("mesh").unwrap();
    let proxy = Proxy::start(&server.url()).await.unwrap();
    let through = server.root().store(&proxy.url(), "mesh").unwrap();
    let past = server.root().store(&server.url(), "mesh").unwrap();
    (server, proxy, through, past)
}

#[tokio::test]
async fn requests_and_bytes_are_counted() {
    let (_server, proxy, store, _) = behind_a_proxy().await;
    let path = Path::from("x");
    store.put(&path, vec![7_u8; 100_000].into()).await.unwrap();
    proxy.reset();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap().len(), 100_000);
    assert_eq!(store.get_range(&path, 10..30).await.unwrap().len(), 20);
    store.head(&path).await.unwrap();
    let counts = proxy.counts();
    assert_eq!((counts.of("GET"), counts.of("HEAD"), counts.total()), (2, 1, 3));
    assert_eq!(counts.sent_bytes, 100_020);
    let log = proxy.log();
    assert_eq!(log[1].range.as_deref(), Some("bytes=10-29"));
    assert_eq!(log.iter().map(|seen| seen.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(log.iter().all(|seen| seen.target.starts_with("/mesh/x")), "{log:?}");
}

#[tokio::test]
async fn requests_in_flight_are_counted() {
    let (_server, proxy, store, _) = behind_a_proxy().await;
    let path = Path::from("x");
    store.put(&path, "x".into()).await.unwrap();
    proxy.reset();
    // All four wait for each other, so four are in flight at once.
    let barrier = Arc::new(tokio::sync::Barrier::new(4));
    proxy.on_request(move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Action::Forward
        }
    });
    let answers = join_all((0..4).map(|_| async { store.get(&path).await.unwrap().bytes().await.unwrap() })).await;
    assert_eq!(answers.len(), 4);
    assert_eq!(proxy.counts().most_in_flight, 4);
}

#[tokio::test]
async fn a_hook_replaces_an_object_between_two_reads() {
    let (_server, proxy, store, past) = behind_a_proxy().await;
    let path = Path::from("x");
    store.put(&path, "before".into()).await.unwrap();
    proxy.reset();
    let past = Arc::new(past);
    proxy.on_request(move |seen| {
        let past = Arc::clone(&past);
        async move {
            if seen.number == 2 {
                past.put(&Path::from("x"), "behind".into()).await.unwrap();
            }
            Action::Forward
        }
    });
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "before");
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "behind");
}

#[tokio::test]
async fn a_hook_answers_instead_of_the_server() {
    let (_server, proxy, store, _) = behind_a_proxy().await;
    let path = Path::from("x");
    store.put(&path, "x".into()).await.unwrap();
    proxy.reset();
    let failures = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&failures);
    proxy.on_request(move |seen| {
        let fails = seen.number <= 2;
        counted.fetch_add(u64::from(fails), Ordering::Relaxed);
        std::future::ready(if fails { Action::Answer(503) } else { Action::Forward })
    });
    // The client tries again after a 503.
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "x");
    assert_eq!(failures.load(Ordering::Relaxed), 2);
    assert_eq!(proxy.counts().of("GET"), 3);
    proxy.clear_hook();
    store.get(&path).await.unwrap();
}

#[tokio::test]
async fn a_dropped_answer_is_no_longer_in_flight() {
    let (_server, proxy, store, _) = behind_a_proxy().await;
    let path = Path::from("big");
    store.put(&path, vec![1_u8; 64 << 20].into()).await.unwrap();
    proxy.reset();
    let mut body = store.get(&path).await.unwrap().into_stream();
    body.next().await.unwrap().unwrap();
    assert_eq!(proxy.counts().in_flight, 1);
    drop(body);
    while proxy.counts().in_flight > 0 {
        tokio::task::yield_now().await;
    }
    assert!(proxy.counts().sent_bytes < 64 << 20, "the rest was not sent");
}

#[tokio::test]
async fn a_dropped_proxy_listens_no_more() {
    let (_server, proxy, store, _) = behind_a_proxy().await;
    let address = proxy.url().trim_start_matches("http://").to_owned();
    store.put(&Path::from("x"), "x".into()).await.unwrap();
    drop(proxy);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
