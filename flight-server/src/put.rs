//! DoPut: binding parameter rows, and the commands that would write.
//!
//! Products are read-only through SQL: a writing statement goes to the engine, and its refusal comes back.
//!
//! Start reading at [`put`].

use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::sql::Command;
use arrow_flight::{FlightData, PutResult};
use futures::{StreamExt, TryStreamExt, stream};
use meshweave_engine::{QueryContext, Statement};
use prost::Message;
use tonic::Streaming;

use crate::caller::Caller;
use crate::prepared;
use crate::service::{Service, decode_command};
use crate::statement::Sql;
use crate::status::{Fault, Outcome};

/// Takes the first message's command, and the rows that follow it.
pub(crate) async fn put(
    service: &Service,
    caller: &Caller,
    ctx: QueryContext,
    mut messages: Streaming<FlightData>,
) -> Outcome<PutResult> {
    let first = messages
        .message()
        .await
        .map_err(|status| Fault::invalid(format!("the call broke off: {}", status.message())))?;
    let first = first.ok_or_else(|| Fault::invalid("the call ended before its first message"))?;
    let descriptor =
        first.flight_descriptor.clone().ok_or_else(|| Fault::invalid("the first message has no descriptor"))?;
    let rows = stream::once(async { Ok(first) }).chain(messages);
    let rows = FlightRecordBatchStream::new_from_flight_data(rows.map_err(Into::into));
    match decode_command(&descriptor)? {
        Command::CommandPreparedStatementQuery(command) => {
            let bound = prepared::bind(service, caller, ctx, &command.prepared_statement_handle, rows).await?;
            Ok(PutResult { app_metadata: bound.encode_to_vec().into() })
        }
        Command::CommandStatementUpdate(command) => {
            service.refuse_transaction(command.transaction_id.as_ref())?;
            Err(update(service, &ctx, &Sql::plain(command.query, caller)).await)
        }
        Command::CommandPreparedStatementUpdate(command) => {
            let mut ctx = ctx;
            let mut sql = prepared::open(service, caller, &mut ctx, &command.prepared_statement_handle)?;
            sql.bound = prepared::read_bound(service, &ctx, &sql.text, rows).await?;
            Err(update(service, &ctx, &sql).await)
        }
        Command::CommandStatementIngest(_) => {
            Err(Fault::unsupported("bulk ingestion").hint("Products take rows only through their owners' input ports."))
        }
        other => Err(Fault::unsupported(&format!("sending rows with {}", short(other.type_url())))),
    }
}

/// Why a statement cannot run as an update: the engine's refusal, or that it gives rows.
async fn update(service: &Service, ctx: &QueryContext, sql: &Sql) -> Fault {
    let parameters = match sql.bound.sample() {
        Ok(parameters) => parameters,
        Err(fault) => return fault,
    };
    let statement = Statement { sql: sql.text.clone(), parameters };
    match ctx.bounded(service.backend.plan(ctx, &statement, None)).await {
        Err(refused) => refused.into(),
        Ok(_) => Fault::invalid("the statement gives rows and updates nothing").hint("Run it as a query."),
    }
}

/// The last part of a command's type, for people.
pub(crate) fn short(type_url: &str) -> &str {
    type_url.rsplit(['.', '/']).next().unwrap_or(type_url)
}
