//! SIGTERM: running answers are finished within their time, and cancelled after it.

use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::server::{Server, get, rows, ticket};

/// Some megabytes: more than fits into the buffers between server and client.
const LONG: &str = "SELECT value, repeat('x', 1000) AS t FROM generate_series(1, 40000)";
/// More rows than anybody reads.
const ENDLESS: &str = "SELECT value, repeat('x', 1000) AS t FROM generate_series(1, 1000000000000)";

async fn raw(server: &Server) -> FlightServiceClient<Channel> {
    let address = format!("http://{}", server.flight());
    FlightServiceClient::new(Channel::from_shared(address).unwrap().connect().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_finished_and_nothing_new_is_begun() {
    let server = Server::start(&[("MESHWEAVE_LIMITS__DRAIN_TIMEOUT", "1h")]);
    let mut client = server.client().await;
    let info = client.execute(LONG.to_owned(), None).await.unwrap();
    let mut running = raw(&server).await.do_get(ticket(&info)).await.unwrap().into_inner();
    running.message().await.unwrap().unwrap();

    server.signal("TERM");
    server.logged("draining").await;
    let refused = match rows(&mut client, "SELECT 1").await {
        Err(FlightError::Tonic(status)) => status,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("the server is shutting down"), "{refused}");
    let http = server.told("http").to_owned();
    assert_eq!(get(&format!("{http}/ready")).0, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(get(&format!("{http}/health")).0, "HTTP/1.1 200 OK");

    let mut bytes = 0;
    while let Some(message) = running.message().await.unwrap() {
        bytes += message.data_body.len();
    }
    assert!(bytes > 40_000_000, "the whole answer came: {bytes}");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped") && !log.contains("cancelled"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_is_cancelled_after_its_time() {
    let server = Server::start(&[("MESHWEAVE_LIMITS__DRAIN_TIMEOUT", "100ms")]);
    let info = server.client().await.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut running = raw(&server).await.do_get(ticket(&info)).await.unwrap().into_inner();
    running.message().await.unwrap().unwrap();
    server.signal("TERM");
    let status = loop {
        match running.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the rows ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Cancelled, "{status}");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("running answers are cancelled"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    let server = Server::start(&[("MESHWEAVE_LIMITS__DRAIN_TIMEOUT", "1h")]);
    let info = server.client().await.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut running = raw(&server).await.do_get(ticket(&info)).await.unwrap().into_inner();
    running.message().await.unwrap().unwrap();
    server.signal("TERM");
    server.logged("draining").await;
    server.signal("INT");
    while running.message().await.is_ok_and(|message| message.is_some()) {}
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_taken_by_another_server_with_the_same_keys() {
    let (key, other) = ("00112233445566778899aabbccddeeff".repeat(2), "ff".repeat(32));
    let both = format!("{other},{key}");
    let start = |keys: &str| Server::start(&[("MESHWEAVE_LISTEN__TICKET_KEYS_ENV", "TICKETS"), ("TICKETS", keys)]);
    let (gives, takes, stranger) = (start(&key), start(&both), start(&other));
    let info = gives.client().await.execute("SELECT count(*) FROM commerce.orders".to_owned(), None).await.unwrap();
    let mut rows = raw(&takes).await.do_get(ticket(&info)).await.unwrap().into_inner();
    rows.message().await.unwrap().unwrap();
    raw(&stranger).await.do_get(ticket(&info)).await.unwrap_err();
}
