//! HTTP/1.1 with a bound on everything: connections, headers, the time a client may take.
//!
//! Holds always: a client that says nothing is given up; dropping the server drops its connections.
//!
//! Start reading at [`serve`].

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Pause after an accept that failed: it fails again as long as the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes that are buffered of one request; the requests here have no body.
const BUFFER_BYTES: usize = 16 << 10;

/// The sizes of one server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more wait in the system's queue.
    pub connections: usize,
    /// Time that a client may take until its request is there; a connection that asks nothing for so long is closed.
    pub patience: Duration,
}

/// Serves `routes` on `listener` until `stop` is cancelled, then finishes the requests that are being answered.
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.connections.max(1) => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(answer(socket, routes.clone(), limits.patience, stop.clone()));
                }
                Err(error) => {
                    debug!(%error, "an HTTP connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers the requests of one connection.
async fn answer(socket: TcpStream, routes: Router, patience: Duration, stop: CancellationToken) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(BUFFER_BYTES);
    let connection = server.serve_connection(TokioIo::new(socket), TowerToHyperService::new(routes));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(patience, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "an HTTP connection broke off");
    }
}
