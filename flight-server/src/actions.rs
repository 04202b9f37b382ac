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
use crate::options::Options;
use crate::service::Service;
use crate::session::{CloseSessionResult, SetSessionOptionsRequest};
use crate::status::{Fault, Outcome};
use crate::{catalog, flights, prepared};

const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";
const CANCEL: &str = "CancelFlightInfo";
const CANCEL_QUERY: &str = "CancelQuery";
const RENEW: &str = "RenewFlightEndpoint";
const SET_OPTIONS: &str = "SetSessionOptions";
const GET_OPTIONS: &str = "GetSessionOptions";
const CLOSE_SESSION: &str = "CloseSession";

/// The actions that this server takes; nothing is listed that is then refused.
pub(crate) fn list(options: &Options) -> Vec<ActionType> {
    let action =
        |name: &str, description: &str| ActionType { r#type: name.to_owned(), description: description.to_owned() };
    let mut actions = vec![
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
        action(catalog::SEARCH, "Finds products by words. Request and response: JSON, as the book describes."),
    ];
    if options.register.is_some() {
        let text = "Registers contracts. Request and response: JSON, as the book describes.";
        actions.push(action(catalog::REGISTER, text));
    }
    actions
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
            let status = service.protocol.cancel(service, caller, request.info.unwrap_or_default())?;
            answer(&CancelFlightInfoResult { status: status as i32 })
        }
        CANCEL_QUERY => {
            let request: ActionCancelQueryRequest = unpack(action)?;
            let info = FlightInfo::decode(request.info).map_err(|_| unreadable(action))?;
            let status = service.protocol.cancel(service, caller, info)?;
            answer(&ActionCancelQueryResult { result: status as i32 }.as_any())
        }
        RENEW => {
            let request: RenewFlightEndpointRequest = read(action)?;
            let endpoint = request.endpoint.ok_or_else(|| Fault::invalid("the request has no endpoint"))?;
            answer(&service.protocol.renew(service, caller, endpoint)?)
        }
        SET_OPTIONS => {
            let request: SetSessionOptionsRequest = read(action)?;
            answer(&service.protocol.set_options(service, caller, request)?)
        }
        GET_OPTIONS => {
            let _: Empty = read(action)?;
            answer(&service.protocol.options(service, caller)?)
        }
        CLOSE_SESSION => {
            let _: Empty = read(action)?;
            if let Some(id) = &caller.session {
                service.sessions.close(&caller.principal, id);
            }
            answer(&CloseSessionResult::CLOSED)
        }
        catalog::SEARCH => catalog::search(service, ctx, &action.body).map(Some),
        catalog::REGISTER => catalog::register(service, ctx, &action.body).await.map(Some),
        _ => service.protocol.other_action(caller, action),
    }
}

/// Whether an action plans a statement or reads the catalog through: then it is work, and otherwise answered at once.
pub(crate) fn plans(action: &Action) -> bool {
    [CREATE, catalog::SEARCH, catalog::REGISTER].contains(&action.r#type.as_str())
}

/// Stops the query behind every ticket of an answer.
pub(crate) fn cancel(service: &Service, caller: &Caller, info: FlightInfo) -> Outcome<CancelStatus> {
    let tickets: Vec<_> = info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket).collect();
    if tickets.is_empty() {
        return Err(Fault::invalid("the flight has no ticket to be recognized by"));
    }
    for ticket in tickets {
        let query = flights::query_of(service, caller, &ticket.ticket)?;
        service.running.cancel(query);
    }
    Ok(CancelStatus::Cancelled)
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
