//! A web server over a folder: ETags, ranges and conditions, as every web server of files has them; no listing unless it is to speak
//! WebDAV; and, when it is told so, nothing without a bearer token.
//!
//! Start reading at [`WebServer::start`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderValue, IF_MATCH, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How a web server behaves.
#[derive(Debug, Clone, Default)]
struct Manner {
    token: Option<String>,
    lists: bool,
    names_versions: bool,
}

/// A running web server; it ends, and its files go, when this is dropped.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    folder: TempDir,
    _work: JoinSet<()>,
}

impl WebServer {
    /// Listens on a free loopback port.
    ///
    /// - `token`: the bearer token without which nobody is answered.
    /// - `lists`: whether it speaks as much WebDAV as a listing needs.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(token: Option<&str>, lists: bool) -> Result<Self> {
        Self::with(Manner { token: token.map(str::to_owned), lists, names_versions: true }).await
    }

    /// One that tells neither ETag nor time of its files.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn without_versions() -> Result<Self> {
        Self::with(Manner::default()).await
    }

    async fn with(manner: Manner) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut work = JoinSet::new();
        work.spawn(accept(listener, folder.path().to_owned(), Arc::new(manner)));
        Ok(Self { address, folder, _work: work })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder that it serves.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn accept(listener: TcpListener, folder: PathBuf, manner: Arc<Manner>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Small answers must not wait for more to send; a socket that refuses the option is only slower.
        let _slower = stream.set_nodelay(true);
        let (folder, manner) = (folder.clone(), Arc::clone(&manner));
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&request, &folder, &manner);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            // A client may hang up whenever it likes.
            let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

fn answer(request: &Request<Incoming>, folder: &Path, manner: &Manner) -> Response<Full<Bytes>> {
    let wanted = manner.token.as_ref().map(|token| format!("Bearer {token}"));
    let brought = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if wanted.is_some() && brought != wanted.as_deref() {
        return empty(StatusCode::UNAUTHORIZED);
    }
    let Some(path) = place(folder, request.uri().path()) else { return empty(StatusCode::BAD_REQUEST) };
    match request.method().as_str() {
        "GET" | "HEAD" if path.is_file() => {
            let Ok(bytes) = std::fs::read(&path) else { return empty(StatusCode::NOT_FOUND) };
            file(bytes.into(), modified(&path), request.headers(), manner)
        }
        "GET" | "HEAD" => empty(StatusCode::NOT_FOUND),
        "PROPFIND" if manner.lists => listing(folder, &path),
        _ => empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// The file behind a path; none for a path that leads elsewhere.
fn place(folder: &Path, path: &str) -> Option<PathBuf> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.map(decoded).try_fold(folder.to_owned(), |path, segment| {
        let segment = segment.filter(|s| s != ".." && s != "." && !s.contains('/'))?;
        Some(path.join(segment))
    })
}

fn decoded(segment: &str) -> Option<String> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn modified(path: &Path) -> String {
    let time = std::fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..8]))
}

fn file(bytes: Bytes, modified: String, asked: &HeaderMap, manner: &Manner) -> Response<Full<Bytes>> {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let etag = etag(&bytes);
    if text(IF_MATCH).is_some_and(|wanted| wanted != etag) {
        return empty(StatusCode::PRECONDITION_FAILED);
    }
    let size = bytes.len();
    let range = text(RANGE).and_then(|range| range_of(range, size));
    let (status, body) = match range {
        Some((first, last)) => (StatusCode::PARTIAL_CONTENT, bytes.slice(first..=last)),
        None => (StatusCode::OK, bytes),
    };
    let mut answer = Response::new(Full::new(body.clone()));
    *answer.status_mut() = status;
    let mut put = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    };
    put(ACCEPT_RANGES, "bytes".to_owned());
    put(CONTENT_LENGTH, body.len().to_string());
    if let Some((first, last)) = range {
        put(CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
    }
    if manner.names_versions {
        put(ETAG, etag);
        put(LAST_MODIFIED, modified);
    }
    answer
}

/// First and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n`.
fn range_of(text: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= end => Some((first, last.min(end))),
        (Ok(first), Err(_)) if first <= end => Some((first, end)),
        (Err(_), Ok(n)) if n > 0 => Some((size.saturating_sub(n), end)),
        _ => None,
    }
}

/// Everything below a folder, as WebDAV writes it.
fn listing(root: &Path, folder: &Path) -> Response<Full<Bytes>> {
    if !folder.exists() {
        return empty(StatusCode::NOT_FOUND);
    }
    let mut entries = String::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for found in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let path = found.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            let href: String =
                path.strip_prefix(root).into_iter().flatten().map(|s| format!("/{}", encoded(s))).collect();
            entries.push_str(&format!(
                "<D:response><D:href>{href}</D:href><D:propstat><D:prop><D:resourcetype/>\
                 <D:getcontentlength>{}</D:getcontentlength><D:getlastmodified>{}</D:getlastmodified>\
                 <D:getetag>{}</D:getetag></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
                bytes.len(),
                modified(&path),
                etag(&bytes).replace('"', "&quot;"),
            ));
        }
    }
    let text = format!("<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">{entries}</D:multistatus>");
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = StatusCode::MULTI_STATUS;
    answer
}

fn encoded(segment: &std::ffi::OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(byte);
    let each = |byte: u8| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.to_string_lossy().bytes().map(each).collect()
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
