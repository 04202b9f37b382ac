//! The addresses of a server: bound before anything is said, told to people and programs, and opened.
//!
//! Start reading at [`Listeners::bind`].

use std::net::SocketAddr;
use std::sync::Arc;

use meshweave_engine::settings::Listen;
use meshweave_engine::{Engine, Principal};
use meshweave_portal::Limits;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::{Format, Serve};
use crate::failure::{self, Outcome};
use crate::output::Output;
use crate::session::Session;

/// One address that is bound.
#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Every address of a server; those that are off are none.
#[derive(Debug)]
pub(super) struct Listeners {
    flight: Bound,
    http: Option<Bound>,
    metrics: Option<Bound>,
}

/// Where Flight SQL is wanted: as typed, else as the settings say.
pub(super) fn wanted(args: &Serve, settings: &Listen) -> String {
    args.listen.clone().unwrap_or_else(|| settings.flight.clone())
}

impl Listeners {
    /// Binds every address.
    ///
    /// # Errors
    /// One that is taken, or none of this machine's, with what to change.
    pub(super) async fn bind(args: &Serve, settings: &Listen) -> Outcome<Self> {
        let wanted = wanted(args, settings);
        let hint = "Choose another address with --listen HOST:PORT; port 0 takes any that is free.";
        let flight = bind(&wanted, hint).await?;
        let http = match settings.http_address(&wanted) {
            Some(address) => Some(bind(&address, &beside("http")).await?),
            None => None,
        };
        let metrics = match settings.metrics_address(&wanted) {
            Some(address) => Some(bind(&address, &beside("metrics")).await?),
            None => None,
        };
        Ok(Self { flight, http, metrics })
    }

    /// Where Flight SQL listens.
    pub(super) fn flight(&self) -> &TcpListener {
        &self.flight.listener
    }

    /// Prints the addresses, and what a client needs.
    ///
    /// - `asks`: whether callers must log in.
    pub(super) fn tell(&self, session: &Session, is_secured: bool, asks: bool, output: &Output) -> Outcome {
        let address = self.flight.address;
        let uri = format!("{}://{address}", if is_secured { "grpc+tls" } else { "grpc" });
        let url = |bound: &Option<Bound>| bound.as_ref().map(|bound| format!("http://{}", bound.address));
        let (http, metrics) = (url(&self.http), url(&self.metrics).map(|url| format!("{url}/metrics")));
        if output.format(None) == Format::Json {
            let catalog = &session.engine.snapshot().catalog_name;
            let told = json!({"flight_sql": uri, "catalog": catalog, "http": http, "metrics": metrics});
            return output.print(&format!("{told}\n"));
        }
        let style = output.style();
        let mut text = format!("{} {}\n", style.bold("Flight SQL is served at"), style.name(&uri));
        if output.talks() {
            let Principal { user, teams } = &session.principal;
            let teams = if teams.is_empty() { "no team".to_owned() } else { teams.join(", ") };
            let who = if asks {
                "callers log in with a user and a password of the authenticator's file".to_owned()
            } else {
                format!("every caller is {user} ({teams}): there is no authenticator, so only this machine can connect")
            };
            let login = if asks { ", db_kwargs={\"username\": USER, \"password\": PASSWORD}" } else { "" };
            text.push_str(&format!(
                "\n  {who}\n\
                 \n  Python   import adbc_driver_flightsql.dbapi as flight\n           \
                 connection = flight.connect(\"{uri}\"{login})\n           \
                 cursor = connection.cursor(); cursor.execute(\"SELECT * FROM mesh.products\"); cursor.fetch_arrow_table()\n\
                 \n  JDBC     jdbc:arrow-flight-sql://{address}?useEncryption={is_secured}\n",
            ));
            if let Some(http) = http {
                text.push_str(&format!("\n  Health   {http}/health, {http}/ready\n"));
            }
            if let Some(metrics) = metrics {
                text.push_str(&format!("  Metrics  {metrics}\n"));
            }
            text.push_str("\n  Ctrl-C stops it: running answers are finished first; once more cancels them.\n");
        }
        output.print(&text)
    }

    /// Opens HTTP and metrics until `stop` is cancelled; Flight SQL's listener is given back.
    pub(super) fn open_portal(
        self,
        engine: &Arc<Engine>,
        limits: Limits,
        stop: &CancellationToken,
    ) -> (TcpListener, JoinSet<()>) {
        let mut portal = JoinSet::new();
        if let Some(http) = self.http {
            let routes = meshweave_portal::health(Arc::clone(engine));
            portal.spawn(meshweave_portal::serve(http.listener, routes, limits, stop.clone()));
        }
        if let Some(metrics) = self.metrics {
            let routes = meshweave_portal::metrics(Arc::clone(engine));
            portal.spawn(meshweave_portal::serve(metrics.listener, routes, limits, stop.clone()));
        }
        (self.flight.listener, portal)
    }
}

fn beside(name: &str) -> String {
    format!("Choose another address with listen.{name} in meshweave.yaml, or turn it off: `listen: {{ {name}: off }}`.")
}

async fn bind(wanted: &str, hint: &str) -> Outcome<Bound> {
    let taken = |error: std::io::Error| failure::unusable(wanted, format!("cannot listen: {error}"), hint);
    let listener = TcpListener::bind(wanted).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok(Bound { listener, address })
}
