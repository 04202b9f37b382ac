//! While every thread that computes is busy, calls that compute nothing are answered.

use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_flight::error::FlightError;
use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use futures::TryStreamExt;
use meshweave_flight_server::Options;
use prost::Message;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::small::{Server, ada, fetch, ticket};

/// Threads that compute.
const THREADS: usize = 2;

/// More rows than anybody reads.
const ENDLESS: &str = "SELECT i, repeat('x', 100) AS t FROM generate_series(1, 1000000000000) AS s(i)";

#[tokio::test]
async fn logins_and_cancelling_are_answered_while_every_thread_computes() {
    let threads = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
    let mut options = Options::new(ada());
    options.work = Some(threads.handle().clone());
    let server = Server::with(options).await;
    let mut client = server.client().await;
    let info = client.execute(ENDLESS.into(), None).await.unwrap();
    let mut running = client.inner_mut().do_get(ticket(&info)).await.unwrap().into_inner();
    running.message().await.unwrap().unwrap();

    // As many statements as there are threads, each of which keeps its thread from anything else.
    server.probe.blocks.store(true, Ordering::SeqCst);
    let mut calls = JoinSet::new();
    for _ in 0..THREADS {
        let mut client = server.client().await;
        calls.spawn(async move { client.execute("SELECT 1".into(), None).await });
    }
    while server.probe.blocked.load(Ordering::SeqCst) < THREADS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let mut other = server.client().await;
    other.handshake("ada", "any").await.unwrap();
    let action =
        Action { r#type: "CancelFlightInfo".into(), body: CancelFlightInfoRequest::new(info).encode_to_vec().into() };
    let answer: Vec<_> = other.inner_mut().do_action(action).await.unwrap().into_inner().try_collect().await.unwrap();
    let answer = CancelFlightInfoResult::decode(&*answer[0].body).unwrap();
    assert_eq!(answer.status(), CancelStatus::Cancelled);
    assert_eq!(server.probe.blocked.load(Ordering::SeqCst), THREADS, "they compute all the while");
    assert!(calls.try_join_next().is_none());

    server.probe.blocks.store(false, Ordering::SeqCst);
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    let ended = loop {
        match running.message().await {
            Ok(message) => assert!(message.is_some(), "the rows of a cancelled statement ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), tonic::Code::Cancelled);
    threads.shutdown_background();
}

#[tokio::test]
async fn answers_are_the_same_from_threads_of_their_own() {
    let threads = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
    let mut options = Options::new(ada());
    options.work = Some(threads.handle().clone());
    let (there, here) = (Server::with(options).await, Server::start().await);
    for sql in ["SELECT * FROM shop.orders", "SELECT 1 AS x WHERE 1 = 0", "SELECT 1 / 0", "SELEC"] {
        let mut told = Vec::new();
        for server in [&there, &here] {
            let mut client = server.client().await;
            told.push(match client.execute(sql.into(), None).await {
                Ok(info) => fetch(&mut client, &info).await.map_err(code),
                Err(error) => Err(code(error)),
            });
        }
        assert_eq!(told[0], told[1], "{sql}");
    }
    let mut client = there.client().await;
    let catalogs = client.get_catalogs().await.unwrap();
    assert_eq!(crate::small::show(&fetch(&mut client, &catalogs).await.unwrap()), "mesh");
    threads.shutdown_background();
}

/// What an answer ended with.
fn code(error: FlightError) -> String {
    match error {
        FlightError::Tonic(status) => format!("{:?}: {}", status.code(), status.message()),
        other => panic!("{other}"),
    }
}
