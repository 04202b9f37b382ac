//! A mesh with one view, an engine over it, and both listeners.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use client::request;
use meshweave_engine::connect::Connectors;
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::{Engine, Parts, Principal, QueryContext, Statement};
use meshweave_portal::{Limits, health, metrics, serve};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A running door.
pub(crate) struct Door {
    pub(crate) engine: Arc<Engine>,
    pub(crate) http: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

/// What both listeners allow.
pub(crate) const LIMITS: Limits = Limits { connections: 4, patience: Duration::from_millis(300) };

impl Door {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: acme\ncatalog: { source: folder }\n");
        write(
            "domains/sales/domain.yaml",
            "apiVersion: meshweave/v1\nkind: Domain\nname: sales\nowner: { team: sales-team, contact: s@example.com }\n\
             storage:\n  - prefix: file://./data/\n",
        );
        write(
            "domains/sales/numbers/1.0.0.yaml",
            "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: numbers\n  domain: sales\n  version: 1.0.0\n  \
             owner: { team: sales-team, contact: s@example.com }\nspec:\n  sql: SELECT 1 AS n UNION ALL SELECT 2\n  \
             schema:\n    columns:\n      - { name: n, type: long }\n  access: { discovery: public, read: public }\n",
        );
        let parts = Parts {
            mesh: folder.path().to_owned(),
            settings: Settings::default(),
            connectors: Connectors::new([]),
            policy: Arc::new(AccessBlockPolicy),
        };
        let engine = Engine::open(parts).await.unwrap();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let listener = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (one, two) = (listener().await, listener().await);
        let (http, numbers) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        tasks.spawn(serve(one, health(Arc::clone(&engine)), LIMITS, stop.clone()));
        tasks.spawn(serve(two, metrics(Arc::clone(&engine)), LIMITS, stop.clone()));
        Self { engine, http, metrics: numbers, stop, tasks, _folder: folder }
    }

    /// Runs a statement to its end.
    pub(crate) async fn run(&self, sql: &str) -> meshweave_engine::Result<usize> {
        let ctx = QueryContext::new(Principal { user: "ada".into(), teams: vec![] });
        let batches = self.engine.query(&ctx, &Statement::new(sql)).await?.collect().await?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    }

    /// Status line, headers and body of a GET request.
    pub(crate) async fn get(&self, address: SocketAddr, path: &str) -> (String, String, String) {
        request(address, &format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")).await
    }
}

mod client {
    //! A client of a few lines, which knows nothing of the server.

    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    pub(crate) async fn request(address: SocketAddr, text: &str) -> (String, String, String) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let (status, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        (status.to_owned(), headers.to_lowercase(), body.to_owned())
    }
}
