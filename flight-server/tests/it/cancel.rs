//! Leaving early stops the work; a deadline holds for the whole answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use meshweave_flight_server::Options;
use tonic::{Code, Request};

use crate::small::{Server, ada, ticket};

/// More rows than anybody reads, made as they are asked for.
const ENDLESS: &str = "SELECT i, repeat('x', 100) AS t FROM generate_series(1, 1000000000000) AS s(i)";

/// Waits until something has happened; a test that never sees it fails by its harness's limit.
async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn dropping_the_stream_drops_the_answer() {
    let server = Server::start().await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    for _ in 0..3 {
        stream.message().await.unwrap().unwrap();
    }
    assert_eq!(server.probe.dropped.load(Ordering::SeqCst), 0);
    drop(stream);
    until(|| server.probe.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn losing_the_connection_drops_the_answer() {
    let server = Server::start().await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    {
        let mut raw = FlightServiceClient::new(server.channel().await);
        let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
    }
    until(|| server.probe.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_deadline_holds_for_the_rows() {
    let server = Server::start().await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut request = Request::new(ticket(&info));
    // Only the header: tonic's client would give up by itself.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let mut stream = raw.do_get(request).await.unwrap().into_inner();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the rows ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded);
    until(|| server.probe.dropped.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn the_end_of_the_server_ends_what_runs() {
    let mut options = Options::new(ada());
    options.drain = Duration::from_millis(10);
    let server = Server::with(options).await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let probe = std::sync::Arc::clone(&server.probe);
    let tasks = server.stop();
    while stream.message().await.is_ok_and(|message| message.is_some()) {}
    until(|| probe.dropped.load(Ordering::SeqCst) == 1).await;
    drop(stream);
    drop(raw);
    tasks.join_all().await;
}
