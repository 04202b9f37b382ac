//! What a server keeps or takes of its callers: options of sessions, rows, logins, headers.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::CommandStatementIngest;
use arrow_flight::{Action, FlightDescriptor, FlightInfo};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use meshweave_engine::QueryContext;
use meshweave_engine::identity::{StaticUsers, Users};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::transport::Server;

use super::{answering, client, endpoint, flight, open, passes};
use crate::caller::Caller;
use crate::incoming;
use crate::options::Options;
use crate::protocol::Protocol;
use crate::sent::SentRows;
use crate::service::Service;
use crate::session::{
    GetSessionOptionsResult, OptionValue, Refused, SessionId, SessionOptionValue, SetError, SetSessionOptionsRequest,
    SetSessionOptionsResult,
};
use crate::status::{Fault, Outcome};

/// Options of any name, kept for each session.
#[derive(Debug, Default)]
struct AnyOptions(Mutex<HashMap<SessionId, BTreeMap<String, SessionOptionValue>>>);

impl AnyOptions {
    /// Why an option is not taken, when it is not.
    fn refused(name: &str, value: &SessionOptionValue) -> Option<Refused> {
        let is_invalid = value.value == Some(OptionValue::Text("lol_invalid".to_owned()));
        match name {
            "lol_invalid" => Some(Refused::InvalidName),
            _ => is_invalid.then_some(Refused::InvalidValue),
        }
    }
}

#[async_trait]
impl Protocol for AnyOptions {
    fn set_options(
        &self,
        service: &Service,
        caller: &Caller,
        request: SetSessionOptionsRequest,
    ) -> Outcome<SetSessionOptionsResult> {
        let _begun = service.begin_session(caller)?;
        let id = caller.session.clone().ok_or_else(|| Fault::invalid("the call belongs to no session"))?;
        let mut sessions = self.0.lock();
        let kept = sessions.entry(id).or_default();
        let mut errors = HashMap::new();
        for (name, value) in request.session_options {
            if let Some(refused) = Self::refused(&name, &value) {
                errors.insert(name, SetError { value: refused as i32 });
            } else if value.value.is_none() {
                kept.remove(&name);
            } else {
                kept.insert(name, value);
            }
        }
        Ok(SetSessionOptionsResult { errors })
    }

    fn options(&self, _service: &Service, caller: &Caller) -> Outcome<GetSessionOptionsResult> {
        let sessions = self.0.lock();
        let kept = caller.session.as_ref().and_then(|id| sessions.get(id));
        Ok(GetSessionOptionsResult { session_options: kept.cloned().unwrap_or_default().into_iter().collect() })
    }
}

/// Looks closely at rows that are sent for a table.
#[derive(Debug)]
struct Taking;

#[async_trait]
impl Protocol for Taking {
    async fn ingest(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        command: CommandStatementIngest,
        mut rows: SentRows,
    ) -> Outcome<i64> {
        let options = command.table_definition_options.unwrap_or_default();
        let whole = (options.if_not_exist, options.if_exists, command.table.as_str(), command.temporary);
        let place = (command.catalog.as_deref(), command.schema.as_deref(), command.transaction_id.as_deref());
        let said = |name: &str| command.options.get(name).map(String::as_str);
        let is_as_sent = whole == (1, 3, "test_table", true)
            && place == (Some("test_catalog"), Some("test_schema"), Some(b"123".as_slice()))
            && (said("key1"), said("key2"), command.options.len()) == (Some("val1"), Some("val2"), 2);
        if !is_as_sent {
            return Err(Fault::invalid("the command is not the one that was sent"));
        }
        let mut count = 0;
        while let Some(batch) = rows.next().await.transpose()? {
            if *batch.schema() != Schema::new(vec![Field::new("test_field", DataType::Int64, true)]) {
                return Err(Fault::invalid("the columns are not those that were sent"));
            }
            count += i64::try_from(batch.num_rows()).unwrap();
        }
        Ok(count)
    }
}

/// Tells callers who they are.
#[derive(Debug)]
struct Naming;

#[async_trait]
impl Protocol for Naming {
    fn other_action(&self, caller: &Caller, _action: &Action) -> Outcome<Option<Bytes>> {
        Ok(Some(caller.principal.user.clone().into_bytes().into()))
    }
}

/// A file of users with one user, whose hash costs next to nothing.
fn only_arrow() -> Options {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let salt = SaltString::encode_b64(b"0123456789abcdef").unwrap();
    let hash = argon2.hash_password(b"flight", &salt).unwrap().to_string();
    let text = format!(
        "apiVersion: meshweave/v1\nkind: Users\nusers:\n  - {{ name: arrow, teams: [arrow], password: \"{hash}\" }}\n"
    );
    let users = Users::read(&text, "users.yaml").unwrap();
    Options::with_authenticator(Arc::new(StaticUsers::new(users, 2, 16)))
}

/// One command is known; every other fails as Flight SQL has it.
#[derive(Debug)]
struct OneCommand;

#[async_trait]
impl Protocol for OneCommand {
    async fn info(
        &self,
        service: &Service,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        if descriptor.cmd != "success" {
            return service.info_for(caller, ctx, descriptor).await;
        }
        flight(descriptor, &Schema::empty(), vec![endpoint("foo")])
    }
}

/// The header that comes back.
const ECHOED: &str = "x-middleware";

/// Sends one header of a call back with its answer, as a program would that puts our service behind a layer of its own.
#[derive(Debug, Clone)]
struct Echoing<S>(S);

impl<S: NamedService> NamedService for Echoing<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, Sent, Body> tonic::codegen::Service<http::Request<Sent>> for Echoing<S>
where
    S: tonic::codegen::Service<http::Request<Sent>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
    Body: 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Sent>) -> Self::Future {
        let value = request.headers().get(ECHOED).cloned();
        let answering = self.0.call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            if let Some(value) = value {
                response.headers_mut().insert(ECHOED, value);
            }
            Ok(response)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn session_options() {
    passes("session_options", answering(open(), AnyOptions::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flight_sql_ingestion() {
    passes("flight_sql:ingestion", answering(open(), Taking)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auth_basic_proto() {
    passes("auth:basic_proto", answering(only_arrow(), Naming)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn middleware() {
    let options = open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = Echoing(answering(options.clone(), OneCommand).into_service());
    let stop = CancellationToken::new();
    let ended = stop.clone().cancelled_owned();
    let connections = incoming::connections(listener, &options);
    let serving = Server::builder().add_service(service).serve_with_incoming_shutdown(connections, ended);
    let (served, ()) = tokio::join!(serving, async {
        client("middleware", port).await;
        stop.cancel();
    });
    served.unwrap();
}
