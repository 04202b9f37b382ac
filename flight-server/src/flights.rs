//! What Flight knows beside Flight SQL: products as flights, polling, and endpoints that are renewed.
//!
//! Holds always:
//! - listing reads no storage; a flight's path is the schema and the name that SQL knows a table by;
//! - polling runs nothing: a statement is ready to be fetched when it is planned. What is polled with a ticket tells how far its
//!   answer is;
//! - a ticket is renewed only by whom it was made for, and only as long as it has not ended.
//!
//! Start reading at [`list`].

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{Any, Command, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo, Ticket};
use prost::Message;
use uuid::Uuid;

use crate::caller::Caller;
use crate::metadata;
use crate::service::Service;
use crate::statement::{Sql, moment};
use crate::status::{Fault, Outcome};
use crate::ticket::{Envelope, EnvelopeKind};

/// Parts of a path at most: catalog, schema, product, table.
const LONGEST_PATH: usize = 4;

/// Every product table that the caller may discover.
///
/// - `criteria`: a pattern over `schema.table`, as `LIKE` knows it; empty: all.
pub(crate) fn list(service: &Service, caller: &Caller, criteria: &[u8]) -> Outcome<Vec<FlightInfo>> {
    let pattern = std::str::from_utf8(criteria).map_err(|_| Fault::invalid("the criteria are not UTF-8 text"))?;
    let ctx = service.context(caller);
    let flight = |(path, wire): (Vec<String>, crate::wire::WireSchema)| {
        let mut info = FlightInfo::new().with_descriptor(FlightDescriptor::new_path(path));
        info.schema = wire.to_ipc()?;
        info.total_records = -1;
        info.total_bytes = -1;
        Ok(info)
    };
    metadata::flights(service.backend.as_ref(), &ctx, caller.profile, pattern).into_iter().map(flight).collect()
}

/// The statement that a path stands for: all rows of one table.
pub(crate) fn of_path(caller: &Caller, descriptor: &FlightDescriptor) -> Outcome<Option<Sql>> {
    if descriptor.r#type() != DescriptorType::Path {
        return Ok(None);
    }
    if descriptor.path.is_empty() || descriptor.path.len() > LONGEST_PATH {
        return Err(Fault::invalid("the path is not that of a table").hint("It is a schema and a table."));
    }
    let parts: Vec<String> = descriptor.path.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    Ok(Some(Sql::plain(format!("SELECT * FROM {}", parts.join(".")), caller)))
}

/// What a ticket of ours holds.
fn opened(service: &Service, caller: &Caller, ticket: &[u8]) -> Outcome<Envelope> {
    let unreadable = || Fault::invalid("the ticket is not one of a statement");
    let any = Any::decode(ticket).map_err(|_| unreadable())?;
    match Command::try_from(any) {
        Ok(Command::TicketStatementQuery(ticket)) => {
            service.signer().open_for(&ticket.statement_handle, EnvelopeKind::Ticket, &caller.principal)
        }
        _ => Err(unreadable()),
    }
}

/// The query that a ticket is for; the caller must be the one whom it was made for.
pub(crate) fn query_of(service: &Service, caller: &Caller, ticket: &[u8]) -> Outcome<Uuid> {
    let envelope = opened(service, caller, ticket)?;
    Uuid::from_slice(&envelope.query_id).map_err(|e| Fault::internal("reading a ticket's query", &e))
}

/// An endpoint with a ticket that ends later.
pub(crate) fn renew(service: &Service, caller: &Caller, mut endpoint: FlightEndpoint) -> Outcome<FlightEndpoint> {
    let ticket = endpoint.ticket.take().ok_or_else(|| Fault::invalid("the endpoint has no ticket"))?;
    let envelope = opened(service, caller, &ticket.ticket)?;
    if envelope.writes {
        return Err(Fault::invalid("the statement writes: its ticket is used once and is not renewed"));
    }
    let (sealed, expires) = service.signer().sealed(envelope, service.options.ticket_lifetime)?;
    let ticket = TicketStatementQuery { statement_handle: sealed }.as_any().encode_to_vec();
    endpoint.ticket = Some(Ticket { ticket: ticket.into() });
    endpoint.expiration_time = Some(moment(expires));
    Ok(endpoint)
}

/// How far the answer behind a ticket is; none when the descriptor is no ticket.
///
/// While it runs the descriptor comes back, to be asked again; when it does not run (any more, or yet) it does not.
pub(crate) fn polled(service: &Service, caller: &Caller, descriptor: &FlightDescriptor) -> Outcome<Option<PollInfo>> {
    let is_ticket = descriptor.r#type() == DescriptorType::Cmd
        && Any::decode(descriptor.cmd.as_ref()).is_ok_and(|any| any.type_url.ends_with(".TicketStatementQuery"));
    if !is_ticket {
        return Ok(None);
    }
    let query = query_of(service, caller, &descriptor.cmd)?;
    let endpoint = FlightEndpoint::new().with_ticket(Ticket { ticket: descriptor.cmd.clone() });
    let info = FlightInfo::new().with_descriptor(descriptor.clone()).with_endpoint(endpoint);
    let poll = PollInfo { info: Some(info), ..PollInfo::default() };
    Ok(Some(match service.running.progress(query) {
        Some(progress) => PollInfo { flight_descriptor: Some(descriptor.clone()), progress, ..poll },
        None => PollInfo { progress: Some(1.0), ..poll },
    }))
}
