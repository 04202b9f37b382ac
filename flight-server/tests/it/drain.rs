//! Health, and an end in order: health first, then new calls, then what runs, then connections.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use meshweave_flight_server::Options;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::small::{Server, ada, ticket};

/// More rows than anybody reads, made as they are asked for.
const ENDLESS: &str = "SELECT i, repeat('x', 100) AS t FROM generate_series(1, 1000000000000) AS s(i)";
/// Some megabytes: more than fits into the buffers between server and client.
const LONG: &str = "SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 40000) AS s(i)";
const SERVICES: [&str; 2] = ["", "arrow.flight.protocol.FlightService"];
/// A guard against hanging, never reached.
const LONG_TIME: Duration = Duration::from_secs(3600);

fn asking(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn health_says_that_it_serves() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    for service in SERVICES {
        let answer = health.check(asking(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    assert_eq!(health.check(asking("something.else")).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_drain_turns_new_calls_away_and_finishes_what_runs() {
    let options = Options { drain: LONG_TIME, ..Options::new(ada()) };
    let door = Arc::clone(&options.door);
    let server = Server::with(options).await;
    let channel = server.channel().await;
    let mut client = server.client().await;
    let info = client.execute(LONG.into(), None).await.unwrap();
    let unfetched = client.execute(LONG.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(channel.clone());
    let mut running = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    running.message().await.unwrap().unwrap();
    assert_eq!(door.streams.get(), 1);

    let mut watches = Vec::new();
    for service in SERVICES {
        let mut watch = HealthClient::new(channel.clone()).watch(asking(service)).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    let tasks = server.stop();
    for watch in &mut watches {
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    }
    // Health is the first to know; a moment later the door is shut.
    while !door.is_draining() {
        tokio::task::yield_now().await;
    }
    let FlightError::Tonic(refused) = client.execute("SELECT 1".into(), None).await.unwrap_err() else {
        panic!("not a status")
    };
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("shutting down") && refused.message().contains("hint: "), "{refused}");
    let refused = raw.do_get(ticket(&unfetched)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "an answer that was not begun is not begun any more");

    let mut bytes = 0;
    while let Some(message) = running.message().await.unwrap() {
        bytes += message.data_body.len();
    }
    assert!(bytes > 40_000_000, "the whole answer came: {bytes}");
    for watch in &mut watches {
        assert!(watch.message().await.unwrap().is_none(), "the watch ends with the server");
    }
    tasks.join_all().await;
    assert_eq!(door.streams.get(), 0);
}

#[tokio::test]
async fn whoever_is_in_a_hurry_does_not_wait_for_the_drain() {
    let options = Options { drain: LONG_TIME, ..Options::new(ada()) };
    let hurry = options.hurry.clone();
    let server = Server::with(options).await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let tasks = server.stop();
    hurry.cancel();
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the rows ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Cancelled);
    tasks.join_all().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_keep_the_server() {
    let options = Options { drain: Duration::from_millis(10), close: Duration::from_millis(50), ..Options::new(ada()) };
    let server = Server::with(options).await;
    let info = server.client().await.execute(ENDLESS.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await);
    let stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    server.stop().join_all().await;
    drop(stream);
}
