//! Prepared statements: the handle is the whole state, so closing one frees nothing and any replica can serve it.
//!
//! In: SQL text, then parameter rows. Out: a handle with the announced columns, then a new handle with the rows inside.
//! Holds always:
//! - the columns are those that GetSchema, GetFlightInfo and DoGet give for the same handle;
//! - a handle belongs to the principal who made it;
//! - closing succeeds for any handle: drivers close the one they saw last.
//!
//! Start reading at [`create`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, DoPutPreparedStatementResult,
};
use bytes::Bytes;
use futures::StreamExt;
use meshweave_engine::QueryContext;

use crate::caller::Caller;
use crate::parameters::{Bound, announced};
use crate::service::{Service, refuse_transaction};
use crate::statement::Sql;
use crate::status::{Fault, Outcome};
use crate::ticket::EnvelopeKind;
use crate::wire::{WireSchema, schema_to_ipc};

/// Makes a handle and tells the statement's columns and parameters; touches no storage.
pub(crate) async fn create(
    service: &Service,
    caller: &Caller,
    ctx: &QueryContext,
    request: ActionCreatePreparedStatementRequest,
) -> Outcome<ActionCreatePreparedStatementResult> {
    refuse_transaction(request.transaction_id.as_ref())?;
    let sql = Sql::plain(request.query, caller);
    let told = ctx.bounded(service.backend.describe(ctx, &sql.text)).await?;
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: seal(service, ctx, &sql)?,
        dataset_schema: WireSchema::new(&told.schema, sql.profile).to_ipc()?,
        parameter_schema: schema_to_ipc(&announced(&told.parameters, caller.is_jdbc))?,
    })
}

fn seal(service: &Service, ctx: &QueryContext, sql: &Sql) -> Outcome<Bytes> {
    service.signer().seal(sql.envelope(EnvelopeKind::Handle, ctx)?, service.options.handle_lifetime)
}

/// Reads a handle; the session settings that it was made with become the context's.
pub(crate) fn open(service: &Service, caller: &Caller, ctx: &mut QueryContext, handle: &[u8]) -> Outcome<Sql> {
    let envelope = service.signer().open_for(handle, EnvelopeKind::Handle, &caller.principal)?;
    Sql::from_envelope(&envelope, ctx)
}

/// Gives a new handle with the sent rows inside.
pub(crate) async fn bind(
    service: &Service,
    caller: &Caller,
    mut ctx: QueryContext,
    handle: &[u8],
    rows: FlightRecordBatchStream,
) -> Outcome<DoPutPreparedStatementResult> {
    let mut sql = open(service, caller, &mut ctx, handle)?;
    sql.bound = read_bound(service, &ctx, &sql.text, rows).await?;
    Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(seal(service, &ctx, &sql)?) })
}

/// Reads sent rows as parameters of `sql`.
pub(crate) async fn read_bound(
    service: &Service,
    ctx: &QueryContext,
    sql: &str,
    rows: FlightRecordBatchStream,
) -> Outcome<Bound> {
    let batches = read(rows, service.options.max_parameter_bytes).await?;
    let told = ctx.bounded(service.backend.describe(ctx, sql)).await?;
    let bound = Bound::new(&batches, &told.parameters)?;
    if bound.to_ipc()?.len() > service.options.max_parameter_bytes {
        return Err(too_large(service.options.max_parameter_bytes));
    }
    Ok(bound)
}

/// Every batch that was sent, up to `limit` bytes in memory; columns without rows are one batch without rows.
async fn read(mut rows: FlightRecordBatchStream, limit: usize) -> Outcome<Vec<RecordBatch>> {
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| sent_wrongly(&error))?;
        bytes += batch.get_array_memory_size();
        // Decoded buffers are padded; twice the limit still bounds what is held here.
        if bytes > limit.saturating_mul(2) {
            return Err(too_large(limit));
        }
        batches.push(batch);
    }
    // A client that binds no rows may send their columns alone: that is no row, not "nothing was bound".
    if batches.is_empty() {
        batches.extend(rows.schema().map(|columns| RecordBatch::new_empty(Arc::clone(columns))));
    }
    Ok(batches)
}

fn too_large(limit: usize) -> Fault {
    Fault::exhausted(format!("the bound parameter rows take more than {limit} bytes"))
        .hint("Bind fewer rows at a time, or join with a table that holds them.")
}

fn sent_wrongly(error: &FlightError) -> Fault {
    match error {
        FlightError::Tonic(status) => Fault::invalid(format!("the parameter rows broke off: {}", status.message())),
        other => Fault::invalid(format!("the parameter rows cannot be read: {other}")),
    }
}
