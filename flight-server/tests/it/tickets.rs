//! A ticket in the wrong hands, altered, or too old.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_flight::Ticket;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{Any, ProstMessageExt, TicketStatementQuery};
use async_trait::async_trait;
use meshweave_engine::identity::{Authenticator, Credentials};
use meshweave_engine::{Error, Failure, Principal, Result};
use meshweave_flight_server::{Options, TicketKey};
use prost::Message;
use tonic::{Code, Request, Status};

use crate::small::{Server, ada, fetch, ticket};

fn sealed(ticket: &Ticket) -> Vec<u8> {
    let query: TicketStatementQuery = Any::decode(&*ticket.ticket).unwrap().unpack().unwrap().unwrap();
    query.statement_handle.to_vec()
}

fn resealed(bytes: Vec<u8>) -> Ticket {
    Ticket { ticket: TicketStatementQuery { statement_handle: bytes.into() }.as_any().encode_to_vec().into() }
}

async fn get(server: &Server, request: impl tonic::IntoRequest<Ticket>) -> std::result::Result<(), Status> {
    let mut raw = FlightServiceClient::new(server.channel().await);
    let mut stream = raw.do_get(request).await?.into_inner();
    while stream.message().await?.is_some() {}
    Ok(())
}

async fn planned(server: &Server) -> Ticket {
    ticket(&server.client().await.execute("SELECT id FROM orders".into(), None).await.unwrap())
}

#[tokio::test]
async fn an_altered_ticket_gives_no_data() {
    let server = Server::start().await;
    let good = planned(&server).await;
    get(&server, good.clone()).await.unwrap();
    let planned = server.probe.planned.load(Ordering::SeqCst);
    let bytes = sealed(&good);
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x20;
        let status = get(&server, resealed(bad)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "byte {at}: {}", status.message());
    }
    for junk in [vec![], vec![0], bytes[..20].to_vec()] {
        assert_eq!(get(&server, resealed(junk)).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let raw = Ticket { ticket: b"SELECT 1".as_slice().into() };
    assert_eq!(get(&server, raw).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(server.probe.planned.load(Ordering::SeqCst), planned, "nothing of them reached the engine");
}

#[tokio::test]
async fn an_expired_ticket_says_so() {
    let mut options = Options::new(ada());
    options.ticket_lifetime = Duration::ZERO;
    let server = Server::with(options).await;
    let status = get(&server, planned(&server).await).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("this ticket has expired\nhint: "), "{}", status.message());
}

#[tokio::test]
async fn a_replica_with_the_key_serves_it_and_another_server_does_not() {
    let key = TicketKey::new([9; 32]);
    let shared = || {
        let mut options = Options::new(ada());
        options.ticket_keys = vec![key.clone()];
        options
    };
    let (first, second, stranger) = (Server::with(shared()).await, Server::with(shared()).await, Server::start().await);
    let ticket = planned(&first).await;
    get(&second, ticket.clone()).await.unwrap();
    assert_eq!(get(&stranger, ticket).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn the_policy_decides_again_at_the_fetch() {
    let server = Server::start().await;
    let ticket = planned(&server).await;
    *server.probe.refuse.lock() = Some(Failure::Denied {
        principal: "ada".into(),
        action: "read",
        product: "shop.orders".into(),
        reason: "it was revoked".into(),
        hint: None,
    });
    let status = get(&server, ticket).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(server.probe.started.load(Ordering::SeqCst), 0);
}

/// Passwords are the users' names.
#[derive(Debug)]
struct Names;

#[async_trait]
impl Authenticator for Names {
    fn tells_callers_apart(&self) -> bool {
        true
    }

    async fn authenticate(&self, credentials: &Credentials) -> Result<Principal> {
        match credentials {
            Credentials::Password { user, password } if user == password => {
                Ok(Principal { user: user.clone(), teams: vec![] })
            }
            _ => Err(Error::from(Failure::Unauthenticated { reason: "unknown user or password".into() })),
        }
    }
}

#[tokio::test]
async fn a_ticket_is_its_owners() {
    let server = Server::with(Options::with_authenticator(Arc::new(Names))).await;
    let mut ada = server.client().await;
    ada.handshake("ada", "ada").await.unwrap();
    let info = ada.execute("SELECT id FROM orders".into(), None).await.unwrap();
    fetch(&mut ada, &info).await.unwrap();
    let mut bob = server.client().await;
    bob.handshake("bob", "bob").await.unwrap();
    let mut request = Request::new(ticket(&info));
    request.metadata_mut().insert("authorization", format!("Bearer {}", bob.token().unwrap()).parse().unwrap());
    let status = get(&server, request).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(status.message(), "bob may not use this ticket: it was made for another principal");
    // Nobody at all, a wrong password, a forged login.
    assert_eq!(get(&server, ticket(&info)).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(server.client().await.handshake("ada", "wrong").await.is_err());
    let mut request = Request::new(ticket(&info));
    request.metadata_mut().insert("authorization", "Bearer TVcBAAAA".parse().unwrap());
    assert_eq!(get(&server, request).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn callers_are_not_told_apart_on_loopback_only() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let backend = Arc::new(crate::small::Small::new());
    let server = meshweave_flight_server::FlightServer::new(backend, Options::new(ada())).unwrap();
    let error = server.serve(listener, std::future::pending()).await.unwrap_err();
    assert!(matches!(error.failure(), Failure::InvalidConfiguration { .. }), "{error}");
}
