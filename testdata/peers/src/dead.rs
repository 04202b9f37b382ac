//! Servers that are dead in one way or another: nobody listens, or nobody takes the connection.
//!
//! The third way, to take it and never to answer, is [`crate::Action::Hold`].
//!
//! Start reading at [`Refusing::start`] and [`Deaf::start`].

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long a connection on loopback may take before it is taken for one that nobody accepts.
const PATIENCE: Duration = Duration::from_millis(500);
/// Connections that fill the queue at most.
const MOST: usize = 64;

/// A port that is taken, and where nobody listens: connections are refused.
#[derive(Debug)]
pub struct Refusing {
    socket: TcpSocket,
}

impl Refusing {
    /// Takes a free port.
    ///
    /// # Errors
    /// When none is free.
    pub fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { socket })
    }

    /// Its URL.
    ///
    /// # Errors
    /// When the system does not tell the port.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.socket.local_addr()?))
    }
}

/// A listener that never accepts, its queue full: connections are neither made nor refused.
#[derive(Debug)]
pub struct Deaf {
    listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Deaf {
    /// Listens, and fills the queue until a connection is not made any more.
    ///
    /// # Errors
    /// When no port is free, or the queue does not fill.
    pub async fn start() -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut queue = Vec::new();
        while queue.len() < MOST {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(made) => queue.push(made?),
                Err(_) => return Ok(Self { listener, _queue: queue }),
            }
        }
        bail!("the queue of {address} does not fill")
    }

    /// Its URL.
    ///
    /// # Errors
    /// When the system does not tell the port.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }
}
