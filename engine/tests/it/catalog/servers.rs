//! Several servers on one catalog in PostgreSQL: they hear each other at once, and of two that register together one wins.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::MemTable;
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Connectors, Observed, Opened, Pinned, Port};
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::{Environment, Settings};
use meshweave_engine::version::Version;
use meshweave_engine::{Engine, Failure, Kind, Parts, Result, Statement};
use meshweave_test_peers::PostgresServer;
use tokio::task::JoinSet;

use super::support::{Mesh, columns_contract, context, registration};

/// Who registers in the tests.
const ANN: &str = "ann@commerce-team";

/// A mesh whose catalog and whose state are in PostgreSQL.
pub(super) fn mesh() -> Mesh {
    Mesh::new("{source: {postgres: {url_env: MESH_URL}}}")
}

/// One server, which looks at the catalog once an hour unless it hears of a change.
pub(super) struct Server {
    pub(super) engine: Arc<Engine>,
    _keeping: JoinSet<()>,
}

/// The settings of a server whose database is at `url`.
pub(super) fn settings(url: &str) -> Settings {
    let environment = Environment::new([("MESH_URL".to_owned(), url.to_owned())]);
    let mut settings = Settings { environment, ..Settings::default() };
    settings.catalog.refresh.0 = Duration::from_secs(3600);
    (settings.catalog.timeout.0, settings.state.timeout.0) = (Duration::from_secs(3), Duration::from_secs(3));
    settings.state.postgres_url_env = Some("MESH_URL".to_owned());
    settings
}

impl Server {
    pub(super) async fn open(mesh: &Mesh, url: &str) -> Result<Self> {
        let connectors = Connectors::new([Arc::new(Numbers) as Arc<dyn Connector>]);
        let (mesh, policy) = (mesh.path().to_owned(), Arc::new(AccessBlockPolicy));
        let engine = Engine::open(Parts { mesh, settings: settings(url), connectors, policy }).await?;
        let mut keeping = JoinSet::new();
        let kept = Arc::clone(&engine);
        keeping.spawn(async move { kept.keep_current(&context("server")).await });
        Ok(Self { engine, _keeping: keeping })
    }

    /// Registers `commerce.<product>` with one column.
    pub(super) async fn register(&self, product: &str, column: &str) -> Result<()> {
        let text = columns_contract("commerce", product, "1.0.0", &[(column, "int64")]);
        self.engine.register(&context(ANN), &registration(&text)).await.map(|_| ())
    }

    /// The rows of a statement's answer.
    pub(super) async fn rows(&self, sql: &str) -> Result<usize> {
        let answer = self.engine.query(&context(ANN), &Statement::new(sql)).await?;
        Ok(answer.collect().await?.iter().map(RecordBatch::num_rows).sum())
    }

    pub(super) fn products(&self) -> Vec<String> {
        self.engine.snapshot().entries.iter().map(|e| e.id().name.product.to_string()).collect()
    }
}

/// Two servers that start at once.
async fn two(mesh: &Mesh, url: &str) -> (Server, Server) {
    let (a, b) = Box::pin(async { tokio::join!(Server::open(mesh, url), Server::open(mesh, url)) }).await;
    (a.unwrap(), b.unwrap())
}

/// Waits for something that is bound to happen.
pub(super) async fn until(what: &str, happened: impl AsyncFn() -> bool) {
    for _ in 0..1200 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen: {what}");
}

/// Finds one number in every column, wherever it is asked to look.
#[derive(Debug)]
struct Numbers;

#[async_trait]
impl Connector for Numbers {
    fn format(&self) -> &'static str {
        "parquet"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn probe(&self, _: &meshweave_engine::QueryContext, _: &Port) -> Result<Observed> {
        Err(Failure::Unsupported { what: "probing".to_owned(), hint: None }.into())
    }

    async fn pin(&self, _: &meshweave_engine::QueryContext, port: &Port, _: &AsOf) -> Result<Pinned> {
        let version = Version::Manifest(format!("sha256:{}", port.key));
        Ok(Pinned { version, manifest: Some(Bytes::from_static(b"[]")), detail: Arc::new(()) })
    }

    async fn open(&self, _: &meshweave_engine::QueryContext, port: &Port, _: &Pinned) -> Result<Opened> {
        let schema = port.schema.clone().unwrap();
        let columns = schema.fields().iter().map(|_| Arc::new(Int64Array::from(vec![7])) as _).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        Ok(Opened { provider: Arc::new(MemTable::try_new(schema, vec![vec![batch]]).unwrap()), stores: vec![] })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_registers_the_other_hears_without_looking() {
    let (mesh, database) = (mesh(), PostgresServer::database().await.unwrap());
    let (a, b) = two(&mesh, &database.url()).await;
    a.register("orders", "id").await.unwrap();
    until("b hears of orders", async || b.products() == ["orders"]).await;
    assert_eq!(b.rows("SELECT id FROM commerce.orders").await.unwrap(), 1);
    b.register("parcels", "id").await.unwrap();
    until("a hears of parcels", async || a.products() == ["orders", "parcels"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_register_at_once_one_wins() {
    let (mesh, database) = (mesh(), PostgresServer::database().await.unwrap());
    let (a, b) = two(&mesh, &database.url()).await;
    for round in 0..4 {
        let product = format!("p{round}");
        let (mine, yours) = tokio::join!(a.register(&product, "mine"), b.register(&product, "yours"));
        let (winner, lost) = match (mine, yours) {
            (Ok(()), Err(lost)) => ("mine", lost),
            (Err(lost), Ok(())) => ("yours", lost),
            other => panic!("round {round}: {other:?}"),
        };
        let conflict = matches!(lost.failure(), Failure::CatalogConflict { .. });
        assert!(conflict || lost.kind() == Kind::InvalidContract, "round {round}: {lost}");
        let sql = format!("SELECT {winner} FROM commerce.{product}");
        for server in [&a, &b] {
            until("both see it", async || server.products().contains(&product)).await;
            assert_eq!(server.rows(&sql).await.unwrap(), 1, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_share_the_query_log() {
    let (mesh, database) = (mesh(), PostgresServer::database().await.unwrap());
    let (a, b) = two(&mesh, &database.url()).await;
    a.register("orders", "id").await.unwrap();
    until("b hears of orders", async || b.products() == ["orders"]).await;
    // Both make the state's tables at once.
    let (of_a, of_b) = tokio::join!(a.rows("SELECT id FROM commerce.orders"), b.rows("SELECT * FROM commerce.orders"));
    assert_eq!((of_a.unwrap(), of_b.unwrap()), (1, 1));
    b.engine.flush().await;
    assert_eq!(a.rows("SELECT * FROM mesh.queries").await.unwrap(), 2);
    let consumers = b.engine.state().consumers("commerce.orders", 1).await.unwrap();
    assert_eq!(consumers.iter().map(|c| (c.principal.as_str(), c.queries)).collect::<Vec<_>>(), [("ann", 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_encrypted_and_the_database_proves_who_it_is() {
    let (mesh, database) = (mesh(), PostgresServer::start().await.unwrap());
    let certificate = database.encrypt().await.unwrap();
    let url = format!("{}?sslmode=verify-full", database.url("postgres"));
    let error = Server::open(&mesh, &url).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "nobody vouches for the certificate: {}", error.report());
    let server = Server::open(&mesh, &format!("{url}&sslrootcert={}", certificate.display())).await.unwrap();
    server.register("orders", "id").await.unwrap();
    let encrypted =
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'meshweave'";
    assert_eq!(database.sql("postgres", encrypted).unwrap(), "t");
}
