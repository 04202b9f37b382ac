//! Flights with fixed endpoints: in order, with moments at which they end, polled, with metadata, on the same connection.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{ActionType, CancelStatus, FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo};
use async_trait::async_trait;
use meshweave_engine::QueryContext;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{answering, endpoint, flight, open, passes};
use crate::actions;
use crate::caller::Caller;
use crate::encode::Encoder;
use crate::protocol::Protocol;
use crate::service::Service;
use crate::statement::moment;
use crate::status::{Fault, Outcome};
use crate::stream::{self, Messages};

fn number(data_type: DataType) -> Schema {
    Schema::new(vec![Field::new("number", data_type, false)])
}

/// One column as the rows of a ticket.
fn rows(caller: &Caller, column: ArrayRef) -> (Uuid, Messages) {
    let schema = Arc::new(number(column.data_type().clone()));
    let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
    let schema = batch.schema();
    (Uuid::now_v7(), stream::ready(&schema, Box::new(std::iter::once(Ok(batch))), Encoder::new(caller.message_bytes)))
}

fn is_command(descriptor: &FlightDescriptor, command: &str) -> bool {
    descriptor.r#type() == DescriptorType::Cmd && descriptor.cmd == command
}

/// Milliseconds since 1970 UTC.
fn after(time: Duration) -> i64 {
    chrono::Utc::now().timestamp_millis() + i64::try_from(time.as_millis()).unwrap()
}

/// Three endpoints whose rows belong together in this order.
#[derive(Debug)]
struct Ordered;

#[async_trait]
impl Protocol for Ordered {
    async fn info(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let ordered = is_command(&descriptor, "ordered");
        let info = flight(descriptor, &number(DataType::Int32), ["1", "2", "3"].map(endpoint).to_vec())?;
        Ok(info.with_ordered(ordered))
    }

    async fn get(&self, _service: &Service, caller: &Caller, ticket: &[u8]) -> Outcome<(Uuid, Messages)> {
        let factor = match ticket {
            b"1" => 1,
            b"2" => 10,
            b"3" => 100,
            _ => return Err(Fault::invalid("there is no such ticket")),
        };
        Ok(rows(caller, Arc::new(Int32Array::from_iter_values([1, 2, 3].map(|n| n * factor)))))
    }
}

/// An endpoint that was given out.
#[derive(Debug, Clone, Copy, Default)]
struct Given {
    /// Milliseconds since 1970 UTC; none: it can be read once.
    ends: Option<i64>,
    reads: usize,
    is_cancelled: bool,
}

/// Endpoints that end, are renewed and are cancelled.
#[derive(Debug, Default)]
struct Ending(Mutex<Vec<Given>>);

impl Ending {
    /// The number before the colon of a ticket.
    fn index(ticket: &[u8]) -> Outcome<usize> {
        let text = std::str::from_utf8(ticket).ok().and_then(|text| text.split(':').next()?.parse().ok());
        text.ok_or_else(|| Fault::invalid("there is no such ticket"))
    }

    /// Changes what is known of a ticket's endpoint.
    fn change<T>(&self, ticket: &[u8], change: impl FnOnce(&mut Given) -> Outcome<T>) -> Outcome<T> {
        let index = Self::index(ticket)?;
        change(self.0.lock().get_mut(index).ok_or_else(|| Fault::invalid("there is no such ticket"))?)
    }

    fn ticket(endpoint: &FlightEndpoint) -> Vec<u8> {
        endpoint.ticket.as_ref().map(|ticket| ticket.ticket.to_vec()).unwrap_or_default()
    }
}

#[async_trait]
impl Protocol for Ending {
    async fn info(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let times = [None, Some(Duration::from_secs(5)), Some(Duration::from_secs(6))];
        let given: Vec<Given> = times.map(|time| Given { ends: time.map(after), ..Given::default() }).to_vec();
        let endpoint = |(index, given): (usize, &Given)| FlightEndpoint {
            expiration_time: given.ends.map(moment),
            ..endpoint(format!("{index}: an endpoint"))
        };
        let endpoints = given.iter().enumerate().map(endpoint).collect();
        *self.0.lock() = given;
        flight(descriptor, &number(DataType::UInt32), endpoints)
    }

