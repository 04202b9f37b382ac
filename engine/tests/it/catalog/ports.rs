//! Products of several documents: a product document and the contracts of its output ports, in every catalog.

use arrow::datatypes::DataType;
use meshweave_contract::parse::Text;
use meshweave_engine::Kind;
use meshweave_engine::catalog::register::Registration;
use meshweave_engine::catalog::{Catalog, NamePart, Resolved};
use meshweave_engine::settings::Settings;
use meshweave_test_peers::PostgresServer;

use super::servers::{self, settings};
use super::support::{Mesh, id, registration};

const ANN: &str = "ann@commerce-team";

/// A product document with one port per contract.
fn product(version: &str, contracts: &[&str]) -> String {
    let port = |id: &&str| format!("  - {{name: {id}, version: {version}, contractId: {id}}}\n");
    let ports: String = contracts.iter().map(port).collect();
    format!(
        "apiVersion: v1.0.0\nkind: DataProduct\nid: p\nname: orders\ndomain: commerce\nversion: {version}\nstatus: active\n\
         outputPorts:\n{ports}customProperties:\n  - {{property: access, value: public}}\n"
    )
}

/// A contract with one table of these columns.
fn contract(id: &str, columns: &[(&str, &str)]) -> Text {
    let column = |(name, kind): &(&str, &str)| format!("      - {{name: {name}, logicalType: {kind}}}\n");
    let columns: String = columns.iter().map(column).collect();
    let text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: {id}\nversion: 1.0.0\nstatus: active\nschema:\n  - name: {id}\n    properties:\n{columns}"
    );
    Text { text: text.into_bytes(), file: format!("anywhere/{id}.odcs.yaml") }
}

fn two_ports() -> Registration {
    let contracts =
        vec![contract("current", &[("id", "string")]), contract("history", &[("day", "date"), ("n", "integer")])];
    Registration {
        contracts,
        file: "orders.yaml".to_owned(),
        ..registration(&product("1.0.0", &["current", "history"]))
    }
}

/// The columns of a name in SQL.
fn columns(catalog: &Catalog, name: &[&str]) -> Vec<(String, DataType)> {
    let name: Vec<NamePart> = name.iter().map(|part| NamePart::plain(*part)).collect();
    match catalog.snapshot().resolve(&name, None, &|_| true).unwrap() {
        Resolved::Product { entry, table } => {
            let schema = entry.tables[table].schema.clone().unwrap();
            schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// What every catalog must do with a product of two ports.
async fn check(mesh: &Mesh, settings: &Settings) {
    let catalog = Catalog::open(mesh.path(), settings).await.unwrap();
    let done = mesh.register_as(ANN, &catalog, &two_ports()).await.unwrap();
    assert_eq!((done.outcome.as_str(), done.id.to_string().as_str()), ("registered", "commerce.orders@1.0.0"));
    assert!(done.steps[2].contains("3 columns"), "{:?}", done.steps);
    for catalog in [catalog, Catalog::open(mesh.path(), settings).await.unwrap()] {
        assert_eq!(catalog.snapshot().problems, []);
        assert_eq!(columns(&catalog, &["commerce", "orders"]), [("id".to_owned(), DataType::Utf8View)]);
        let history = [("day".to_owned(), DataType::Date32), ("n".to_owned(), DataType::Int64)];
        assert_eq!(columns(&catalog, &["commerce", "orders", "history"]), history);
        let listed: Vec<String> = catalog.snapshot().listing(&|_| true).into_iter().map(|l| l.table).collect();
        assert_eq!(listed, ["orders", "orders.history"]);
        let snapshot = catalog.snapshot();
        let entry = snapshot.entry(&id("commerce", "orders", "1.0.0")).unwrap();
        let names: Vec<&str> = entry.contracts.iter().map(|contract| contract.name.as_str()).collect();
        assert_eq!(names, ["current-odcs.yaml", "history-odcs.yaml"]);
        let storage = |table: usize| entry.product.sql_tables()[table].table.storage.clone().unwrap().location.unwrap();
        assert_eq!(storage(0), "file://./data/commerce/orders/v1/orders/");
        assert_eq!(storage(1), "file://./data/commerce/orders/v1/history/");
        let again = mesh.register_as(ANN, &catalog, &two_ports()).await.unwrap();
        assert_eq!(again.outcome, "unchanged");
        let mut other = two_ports();
        other.contracts[1] = contract("history", &[("day", "date")]);
        let error = mesh.register_as(ANN, &catalog, &other).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidContract, "another contract is another product: {error}");
    }
}

#[tokio::test]
async fn a_folder_takes_a_product_with_its_contracts() {
    let mesh = Mesh::folder();
    check(&mesh, &Settings::default()).await;
    let folder = mesh.path().join("domains/commerce/orders/1.0.0.contracts");
    assert!(folder.join("history-odcs.yaml").exists());
}

#[tokio::test]
async fn sqlite_takes_a_product_with_its_contracts() {
    check(&Mesh::new("{source: {sqlite: catalog.db}}"), &Settings::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_takes_a_product_with_its_contracts() {
    let database = PostgresServer::database().await.unwrap();
    check(&servers::mesh(), &settings(&database.url())).await;
}

#[tokio::test]
async fn contracts_put_beside_a_document_by_hand_are_read_with_it() {
    let mesh = Mesh::folder();
    mesh.write("domains/commerce/orders/1.0.0.yaml", &product("1.0.0", &["current", "history"]));
    let put = |contract: Text, name: &str| {
        let text = String::from_utf8(contract.text).unwrap();
        mesh.write(&format!("domains/commerce/orders/1.0.0.contracts/{name}.yaml"), &text)
    };
    put(contract("current", &[("id", "string")]), "a");
    let history = put(contract("history", &[("n", "integer")]), "b");
    let catalog = mesh.catalog().await;
    assert_eq!(catalog.snapshot().problems, []);
    assert_eq!(columns(&catalog, &["commerce", "orders", "history"]), [("n".to_owned(), DataType::Int64)]);

    std::fs::write(
        history,
        "apiVersion: v3.1.0\nkind: DataContract\nid: history\nversion: 1.0.0\nstatus: activ\nschema: [\n",
    )
    .unwrap();
    let snapshot = catalog.refresh().await.unwrap();
    assert_eq!(snapshot.problems.len(), 1, "{:?}", snapshot.problems);
    let problem = &snapshot.problems[0];
    assert!(
        problem.place.starts_with("domains/commerce/orders/1.0.0.contracts/") || problem.message.contains("history"),
        "{problem:?}"
    );
    assert_eq!(columns(&catalog, &["commerce", "orders", "history"]).len(), 1, "what was read before stands");
}

#[tokio::test]
async fn a_further_port_may_not_lose_a_column_unnoticed() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.register_as(ANN, &catalog, &two_ports()).await.unwrap();
    let contracts = vec![contract("current", &[("id", "string")]), contract("history", &[("day", "date")])];
    let next = Registration { contracts, ..registration(&product("1.1.0", &["current", "history"])) };
    let error = mesh.register_as(ANN, &catalog, &next).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BreakingChange, "{error}");
}
