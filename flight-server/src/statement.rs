//! Statements: planned and pinned when they are asked for, run when they are fetched.
//!
//! In: SQL text with or without parameters. Out: a schema, a [`FlightInfo`] with one ticket, or the rows.
//! Holds always:
//! - GetFlightInfo runs nothing: it plans, pins one version of every product, and puts them into the ticket;
//! - DoGet plans again with those versions, so that the policy of that moment counts, and answers with the announced schema or not at all;
//! - one endpoint: drivers read one, and rows keep their order.
//!
//! Start reading at [`Sql::info`].

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use bytes::Bytes;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{QueryContext, Statement};
use prost::Message;
use uuid::Uuid;

use crate::caller::Caller;
use crate::encode::Encoder;
use crate::parameters::Bound;
use crate::service::Service;
use crate::status::{Fault, Outcome};
use crate::stream::{self, Messages, Run};
use crate::ticket::{Envelope, EnvelopeKind, principal_hash};
use crate::wire::{Profile, WireSchema};

/// One statement with its bound rows.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) bound: Bound,
    pub(crate) profile: Profile,
}

/// A statement that was planned, and the versions it was planned with.
struct Announced {
    wire: WireSchema,
    versions: VersionVector,
}

impl Sql {
    /// A statement without parameters, in the caller's types.
    pub(crate) fn plain(text: String, caller: &Caller) -> Self {
        Self { text, bound: Bound::default(), profile: caller.profile }
    }

    /// The state of this statement for an envelope of `kind`.
    pub(crate) fn envelope(&self, kind: EnvelopeKind, ctx: &QueryContext) -> Outcome<Envelope> {
        Ok(Envelope {
            kind: kind as i32,
            statement: self.text.clone(),
            parameters: self.bound.to_ipc()?,
            principal: principal_hash(&ctx.principal)?,
            profile: self.profile.number(),
            default_schema: ctx.default_schema.clone(),
            purpose: ctx.purpose.clone(),
            ..Envelope::default()
        })
    }

    /// Reads a statement out of a verified envelope; its session settings become the context's.
    pub(crate) fn from_envelope(envelope: &Envelope, ctx: &mut QueryContext) -> Outcome<Self> {
        ctx.default_schema.clone_from(&envelope.default_schema);
        ctx.purpose.clone_from(&envelope.purpose);
        Ok(Self {
            text: envelope.statement.clone(),
            bound: Bound::from_ipc(&envelope.parameters)?,
            profile: Profile::of_number(envelope.profile)?,
        })
    }

    /// Plans with the first parameter row.
    async fn announce(&self, service: &Service, ctx: &QueryContext) -> Outcome<Announced> {
        let statement = Statement { sql: self.text.clone(), parameters: self.bound.sample()? };
        let plan = ctx.bounded(service.backend.plan(ctx, &statement, None)).await?;
        Ok(Announced { wire: self.wire(&plan.schema(), self.bound.rows()?.len()), versions: plan.versions() })
    }

    /// The wire schema of a plan; for several parameter rows, whose plans may differ in it, every column may hold nulls.
    fn wire(&self, columns: &Schema, rows: usize) -> WireSchema {
        let wire = WireSchema::new(columns, self.profile);
        if rows == 1 { wire } else { wire.relaxed() }
    }

    /// The columns of the answer.
    pub(crate) async fn schema(&self, service: &Service, ctx: &QueryContext) -> Outcome<WireSchema> {
        if !self.bound.is_absent() {
            return Ok(self.announce(service, ctx).await?.wire);
        }
        let told = ctx.bounded(service.backend.describe(ctx, &self.text)).await?;
        Ok(WireSchema::new(&told.schema, self.profile))
    }

    /// Plans and pins; the ticket carries everything that DoGet needs.
    pub(crate) async fn info(
        &self,
        service: &Service,
        ctx: &QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let announced = self.announce(service, ctx).await?;
        let writing = |e| Fault::internal("writing a ticket", &e);
        let envelope = Envelope {
            versions: serde_json::to_string(&announced.versions).map_err(writing)?,
            query_id: ctx.query_id.as_bytes().to_vec(),
            schema: announced.wire.fingerprint()?,
            ..self.envelope(EnvelopeKind::Ticket, ctx)?
        };
        let sealed = service.signer().seal(envelope, service.options.ticket_lifetime)?;
        let ticket = TicketStatementQuery { statement_handle: sealed }.as_any().encode_to_vec();
        let metadata = serde_json::json!({
            "v": 1,
            "query_id": ctx.query_id.to_string(),
            "versions": announced.versions,
        });
        Ok(one_endpoint(descriptor, announced.wire.to_ipc()?, ticket.into()).with_app_metadata(metadata.to_string()))
    }
}

/// A [`FlightInfo`] of unknown size with one endpoint and no location: fetch it where it was asked for.
pub(crate) fn one_endpoint(descriptor: FlightDescriptor, schema: Bytes, ticket: Bytes) -> FlightInfo {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket { ticket });
    let mut info = FlightInfo::new().with_descriptor(descriptor).with_endpoint(endpoint);
    info.schema = schema;
    info.total_records = -1;
    info.total_bytes = -1;
    info
}

/// Runs what a ticket holds.
pub(crate) async fn fetch(service: &Service, caller: &Caller, sealed: &[u8]) -> Outcome<(Uuid, Messages)> {
    let envelope = service.signer().open_for(sealed, EnvelopeKind::Ticket, &caller.principal)?;
    let mut ctx = service.context(caller);
    if let Ok(id) = Uuid::from_slice(&envelope.query_id) {
        ctx.query_id = id;
    }
    let id = ctx.query_id;
    let messages = run(service, caller, ctx, &envelope).await.map_err(|fault| fault.of(id))?;
    Ok((id, messages))
}

/// Plans the first row with the ticket's versions, checks that its columns are the announced ones, and starts it.
async fn run(service: &Service, caller: &Caller, mut ctx: QueryContext, envelope: &Envelope) -> Outcome<Messages> {
    let sql = Sql::from_envelope(envelope, &mut ctx)?;
    let pins = envelope.pins()?.unwrap_or_default();
    let mut waiting = VecDeque::from(sql.bound.rows()?);
    let rows = waiting.len();
    waiting.pop_front();
    let statement = Statement { sql: sql.text.clone(), parameters: sql.bound.sample()? };
    let plan = ctx.bounded(service.backend.plan(&ctx, &statement, Some(&pins))).await?;
    let wire = sql.wire(&plan.schema(), rows);
    if wire.fingerprint()? != envelope.schema {
        return Err(Fault::stale("the columns of the answer have changed since the statement was planned")
            .hint("Run the statement again."));
    }
    let current = if rows == 0 { None } else { Some(ctx.bounded(plan.run()).await?) };
    Ok(stream::messages(Run {
        backend: Arc::clone(&service.backend),
        ctx,
        sql: sql.text,
        waiting,
        pins,
        wire,
        encoder: Encoder::new(caller.message_bytes),
        current,
        queue: VecDeque::new(),
    }))
}