    async fn get(&self, _service: &Service, caller: &Caller, ticket: &[u8]) -> Outcome<(Uuid, Messages)> {
        self.change(ticket, |given| {
            let is_over = match given.ends {
                Some(ends) => after(Duration::ZERO) > ends,
                None => given.reads > 0,
            };
            if is_over || given.is_cancelled {
                return Err(Fault::invalid("the ticket has ended"));
            }
            given.reads += 1;
            Ok(())
        })?;
        let index = u32::try_from(Self::index(ticket)?).unwrap();
        Ok(rows(caller, Arc::new(UInt32Array::from(vec![index]))))
    }

    fn actions(&self, service: &Service) -> Vec<ActionType> {
        let theirs = ["CancelFlightInfo", "RenewFlightEndpoint"];
        actions::list(&service.options).into_iter().filter(|action| theirs.contains(&action.r#type.as_str())).collect()
    }

    fn cancel(&self, _service: &Service, _caller: &Caller, info: FlightInfo) -> Outcome<CancelStatus> {
        for endpoint in &info.endpoint {
            let was =
                self.change(&Self::ticket(endpoint), |given| Ok(std::mem::replace(&mut given.is_cancelled, true)))?;
            if was {
                return Ok(CancelStatus::NotCancellable);
            }
        }
        Ok(CancelStatus::Cancelled)
    }

    fn renew(&self, _service: &Service, _caller: &Caller, renewed: FlightEndpoint) -> Outcome<FlightEndpoint> {
        let ends = after(Duration::from_secs(10));
        let ticket = Self::ticket(&renewed);
        self.change(&ticket, |given| {
            given.ends = Some(ends);
            Ok(())
        })?;
        let ticket = format!("{}: renewed", String::from_utf8_lossy(&ticket));
        Ok(FlightEndpoint { expiration_time: Some(moment(ends)), ..endpoint(ticket) })
    }
}

/// A flight that is ready when it is asked for the second time.
#[derive(Debug)]
struct Polled;

#[async_trait]
impl Protocol for Polled {
    async fn poll(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<PollInfo> {
        let is_ready = is_command(&descriptor, "poll");
        let info = flight(descriptor, &number(DataType::UInt32), vec![endpoint("long-running query")])?;
        Ok(PollInfo {
            info: Some(info),
            flight_descriptor: (!is_ready).then(|| FlightDescriptor::new_cmd("poll")),
            progress: Some(if is_ready { 1.0 } else { 0.1 }),
            expiration_time: (!is_ready).then(|| moment(after(Duration::from_secs(10)))),
        })
    }
}

/// A flight and an endpoint that carry the command back.
#[derive(Debug)]
struct Carrying;

#[async_trait]
impl Protocol for Carrying {
    async fn info(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let command = descriptor.cmd.clone();
        let endpoint = FlightEndpoint::new().with_app_metadata(command.clone());
        Ok(flight(descriptor, &number(DataType::UInt32), vec![endpoint])?.with_app_metadata(command))
    }
}

/// An endpoint that is fetched on the connection that it was asked for on.
#[derive(Debug)]
struct Reused;

#[async_trait]
impl Protocol for Reused {
    async fn info(
        &self,
        _service: &Service,
        _caller: &Caller,
        _ctx: &mut QueryContext,
        descriptor: FlightDescriptor,
    ) -> Outcome<FlightInfo> {
        let endpoint = endpoint("reuse").with_location("arrow-flight-reuse-connection://?");
        flight(descriptor, &Schema::empty(), vec![endpoint])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ordered() {
    passes("ordered", answering(open(), Ordered)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiration_time_do_get() {
    passes("expiration_time:do_get", answering(open(), Ending::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiration_time_list_actions() {
    passes("expiration_time:list_actions", answering(open(), Ending::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiration_time_cancel_flight_info() {
    passes("expiration_time:cancel_flight_info", answering(open(), Ending::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expiration_time_renew_flight_endpoint() {
    passes("expiration_time:renew_flight_endpoint", answering(open(), Ending::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poll_flight_info() {
    passes("poll_flight_info", answering(open(), Polled)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn app_metadata_flight_info_endpoint() {
    passes("app_metadata_flight_info_endpoint", answering(open(), Carrying)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn location_reuse_connection() {
    passes("location:reuse_connection", answering(open(), Reused)).await;
}
