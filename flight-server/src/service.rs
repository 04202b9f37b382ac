//! The RPCs of Flight, each handed to the room that answers it.
//!
//! Our own `FlightService`: arrow-flight's Flight SQL service hard-codes GetSchema, PollFlightInfo and ListFlights as unimplemented,
//! advertises actions that are not there, and makes every decoding error an internal one.
//! Holds always: first the gate, then identity, then headers, then the message.
//!
//! Start reading at [`Door`].

use std::sync::Arc;

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{Any, Command};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use meshweave_engine::{Principal, QueryContext};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::ahead::Ahead;
use crate::backend::Backend;
use crate::caller::Caller;
use crate::encode::Encoder;
use crate::gate::Gate;
use crate::identity::{Identity, Known};
use crate::options::Options;
use crate::protocol::Protocol;
use crate::running::Running;
use crate::session::{COOKIE, Chosen, Session, SessionId, Sessions};
use crate::statement::{self, Sql};
use crate::status::{Fault, Outcome, QUERY_ID};
use crate::stream::{self as rows, Messages};
use crate::ticket::Signer;
use crate::wire::schema_to_ipc;
use crate::work::Work;
use crate::{actions, flights, metadata, prepared, put};

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// One server's state: what it asks, what it answers, who may call, and the switch that stops everything that runs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) protocol: Arc<dyn Protocol>,
    pub(crate) options: Options,
    pub(crate) identity: Identity,
    pub(crate) stop: CancellationToken,
    pub(crate) gate: Gate,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) running: Running,
    pub(crate) ahead: Ahead,
}

impl Service {
    pub(crate) fn signer(&self) -> &Signer {
        &self.identity.signer
    }

    /// Who calls, in which session, and how the answer is wanted.
    async fn caller(&self, headers: &MetadataMap) -> Outcome<Caller> {
        let Known { principal, session } = self.identity.known(headers).await?;
        let session = SessionId::of_cookies(headers).or(session);
        let kept = session.as_ref().and_then(|id| self.sessions.find(&principal, id));
        let chosen = kept.map(|session| session.chosen()).unwrap_or_default();
        let caller = Caller::read(headers, principal, chosen, &self.backend.catalog().catalog_name, &self.options)?;
        let offered = if session.is_none() { Some(SessionId::fresh()) } else { None };
        // Some clients keep every cookie: what their first call makes is found by the second one.
        let session = session.or_else(|| offered.clone().filter(|_| caller.keeps_cookies));
        Ok(Caller { session, offered, ..caller })
    }

    /// What the first message of a handshake says; nothing when none comes in time.
    async fn first_payload(&self, mut messages: Streaming<HandshakeRequest>) -> Bytes {
        let first = tokio::time::timeout(self.options.handshake_timeout, messages.message()).await;
        first.ok().and_then(Result::ok).flatten().map(|message| message.payload).unwrap_or_default()
    }

    /// A fresh context for one statement of this caller.
    pub(crate) fn context(&self, caller: &Caller) -> QueryContext {
        let mut ctx = caller.context(self.backend.statement_timeout(), &self.stop);
        ctx.temp = self.sessions.temp(&caller.principal, caller.session.as_ref());
        ctx
    }

    /// The caller's session; it begins now when it has not.
    pub(crate) fn begin_session(&self, caller: &Caller) -> Outcome<Arc<Session>> {
        self.session(&caller.principal, caller.session.as_ref())
    }

    fn session(&self, principal: &Principal, id: Option<&SessionId>) -> Outcome<Arc<Session>> {
        let id = id.ok_or_else(|| {
            Fault::invalid("the call belongs to no session")
                .hint("Connect with a user and a password, or let the client keep cookies.")
        })?;
        self.sessions.begin(principal, id, || self.backend.temp_schema())
    }

    /// What the caller's session has chosen; nothing where there is none.
    pub(crate) fn chosen(&self, caller: &Caller) -> Chosen {
        let session = caller.session.as_ref().and_then(|id| self.sessions.find(&caller.principal, id));
        session.map(|session| session.chosen()).unwrap_or_default()
    }

