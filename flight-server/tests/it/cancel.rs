//! Leaving early stops the work; a deadline holds for the whole answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::FlightDescriptor;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementIngest, ProstMessageExt, TableDefinitionOptions};
use futures::{StreamExt, stream};
use meshweave_flight_server::Options;
use prost::Message;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::mesh::Mesh;
use crate::small::{Server, ada, fetch, ticket};

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
    request.metadata_mut().insert("grpc-timeout", "1500m".parse().unwrap());
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

#[tokio::test]
async fn planning_is_given_up_when_the_client_goes() {
    let server = Server::start().await;
    server.probe.hangs.store(true, Ordering::SeqCst);
    let mut client = server.client().await;
    let mut call = JoinSet::new();
    call.spawn(async move { client.execute("SELECT 1".into(), None).await.map(drop) });
    until(|| server.probe.planned.load(Ordering::SeqCst) == 1).await;
    assert_eq!(server.probe.given_up.load(Ordering::SeqCst), 0);
    call.shutdown().await;
    until(|| server.probe.given_up.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn planning_is_given_up_at_the_deadline() {
    let server = Server::start().await;
    server.probe.hangs.store(true, Ordering::SeqCst);
    let mut client = server.client().await;
    client.set_header("grpc-timeout", "1000m");
    let error = client.execute("SELECT 1".into(), None).await.unwrap_err().to_string();
    until(|| server.probe.given_up.load(Ordering::SeqCst) == 1).await;
    assert!(error.contains("did not finish within 1s"), "{error}");
}

#[tokio::test]
async fn rows_on_their_way_in_are_given_up_when_the_client_goes() {
    let mesh = Mesh::start(&[]).await;
    let options = TableDefinitionOptions { if_not_exist: 1, if_exists: 1 };
    let command = CommandStatementIngest {
        table_definition_options: Some(options),
        table: "t".into(),
        ..CommandStatementIngest::default()
    };
    let column: ArrayRef = std::sync::Arc::new(Int64Array::from_iter_values(0..20_000));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    // Rows that come, and then nothing: neither more nor an end.
    let messages = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor))
        .build(stream::iter([Ok(batch)]).chain(stream::pending()))
        .map(|message| message.unwrap());
    let mut request = Request::new(messages);
    request.metadata_mut().insert("authorization", "Bearer mine".parse().unwrap());
    // A process that is killed closes its connections: here a runtime that ends.
    let client = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = mesh.address.clone();
    let call = async move {
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        FlightServiceClient::new(channel).do_put(request).await.map(drop)
    };
    drop(client.spawn(call));
    until(|| mesh.engine.reserved_bytes() > 0).await;
    client.shutdown_background();
    until(|| mesh.engine.reserved_bytes() == 0).await;
}

/// Rows of 1 kB, as many as anybody reads.
const WIDE: &str = "SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 1000000000000) AS s(i)";
/// What a reader may hold of the server's memory, bytes.
const MOST_OF_A_READER: usize = 16 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_readers_hold_little_and_do_not_keep_others_from_reading() {
    const READERS: usize = 8;
    let mesh = Mesh::start(&[]).await;
    let mut slow = Vec::new();
    for _ in 0..READERS {
        let mut client = mesh.client().await;
        let info = client.execute(WIDE.into(), None).await.unwrap();
        let mut stream = client.into_inner().do_get(ticket(&info)).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        stream.message().await.unwrap().unwrap();
        slow.push(stream);
    }
    assert!(mesh.engine.reserved_bytes() > 0, "what waits for a reader is counted");
    let mut client = mesh.client().await;
    for _ in 0..3 {
        let sql = "SELECT i, repeat('y', 100) AS t FROM generate_series(1, 100000) AS s(i)";
        let info = client.execute(sql.into(), None).await.unwrap();
        let batches = fetch(&mut client, &info).await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 100_000);
        let held = mesh.engine.reserved_bytes();
        assert!(held <= READERS * MOST_OF_A_READER, "{held} bytes for {READERS} readers");
    }
    drop(slow);
    until(|| mesh.engine.reserved_bytes() == 0).await;
}
