//! Flight beside Flight SQL: products as flights, polling, renewing, cancelling.

use std::sync::atomic::Ordering;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, Any, CommandStatementQuery, ProstMessageExt,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, Criteria, FlightDescriptor, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest,
};
use futures::TryStreamExt;
use meshweave_flight_server::Options;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::mesh::Mesh;
use crate::small::{Client, Server, ada, fetch, show, ticket};

/// More rows than anybody reads, made as they are asked for.
const ENDLESS: &str = "SELECT i, repeat('x', 100) AS t FROM generate_series(1, 1000000000000) AS s(i)";

async fn connect(address: &str) -> FlightServiceClient<Channel> {
    FlightServiceClient::new(Channel::from_shared(address.to_owned()).unwrap().connect().await.unwrap())
}

async fn act(raw: &mut FlightServiceClient<Channel>, action: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let action = Action { r#type: action.to_owned(), body: body.into() };
    let answers: Vec<_> = raw.do_action(action).await?.into_inner().try_collect().await?;
    Ok(answers[0].body.to_vec())
}

async fn cancel(raw: &mut FlightServiceClient<Channel>, info: &FlightInfo) -> Result<i32, Status> {
    let body = act(raw, "CancelFlightInfo", CancelFlightInfoRequest::new(info.clone()).encode_to_vec()).await?;
    Ok(CancelFlightInfoResult::decode(&*body).unwrap().status)
}

fn statement(sql: &str) -> FlightDescriptor {
    let command = CommandStatementQuery { query: sql.into(), transaction_id: None };
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

#[tokio::test]
async fn products_are_flights_and_their_paths_can_be_fetched() {
    let mesh = Mesh::start(&[]).await;
    let mut raw = connect(&mesh.address).await;
    let list = async |raw: &mut FlightServiceClient<Channel>, pattern: &'static str| -> Vec<FlightInfo> {
        let criteria = Criteria { expression: pattern.into() };
        raw.list_flights(criteria).await.unwrap().into_inner().try_collect().await.unwrap()
    };
    let path = |info: &FlightInfo| info.flight_descriptor.clone().unwrap().path.join(".");
    let all: Vec<String> = list(&mut raw, "").await.iter().map(path).collect();
    let expected = ["analytics.by_city", "commerce.orders", "commerce.orders@1", "crm.broken", "crm.customers"];
    assert_eq!(all, expected, "what may not be discovered is no flight");
    let [customers] = list(&mut raw, "crm.cust%").await.try_into().unwrap();
    assert_eq!(customers.clone().try_decode_schema().unwrap().field(1).name(), "city");
    let info = raw.get_flight_info(customers.flight_descriptor.unwrap()).await.unwrap().into_inner();
    let mut client = Client::new_from_inner(raw.clone());
    assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "ada Oslo; bob Rome");
    let missing = raw.get_flight_info(FlightDescriptor::new_path(vec!["crm".into(), "no\"thing".into()])).await;
    assert_eq!(missing.unwrap_err().code(), Code::NotFound);
    let status = raw.list_flights(Criteria { expression: b"\xff".as_slice().into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_polled_statement_is_ready_and_a_running_one_tells_how_far_it_is() {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    let polled = raw.poll_flight_info(statement(ENDLESS)).await.unwrap().into_inner();
    let info = polled.info.unwrap();
    assert!(polled.flight_descriptor.is_none(), "it is ready to be fetched");
    assert_eq!(polled.progress, Some(1.0));
    assert_eq!(polled.expiration_time, info.endpoint[0].expiration_time);
    assert!(polled.expiration_time.is_some());
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 0, "polling runs nothing");

    let by_ticket = FlightDescriptor::new_cmd(ticket(&info).ticket.clone());
    let before = raw.poll_flight_info(by_ticket.clone()).await.unwrap().into_inner();
    assert!(before.flight_descriptor.is_none());
    let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let running = raw.poll_flight_info(by_ticket.clone()).await.unwrap().into_inner();
    assert_eq!(running.flight_descriptor.as_ref(), Some(&by_ticket), "it is to be asked again");
    assert!(running.progress.is_none_or(|part| (0.0..1.0).contains(&part)), "{:?}", running.progress);
    drop(stream);
    loop {
        let ended = raw.poll_flight_info(by_ticket.clone()).await.unwrap().into_inner();
        if ended.flight_descriptor.is_none() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_running_query_is_cancelled() {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    let info = raw.get_flight_info(statement(ENDLESS)).await.unwrap().into_inner();
    let mut stream = raw.do_get(ticket(&info)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    assert_eq!(cancel(&mut raw, &info).await.unwrap(), 1);
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the rows ended"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Cancelled);
    while server.probe.dropped.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_query_that_was_cancelled_before_its_fetch_does_not_begin() {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    let info = raw.get_flight_info(statement("SELECT 1")).await.unwrap().into_inner();
    let request = ActionCancelQueryRequest { info: info.encode_to_vec().into() };
    let body = act(&mut raw, "CancelQuery", request.as_any().encode_to_vec()).await.unwrap();
    let result: ActionCancelQueryResult = Any::decode(&*body).unwrap().unpack().unwrap().unwrap();
    assert_eq!(result.result, 1);
    let status = raw.do_get(ticket(&info)).await.unwrap_err();
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_a_ticket_of_ones_own_cancels_and_is_renewed() {
    let server = Server::start().await;
    let stranger = Server::with(Options::new(ada())).await;
    let (mut raw, mut other) =
        (FlightServiceClient::new(server.channel().await), FlightServiceClient::new(stranger.channel().await));
    let info = raw.get_flight_info(statement("SELECT 1")).await.unwrap().into_inner();
    assert_eq!(cancel(&mut other, &info).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(cancel(&mut raw, &FlightInfo::new()).await.unwrap_err().code(), Code::InvalidArgument);
    let renew = |endpoint: Option<FlightEndpoint>| RenewFlightEndpointRequest { endpoint }.encode_to_vec();
    let foreign = act(&mut other, "RenewFlightEndpoint", renew(Some(info.endpoint[0].clone()))).await.unwrap_err();
    assert_eq!(foreign.code(), Code::InvalidArgument);
    assert_eq!(act(&mut raw, "RenewFlightEndpoint", renew(None)).await.unwrap_err().code(), Code::InvalidArgument);
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let body = act(&mut raw, "RenewFlightEndpoint", renew(Some(info.endpoint[0].clone()))).await.unwrap();
    let renewed = FlightEndpoint::decode(&*body).unwrap();
    let moment = |endpoint: &FlightEndpoint| endpoint.expiration_time.map(|at| (at.seconds, at.nanos));
    assert!(moment(&renewed) > moment(&info.endpoint[0]));
    let mut client = Client::new_from_inner(raw.clone());
    let info = FlightInfo { endpoint: vec![renewed], ..info };
    assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "1");
}
