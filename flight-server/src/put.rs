//! DoPut: binding parameter rows, statements that write, and rows for a temporary table or a product.
//!
//! Products are read-only through SQL: a statement that would write to one goes to the engine, and its refusal comes back. Rows for
//! a product go to the engine too, which decides whether it takes them.
//! Holds always: rows that broke off are not kept, none of them.
//!
//! Start reading at [`put`].

use arrow_flight::sql::{Command, CommandStatementIngest, DoPutUpdateResult};
use arrow_flight::{FlightData, PutResult};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use meshweave_engine::ingest::Offer;
use meshweave_engine::temp::{Ingest, IngestMode, TEMP};
use meshweave_engine::{Error, QueryContext};
use prost::Message;

use crate::caller::Caller;
use crate::prepared;
use crate::sent::SentRows;
use crate::service::{Service, decode_command, refuse_transaction};
use crate::statement::{self, Sql};
use crate::status::{Fault, Outcome};

/// Takes the first message's command, and the rows that follow it.
pub(crate) async fn put(
    service: &Service,
    caller: &Caller,
    mut ctx: QueryContext,
    mut messages: impl Stream<Item = Result<FlightData, tonic::Status>> + Unpin + Send + 'static,
) -> Outcome<PutResult> {
    let first = messages.next().await.ok_or_else(|| Fault::invalid("the call ended before its first message"))?;
    let first = first.map_err(|status| Fault::invalid(format!("the call broke off: {}", status.message())))?;
    let descriptor =
        first.flight_descriptor.clone().ok_or_else(|| Fault::invalid("the first message has no descriptor"))?;
    let rows = SentRows::new(stream::once(async { Ok(first) }).chain(messages));
    let count = match decode_command(&descriptor)? {
        Command::CommandPreparedStatementQuery(command) => {
            let bound = prepared::bind(service, caller, ctx, &command.prepared_statement_handle, rows).await?;
            return Ok(PutResult { app_metadata: bound.encode_to_vec().into() });
        }
        Command::CommandStatementUpdate(command) => {
            refuse_transaction(command.transaction_id.as_ref())?;
            statement::update(service, &mut ctx, &Sql::plain(command.query, caller)).await?
        }
        Command::CommandPreparedStatementUpdate(command) => {
            let mut sql = prepared::open(service, caller, &mut ctx, &command.prepared_statement_handle)?;
            // Some drivers bind in a call of its own, some in this one.
            if let Some(bound) = prepared::read_bound(service, &ctx, &sql.text, rows).await? {
                sql.bound = bound;
            }
            statement::update(service, &mut ctx, &sql).await?
        }
        Command::CommandStatementIngest(command) => {
            service.protocol.ingest(service, caller, &mut ctx, command, rows).await?
        }
        other => return Err(Fault::unsupported(&format!("sending rows with {}", short(other.type_url())))),
    };
    Ok(PutResult { app_metadata: DoPutUpdateResult { record_count: count }.encode_to_vec().into() })
}

/// Takes rows into a temporary table, or into a product.
pub(crate) async fn ingest(
    service: &Service,
    caller: &Caller,
    ctx: &mut QueryContext,
    command: CommandStatementIngest,
    rows: SentRows,
) -> Outcome<i64> {
    refuse_transaction(command.transaction_id.as_ref())?;
    let mode = mode(&command)?;
    let destination = destination(service, command, mode)?;
    if matches!(destination, Destination::Temp(_)) {
        service.keep_temp(ctx, caller.session.as_ref())?;
    }
    let limit = ctx.clone();
    let work = async { Ok(batches(rows).await) };
    let rows = limit.bounded(work).await??;
    let count = match destination {
        Destination::Temp(ingest) => limit.bounded(service.backend.ingest(ctx, ingest, rows)).await?,
        // The engine keeps to the limit itself, up to the commit: between its two answers nothing may cut.
        Destination::Product(offer) => service.backend.append(ctx, offer, rows).await?,
    };
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Where rows go.
enum Destination {
    /// Into a table of the session.
    Temp(Ingest),
    /// Into a table of a product.
    Product(Offer),
}

/// What is to happen with a table that exists, and with one that does not.
fn mode(command: &CommandStatementIngest) -> Outcome<IngestMode> {
    const CREATE: i32 = 1;
    const NO_TABLE_FAILS: i32 = 2;
    const TABLE_FAILS: i32 = 1;
    const APPEND: i32 = 2;
    const REPLACE: i32 = 3;
    let asked = command.table_definition_options.map(|options| (options.if_not_exist, options.if_exists));
    match asked {
        Some((CREATE, TABLE_FAILS)) => Ok(IngestMode::Create),
        Some((NO_TABLE_FAILS, APPEND)) => Ok(IngestMode::Append),
        Some((CREATE, APPEND)) => Ok(IngestMode::CreateAppend),
        Some((CREATE, REPLACE)) => Ok(IngestMode::Replace),
        _ => Err(Fault::invalid("the command does not say what to do with the table")
            .hint("Create, append, replace, or create where it is missing and append.")),
    }
}

/// The table that is named: one of the session's without a schema, else a product's.
fn destination(service: &Service, command: CommandStatementIngest, mode: IngestMode) -> Outcome<Destination> {
    let catalog = service.backend.catalog().catalog_name.clone();
    if let Some(asked) = command.catalog.filter(|name| !name.is_empty() && *name != catalog) {
        return Err(Fault::not_found(format!("catalog \"{asked}\" does not exist")));
    }
    let table = command.table;
    match command.schema.filter(|name| !name.is_empty() && name != TEMP) {
        None => Ok(Destination::Temp(Ingest { table, mode })),
        Some(_) if command.temporary => {
            Err(Fault::invalid("a temporary table lies in the schema temp")
                .hint("Leave the schema out, or say `temp`."))
        }
        Some(schema) => Ok(Destination::Product(Offer { schema, table, mode })),
    }
}

/// The rows with their columns known before the first of them.
async fn batches(mut rows: SentRows) -> Outcome<SendableRecordBatchStream> {
    let first = rows.next().await.transpose()?;
    let schema = rows.schema().ok_or_else(|| Fault::invalid("no columns and no rows were sent"))?;
    let rest = rows.map_err(|fault| DataFusionError::from(Error::invalid_query(fault.text())));
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(first.map(Ok)).chain(rest))))
}

/// The last part of a command's type, for people.
pub(crate) fn short(type_url: &str) -> &str {
    type_url.rsplit(['.', '/']).next().unwrap_or(type_url)
}
