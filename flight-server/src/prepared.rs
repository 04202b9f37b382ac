//! Prepared statements: the handle is the whole state, so closing one frees nothing and any replica can serve it.
//!
//! In: SQL text, then parameter rows. Out: a handle with the announced columns, then a new handle with the rows inside.
//! Holds always:
//! - the columns are those that GetSchema, GetFlightInfo and DoGet give for the same handle;
//! - a handle belongs to the principal who made it;
//! - closing succeeds for any handle: drivers close the one they saw last.
//!
//! Start reading at [`create`].

use arrow::array::RecordBatch;
use arrow_flight::sql::{ActionCreatePreparedStatementRequest, Any, DoPutPreparedStatementResult};
use bytes::Bytes;
use futures::StreamExt;
use meshweave_engine::QueryContext;
use prost::Message;

use crate::caller::Caller;
use crate::parameters::{Bound, announced};
use crate::sent::SentRows;
use crate::service::{Service, refuse_transaction};
use crate::statement::Sql;
use crate::status::{Fault, Outcome};
use crate::ticket::EnvelopeKind;
use crate::wire::schema_to_ipc;

/// `ActionCreatePreparedStatementResult` with the field that the library does not have yet.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Prepared {
    /// The handle.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) prepared_statement_handle: Bytes,
    /// The columns of the answer, as an IPC message.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) dataset_schema: Bytes,
    /// The columns to be bound, as an IPC message.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) parameter_schema: Bytes,
    /// Whether it is run with CommandPreparedStatementUpdate.
    #[prost(bool, optional, tag = "4")]
    pub(crate) is_update: Option<bool>,
}

impl Prepared {
    /// As actions answer.
    pub(crate) fn packed(&self) -> Bytes {
        let type_url = "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult".to_owned();
        Any { type_url, value: self.encode_to_vec().into() }.encode_to_vec().into()
    }
}

/// Makes a handle and tells the statement's columns and parameters; touches no storage.
pub(crate) async fn create(
    service: &Service,
    caller: &Caller,
    ctx: &QueryContext,
    request: ActionCreatePreparedStatementRequest,
) -> Outcome<Prepared> {
    refuse_transaction(request.transaction_id.as_ref())?;
    let sql = Sql::plain(request.query, caller);
    let told = ctx.bounded(service.backend.describe(ctx, &sql.text)).await?;
    // The JDBC driver of every age takes a statement without columns for one that updates; only newer ones read the field.
    let has_columns = !(told.writes && caller.is_jdbc);
    let columns = service.protocol.columns(&told.schema, sql.profile);
    Ok(Prepared {
        prepared_statement_handle: seal(service, ctx, &sql)?,
        dataset_schema: if has_columns { columns.to_ipc()? } else { Bytes::new() },
        parameter_schema: schema_to_ipc(&announced(&told.parameters, caller.is_jdbc))?,
        is_update: Some(told.writes),
    })
}

fn seal(service: &Service, ctx: &QueryContext, sql: &Sql) -> Outcome<Bytes> {
    service.signer().seal(sql.envelope(EnvelopeKind::Handle, ctx)?, service.options.handle_lifetime)
}

/// Reads a handle; the session settings that it was made with become the context's.
pub(crate) fn open(service: &Service, caller: &Caller, ctx: &mut QueryContext, handle: &[u8]) -> Outcome<Sql> {
    let envelope = service.signer().open_for(handle, EnvelopeKind::Handle, &caller.principal)?;
    let sql = Sql::from_envelope(service, &envelope, ctx)?;
    Ok(Sql { pins: caller.versions.clone(), ..sql })
}

/// Gives a new handle with the sent rows inside.
pub(crate) async fn bind(
    service: &Service,
    caller: &Caller,
    mut ctx: QueryContext,
    handle: &[u8],
    rows: SentRows,
) -> Outcome<DoPutPreparedStatementResult> {
    let mut sql = open(service, caller, &mut ctx, handle)?;
    sql.bound = read_bound(service, &ctx, &sql.text, rows).await?.unwrap_or_default();
    Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(seal(service, &ctx, &sql)?) })
}

/// Reads sent rows as parameters of `sql`; none when neither a column nor a row was sent.
pub(crate) async fn read_bound(
    service: &Service,
    ctx: &QueryContext,
    sql: &str,
    rows: SentRows,
) -> Outcome<Option<Bound>> {
    let work = async { Ok(read(rows, service.options.max_parameter_bytes).await) };
    let batches = ctx.bounded(work).await??;
    if batches.is_empty() {
        return Ok(None);
    }
    let told = ctx.bounded(service.backend.describe(ctx, sql)).await?;
    let bound = Bound::new(&batches, &told.parameters)?;
    if bound.to_ipc()?.len() > service.options.max_parameter_bytes {
        return Err(too_large(service.options.max_parameter_bytes));
    }
    Ok(Some(bound))
}

/// Every batch that was sent, up to `limit` bytes in memory; columns without rows are one batch without rows.
async fn read(mut rows: SentRows, limit: usize) -> Outcome<Vec<RecordBatch>> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        bytes += batch.get_array_memory_size();
        // Decoded buffers are padded; twice the limit still bounds what is held here.
        if bytes > limit.saturating_mul(2) {
            return Err(too_large(limit));
        }
        batches.push(batch);
    }
    // A client that binds no rows may send their columns alone: that is no row, not "nothing was bound".
    if batches.is_empty() {
        batches.extend(rows.schema().map(RecordBatch::new_empty));
    }
    Ok(batches)
}

fn too_large(limit: usize) -> Fault {
    Fault::exhausted(format!("the bound parameter rows take more than {limit} bytes"))
        .hint("Bind fewer rows at a time, or join with a table that holds them.")
}
