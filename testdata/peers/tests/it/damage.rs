//! The proxy's damage, and servers that are dead: each does what its name says.

use std::time::Duration;

use meshweave_test_peers::{Action, Damage, Deaf, Proxy, Refusing, S3Server};
use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3;
use object_store::path::Path;

const SIZE: usize = 1000;

/// A store whose answers are damaged.
async fn damaged(how: Damage) -> (S3Server, Proxy, AmazonS3) {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("mesh").unwrap();
    let past = server.root().store(&server.url(), "mesh").unwrap();
    past.put(&Path::from("x"), vec![7_u8; SIZE].into()).await.unwrap();
    let proxy = Proxy::start(&server.url()).await.unwrap();
    proxy.on_request(move |_| async move { Action::Damage(how) });
    let store = server.root().store(&proxy.url(), "mesh").unwrap();
    (server, proxy, store)
}

/// A control: an object store's own client takes a short part for a whole one. When this fails, it has learnt to count, and ours need
/// not any more.
#[tokio::test]
async fn a_shortened_part_is_taken_for_whole_by_the_stock_client() {
    let (_server, _proxy, store) = damaged(Damage::Shorten).await;
    let part = store.get_range(&Path::from("x"), 0..100).await.unwrap();
    assert_eq!(part.len(), 50);
}

#[tokio::test]
async fn what_is_cut_off_goes_on_where_it_ended() {
    let (_server, proxy, store) = damaged(Damage::CutOff).await;
    proxy.end_with_reset(true);
    let whole = store.get_range(&Path::from("x"), 0..16).await.unwrap();
    assert_eq!(whole.as_ref(), [7_u8; 16]);
    let ranges: Vec<_> = proxy.log().into_iter().filter_map(|seen| seen.range).collect();
    assert_eq!(ranges[..2], ["bytes=0-15", "bytes=8-15"], "half of what is left comes every time");
}

#[tokio::test]
async fn what_stalls_gives_half_and_no_more() {
    use futures::TryStreamExt as _;
    let (_server, proxy, store) = damaged(Damage::Stall).await;
    let mut body = store.get(&Path::from("x")).await.unwrap().into_stream();
    let mut came = 0;
    while came < SIZE / 2 {
        came += body.try_next().await.unwrap().unwrap().len();
    }
    assert_eq!(came, SIZE / 2);
    let more = tokio::time::timeout(Duration::from_millis(200), body.try_next()).await;
    assert!(more.is_err(), "nothing more comes, and nothing ends");
    assert_eq!(proxy.counts().total(), 1);
}

#[tokio::test]
async fn the_dead_refuse_or_never_accept() {
    let address = |url: String| url.strip_prefix("http://").unwrap().to_owned();
    let refusing = Refusing::start().unwrap();
    let refused = tokio::net::TcpStream::connect(address(refusing.url().unwrap())).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let deaf = Deaf::start().await.unwrap();
    let connecting = tokio::net::TcpStream::connect(address(deaf.url().unwrap()));
    assert!(tokio::time::timeout(Duration::from_millis(300), connecting).await.is_err());
}
