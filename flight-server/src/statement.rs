//! Statements: planned and pinned when they are asked for, run when they are fetched.
//!
//! In: SQL text with or without parameters. Out: a schema, a [`FlightInfo`] with one ticket, or the rows.
//! Holds always:
//! - GetFlightInfo runs nothing: it plans, pins one version of every product, and puts them into the ticket;
//! - DoGet runs what was planned a moment ago if the policy and the catalog are as they were, and else plans again with those versions,
//!   so that the policy of that moment counts; it answers with the announced schema or not at all;
//! - what writes is run once, in DoGet or in DoPut, however often its ticket is shown;
//! - one endpoint: drivers read one, and rows keep their order.
//!
//! Start reading at [`Sql::info`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::compute::sum;
use arrow::datatypes::{Int64Type, Schema};
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use bytes::Bytes;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Parameters, QueryContext, Statement};
use prost::Message;
use prost_types::Timestamp;
use uuid::Uuid;

use crate::backend::Plan;
use crate::caller::Caller;
use crate::encode::Encoder;
use crate::parameters::Bound;
use crate::service::Service;
use crate::session::SessionId;
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
    /// Where its temporary tables are.
    pub(crate) session: Option<SessionId>,
    /// Versions to plan with instead of the newest.
    pub(crate) pins: Option<Arc<VersionVector>>,
}

/// A statement that was planned, and the versions it was planned with.
struct Announced {
    wire: WireSchema,
    versions: VersionVector,
    writes: bool,
}

impl Sql {
    /// A statement without parameters, in the caller's types.
    pub(crate) fn plain(text: String, caller: &Caller) -> Self {
        let (session, pins) = (caller.session.clone(), caller.versions.clone());
        Self { text, bound: Bound::default(), profile: caller.profile, session, pins }
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
            session: self.session.as_ref().map(|id| id.as_str().to_owned()),
            project: ctx.project.clone(),
            max_staleness: ctx.max_staleness.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            ..Envelope::default()
        })
    }

    /// Reads a statement out of a verified envelope; its session and its settings become the context's.
    pub(crate) fn from_envelope(service: &Service, envelope: &Envelope, ctx: &mut QueryContext) -> Outcome<Self> {
        ctx.default_schema.clone_from(&envelope.default_schema);
        ctx.purpose.clone_from(&envelope.purpose);
        ctx.project.clone_from(&envelope.project);
        ctx.max_staleness = envelope.max_staleness.map(Duration::from_millis);
        let session = envelope.session.as_deref().and_then(SessionId::read);
        if session.is_some() {
            ctx.temp = service.sessions.temp(&ctx.principal, session.as_ref());
        }
        Ok(Self {
            text: envelope.statement.clone(),
            bound: Bound::from_ipc(&envelope.parameters)?,
            profile: Profile::of_number(envelope.profile)?,
            session,
            pins: None,
        })
    }

    /// Plans with one row of parameters. A statement that writes begins the session that it writes to.
    pub(crate) async fn plan(
        &self,
        service: &Service,
        ctx: &mut QueryContext,
        parameters: Parameters,
        pins: Option<&VersionVector>,
    ) -> Outcome<Box<dyn Plan>> {
        let statement = Statement { sql: self.text.clone(), parameters };
        let plan = ctx.bounded(service.backend.plan(ctx, &statement, pins)).await?;
        if !plan.writes() {
            return Ok(plan);
        }
        let planned_with = ctx.temp.clone();
        service.keep_temp(ctx, self.session.as_ref())?;
        match (&planned_with, &ctx.temp) {
            (None, None) => Ok(plan),
            (Some(planned_with), Some(kept)) if Arc::ptr_eq(planned_with, kept) => Ok(plan),
            _ => Ok(ctx.bounded(service.backend.plan(ctx, &statement, pins)).await?),
        }
    }

    /// Plans with the first parameter row; gives the plan too, which is that of the whole answer when there is one row.
    async fn announce(&self, service: &Service, ctx: &QueryContext) -> Outcome<(Announced, Box<dyn Plan>)> {
        let statement = Statement { sql: self.text.clone(), parameters: self.bound.sample()? };
        let plan = ctx.bounded(service.backend.plan(ctx, &statement, self.pins.as_deref())).await?;
        let wire = self.wire(service, &plan.schema(), self.bound.rows()?.len());
        Ok((Announced { wire, versions: plan.versions(), writes: plan.writes() }, plan))
    }

    /// The wire schema of a plan; for several parameter rows, whose plans may differ in it, every column may hold nulls.
    fn wire(&self, service: &Service, columns: &Schema, rows: usize) -> WireSchema {
        let wire = service.protocol.columns(columns, self.profile);
        if rows == 1 { wire } else { wire.relaxed() }
    }

    /// The columns of the answer.
    pub(crate) async fn schema(&self, service: &Service, ctx: &QueryContext) -> Outcome<WireSchema> {
        if !self.bound.is_absent() {
            return Ok(self.announce(service, ctx).await?.0.wire);
        }
        let told = ctx.bounded(service.backend.describe(ctx, &self.text)).await?;
        Ok(service.protocol.columns(&told.schema, self.profile))
    }

    /// Plans and pins; the ticket carries everything that DoGet needs.
    pub(crate) async fn info(
        &self,
        service: &Service,
        ctx: &QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let (announced, plan) = self.announce(service, ctx).await?;
        let writing = |e| Fault::internal("writing a ticket", &e);
        let envelope = Envelope {
            versions: serde_json::to_string(&announced.versions).map_err(writing)?,
            query_id: ctx.query_id.as_bytes().to_vec(),
            schema: announced.wire.fingerprint()?,
            writes: announced.writes,
            ..self.envelope(EnvelopeKind::Ticket, ctx)?
        };
        let (sealed, expires) = service.signer().sealed(envelope, service.options.ticket_lifetime)?;
        let ticket = TicketStatementQuery { statement_handle: sealed }.as_any().encode_to_vec();
        let metadata = serde_json::json!({
            "v": 1,
            "query_id": ctx.query_id.to_string(),
            "versions": announced.versions,
            "writes": announced.writes,
        });
        let mut info = one_endpoint(descriptor, announced.wire.to_ipc()?, ticket.into());
        // Until then the rows can be fetched, again and again; what writes is run once.
        let expires = (!announced.writes).then(|| moment(expires));
        info.endpoint.iter_mut().for_each(|endpoint| endpoint.expiration_time = expires);
        if self.bound.rows()?.len() == 1 {
            service.ahead.keep(ctx, plan, &service.backend.catalog());
        }
        Ok(info.with_app_metadata(metadata.to_string()))
    }
}

