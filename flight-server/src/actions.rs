//! ListActions and DoAction.
//!
//! Start reading at [`run`].

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, Any, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, Empty, FlightInfo,
    RenewFlightEndpointRequest,
};
use bytes::Bytes;
use meshweave_engine::QueryContext;
use prost::Message;

use crate::caller::Caller;
use crate::service::Service;
use crate::session::{Chosen, CloseSessionResult, SetSessionOptionsRequest};
use crate::status::{Fault, Outcome};
use crate::{flights, prepared};

const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";
const CANCEL: &str = "CancelFlightInfo";
const CANCEL_QUERY: &str = "CancelQuery";
const RENEW: &str = "RenewFlightEndpoint";
const SET_OPTIONS: &str = "SetSessionOptions";
const GET_OPTIONS: &str = "GetSessionOptions";
const CLOSE_SESSION: &str = "CloseSession";

/// The actions that this server takes; nothing is listed that is then refused.
pub(crate) fn list() -> Vec<ActionType> {
    let action =
        |name: &str, description: &str| ActionType { r#type: name.to_owned(), description: description.to_owned() };
    vec![
        action(
            CREATE,
            "Makes a reusable handle of a statement. Request: ActionCreatePreparedStatementRequest. Response: ActionCreatePreparedStatementResult.",
        ),
        action(CLOSE, "Ends the use of a handle. Request: ActionClosePreparedStatementRequest. Response: none."),
        action(CANCEL, "Stops a query. Request: CancelFlightInfoRequest. Response: CancelFlightInfoResult."),
        action(CANCEL_QUERY, "Stops a query. Request: ActionCancelQueryRequest. Response: ActionCancelQueryResult."),
        action(RENEW, "Lets an endpoint end later. Request: RenewFlightEndpointRequest. Response: FlightEndpoint."),
        action(SET_OPTIONS, "Sets options. Request: SetSessionOptionsRequest. Response: SetSessionOptionsResult."),
        action(GET_OPTIONS, "Tells options. Request: GetSessionOptionsRequest. Response: GetSessionOptionsResult."),
        action(CLOSE_SESSION, "Ends a session. Request: CloseSessionRequest. Response: CloseSessionResult."),
    ]
}

/// Runs one action; none: there is nothing to answer.
pub(crate) async fn run(
    service: &Service,
    caller: &Caller,
    ctx: &QueryContext,
    action: &Action,
) -> Outcome<Option<Bytes>> {
    match action.r#type.as_str() {
        CREATE => {
            let request: ActionCreatePreparedStatementRequest = unpack(action)?;
            let result = prepared::create(service, caller, ctx, request).await?;
            Ok(Some(result.packed()))
        }
        CLOSE => {
            let _: ActionClosePreparedStatementRequest = unpack(action)?;
            Ok(None)
        }
        CANCEL => {
            let request: CancelFlightInfoRequest = read(action)?;
            cancel(service, caller, request.info)?;
            answer(&CancelFlightInfoResult { status: CancelStatus::Cancelled as i32 })
        }
        CANCEL_QUERY => {
            let request: ActionCancelQueryRequest = unpack(action)?;
            let info = FlightInfo::decode(request.info).map_err(|_| unreadable(action))?;
            cancel(service, caller, Some(info))?;
            answer(&ActionCancelQueryResult { result: CancelStatus::Cancelled as i32 }.as_any())
        }
        RENEW => answer(&flights::renew(service, caller, read::<RenewFlightEndpointRequest>(action)?)?),
        SET_OPTIONS => {
            let request: SetSessionOptionsRequest = read(action)?;
            let session = service.begin_session(caller)?;
            let catalog = service.backend.catalog().catalog_name.clone();
            answer(&session.choose(|chosen| chosen.set(request, &catalog, &service.options)))
        }
        GET_OPTIONS => {
            let _: Empty = read(action)?;
            let catalog = service.backend.catalog().catalog_name.clone();
            let chosen = Chosen { wire: Some(caller.profile), ..service.chosen(caller) };
            answer(&chosen.told(&catalog, caller.default_schema.as_deref(), &service.options))
        }
        CLOSE_SESSION => {
            let _: Empty = read(action)?;
            if let Some(id) = &caller.session {
                service.sessions.close(&caller.principal, id);
            }
            answer(&CloseSessionResult::CLOSED)
        }
        other => Err(Fault::unsupported(&format!("the action {other:?}"))),
    }
}

/// Whether an action plans a statement: then it is work, and otherwise answered at once.
pub(crate) fn plans(action: &Action) -> bool {
    action.r#type == CREATE
}

/// Stops the query behind every ticket of an answer.
fn cancel(service: &Service, caller: &Caller, info: Option<FlightInfo>) -> Outcome<()> {
    let endpoints = info.map(|info| info.endpoint).unwrap_or_default();
    let tickets: Vec<_> = endpoints.into_iter().filter_map(|endpoint| endpoint.ticket).collect();
    if tickets.is_empty() {
        return Err(Fault::invalid("the flight has no ticket to be recognized by"));
    }
    for ticket in tickets {
        let query = flights::query_of(service, caller, &ticket.ticket)?;
        service.running.cancel(query);
    }
    Ok(())
}

fn answer(message: &impl Message) -> Outcome<Option<Bytes>> {
    Ok(Some(message.encode_to_vec().into()))
}

/// A body that is the message itself, as Flight's own actions have it.
fn read<M: Message + Default>(action: &Action) -> Outcome<M> {
    M::decode(action.body.as_ref()).map_err(|_| unreadable(action))
}

fn unreadable(action: &Action) -> Fault {
    Fault::invalid(format!("the body of {} cannot be read", action.r#type))
}

fn unpack<M: ProstMessageExt>(action: &Action) -> Outcome<M> {
    let name = &action.r#type;
    let any =
        Any::decode(action.body.as_ref()).map_err(|_| Fault::invalid(format!("the body of {name} cannot be read")))?;
    let request = any.unpack().map_err(|_| Fault::invalid(format!("the body of {name} cannot be read")))?;
    request.ok_or_else(|| Fault::invalid(format!("the body of {name} is another message: {}", any.type_url)))
}
