//! The RPCs of Flight, each handed to the room that answers it.
//!
//! Our own `FlightService`: arrow-flight's Flight SQL service hard-codes GetSchema, PollFlightInfo and ListFlights as unimplemented,
//! advertises actions that are not there, and makes every decoding error an internal one.
//! Holds always: first the gate, then identity, then headers, then the message.
//!
//! Start reading at [`Service`].

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
use meshweave_engine::QueryContext;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::backend::Backend;
use crate::caller::Caller;
use crate::encode::Encoder;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::options::Options;
use crate::statement::{self, Sql};
use crate::status::{Fault, Outcome, QUERY_ID};
use crate::stream::{self as rows, Messages};
use crate::ticket::Signer;
use crate::wire::schema_to_ipc;
use crate::{actions, metadata, prepared, put};

type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// One server's state: what it asks, who may call, and the switch that stops everything that runs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) options: Options,
    pub(crate) identity: Identity,
    pub(crate) stop: CancellationToken,
    pub(crate) gate: Gate,
}

impl Service {
    pub(crate) fn signer(&self) -> &Signer {
        &self.identity.signer
    }

    /// Who calls, and how the answer is wanted.
    async fn caller(&self, headers: &MetadataMap) -> Outcome<Caller> {
        let principal = self.identity.principal(headers).await?;
        Caller::read(headers, principal, &self.backend.catalog().catalog_name, &self.options)
    }

    /// A fresh context for one statement of this caller.
    pub(crate) fn context(&self, caller: &Caller) -> QueryContext {
        caller.context(self.backend.statement_timeout(), &self.stop)
    }

    async fn info(&self, headers: &MetadataMap, descriptor: FlightDescriptor) -> Outcome<(Uuid, FlightInfo)> {
        let caller = self.caller(headers).await?;
        let mut ctx = self.context(&caller);
        let id = ctx.query_id;
        let info = self.info_for(&caller, &mut ctx, descriptor).await.map_err(|fault| fault.of(id))?;
        Ok((id, info))
    }

    async fn info_for(
        &self,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
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

    async fn schema(&self, headers: &MetadataMap, descriptor: &FlightDescriptor) -> Outcome<(Uuid, Bytes)> {
        let caller = self.caller(headers).await?;
        let mut ctx = self.context(&caller);
        let id = ctx.query_id;
        let schema = self.schema_for(&caller, &mut ctx, descriptor).await.map_err(|fault| fault.of(id))?;
        Ok((id, schema))
    }

    async fn schema_for(
        &self,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: &FlightDescriptor,
    ) -> Outcome<Bytes> {
        let command = decode_command(descriptor)?;
        match metadata::schema(&command) {
            Some(schema) => schema_to_ipc(&schema),
            None => self.statement(caller, ctx, command)?.schema(self, ctx).await?.to_ipc(),
        }
    }

    async fn get(&self, headers: &MetadataMap, ticket: &[u8]) -> Outcome<(Uuid, Messages)> {
        let caller = self.caller(headers).await?;
        let unreadable =
            || Fault::invalid("the ticket cannot be read").hint("Fetch with a ticket that GetFlightInfo gave.");
        let any = Any::decode(ticket).map_err(|_| unreadable())?;
        match Command::try_from(any).map_err(|_| unreadable())? {
            Command::TicketStatementQuery(ticket) => statement::fetch(self, &caller, &ticket.statement_handle).await,
            command => {
                let ctx = self.context(&caller);
                let lifetime = self.options.handle_lifetime;
                let batch = metadata::answer(command, self.backend.as_ref(), &ctx, caller.profile, lifetime);
                let batch = batch.map_err(|fault| fault.of(ctx.query_id))?.ok_or_else(unreadable)?;
                Ok((ctx.query_id, rows::ready(&batch, Encoder::new(caller.message_bytes))?))
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

/// An answer with the query's id in its headers.
fn answered<T>((id, body): (Uuid, T)) -> Response<T> {
    let mut response = Response::new(body);
    if let Ok(value) = MetadataValue::try_from(id.to_string()) {
        response.metadata_mut().insert(QUERY_ID, value);
    }
    response
}

#[tonic::async_trait]
impl FlightService for Service {
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
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        // Some drivers send one empty message, some none: the header says it all.
        let bearer = self.identity.handshake(request.metadata()).await.map_err(Fault::into_status)?;
        let answer = HandshakeResponse { protocol_version: 0, payload: bearer.clone().into() };
        let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
        let value = MetadataValue::try_from(format!("Bearer {bearer}"));
        let value = value.map_err(|e| Fault::internal("writing a login", &e).into_status())?;
        response.metadata_mut().insert("authorization", value);
        Ok(response)
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        self.caller(request.metadata()).await.map_err(Fault::into_status)?;
        Err(Fault::unsupported("ListFlights").hint("List tables with Flight SQL's GetTables.").into_status())
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        let (headers, _, descriptor) = request.into_parts();
        Box::pin(self.info(&headers, descriptor)).await.map(answered).map_err(Fault::into_status)
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        self.caller(request.metadata()).await.map_err(Fault::into_status)?;
        Err(Fault::unsupported("PollFlightInfo")
            .hint("Ask with GetFlightInfo: it does not run the statement.")
            .into_status())
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        let (headers, _, descriptor) = request.into_parts();
        let (id, schema) = Box::pin(self.schema(&headers, &descriptor)).await.map_err(Fault::into_status)?;
        Ok(answered((id, SchemaResult { schema })))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let inside = self.gate.enter().map_err(Fault::into_status)?;
        let (headers, _, ticket) = request.into_parts();
        let got = Box::pin(self.get(&headers, &ticket.ticket)).await.map_err(Fault::into_status)?;
        // An answer is inside until its last message is sent, or nobody wants it any more.
        let held = (inside, self.options.door.streams.hold());
        let watched = |messages: Messages| messages.inspect(move |_| _ = &held).boxed();
        Ok(answered((got.0, watched(got.1))))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        let (headers, _, messages) = request.into_parts();
        let caller = self.caller(&headers).await.map_err(Fault::into_status)?;
        let ctx = self.context(&caller);
        let id = ctx.query_id;
        let result =
            Box::pin(put::put(self, &caller, ctx, messages)).await.map_err(|fault| fault.of(id).into_status())?;
        Ok(answered((id, stream::iter([Ok(result)]).boxed())))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        self.caller(request.metadata()).await.map_err(Fault::into_status)?;
        Err(Fault::unsupported("DoExchange").into_status())
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        let (headers, _, action) = request.into_parts();
        let caller = self.caller(&headers).await.map_err(Fault::into_status)?;
        let ctx = self.context(&caller);
        let id = ctx.query_id;
        let body = Box::pin(actions::run(self, &caller, &ctx, &action)).await;
        let body = body.map_err(|fault| fault.of(id).into_status())?;
        Ok(answered((id, stream::iter(body.map(|body| Ok(arrow_flight::Result { body }))).boxed())))
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let _inside = self.gate.enter().map_err(Fault::into_status)?;
        self.caller(request.metadata()).await.map_err(Fault::into_status)?;
        Ok(Response::new(stream::iter(actions::list().into_iter().map(Ok)).boxed()))
    }
}
