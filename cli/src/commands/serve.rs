//! `serve`: the mesh over Arrow Flight SQL, until SIGTERM or Ctrl-C.
//!
//! Start reading at [`run`].

use std::net::SocketAddr;
use std::sync::Arc;

use meshweave_engine::Principal;
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::{Format, Global, Serve};
use crate::failure::{self, Outcome};
use crate::output::Output;
use crate::session::Session;

/// Opens the mesh, listens, tells how to connect, and serves until it is asked to stop.
///
/// # Errors
/// No mesh; an address that is taken or not allowed.
pub(crate) async fn run(args: &Serve, global: &Global, output: &Output) -> Outcome {
    let session = Session::open(global).await?;
    let wanted = args.listen.clone().unwrap_or_else(|| session.engine.settings().listen.flight.clone());
    let hint = "Choose another address with --listen HOST:PORT; port 0 takes any that is free.";
    let taken = |error: std::io::Error| failure::unusable(wanted.clone(), format!("cannot listen: {error}"), hint);
    let listener = TcpListener::bind(&wanted).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    // From here on a signal stops the server; before it, it ends the process.
    let stop = stop_signal()?;
    tell(&session, address, output)?;
    let options = meshweave_flight_server::Options::new(session.principal.clone());
    let (engine, ctx) = (Arc::clone(&session.engine), session.context());
    tokio::select! {
        served = meshweave_flight_server::serve(session.engine, listener, options, stop) => served?,
        () = engine.keep_current(&ctx) => {}
    }
    output.note("stopped");
    Ok(())
}

/// Prints the address, and what a client needs.
fn tell(session: &Session, address: SocketAddr, output: &Output) -> Outcome {
    let uri = format!("grpc://{address}");
    if output.format(None) == Format::Json {
        let snapshot = session.engine.snapshot();
        return output.print(&format!("{}\n", json!({"flight_sql": uri, "catalog": snapshot.catalog_name})));
    }
    let style = output.style();
    let mut text = format!("{} {}\n", style.bold("Flight SQL is served at"), style.name(&uri));
    if output.talks() {
        let Principal { user, teams } = &session.principal;
        let teams = if teams.is_empty() { "no team".to_owned() } else { teams.join(", ") };
        text.push_str(&format!(
            "\n  every caller is {user} ({teams}): there is no authenticator, so only this machine can connect\n\
             \n  Python   import adbc_driver_flightsql.dbapi as flight\n           \
             connection = flight.connect(\"{uri}\")\n           \
             cursor = connection.cursor(); cursor.execute(\"SELECT * FROM mesh.products\"); cursor.fetch_arrow_table()\n\
             \n  JDBC     jdbc:arrow-flight-sql://{address}?useEncryption=false\n\
             \n  Ctrl-C stops it: running answers are finished first.\n",
        ));
    }
    output.print(&text)
}

/// Ends when the process is asked to stop.
fn stop_signal() -> Outcome<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| failure::internal("waiting for signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
