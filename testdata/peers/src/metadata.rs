//! The metadata service of a machine in a cloud: gives out the machine's own credentials.
//!
//! Amazon's second version (a token first, then the role, then its keys), a container's, and Google's.
//!
//! Start reading at [`MetadataServer::start`].

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::s3::Account;

/// What a caller must bring before it is told anything.
const TOKEN: &str = "session-token-of-the-test";

/// A running metadata service; it ends when this is dropped.
#[derive(Debug)]
pub struct MetadataServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _work: JoinSet<()>,
}

impl MetadataServer {
    /// Listens on a free loopback port, and gives out the keys of an account.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(account: &Account) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let mut work = JoinSet::new();
        work.spawn(accept(listener, account.clone(), Arc::clone(&seen)));
        Ok(Self { address, seen, _work: work })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Method and path of every request so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().clone()
    }
}

async fn accept(listener: TcpListener, account: Account, seen: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // Small answers must not wait for more to send; a socket that refuses the option is only slower.
        let _slower = stream.set_nodelay(true);
        let (account, seen) = (account.clone(), Arc::clone(&seen));
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                seen.lock().push(format!("{} {}", request.method(), request.uri().path()));
                let answer = answer(&request, &account);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            // A client may hang up whenever it likes.
            let _hung_up = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

fn answer(request: &Request<Incoming>, account: &Account) -> Response<Full<Bytes>> {
    let has = |name: &str, value: &str| request.headers().get(name).is_some_and(|found| found == value);
    let keys = json!({
        "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "Token": "",
        "AccessKeyId": account.key, "SecretAccessKey": account.secret, "Expiration": "2100-01-01T00:00:00Z",
    });
    let text = match (request.method(), request.uri().path()) {
        (&Method::PUT, "/latest/api/token") => TOKEN.to_owned(),
        (&Method::GET, "/latest/meta-data/iam/security-credentials/") if has("x-aws-ec2-metadata-token", TOKEN) => {
            "role-of-the-test".to_owned()
        }
        (&Method::GET, "/latest/meta-data/iam/security-credentials/role-of-the-test")
            if has("x-aws-ec2-metadata-token", TOKEN) =>
        {
            keys.to_string()
        }
        (&Method::GET, "/container") if has("authorization", TOKEN) => keys.to_string(),
        (&Method::GET, "/computeMetadata/v1/instance/service-accounts/default/token")
            if has("metadata-flavor", "Google") =>
        {
            json!({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).to_string()
        }
        _ => {
            let mut refused = Response::new(Full::default());
            *refused.status_mut() = StatusCode::NOT_FOUND;
            return refused;
        }
    };
    Response::new(Full::new(text.into()))
}