    /// Gives the context the tables of a session that is kept from now on; where there are no such tables, nothing is kept.
    pub(crate) fn keep_temp(&self, ctx: &mut QueryContext, id: Option<&SessionId>) -> Outcome<()> {
        if !self.sessions.have_tables() {
            return Ok(());
        }
        ctx.temp = self.session(&ctx.principal, id)?.temp();
        Ok(())
    }

    async fn info(&self, headers: &MetadataMap, descriptor: FlightDescriptor) -> Outcome<Answered<FlightInfo>> {
        let caller = self.caller(headers).await?;
        let mut ctx = self.context(&caller);
        let id = ctx.query_id;
        let info = self.protocol.info(self, &caller, &mut ctx, descriptor).await.map_err(|fault| fault.of(id))?;
        Ok(Answered::new(id, &caller, info))
    }

    async fn poll(&self, headers: &MetadataMap, descriptor: FlightDescriptor) -> Outcome<Answered<PollInfo>> {
        let caller = self.caller(headers).await?;
        let mut ctx = self.context(&caller);
        let id = ctx.query_id;
        let poll = self.protocol.poll(self, &caller, &mut ctx, descriptor).await.map_err(|fault| fault.of(id))?;
        Ok(Answered::new(id, &caller, poll))
    }

    /// The answer to a path or to a command of Flight SQL.
    pub(crate) async fn info_for(
        &self,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        if let Some(sql) = flights::of_path(caller, &descriptor)? {
            return sql.info(self, ctx, descriptor).await;
        }
        let command = decode_command(&descriptor)?;
        if let Some(schema) = metadata::schema(&command) {
            // The command itself is the ticket: it holds nothing but what the caller has just sent.
            let ticket = descriptor.cmd.clone();
            return Ok(statement::one_endpoint(descriptor, schema_to_ipc(&schema)?, ticket));
        }
        let sql = self.statement(caller, ctx, command)?;
        sql.info(self, ctx, descriptor).await
    }

    /// The statement of one of the two commands that run one.
    fn statement(&self, caller: &Caller, ctx: &mut QueryContext, command: Command) -> Outcome<Sql> {
        match command {
            Command::CommandStatementQuery(command) => {
                refuse_transaction(command.transaction_id.as_ref())?;
                Ok(Sql::plain(command.query, caller))
            }
            Command::CommandPreparedStatementQuery(command) => {
                prepared::open(self, caller, ctx, &command.prepared_statement_handle)
            }
            other => Err(Fault::unsupported(put::short(other.type_url()))),
        }
    }

    async fn schema(&self, headers: &MetadataMap, descriptor: &FlightDescriptor) -> Outcome<Answered<Bytes>> {
        let caller = self.caller(headers).await?;
        let mut ctx = self.context(&caller);
        let id = ctx.query_id;
        let schema = self.schema_for(&caller, &mut ctx, descriptor).await.map_err(|fault| fault.of(id))?;
        Ok(Answered::new(id, &caller, schema))
    }

    async fn schema_for(
        &self,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: &FlightDescriptor,
    ) -> Outcome<Bytes> {
        if let Some(sql) = flights::of_path(caller, descriptor)? {
            return sql.schema(self, ctx).await?.to_ipc();
        }
        let command = decode_command(descriptor)?;
        match metadata::schema(&command) {
            Some(schema) => schema_to_ipc(&schema),
            None => self.statement(caller, ctx, command)?.schema(self, ctx).await?.to_ipc(),
        }
    }

    async fn get(&self, headers: &MetadataMap, ticket: &[u8]) -> Outcome<Answered<Messages>> {
        let caller = self.caller(headers).await?;
        let (id, messages) = self.protocol.get(self, &caller, ticket).await?;
        Ok(Answered::new(id, &caller, messages))
    }

