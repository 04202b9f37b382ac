//! ListActions and DoAction.
//!
//! Start reading at [`run`].

use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any, ProstMessageExt,
};
use arrow_flight::{Action, ActionType};
use bytes::Bytes;
use meshweave_engine::QueryContext;
use prost::Message;

use crate::caller::Caller;
use crate::prepared;
use crate::service::Service;
use crate::status::{Fault, Outcome};

const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";

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
    ]
}

/// Runs one action; none: there is nothing to answer.
pub(crate) async fn run(
    service: &Service,
    caller: &Caller,
    ctx: &QueryContext,
    action: Action,
) -> Outcome<Option<Bytes>> {
    match action.r#type.as_str() {
        CREATE => {
            let request: ActionCreatePreparedStatementRequest = unpack(&action)?;
            let result = prepared::create(service, caller, ctx, request).await?;
            Ok(Some(result.as_any().encode_to_vec().into()))
        }
        CLOSE => {
            let _: ActionClosePreparedStatementRequest = unpack(&action)?;
            Ok(None)
        }
        other => Err(Fault::unsupported(&format!("the action {other:?}"))),
    }
}

fn unpack<M: ProstMessageExt>(action: &Action) -> Outcome<M> {
    let name = &action.r#type;
    let any =
        Any::decode(action.body.as_ref()).map_err(|_| Fault::invalid(format!("the body of {name} cannot be read")))?;
    let request = any.unpack().map_err(|_| Fault::invalid(format!("the body of {name} cannot be read")))?;
    request.ok_or_else(|| Fault::invalid(format!("the body of {name} is another message: {}", any.type_url)))
}
