//! Statements, the ways around them, and what is refused.

use std::sync::atomic::Ordering;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementSubstraitPlan, ProstMessageExt};
use arrow_flight::{Action, Empty, FlightDescriptor, HandshakeRequest};
use futures::TryStreamExt;
use prost::Message;
use tonic::{Code, Request};

use crate::small::{Server, fetch, rows, show, ticket};

#[tokio::test]
async fn a_statement_gives_its_rows() {
    let server = Server::start().await;
    let mut client = server.client().await;
    assert_eq!(rows(&mut client, "SELECT id, city FROM shop.orders ORDER BY id").await, "1 Oslo; 2 null; 3 Rome");
    assert_eq!(rows(&mut client, "SELECT 'x' || 1").await, "x1");
}

#[tokio::test]
async fn planning_runs_nothing() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.execute("SELECT id FROM orders".into(), None).await.unwrap();
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 0);
    assert_eq!((info.total_records, info.total_bytes), (-1, -1));
    fetch(&mut client, &info).await.unwrap();
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_empty_answer_has_its_schema() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.execute("SELECT id FROM orders WHERE id > 99".into(), None).await.unwrap();
    let mut stream = client.do_get(ticket(&info)).await.unwrap();
    assert!(stream.try_next().await.unwrap().is_none());
    assert_eq!(stream.schema().unwrap().field(0).name(), "id");
}

#[tokio::test]
async fn the_fetch_reads_what_was_pinned() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.execute("SELECT DISTINCT version FROM orders".into(), None).await.unwrap();
    server.probe.newest.store(1, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "0");
    }
    assert_eq!(rows(&mut client, "SELECT DISTINCT version FROM orders").await, "1");
    let metadata: serde_json::Value = serde_json::from_slice(&info.app_metadata).unwrap();
    assert_eq!(metadata["versions"], serde_json::json!({"v": 1, "products": {"shop.orders@1": {"delta": 0}}}));
}

#[tokio::test]
async fn the_query_id_is_the_same_everywhere() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.execute("SELECT 1".into(), None).await.unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&info.app_metadata).unwrap();
    let id = metadata["query_id"].as_str().unwrap();
    let stream = client.do_get(ticket(&info)).await.unwrap();
    assert_eq!(stream.headers().get("x-meshweave-query-id").unwrap(), id);
    let contexts = server.probe.contexts.lock();
    assert!(contexts.len() == 2 && contexts.iter().all(|ctx| ctx.query_id.to_string() == id));
}

#[tokio::test]
async fn headers_reach_the_query() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.set_header("x-meshweave-purpose", "billing");
    client.set_header("schema", "shop");
    let info = client.execute("SELECT 1".into(), None).await.unwrap();
    fetch(&mut server.client().await, &info).await.unwrap();
    for ctx in server.probe.contexts.lock().iter() {
        assert_eq!(ctx.purpose.as_deref(), Some("billing"), "the ticket keeps it");
        assert_eq!(ctx.default_schema.as_deref(), Some("shop"));
    }
}

#[tokio::test]
async fn native_types_are_for_who_asks() {
    let server = Server::start().await;
    let sql = "SELECT arrow_cast('x', 'Utf8View') AS v";
    for (wire, expected) in [("compat", "Utf8"), ("native", "Utf8View")] {
        let mut client = server.client().await;
        client.set_header("x-meshweave-wire", wire);
        let info = client.execute(sql.into(), None).await.unwrap();
        // The ticket says which types were announced, not the header of the fetch.
        let batches = fetch(&mut server.client().await, &info).await.unwrap();
        assert_eq!(batches[0].column(0).data_type().to_string(), expected);
        assert_eq!(info.try_decode_schema().unwrap().field(0).data_type().to_string(), expected);
    }
}

