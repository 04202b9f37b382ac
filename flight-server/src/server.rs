//! The transport: a listener, HTTP/2 with sizes on everything, and an end that does not cut running answers short.
//!
//! Start reading at [`FlightServer::serve`].

use std::sync::Arc;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use meshweave_engine::{Engine, Error, Failure, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tracing::{Span, info, info_span, warn};

use crate::ahead::Ahead;
use crate::backend::Backend;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::incoming;
use crate::options::{Options, TraceParent};
use crate::protocol::FlightSql;
use crate::running::Running;
use crate::service::{Door, Service};
use crate::session::Sessions;
use crate::ticket::Signer;

/// Serves `engine` over Flight SQL on `listener` until `shutdown` is ready, then lets running answers finish for a while.
///
/// # Errors
/// [`Failure::InvalidConfiguration`] for an address other machines reach, without an authenticator;
/// [`Failure::Unavailable`] when the listener fails.
pub async fn serve(
    engine: Arc<Engine>,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    FlightServer::new(engine, options)?.serve(listener, shutdown).await
}

/// One Flight SQL server over a [`Backend`].
#[derive(Debug)]
pub struct FlightServer {
    service: Service,
}

/// The name of the Flight service, for health.
const FLIGHT: &str = "arrow.flight.protocol.FlightService";

impl FlightServer {
    /// A server that is ready to listen.
    ///
    /// # Errors
    /// [`Failure::Internal`] when the system gives no randomness for a ticket key.
    pub fn new(backend: Arc<dyn Backend>, options: Options) -> Result<Self> {
        let identity = Identity {
            authenticator: Arc::clone(&options.authenticator),
            signer: Signer::new(&options.ticket_keys)?,
            login_lifetime: options.login_lifetime,
        };
        let gate = Gate::new(&options.door);
        let sessions = Arc::new(Sessions::new(options.sessions, backend.temp_schema()));
        let (stop, running) = (CancellationToken::new(), Running::default());
        let protocol = Arc::new(FlightSql);
        let ahead = Ahead::new(options.plans_ahead, options.plan_waits, backend.statement_timeout());
        Ok(Self { service: Service { backend, protocol, options, identity, stop, gate, sessions, running, ahead } })
    }

    /// The same, answering otherwise.
    #[cfg(test)]
    pub(crate) fn with_protocol(mut self, protocol: Arc<dyn crate::protocol::Protocol>) -> Self {
        self.service.protocol = protocol;
        self
    }

    /// The service without a transport: for embedding, and for tests that need no sockets.
    pub fn into_service(self) -> FlightServiceServer<impl FlightService> {
        let options = self.service.options.clone();
        FlightServiceServer::new(Door::new(self.service))
            .max_decoding_message_size(options.max_request_bytes)
            .max_encoding_message_size(options.max_negotiated_message_bytes)
    }

    /// Serves on `listener` until `shutdown` is ready; see [`serve`].
    ///
    /// The end has an order: health says that nothing is served; new calls are refused; running answers go on for [`Options::drain`]
    /// and are cancelled then; connections are closed.
    ///
    /// # Errors
    /// As [`serve`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let options = self.service.options.clone();
        check_address(&listener, &options)?;
        let (reporter, health) = health_reporter();
        reporter.set_service_status(FLIGHT, ServingStatus::Serving).await;
        let (gate, stop) = (self.service.gate.clone(), self.service.stop.clone());
        let sessions = Arc::clone(&self.service.sessions);
        let flight = self.into_service();
        let ended = CancellationToken::new();
        let trace = options.trace;
        let serving = Server::builder()
            .trace_fn(move |request| span(request, trace))
            .initial_stream_window_size(options.stream_window_bytes)
            .initial_connection_window_size(options.connection_window_bytes)
            .max_concurrent_streams(options.calls_per_connection)
            .concurrency_limit_per_connection(options.calls_per_connection as usize)
            .http2_keepalive_interval(Some(options.keepalive))
            .http2_keepalive_timeout(Some(options.keepalive))
            .add_service(health)
            .add_service(flight)
            .serve_with_incoming_shutdown(incoming::connections(listener, &options), ended.cancelled());
        let ending = async {
            shutdown.await;
            drain(&gate, &stop, &options, reporter).await;
            ended.cancel();
            // A client that reads nothing at all keeps its stream from ending: it is left behind.
            tokio::time::sleep(options.close).await;
        };
        tokio::select! {
            served = serving => served.map_err(|e| Error::unavailable("the Flight SQL server", "its transport failed", e)),
            () = ending => Ok(()),
            () = sessions.keep_swept() => Ok(()),
        }
    }
}

/// Whether callers from where `listener` can be reached may be served: without an authenticator, this machine's alone; others with
/// TLS, or when somebody has said that they may come without.
///
/// [`FlightServer::serve`] asks the same; who tells others that a server is ready asks before.
///
/// # Errors
/// As [`serve`].
pub fn check_address(listener: &TcpListener, options: &Options) -> Result<()> {
    let failed = |cause| Error::unavailable("the Flight SQL server", "its listener failed", cause);
    let address = listener.local_addr().map_err(failed)?;
    if address.ip().is_loopback() {
        return Ok(());
    }
    let (message, hint) = match options.authenticator.tells_callers_apart() {
        false => ("there is no authenticator", "Listen on 127.0.0.1 or [::1], or configure an authenticator."),
        true if options.tls.is_none() && !options.plaintext => (
            "connections are not encrypted",
            "Configure a certificate (tls), or allow it with listen.plaintext where something else encrypts.",
        ),
        true => return Ok(()),
    };
    Err(Failure::InvalidConfiguration {
        place: "listen.flight".to_owned(),
        message: format!("{address} can be reached from other machines, and {message}"),
        hint: Some(hint.to_owned()),
    }
    .into())
}

/// Turns new calls away, lets running answers finish for a while, then cancels them.
async fn drain(gate: &Gate, stop: &CancellationToken, options: &Options, mut health: HealthReporter) {
    for service in ["", FLIGHT] {
        health.set_service_status(service, ServingStatus::NotServing).await;
    }
    gate.close();
    info!(running = gate.inside(), "draining: nothing new is let in");
    tokio::select! {
        () = gate.empty() => {}
        () = tokio::time::sleep(options.drain) => {}
        () = options.hurry.cancelled() => {}
    }
    if gate.inside() > 0 {
        warn!(running = gate.inside(), "running answers are cancelled: their time is over");
    }
    stop.cancel();
    if tokio::time::timeout(options.close, gate.empty()).await.is_err() {
        warn!(running = gate.inside(), "answers that nobody reads are left behind");
    }
    // Whoever watches the health is told the end, or the watch would keep its connection open.
    for service in ["", FLIGHT] {
        health.clear_service_status(service).await;
    }
}

/// The span of one call; health checks have none.
fn span(request: &http::Request<()>, parent: Option<TraceParent>) -> Span {
    let path = request.uri().path();
    let Some(method) = path.strip_prefix('/').and_then(|path| path.strip_prefix(FLIGHT)) else { return Span::none() };
    let span = info_span!(
        "flight",
        otel.name = path.trim_start_matches('/'),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = method.trim_start_matches('/')
    );
    if let Some(follow) = parent {
        follow(&span, request.headers());
    }
    span
}
