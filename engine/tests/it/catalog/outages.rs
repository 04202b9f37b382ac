//! The catalog's database goes away: queries go on, registration fails cleanly, and all is well again without a restart.

use arrow::array::{AsArray, RecordBatch};
use meshweave_engine::{Kind, Statement};
use meshweave_test_peers::PostgresServer;

use super::servers::{Server, mesh, settings, until};
use super::support::context;

/// How a database goes away.
#[derive(Clone, Copy)]
enum Outage {
    /// It does not answer, and its connections stay.
    Silent,
    /// Its machine is gone.
    Killed,
}

impl Outage {
    async fn begin(self, server: &PostgresServer) {
        match self {
            Self::Silent => server.pause().unwrap(),
            Self::Killed => server.kill().await.unwrap(),
        }
    }

    async fn end(self, server: &PostgresServer) {
        match self {
            Self::Silent => server.resume().unwrap(),
            Self::Killed => server.restart().await.unwrap(),
        }
    }
}

/// What is told of the mesh to somebody who may see none of its products.
async fn problems(server: &Server) -> Vec<String> {
    let statement = Statement::new("SELECT message FROM mesh.problems WHERE subject = 'mesh'");
    let answer = server.engine.query(&context("stranger"), &statement).await.unwrap();
    let batches: Vec<RecordBatch> = answer.collect().await.unwrap();
    batches.iter().flat_map(|b| b.column(0).as_string::<i32>().iter().flatten().map(str::to_owned)).collect()
}

async fn survive(outage: Outage) {
    let database = PostgresServer::start().await.unwrap();
    let url = database.url("postgres");
    let mesh = mesh();
    let (a, b) = (Server::open(&mesh, &url).await.unwrap(), Server::open(&mesh, &url).await.unwrap());
    a.register("orders", "id").await.unwrap();
    until("b hears of orders", async || b.products() == ["orders"]).await;
    let orders = "SELECT id FROM commerce.orders";
    assert_eq!(a.rows(orders).await.unwrap(), 1);
    a.engine.flush().await;
    assert_eq!(problems(&a).await, [] as [&str; 0]);

    outage.begin(&database).await;
    for _ in 0..3 {
        assert_eq!(a.rows(orders).await.unwrap(), 1, "a query needs no database");
    }
    let error = a.register("parcels", "id").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let told = format!("{} {error:?}", error.report());
    assert!(told.contains("catalog postgres 127.0.0.1:") && !told.contains(database.password()), "{told}");
    let told = problems(&a).await;
    let expected = told.len() == 1 && told[0].contains("queries go on with what it held at 2");
    assert!(expected && !told[0].contains("127.0.0.1"), "{told:?}");
    assert_eq!(a.rows(orders).await.unwrap(), 1, "nor does one over the snapshot that tells of it");
    let late = Server::open(&mesh, &url).await.map(|_| ()).unwrap_err();
    assert_eq!(late.kind(), Kind::Unavailable, "{}", late.report());

    outage.end(&database).await;
    until("a registers again", async || a.register("parcels", "id").await.is_ok()).await;
    assert_eq!(problems(&a).await, [] as [&str; 0]);
    until("b hears of it", async || b.products() == ["orders", "parcels"]).await;
    assert_eq!(problems(&b).await, [] as [&str; 0]);
    // One before the outage, three and one during it.
    let logged =
        "SELECT * FROM mesh.queries WHERE statement = 'SELECT id FROM commerce.orders' AND outcome = 'finished'";
    until("what ran meanwhile is in the log", async || a.rows(logged).await.is_ok_and(|rows| rows == 5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_survived() {
    survive(Outage::Silent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_is_survived() {
    survive(Outage::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_is_gone_finds_out_by_itself() {
    let database = PostgresServer::start().await.unwrap();
    let mesh = mesh();
    let server = Server::open(&mesh, &database.url("postgres")).await.unwrap();
    // Listening has begun when a change is heard.
    let other = Server::open(&mesh, &database.url("postgres")).await.unwrap();
    other.register("orders", "id").await.unwrap();
    until("it hears of orders", async || server.products() == ["orders"]).await;
    database.kill().await.unwrap();
    until("it says so", async || problems(&server).await.len() == 1).await;
    database.restart().await.unwrap();
    until("it says so no more", async || problems(&server).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_says_why_and_never_the_password() {
    let database = PostgresServer::database().await.unwrap();
    let mesh = mesh();
    let right = database.url();
    let cases = [
        (right.replacen("hush", "secret", 1), "password authentication failed"),
        (format!("{right}x"), "does not exist"),
        (format!("{right}?sslmode=require"), "cannot be encrypted"),
        ("postgres://ann:secret@127.0.0.1:1/mesh".to_owned(), "refused"),
    ];
    for (url, why) in cases {
        let error = Server::open(&mesh, &url).await.map(|_| ()).unwrap_err();
        let told = format!("{} {error:?}", error.report());
        assert_eq!(error.kind(), Kind::Unavailable, "{told}");
        assert!(told.contains(why) && !told.contains("secret") && !told.contains("hush"), "{told}");
    }
    let told = format!("{:?} {:?}", settings(&right), Server::open(&mesh, &right).await.unwrap().engine);
    assert!(!told.contains("hush"), "{told}");
}
