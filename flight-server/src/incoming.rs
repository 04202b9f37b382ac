//! Connections: accepted, secured, counted.
//!
//! In: a listener. Out: a stream of [`Connection`]s that are ready for HTTP/2. Holds always:
//! - one that is slow to be secured keeps no other from being accepted, and is given up after a while;
//! - only so many are being secured at a time; the next waits in the system's queue.
//!
//! Start reading at [`connections`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream;
use meshweave_engine::metrics::{DoorMetrics, Held};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::debug;

use crate::options::Options;
use crate::tls::Tls;

/// Pause after an accept that failed: it fails again as long as the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// The connections that come in on `listener`; those in the middle of being secured are dropped with the stream.
pub(crate) fn connections(
    listener: TcpListener,
    options: &Options,
) -> impl Stream<Item = io::Result<Connection>> + use<> {
    let door = Door {
        listener,
        tls: options.tls.clone(),
        metrics: Arc::clone(&options.door),
        timeout: options.handshake_timeout,
        at_most: options.handshakes.max(1),
        handshakes: JoinSet::new(),
    };
    stream::unfold(door, |mut door| async move { Some((Ok(door.next().await), door)) })
}

struct Door {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    metrics: Arc<DoorMetrics>,
    timeout: Duration,
    at_most: usize,
    handshakes: JoinSet<io::Result<Connection>>,
}

impl Door {
    async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                Some(ended) = self.handshakes.join_next() => match ended {
                    Ok(Ok(connection)) => return connection,
                    Ok(Err(error)) => self.gave_up(&error),
                    Err(error) => self.gave_up(&error),
                },
                accepted = self.listener.accept(), if self.handshakes.len() < self.at_most => match accepted {
                    Ok((socket, _)) => {
                        if let Some(connection) = self.begin(socket) {
                            return connection;
                        }
                    }
                    Err(error) => {
                        debug!(%error, "a connection was not accepted");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// A plain connection is ready; a secured one is when its handshake has ended.
    fn begin(&mut self, socket: TcpStream) -> Option<Connection> {
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%error, "a connection delays small messages");
        }
        let held = self.metrics.connections.hold();
        let Some(tls) = &self.tls else {
            return Some(Connection { io: Io::Plain(socket), _held: held });
        };
        let (acceptor, timeout) = (tls.acceptor(), self.timeout);
        self.handshakes.spawn(async move {
            let secured = tokio::time::timeout(timeout, acceptor.accept(socket)).await;
            let secured = secured.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            Ok(Connection { io: Io::Tls(Box::new(secured)), _held: held })
        });
        None
    }

    fn gave_up(&self, error: &dyn std::fmt::Display) {
        self.metrics.handshakes_failed.add(1);
        debug!(%error, "a connection could not be secured");
    }
}

/// One connection, plain or secured.
#[derive(Debug)]
pub(crate) struct Connection {
    io: Io,
    _held: Held,
}

#[derive(Debug)]
enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.io {
            Io::Plain(socket) => socket.connect_info(),
            Io::Tls(secured) => secured.get_ref().0.connect_info(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Io::Tls(secured) => Pin::new(secured).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Io::Tls(secured) => Pin::new(secured).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Io::Tls(secured) => Pin::new(secured).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(socket) => socket.is_write_vectored(),
            Io::Tls(secured) => secured.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Io::Tls(secured) => Pin::new(secured).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(secured) => Pin::new(secured).poll_shutdown(cx),
        }
    }
}
