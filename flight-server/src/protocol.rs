//! What a call is answered with, once it was let in, its caller is known, and its message was read.
//!
//! In: decoded messages and their caller. Out: answers, which the RPCs put on the wire.
//! Every step has the answer of Flight SQL over the [`crate::Backend`] ([`FlightSql`]); another protocol on the same transport (the
//! scenarios of Arrow's integration tests, which want fixed answers) says only what it answers differently.
//! Holds always: nothing here sees a header or a gRPC status.
//!
//! Start reading at [`Protocol`].

use std::fmt;

use arrow::datatypes::Schema;
use arrow_flight::sql::CommandStatementIngest;
use arrow_flight::{Action, ActionType, CancelStatus, FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo};
use async_trait::async_trait;
use bytes::Bytes;
use meshweave_engine::QueryContext;
use uuid::Uuid;

use crate::caller::Caller;
use crate::sent::SentRows;
use crate::service::Service;
use crate::session::{Chosen, GetSessionOptionsResult, SetSessionOptionsRequest, SetSessionOptionsResult};
use crate::status::{Fault, Outcome};
use crate::stream::Messages;
use crate::wire::{Profile, WireSchema};
use crate::{actions, flights, put};

/// The answers of one server.
#[async_trait]
pub(crate) trait Protocol: fmt::Debug + Send + Sync + 'static {
    /// GetFlightInfo.
    async fn info(
        &self,
        service: &Service,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        service.info_for(caller, ctx, descriptor).await
    }

    /// PollFlightInfo.
    async fn poll(
        &self,
        service: &Service,
        caller: &Caller,
        ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<PollInfo> {
        if let Some(polled) = flights::polled(service, caller, &descriptor)? {
            return Ok(polled);
        }
        let info = self.info(service, caller, ctx, descriptor).await?;
        let expiration_time = info.endpoint.first().and_then(|endpoint| endpoint.expiration_time);
        Ok(PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time })
    }

    /// DoGet: the query's id and its messages.
    async fn get(&self, service: &Service, caller: &Caller, ticket: &[u8]) -> Outcome<(Uuid, Messages)> {
        service.messages(caller, ticket).await
    }

    /// DoPut with rows for a table; gives their number.
    async fn ingest(
        &self,
        service: &Service,
        caller: &Caller,
        ctx: &mut QueryContext,
        command: CommandStatementIngest,
        rows: SentRows,
    ) -> Outcome<i64> {
        put::ingest(service, caller, ctx, command, rows).await
    }

    /// The columns that an answer is announced and sent with.
    fn columns(&self, columns: &Schema, profile: Profile) -> WireSchema {
        WireSchema::new(columns, profile)
    }

    /// ListActions.
    fn actions(&self, service: &Service) -> Vec<ActionType> {
        actions::list(&service.options)
    }

    /// Stops what a flight is the answer of.
    fn cancel(&self, service: &Service, caller: &Caller, info: FlightInfo) -> Outcome<CancelStatus> {
        actions::cancel(service, caller, info)
    }

    /// Lets an endpoint end later.
    fn renew(&self, service: &Service, caller: &Caller, endpoint: FlightEndpoint) -> Outcome<FlightEndpoint> {
        flights::renew(service, caller, endpoint)
    }

    /// Sets options of the caller's session.
    fn set_options(
        &self,
        service: &Service,
        caller: &Caller,
        request: SetSessionOptionsRequest,
    ) -> Outcome<SetSessionOptionsResult> {
        let session = service.begin_session(caller)?;
        let catalog = service.backend.catalog().catalog_name.clone();
        Ok(session.choose(|chosen| chosen.set(request, &catalog, &service.options)))
    }

    /// Tells the options of the caller's session.
    fn options(&self, service: &Service, caller: &Caller) -> Outcome<GetSessionOptionsResult> {
        let catalog = service.backend.catalog().catalog_name.clone();
        let chosen = Chosen { wire: Some(caller.profile), ..service.chosen(caller) };
        Ok(chosen.told(&catalog, caller.default_schema.as_deref(), &service.options))
    }

    /// An action that neither Flight nor Flight SQL knows.
    fn other_action(&self, caller: &Caller, action: &Action) -> Outcome<Option<Bytes>> {
        let _ = caller;
        Err(Fault::unsupported(&format!("the action {:?}", action.r#type)))
    }
}

/// Flight SQL over the server's backend.
#[derive(Debug)]
pub(crate) struct FlightSql;

impl Protocol for FlightSql {}