/// A moment in protobuf's words.
///
/// - `millis`: since 1970 UTC.
pub(crate) fn moment(millis: i64) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: millis.div_euclid(1000), nanos }
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

/// Takes the plan of the first row from GetFlightInfo, or plans with the ticket's versions; checks that its columns are the announced
/// ones, and starts it.
async fn run(service: &Service, caller: &Caller, mut ctx: QueryContext, envelope: &Envelope) -> Outcome<Messages> {
    let (ahead, planned) = match service.ahead.take(&ctx, &service.backend.catalog()) {
        Some((planned_with, plan)) => (Some(plan), planned_with),
        None => (None, ctx),
    };
    ctx = planned;
    let inside = service.running.enter(&ctx)?;
    let sql = Sql::from_envelope(service, envelope, &mut ctx)?;
    let pins = envelope.pins()?.unwrap_or_default();
    let mut waiting = VecDeque::from(sql.bound.rows()?);
    let rows = waiting.len();
    waiting.pop_front();
    let plan = match ahead {
        Some(plan) => plan,
        None => sql.plan(service, &mut ctx, sql.bound.sample()?, Some(&pins)).await?,
    };
    let wire = sql.wire(service, &plan.schema(), rows);
    if wire.fingerprint()? != envelope.schema || plan.writes() != envelope.writes {
        return Err(Fault::stale("the columns of the answer have changed since the statement was planned")
            .hint("Run the statement again."));
    }
    inside.progress.expects(plan.scan_bytes());
    if let (true, Some(temp)) = (plan.writes(), &ctx.temp) {
        temp.run_once(ctx.query_id)?;
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
        memory: service.backend.message_memory(),
        _inside: inside,
    }))
}

/// Runs a statement that writes, once for each bound row; gives the number of rows that it has written in all.
///
/// # Errors
/// A statement that gives rows; the first failure: what the rows before it have written stays.
pub(crate) async fn update(service: &Service, ctx: &mut QueryContext, sql: &Sql) -> Outcome<i64> {
    let mut count = 0_i64;
    for parameters in sql.bound.rows()? {
        let plan = sql.plan(service, ctx, parameters, None).await?;
        if !plan.writes() {
            return Err(Fault::invalid("the statement gives rows and updates nothing").hint("Run it as a query."));
        }
        let work = async { plan.run().await?.collect().await };
        for batch in ctx.bounded(work).await? {
            let counts = batch.column(0).as_primitive_opt::<Int64Type>();
            count = count.saturating_add(counts.and_then(sum).unwrap_or_default());
        }
    }
    Ok(count)
}
