//! A mesh folder that somebody else edits while a server runs: changes are heard, halves are not taken.

use std::sync::Arc;
use std::time::Duration;

use meshweave_engine::connect::Connectors;
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::{Engine, Parts};
use tokio::task::JoinSet;

use super::servers::until;
use super::support::{Mesh, columns_contract, context, id};

const HOUR: Duration = Duration::from_secs(3600);

/// A server over the mesh.
struct Server {
    engine: Arc<Engine>,
    _keeping: JoinSet<()>,
}

impl Server {
    /// - `refresh`: how often it looks by itself.
    async fn open(mesh: &Mesh, refresh: Duration) -> Self {
        let mut settings = Settings::default();
        settings.catalog.refresh.0 = refresh;
        let (mesh, connectors, policy) = (mesh.path().to_owned(), Connectors::new([]), Arc::new(AccessBlockPolicy));
        let engine = Engine::open(Parts { mesh, settings, connectors, policy }).await.unwrap();
        let mut keeping = JoinSet::new();
        let kept = Arc::clone(&engine);
        keeping.spawn(async move { kept.keep_current(&context("server")).await });
        Self { engine, _keeping: keeping }
    }

    /// The columns of `commerce.orders@1.0.0`; none when it is not there.
    fn orders(&self) -> Option<Vec<String>> {
        let snapshot = self.engine.snapshot();
        let entry = snapshot.entry(&id("commerce", "orders", "1.0.0"))?;
        Some(entry.tables[0].columns.iter().map(|column| column.name.clone()).collect())
    }

    fn problems(&self) -> Vec<String> {
        let problem = |p: &meshweave_engine::catalog::CatalogProblem| format!("{} | {}", p.place, p.message);
        self.engine.snapshot().problems.iter().map(problem).collect()
    }

    async fn until_columns(&self, expected: &[&str]) {
        let is_so = async || self.orders().is_some_and(|found| found == expected);
        until(&format!("the columns are {expected:?}, not {:?}", self.orders()), is_so).await;
    }
}

const FILE: &str = "domains/commerce/orders/1.0.0.yaml";

fn orders(columns: &[&str]) -> String {
    let columns: Vec<(&str, &str)> = columns.iter().map(|name| (*name, "string")).collect();
    columns_contract("commerce", "orders", "1.0.0", &columns)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_saved_file_is_told_and_replaces_nothing() {
    let mesh = Mesh::folder();
    mesh.write(FILE, &orders(&["a"]));
    let server = Server::open(&mesh, HOUR).await;
    assert_eq!(server.orders().unwrap(), ["a"]);
    let whole = orders(&["a", "b"]);
    mesh.write(FILE, &whole[..whole.find("access:").unwrap() + 12]);
    until("the half is told", async || !server.problems().is_empty()).await;
    let told = server.problems();
    assert!(told[0].starts_with(&format!("{FILE}:")) && told[0].contains("what was read before stands"), "{told:?}");
    let place: Vec<&str> = told[0].split(" | ").next().unwrap().split(':').collect();
    assert!(place.len() == 3 && place[1..].iter().all(|number| number.parse::<u32>().is_ok()), "{told:?}");
    assert_eq!(server.orders().unwrap(), ["a"]);
    mesh.write(FILE, &whole);
    server.until_columns(&["a", "b"]).await;
    assert_eq!(server.problems(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_grows_is_taken_when_it_stands_still() {
    let mesh = Mesh::folder();
    mesh.write(FILE, &orders(&["a"]));
    let mut settings = Settings::default();
    (settings.catalog.refresh.0, settings.catalog.settle.0) = (HOUR, Duration::from_secs(2));
    let catalog = Arc::new(meshweave_engine::catalog::Catalog::open(mesh.path(), &settings).await.unwrap());
    let columns = |snapshot: &meshweave_engine::catalog::CatalogSnapshot| {
        snapshot.entry(&id("commerce", "orders", "1.0.0")).unwrap().tables[0].columns.len()
    };
    // Whoever waits for changes gets whole files only; this one hears that the watching begins.
    catalog.changed().await;
    for count in 2..5 {
        // Each state is a contract by itself.
        let names: Vec<String> = (0..count).map(|n| format!("c{n}")).collect();
        mesh.write(FILE, &orders(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(columns(&catalog.refresh().await.unwrap()), 1, "it was written just now");
    }
    let whole = async {
        while columns(&catalog.refresh().await.unwrap()) != 4 {
            catalog.changed().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), whole).await.expect("what stands still is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_renamed_into_its_place_is_heard_and_so_is_one_that_goes() {
    let mesh = Mesh::folder();
    mesh.write(FILE, &orders(&["a"]));
    let server = Server::open(&mesh, HOUR).await;
    let beside = mesh.write("domains/commerce/orders/.1.0.0.yaml.swp", &orders(&["a", "renamed"]));
    std::fs::rename(beside, mesh.path().join(FILE)).unwrap();
    server.until_columns(&["a", "renamed"]).await;
    std::fs::remove_file(mesh.path().join(FILE)).unwrap();
    until("it is gone", async || server.orders().is_none()).await;
    mesh.write(FILE, &orders(&["back"]));
    server.until_columns(&["back"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_registers_is_heard_at_once() {
    let mesh = Mesh::folder();
    let server = Server::open(&mesh, HOUR).await;
    let other = mesh.catalog().await;
    mesh.register(&other, &orders(&["a"])).await.unwrap();
    server.until_columns(&["a"]).await;
    assert_eq!(server.problems(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_saved_domain_leaves_its_products() {
    let mesh = Mesh::folder();
    mesh.write(FILE, &orders(&["a"]));
    let server = Server::open(&mesh, HOUR).await;
    mesh.write("domains/commerce/domain.yaml", "apiVersion: meshweave/v1\nkind: Doma");
    until("the half is told", async || !server.problems().is_empty()).await;
    assert!(server.problems()[0].starts_with("domains/commerce/domain.yaml"), "{:?}", server.problems());
    assert_eq!(server.orders().unwrap(), ["a"]);
    mesh.domain("commerce", "");
    until("all is well", async || server.problems().is_empty()).await;
    assert_eq!(server.orders().unwrap(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_in_turns_finds_what_was_not_heard() {
    let mesh = Mesh::folder();
    mesh.write(FILE, &orders(&["a"]));
    // A folder behind a symbolic link is not watched: its changes are found by looking.
    let elsewhere = tempfile::tempdir().unwrap();
    let linked = elsewhere.path().join("crm");
    std::fs::rename(mesh.path().join("domains/crm"), &linked).unwrap();
    std::os::unix::fs::symlink(&linked, mesh.path().join("domains/crm")).unwrap();
    let server = Server::open(&mesh, Duration::from_millis(200)).await;
    let file = linked.join("people/1.0.0.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, columns_contract("crm", "people", "1.0.0", &[("id", "string")])).unwrap();
    let people = id("crm", "people", "1.0.0");
    until("people are found", async || server.engine.snapshot().entry(&people).is_some()).await;
}
