//! The transport: a listener, HTTP/2 with sizes on everything, and an end that does not cut running answers short.
//!
//! Start reading at [`serve`].

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use meshweave_engine::{Engine, Error, Failure, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::backend::Backend;
use crate::identity::Identity;
use crate::options::Options;
use crate::service::Service;
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
        Ok(Self { service: Service { backend, options, identity, stop: CancellationToken::new() } })
    }

    /// Serves on `listener` until `shutdown` is ready; see [`serve`].
    ///
    /// # Errors
    /// As [`serve`].
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        let failed = |cause| Error::unavailable("the Flight SQL server", "its listener failed", cause);
        let address = listener.local_addr().map_err(failed)?;
        let options = self.service.options.clone();
        if !options.authenticator.tells_callers_apart() && !address.ip().is_loopback() {
            return Err(Failure::InvalidConfiguration {
                place: "listen.flight".to_owned(),
                message: format!("{address} can be reached from other machines, and there is no authenticator"),
                hint: Some("Listen on 127.0.0.1 or [::1], or configure an authenticator.".to_owned()),
            }
            .into());
        }
        let stop = self.service.stop.clone();
        let flight = FlightServiceServer::new(self.service)
            .max_decoding_message_size(options.max_request_bytes)
            .max_encoding_message_size(options.max_negotiated_message_bytes);
        let began = CancellationToken::new();
        let begin = began.clone();
        let serving = Server::builder()
            .initial_stream_window_size(options.stream_window_bytes)
            .initial_connection_window_size(options.connection_window_bytes)
            .max_concurrent_streams(options.calls_per_connection)
            .concurrency_limit_per_connection(options.calls_per_connection as usize)
            .http2_keepalive_interval(Some(options.keepalive))
            .http2_keepalive_timeout(Some(options.keepalive))
            .add_service(flight)
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), async move {
                shutdown.await;
                begin.cancel();
            });
        let drained = async {
            began.cancelled().await;
            tokio::time::sleep(options.drain).await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        // What still runs after the pause is cancelled; its streams then end, and so do their connections.
        tokio::select! {
            served = serving => served.map_err(|e| Error::unavailable("the Flight SQL server", "its transport failed", e)),
            () = drained => Ok(()),
        }
    }
}