#[tokio::test]
async fn a_large_answer_arrives_in_small_messages() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let sql = "SELECT i, repeat('x', CAST(i % 300 AS BIGINT)) AS t FROM generate_series(1, 100000) AS s(i)";
    let info = client.execute(sql.into(), None).await.unwrap();
    let mut raw = FlightServiceClient::new(server.channel().await).max_decoding_message_size(4 << 20);
    let mut messages = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    let mut bytes = 0;
    let mut largest = 0;
    while let Some(message) = messages.message().await.unwrap() {
        largest = largest.max(message.encoded_len());
        bytes += message.encoded_len();
    }
    assert!(bytes > 12 << 20 && largest < 4 << 20, "{bytes} {largest}");
    let batches = fetch(&mut client, &info).await.unwrap();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 100_000);
}

#[tokio::test]
async fn one_value_above_the_limit_is_a_clear_error() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let sql = "SELECT repeat('x', 5000000) AS long_text";
    let info = client.execute(sql.into(), None).await.unwrap();
    let error = fetch(&mut client, &info).await.unwrap_err();
    let arrow_flight::error::FlightError::Tonic(status) = error else { panic!("{error}") };
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("column \"long_text\""), "{}", status.message());
    client.set_header("x-meshweave-max-message-bytes", "8000000");
    let channel = server.channel().await;
    let mut raw = FlightServiceClient::new(channel).max_decoding_message_size(8 << 20);
    let mut request = Request::new(ticket(&info));
    request.metadata_mut().insert("x-meshweave-max-message-bytes", "8000000".parse().unwrap());
    let mut messages = raw.do_get(request).await.unwrap().into_inner();
    messages.message().await.unwrap();
    assert!(messages.message().await.unwrap().unwrap().encoded_len() > 5_000_000);
}

#[tokio::test]
async fn a_handshake_answers_every_driver() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.handshake("anybody", "anything").await.unwrap();
    assert!(client.token().is_some_and(|token| !token.is_empty()));
    assert_eq!(rows(&mut client, "SELECT 1").await, "1", "the bearer is carried along");
    // Zero messages, and a bearer that somebody else made.
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut request = Request::new(futures::stream::empty::<HandshakeRequest>());
    request.metadata_mut().insert("authorization", "Bearer mine".parse().unwrap());
    let answer = raw.handshake(request).await.unwrap();
    assert_eq!(answer.metadata().get("authorization").unwrap(), "Bearer mine");
}

#[tokio::test]
async fn listed_actions_are_the_ones_there_are() {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    let listed: Vec<_> = raw.list_actions(Empty {}).await.unwrap().into_inner().try_collect().await.unwrap();
    assert_eq!(listed.len(), 9);
    for action in listed {
        let status =
            raw.do_action(Action { r#type: action.r#type, body: b"junk".as_slice().into() }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    }
    let status =
        raw.do_action(Action { r#type: "BeginTransaction".into(), body: Default::default() }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    let command = CommandStatementSubstraitPlan { plan: None, transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    assert_eq!(raw.get_flight_info(descriptor).await.unwrap_err().code(), Code::Unimplemented);
    let path = FlightDescriptor::new_path(vec![]);
    assert_eq!(raw.get_flight_info(path).await.unwrap_err().code(), Code::InvalidArgument);
    let junk = FlightDescriptor::new_cmd(b"\xff\xff".to_vec());
    assert_eq!(raw.get_flight_info(junk).await.unwrap_err().code(), Code::InvalidArgument);
    let mut client = server.client().await;
    let in_transaction = client.execute("SELECT 1".into(), Some("tx".into())).await.unwrap_err();
    assert!(in_transaction.to_string().contains("a transaction is not supported"), "{in_transaction}");
}

#[tokio::test]
async fn writing_is_refused_on_every_road() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let sql = "INSERT INTO orders VALUES (9, 'x', 1)";
    let refused = "writing to a data product is not supported";
    for error in [
        client.execute(sql.into(), None).await.unwrap_err().to_string(),
        client.execute_update(sql.into(), None).await.unwrap_err().to_string(),
        client.prepare(sql.into(), None).await.unwrap_err().to_string(),
    ] {
        assert!(error.contains(refused), "{error}");
    }
    let error = client.execute_update("SELECT 1".into(), None).await.unwrap_err().to_string();
    assert!(error.contains("updates nothing"), "{error}");
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 0);
}
