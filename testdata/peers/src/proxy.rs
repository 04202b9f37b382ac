//! A proxy before an HTTP server: counts what goes through, and can act at a chosen request.
//!
//! Holds always: bodies stream through and are never held whole, unless they are to be damaged; the log and the work have an owner
//! and a size.
//!
//! Start reading at [`Proxy::start`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::RANGE;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::damage::{self, Damage};

/// Requests that the log holds at most; later ones are counted only.
const LOG: usize = 100_000;

pub(crate) type Body = BoxBody<Bytes, BodyError>;
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
type Hook = Arc<dyn Fn(Seen) -> BoxFuture<'static, Action> + Send + Sync>;

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number since the start or the last [`Proxy::reset`], from 1.
    pub number: u64,
    /// `GET`, `HEAD`, ….
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
}

/// What a hook wants done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Hand it on.
    Forward,
    /// Answer it here, with this status and nothing else.
    Answer(u16),
    /// Answer it here, with this status and the error document of an S3 server with this code.
    Refuse(u16, &'static str),
    /// Keep the client waiting until it gives up.
    Hold,
    /// Hand it on, and do this to the body of the answer.
    Damage(Damage),
}

/// What went through since the start or the last [`Proxy::reset`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests, by method.
    pub requests: BTreeMap<String, u64>,
    /// Bytes of bodies that were sent to clients.
    pub sent_bytes: u64,
    /// Those of them that are no part of an object: listings, and words about an error.
    pub other_bytes: u64,
    /// Requests whose answers are not sent to their end yet.
    pub in_flight: u64,
    /// The most there were at a time.
    pub most_in_flight: u64,
}

impl Counts {
    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests of one method.
    pub fn of(&self, method: &str) -> u64 {
        self.requests.get(method).copied().unwrap_or(0)
    }
}

/// A running proxy; it ends, with its connections, when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _work: JoinSet<()>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

struct Shared {
    upstream: String,
    client: Client<HttpConnector, Incoming>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: Counts,
    log: Vec<Seen>,
    hook: Option<Hook>,
    resets: bool,
}

impl Proxy {
    /// Listens on a free loopback port and hands everything on to `upstream` (`http://host:port`).
    ///
    /// The `Host` header stays the client's, so that signatures stay valid.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let shared =
            Arc::new(Shared { upstream: upstream.trim_end_matches('/').to_owned(), client, state: Mutex::default() });
        let mut work = JoinSet::new();
        work.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _work: work })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went through so far.
    pub fn counts(&self) -> Counts {
        self.shared.state.lock().counts.clone()
    }

    /// The requests so far, in the order of their arrival; the first hundred thousand.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.state.lock().log.clone()
    }

    /// Begins counting anew; requests in flight stay counted as such.
    pub fn reset(&self) {
        let mut state = self.shared.state.lock();
        let in_flight = state.counts.in_flight;
        state.counts = Counts { in_flight, most_in_flight: in_flight, ..Counts::default() };
        state.log.clear();
    }

    /// Whether connections end with a reset from now on, instead of an orderly end.
    pub fn end_with_reset(&self, reset: bool) {
        self.shared.state.lock().resets = reset;
    }

    /// Asks `hook` about every request from now on, before it is handed on; the request waits for the answer.
    pub fn on_request<F>(&self, hook: impl Fn(Seen) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Action> + Send + 'static,
    {
        self.shared.state.lock().hook = Some(Arc::new(move |seen| Box::pin(hook(seen))));
    }

    /// Hands everything on again.
    pub fn clear_hook(&self) {
        self.shared.state.lock().hook = None;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Small answers must not wait for more to send; a socket that refuses the option is only slower.
        let _slower = stream.set_nodelay(true);
        if shared.state.lock().resets {
            let _orderly = stream.set_zero_linger();
        }
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // A client that hangs up in the middle is what tests of cancellation do.
            let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (seen, hook) = shared.arrived(&request);
    let guard = InFlight(shared);
    let action = match hook {
        Some(hook) => hook(seen).await,
        None => Action::Forward,
    };
    match action {
        Action::Forward => Ok(forward(request, guard).await),
        Action::Answer(status) => Ok(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT))),
        Action::Refuse(status, code) => Ok(damage::refusal(status, code)),
        Action::Hold => std::future::pending().await,
        Action::Damage(how) => Ok(damage::damaged(forward(request, guard).await, how).await),
    }
}

async fn forward(mut request: Request<Incoming>, guard: InFlight) -> Response<Body> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let Ok(uri) = format!("{}{target}", guard.0.upstream).parse::<Uri>() else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let lists = uri.query().is_some_and(|query| query.contains("list-type="));
    *request.uri_mut() = uri;
    let answer = guard.0.client.request(request).await;
    match answer {
        Ok(response) => {
            let is_other = lists || !response.status().is_success();
            response.map(|body| counted(body, is_other, guard))
        }
        Err(_) => empty(StatusCode::BAD_GATEWAY),
    }
}

/// Counts what is sent of a body; its request is in flight as long as the body lives.
fn counted(body: Incoming, is_other: bool, guard: InFlight) -> Body {
    let counting = body.map_err(BodyError::from).map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            let mut state = guard.0.state.lock();
            state.counts.sent_bytes += data.len() as u64;
            state.counts.other_bytes += if is_other { data.len() as u64 } else { 0 };
        }
        frame
    });
    counting.boxed()
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response
}

impl Shared {
    /// Counts and logs a request, and gives what is to be asked about it.
    fn arrived(&self, request: &Request<Incoming>) -> (Seen, Option<Hook>) {
        let mut state = self.state.lock();
        let counts = &mut state.counts;
        *counts.requests.entry(request.method().to_string()).or_default() += 1;
        counts.in_flight += 1;
        counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        let seen = Seen {
            number: counts.total(),
            method: request.method().to_string(),
            target: request.uri().to_string(),
            range: request.headers().get(RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned),
        };
        if state.log.len() < LOG {
            state.log.push(seen.clone());
        }
        (seen, state.hook.clone())
    }
}

/// One request that is being answered.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state.lock().counts.in_flight -= 1;
    }
}
