//! What one server is told when it starts: who may call, how long tickets live, and the size of everything it holds.

use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::Principal;
use meshweave_engine::identity::{Authenticator, LocalPrincipal};
use meshweave_engine::metrics::DoorMetrics;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::session::SessionLimits;
use crate::ticket::TicketKey;
use crate::tls::Tls;

/// Makes a call's span a child of the span that the call's headers name, when they name one.
pub type TraceParent = fn(&tracing::Span, &http::HeaderMap);

/// Settings of one server; every queue, window and message has its size here.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tells who calls; one that does not tell callers apart is served on loopback addresses only.
    pub authenticator: Arc<dyn Authenticator>,
    /// The first signs tickets, every one verifies; none: a random key, so that tickets end with the process.
    pub ticket_keys: Vec<TicketKey>,
    /// How long after planning a statement can be fetched.
    pub ticket_lifetime: Duration,
    /// How long a prepared statement can be used.
    pub handle_lifetime: Duration,
    /// How long a login can be used.
    pub login_lifetime: Duration,
    /// How many sessions there may be, and how long.
    pub sessions: SessionLimits,
    /// Whether other machines may be served without TLS; passwords and rows are then readable on their way.
    pub plaintext: bool,
    /// Largest contract that is taken to be registered, bytes; none: nothing is registered over the wire.
    pub register: Option<usize>,
    /// Plans that wait for the DoGet that follows their GetFlightInfo; 0: every statement is planned again then.
    pub plans_ahead: usize,
    /// How long each of them waits at most; less where a statement has little time.
    pub plan_waits: Duration,
    /// Largest message that is accepted, bytes; drivers send batches unsplit.
    pub max_request_bytes: usize,
    /// Parameter rows that one prepared statement may hold, bytes as Arrow IPC.
    pub max_parameter_bytes: usize,
    /// Messages with rows are cut to about this size, bytes.
    pub target_message_bytes: usize,
    /// No message is larger, bytes, unless the client asks for more.
    pub max_message_bytes: usize,
    /// What a client may ask for at most (`x-meshweave-max-message-bytes`), bytes.
    pub max_negotiated_message_bytes: usize,
    /// HTTP/2 window of one call, bytes: what its sender may have under way. (Clients choose the windows of the answers.)
    pub stream_window_bytes: u32,
    /// HTTP/2 window of one connection, bytes.
    pub connection_window_bytes: u32,
    /// Calls at a time on one connection.
    pub calls_per_connection: u32,
    /// Pause between pings on idle connections.
    pub keepalive: Duration,
    /// What connections are secured with; none: they are not.
    pub tls: Option<Arc<Tls>>,
    /// Connections that are being secured at a time; more wait.
    pub handshakes: usize,
    /// Time in which a connection must be secured.
    pub handshake_timeout: Duration,
    /// After the shutdown began, how long running answers may go on.
    pub drain: Duration,
    /// Ends the time that running answers have, when somebody is in a hurry.
    pub hurry: CancellationToken,
    /// Time in which a client must take notice of the end.
    pub close: Duration,
    /// Where connections and answers are counted.
    pub door: Arc<DoorMetrics>,
    /// Threads on which queries are planned and computed, so that other calls are answered while all of them are busy; none: those of
    /// the caller of [`crate::serve`].
    pub work: Option<Handle>,
    /// How a call's trace goes on here; none: it does not.
    pub trace: Option<TraceParent>,
}

impl Options {
    /// The usual sizes, for callers that are all `principal`.
    pub fn new(principal: Principal) -> Self {
        Self::with_authenticator(Arc::new(LocalPrincipal(principal)))
    }

    /// The usual sizes, for callers that `authenticator` tells apart.
    pub fn with_authenticator(authenticator: Arc<dyn Authenticator>) -> Self {
        Self {
            authenticator,
            ticket_keys: Vec::new(),
            ticket_lifetime: Duration::from_secs(3600),
            handle_lifetime: Duration::from_secs(24 * 3600),
            login_lifetime: Duration::from_secs(12 * 3600),
            sessions: SessionLimits::default(),
            plaintext: false,
            register: None,
            plans_ahead: 64,
            plan_waits: Duration::from_secs(2),
            max_request_bytes: 64 << 20,
            max_parameter_bytes: 2 << 20,
            target_message_bytes: 2 << 20,
            max_message_bytes: (4 << 20) - 1,
            max_negotiated_message_bytes: 64 << 20,
            stream_window_bytes: 4 << 20,
            connection_window_bytes: 16 << 20,
            calls_per_connection: 128,
            keepalive: Duration::from_secs(30),
            tls: None,
            handshakes: 256,
            handshake_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(30),
            hurry: CancellationToken::new(),
            close: Duration::from_secs(5),
            door: Arc::default(),
            work: None,
            trace: None,
        }
    }
}