    /// The rows behind a ticket of Flight SQL.
    pub(crate) async fn messages(&self, caller: &Caller, ticket: &[u8]) -> Outcome<(Uuid, Messages)> {
        let unreadable =
            || Fault::invalid("the ticket cannot be read").hint("Fetch with a ticket that GetFlightInfo gave.");
        let any = Any::decode(ticket).map_err(|_| unreadable())?;
        match Command::try_from(any).map_err(|_| unreadable())? {
            Command::TicketStatementQuery(ticket) => statement::fetch(self, caller, &ticket.statement_handle).await,
            command => {
                let ctx = self.context(caller);
                let lifetime = self.options.handle_lifetime;
                let schema = metadata::schema(&command).ok_or_else(unreadable)?;
                let batches = metadata::answer(command, self.backend.as_ref(), &ctx, caller.profile, lifetime);
                let batches = batches.map_err(|fault| fault.of(ctx.query_id))?.ok_or_else(unreadable)?;
                Ok((ctx.query_id, rows::ready(&schema, batches, Encoder::new(caller.message_bytes))))
            }
        }
    }
}

/// Transactions are not offered, and a driver was told so; the id of one cannot have come from here.
pub(crate) fn refuse_transaction(id: Option<&Bytes>) -> Outcome<()> {
    match id {
        Some(id) if !id.is_empty() => Err(Fault::unsupported("a transaction")),
        _ => Ok(()),
    }
}

/// The Flight SQL command of a descriptor.
pub(crate) fn decode_command(descriptor: &FlightDescriptor) -> Outcome<Command> {
    if descriptor.r#type() != DescriptorType::Cmd {
        return Err(Fault::invalid("the descriptor is not a command").hint("Ask with a Flight SQL command."));
    }
    let any = Any::decode(descriptor.cmd.as_ref()).map_err(|_| Fault::invalid("the command cannot be read"))?;
    Command::try_from(any).map_err(|_| Fault::invalid("the command cannot be read"))
}

/// An answer, the query's id and the session that its caller is offered.
struct Answered<T> {
    id: Uuid,
    offered: Option<SessionId>,
    body: T,
}

impl<T> Answered<T> {
    fn new(id: Uuid, caller: &Caller, body: T) -> Self {
        Self { id, offered: caller.offered.clone(), body }
    }

    fn map<U>(self, to: impl FnOnce(T) -> U) -> Answered<U> {
        Answered { id: self.id, offered: self.offered, body: to(self.body) }
    }

    /// With both in the headers.
    fn into_response(self) -> Response<T> {
        let mut response = Response::new(self.body);
        if let Ok(value) = MetadataValue::try_from(self.id.to_string()) {
            response.metadata_mut().insert(QUERY_ID, value);
        }
        if let Some(offered) = &self.offered {
            offer(response.metadata_mut(), offered);
        }
        response
    }
}

/// Hands a caller the cookie of its session.
fn offer(headers: &mut MetadataMap, session: &SessionId) {
    if let Ok(value) = MetadataValue::try_from(format!("{COOKIE}={}", session.as_str())) {
        headers.insert("set-cookie", value);
    }
}

/// A service as the transport calls it. What plans or computes is done on the threads of [`Work`]; logins, sessions and cancelling are
/// answered here, however busy those are.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    service: Arc<Service>,
    work: Work,
}

impl Door {
    pub(crate) fn new(service: Service) -> Self {
        let work = Work(service.options.work.clone());
        Self { service: Arc::new(service), work }
    }

    /// Lets a call in.
    fn enter(&self) -> Result<TaskTrackerToken, Status> {
        self.service.gate.enter().map_err(Fault::into_status)
    }

    /// Does the work of a call; dropping the call stops it.
    async fn work<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<Service>) -> F + Send) -> Result<T, Status>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let work = Box::pin(work(Arc::clone(&self.service)));
        self.work.run(work).await.map_err(Fault::into_status)
    }
}

