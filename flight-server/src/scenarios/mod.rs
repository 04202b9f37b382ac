//! The scenarios of Arrow's integration tests: the client of arrow-go, which nobody here wrote, against our transport.
//!
//! The client asserts the fixed answers of a made-up server. Here those answers come from a [`Protocol`] of their own (and, for Flight
//! SQL, from a [`crate::Backend`]), so that everything around them is ours: connections, logins, sessions and their cookies, reading
//! commands, actions and rows, signed tickets and handles, errors, and putting answers on the wire.
//!
//! - `fixed`: flights with fixed endpoints, polled, renewed and cancelled ones;
//! - `keeping`: sessions and their options, rows that are taken, logins, headers;
//! - `sql`: statements and prepared statements, through all of Flight SQL.
//!
//! Start reading at [`passes`].

mod fixed;
mod keeping;
mod sql;

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use async_trait::async_trait;
use meshweave_contract::model::Product;
use meshweave_engine::catalog::CatalogSnapshot;
use meshweave_engine::version::VersionVector;
use meshweave_engine::{Failure, Principal, QueryContext, Result, Statement, StatementInfo};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Plan, SystemTable};
use crate::options::Options;
use crate::protocol::Protocol;
use crate::server::FlightServer;
use crate::status::Outcome;
use crate::wire::schema_to_ipc;

/// Nothing: no products, no statements.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Backend for Nothing {
    fn statement_timeout(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn catalog(&self) -> Arc<CatalogSnapshot> {
        Arc::new(CatalogSnapshot::new(1, "catalog", vec![], vec![], vec![]))
    }

    fn discovers(&self, _ctx: &QueryContext, _product: &Product) -> bool {
        true
    }

    fn system_tables(&self) -> Vec<SystemTable> {
        Vec::new()
    }

    async fn describe(&self, _ctx: &QueryContext, _sql: &str) -> Result<StatementInfo> {
        Err(Failure::Unsupported { what: "a statement".to_owned(), hint: None }.into())
    }

    async fn plan(&self, ctx: &QueryContext, of: &Statement, _: Option<&VersionVector>) -> Result<Box<dyn Plan>> {
        self.describe(ctx, &of.sql).await?;
        Err(Failure::Cancelled.into())
    }
}

/// Callers are not told apart.
fn open() -> Options {
    Options::new(Principal { user: "anybody".into(), teams: vec![] })
}

/// A server whose answers are fixed.
fn answering(options: Options, protocol: impl Protocol) -> FlightServer {
    FlightServer::new(Arc::new(Nothing), options).unwrap().with_protocol(Arc::new(protocol))
}

/// Runs one scenario of the client against a server on a port of its own.
async fn passes(scenario: &'static str, server: FlightServer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    let serving = server.serve(listener, stop.clone().cancelled_owned());
    let (served, ()) = tokio::join!(serving, async {
        client(scenario, port).await;
        stop.cancel();
    });
    served.unwrap();
}

/// Runs the client, which must end well.
async fn client(scenario: &'static str, port: u16) {
    let run = move || -> Output {
        let program = meshweave_test_peers::flight_scenarios_program().unwrap();
        let mut command = Command::new(program);
        command.args(["-host", "127.0.0.1", "-port", &port.to_string(), "-scenario", scenario]);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{scenario}: {}{}", text(&output.stdout), text(&output.stderr));
}

/// A flight of unknown size.
fn flight(descriptor: FlightDescriptor, schema: &Schema, endpoints: Vec<FlightEndpoint>) -> Outcome<FlightInfo> {
    let mut info = FlightInfo::new().with_descriptor(descriptor);
    info.schema = schema_to_ipc(schema)?;
    info.endpoint = endpoints;
    info.total_records = -1;
    info.total_bytes = -1;
    Ok(info)
}

/// An endpoint on the same connection.
fn endpoint(ticket: impl Into<String>) -> FlightEndpoint {
    FlightEndpoint::new().with_ticket(Ticket { ticket: ticket.into().into_bytes().into() })
}