#[tonic::async_trait]
impl FlightService for Door {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Messages;
    type DoPutStream = Answers<PutResult>;
    type DoExchangeStream = Answers<FlightData>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let _inside = self.enter()?;
        let (headers, _, messages) = request.into_parts();
        let service = &self.service;
        // Some drivers send one empty message, some none: the header says it all. Where it does not, the message may.
        let is_silent = service.identity.is_silent(&headers);
        let sent = if is_silent { service.first_payload(messages).await } else { Bytes::new() };
        let (bearer, session) = service.identity.handshake(&headers, &sent).await.map_err(Fault::into_status)?;
        let answer = HandshakeResponse { protocol_version: 0, payload: bearer.clone().into() };
        let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
        let value = MetadataValue::try_from(format!("Bearer {bearer}"));
        let value = value.map_err(|e| Fault::internal("writing a login", &e).into_status())?;
        response.metadata_mut().insert("authorization", value);
        offer(response.metadata_mut(), &session);
        Ok(response)
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let _inside = self.enter()?;
        let (headers, _, criteria) = request.into_parts();
        let flights = self.work(|service| async move {
            let caller = service.caller(&headers).await?;
            flights::list(&service, &caller, &criteria.expression)
        });
        Ok(Response::new(stream::iter(flights.await?.into_iter().map(Ok)).boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let _inside = self.enter()?;
        let (headers, _, descriptor) = request.into_parts();
        let info = self.work(|service| async move { service.info(&headers, descriptor).await });
        Ok(info.await?.into_response())
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let _inside = self.enter()?;
        let (headers, _, descriptor) = request.into_parts();
        let info = self.work(|service| async move { service.poll(&headers, descriptor).await });
        Ok(info.await?.into_response())
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let _inside = self.enter()?;
        let (headers, _, descriptor) = request.into_parts();
        let schema = self.work(|service| async move { service.schema(&headers, &descriptor).await });
        Ok(schema.await?.map(|schema| SchemaResult { schema }).into_response())
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let inside = self.enter()?;
        let (headers, _, ticket) = request.into_parts();
        let got = self.work(|service| async move { service.get(&headers, &ticket.ticket).await }).await?;
        // An answer is inside until its last message is sent, or nobody wants it any more.
        let held = (inside, self.service.options.door.streams.hold());
        let watched = |messages: Messages| self.work.messages(messages).inspect(move |_| _ = &held).boxed();
        Ok(got.map(watched).into_response())
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let _inside = self.enter()?;
        let (headers, _, messages) = request.into_parts();
        let put = self.work(|service| async move {
            let caller = service.caller(&headers).await?;
            let ctx = service.context(&caller);
            let id = ctx.query_id;
            let result = put::put(&service, &caller, ctx, messages).await.map_err(|fault| fault.of(id))?;
            Ok(Answered::new(id, &caller, result))
        });
        Ok(put.await?.map(|result| stream::iter([Ok(result)]).boxed()).into_response())
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let _inside = self.enter()?;
        self.service.caller(request.metadata()).await.map_err(Fault::into_status)?;
        Err(Fault::unsupported("DoExchange").into_status())
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let _inside = self.enter()?;
        let (headers, _, action) = request.into_parts();
        let plans = actions::plans(&action);
        let acted = |service: Arc<Service>| async move {
            let caller = service.caller(&headers).await?;
            let ctx = service.context(&caller);
            let id = ctx.query_id;
            let body = actions::run(&service, &caller, &ctx, &action).await.map_err(|fault| fault.of(id))?;
            Ok(Answered::new(id, &caller, body))
        };
        let body = if plans {
            self.work(acted).await?
        } else {
            Box::pin(acted(Arc::clone(&self.service))).await.map_err(Fault::into_status)?
        };
        let messages = |body: Option<Bytes>| stream::iter(body.map(|body| Ok(arrow_flight::Result { body }))).boxed();
        Ok(body.map(messages).into_response())
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let _inside = self.enter()?;
        self.service.caller(request.metadata()).await.map_err(Fault::into_status)?;
        let actions = self.service.protocol.actions(&self.service);
        Ok(Response::new(stream::iter(actions.into_iter().map(Ok)).boxed()))
    }
}
