//! From a folder to a snapshot: defaults, problems, refresh, system tables.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use meshweave_contract::model::Product;
use meshweave_engine::catalog::resolution::resolve_pending;
use meshweave_engine::catalog::{Catalog, CatalogSnapshot, system};
use meshweave_engine::connect::{Connector, Connectors};
use meshweave_engine::settings::Settings;
use meshweave_engine::{Failure, Kind};

use super::support::{Mesh, columns_contract, context, contract, id};

fn everything(_: &Product) -> bool {
    true
}

fn problems(snapshot: &CatalogSnapshot) -> Vec<String> {
    snapshot.problems.iter().map(|p| format!("{} | {} | {}", p.subject, p.place, p.message)).collect()
}

#[tokio::test]
async fn a_contract_put_into_the_folder_by_hand_is_picked_up_with_its_domains_defaults() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    assert_eq!(catalog.snapshot().entries.len(), 0);
    let text =
        columns_contract("commerce", "orders", "1.0.0", &[("id", "string"), ("at", "timestamp"), ("n", "integer")]);
    mesh.write("domains/commerce/orders/1.0.0.yaml", &text);
    let snapshot = catalog.refresh().await.unwrap();
    assert_eq!(problems(&snapshot), [] as [&str; 0]);
    let entry = snapshot.entry(&id("commerce", "orders", "1.0.0")).unwrap();
    assert_eq!(entry.product.owner.team.as_deref(), Some("commerce-team"));
    let storage = entry.product.tables()[0].storage.as_ref().unwrap();
    assert_eq!(storage.location.as_deref(), Some("file://./data/commerce/orders/v1/"));
    assert_eq!(storage.format, "parquet");
    assert_eq!(&*entry.text, text.as_bytes());
    let schema = entry.tables[0].schema.as_ref().unwrap();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    assert!(matches!(types[1], DataType::Timestamp(TimeUnit::Microsecond, _)), "{types:?}");
    assert_eq!((types[0], types[2]), (&DataType::Utf8View, &DataType::Int64));
}

#[tokio::test]
async fn broken_files_are_problems_of_their_own() {
    let mesh = Mesh::folder();
    mesh.write("domains/commerce/good/1.0.0.yaml", &columns_contract("commerce", "good", "1.0.0", &[("id", "string")]));
    mesh.write("domains/commerce/torn/1.0.0.yaml", "apiVersion: datamesh.io/v1\nkind: [");
    mesh.write(
        "domains/commerce/other/1.0.0.yaml",
        &columns_contract("commerce", "orders", "1.0.0", &[("id", "string")]),
    );
    mesh.write("domains/commerce/Good/2.0.0.yaml", &columns_contract("commerce", "Good", "2.0.0", &[("id", "string")]));
    mesh.write("domains/ghost/x/1.0.0.yaml", &columns_contract("ghost", "x", "1.0.0", &[("id", "string")]));
    mesh.write("domains/crm/domain.yaml", "apiVersion: meshweave/v1\nkind: Domain\nname: crm\nstorag: []\n");
    mesh.write("domains/mesh/domain.yaml", "apiVersion: meshweave/v1\nkind: Domain\nname: mesh\n");
    mesh.write("policies/pii.rego", "package x");
    let snapshot = mesh.catalog().await.snapshot();
    // `Good` sorts before `good`, so it is the one that stays.
    assert_eq!(snapshot.entries.iter().map(|e| e.id().to_string()).collect::<Vec<_>>(), ["commerce.Good@2.0.0"]);
    let told = problems(&snapshot).join("\n");
    for expected in [
        "crm | domains/crm/domain.yaml:4:1 | unknown key `storag`. Did you mean `storage`?",
        "mesh | domains/mesh/domain.yaml | the name mesh belongs to the engine; a domain may not take it",
        "policies | policies/pii.rego | policies in Rego are not enforced",
        "commerce.torn@1.0.0 | domains/commerce/torn/1.0.0.yaml:",
        "commerce.other@1.0.0 | domains/commerce/other/1.0.0.yaml | the contract is about commerce.orders@1.0.0, not commerce.other@1.0.0",
        "commerce.good@1.0.0 | domains/commerce/good/1.0.0.yaml | the name folds like product commerce.Good",
        "ghost.x@1.0.0 | domains/ghost/x/1.0.0.yaml | the domain ghost has no domain.yaml that can be used",
    ] {
        assert!(told.contains(expected), "{expected}\nis missing in\n{told}");
    }
}

#[tokio::test]
async fn a_wrong_mesh_document_is_an_error_with_its_place() {
    for (text, place, word) in [
        ("apiVersion: meshweave/v1\nkind: Mesh\nname: x\ncatalogue: {}\n", ":4:1", "unknown key `catalogue`"),
        ("apiVersion: meshweave/v2\nkind: Mesh\nname: x\n", "mesh.yaml", "apiVersion \"meshweave/v2\" is not known"),
        (
            "apiVersion: meshweave/v1\nkind: Mesh\nname: x # url_env\ncatalog:\n  source: {postgres: {url_env: X}}\n",
            "mesh.yaml:5:23",
            "the catalog's variable X is not set",
        ),
        (
            "apiVersion: meshweave/v1\nkind: Mesh\nname: x\ncatalog: {source: {oracle: x}}\n",
            "mesh.yaml",
            "the catalog source `oracle` is not offered in this version",
        ),
        (
            "apiVersion: meshweave/v1\nkind: Mesh\nname: x\ncatalog: {source: postgres}\n",
            "mesh.yaml",
            "names no variable",
        ),
        ("apiVersion: meshweave/v1\nkind: Mesh\nname: x\ncatalog: {source: sqlite}\n", "mesh.yaml", "names no file"),
    ] {
        let mesh = Mesh::folder();
        mesh.write("mesh.yaml", text);
        let error = Catalog::open(mesh.path(), &Settings::default()).await.unwrap_err();
        let Failure::InvalidConfiguration { place: at, message, .. } = error.failure() else { unreachable!("{error}") };
        assert!(at.ends_with(place) && message.contains(word), "{at}: {message}");
    }
    let nowhere = Catalog::open(std::path::Path::new("/nonexistent/mesh"), &Settings::default()).await.unwrap_err();
    assert_eq!(nowhere.kind(), Kind::InvalidConfiguration);
}

#[tokio::test]
async fn a_url_that_was_written_into_the_mesh_document_is_not_repeated() {
    const URL: &str = "'postgres://ann:secret@db/mesh'";
    for source in [
        format!("{{postgres: {URL}}}"),
        format!("{{postgres: {{url_env: {URL}}}}}"),
        format!("{{postgres: {{url: {URL}}}}}"),
    ] {
        let mesh = Mesh::new(&format!("{{source: {source}}}"));
        let error = Catalog::open(mesh.path(), &Settings::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidConfiguration);
        let told = format!("{error:?} {} {:?}", error.report(), error.hint());
        assert!(told.contains("mesh.yaml") && !told.contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_made_again() {
    let mesh = Mesh::folder();
    mesh.write("domains/commerce/a/1.0.0.yaml", &columns_contract("commerce", "a", "1.0.0", &[("id", "string")]));
    let catalog = mesh.catalog().await;
    let before = catalog.snapshot();
    mesh.write("domains/commerce/b/1.0.0.yaml", &columns_contract("commerce", "b", "1.0.0", &[("id", "string")]));
    let after = catalog.refresh().await.unwrap();
    assert!(after.version > before.version);
    let a = id("commerce", "a", "1.0.0");
    assert!(Arc::ptr_eq(before.entry(&a).unwrap(), after.entry(&a).unwrap()));
    assert_eq!(before.entries.len(), 1, "a running query keeps its snapshot");
    mesh.domain("commerce", "location_template: file://./data/commerce/elsewhere/{product}/\n");
    let moved = catalog.refresh().await.unwrap();
    let location = moved.entry(&a).unwrap().product.tables()[0].storage.as_ref().unwrap().location.clone();
    assert_eq!(location.as_deref(), Some("file://./data/commerce/elsewhere/a/"));
}

#[tokio::test]
async fn a_contract_without_columns_is_listed_and_then_resolved_once() {
    let mesh = Mesh::folder();
    let text = contract(
        "commerce",
        "orders",
        "1.0.0",
        "  storage:\n    format: parquet\n    location: file://./data/commerce/orders/\n",
    );
    mesh.write("domains/commerce/orders/1.0.0.yaml", &text);
    let catalog = mesh.catalog().await;
    let orders = id("commerce", "orders", "1.0.0");
    assert!(catalog.snapshot().entry(&orders).unwrap().tables[0].schema.is_none());
    assert!(problems(&catalog.snapshot())[0].contains("its columns are not resolved yet"));

    let connectors = Connectors::new([Arc::clone(&mesh.connector) as Arc<dyn Connector>]);
    let failed = resolve_pending(&context("server"), &catalog, &connectors, 1 << 20).await.unwrap();
    assert!(failed[0].1.contains("nothing is stored yet"), "{failed:?}");
    mesh.store("data/commerce/orders", &[("id", DataType::Int32, false), ("name", DataType::Utf8View, true)]);
    assert_eq!(resolve_pending(&context("server"), &catalog, &connectors, 1 << 20).await.unwrap(), []);
    let snapshot = catalog.snapshot();
    let schema = snapshot.entry(&orders).unwrap().tables[0].schema.clone().unwrap();
    assert_eq!(schema.field(1).data_type(), &DataType::Utf8View);
    assert_eq!(problems(&snapshot), [] as [&str; 0]);
    assert!(mesh.path().join("domains/commerce/orders/1.0.0.schema.json").exists());

    let asked = mesh.connector.probes.lock().len();
    resolve_pending(&context("server"), &catalog, &connectors, 1 << 20).await.unwrap();
    assert_eq!(mesh.connector.probes.lock().len(), asked, "it is resolved once");
}

#[tokio::test]
async fn an_edit_of_a_registered_contract_is_told() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.register(&catalog, &columns_contract("commerce", "orders", "1.0.0", &[("id", "string")])).await.unwrap();
    assert_eq!(problems(&catalog.snapshot()), [] as [&str; 0]);
    let edited = columns_contract("commerce", "orders", "1.0.0", &[("id", "string"), ("more", "string")]);
    mesh.write("domains/commerce/orders/1.0.0.yaml", &edited);
    let told = problems(&catalog.refresh().await.unwrap());
    assert!(told[0].contains("the contract was changed after it was registered"), "{told:?}");
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    (0..array.len()).map(|i| if array.is_null(i) { "∅".to_owned() } else { array.value(i).to_owned() }).collect()
}

async fn two_products() -> Arc<CatalogSnapshot> {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    for (domain, product, version) in
        [("commerce", "orders", "1.0.0"), ("commerce", "orders", "2.0.0"), ("crm", "secret", "1.0.0")]
    {
        let columns = [("id", "string"), ("amount", "number")];
        mesh.write(
            &format!("domains/{domain}/{product}/{version}.yaml"),
            &columns_contract(domain, product, version, &columns),
        );
    }
    mesh.write("domains/crm/secret/9.0.0.yaml", "nonsense: [");
    catalog.refresh().await.unwrap()
}

#[tokio::test]
async fn system_tables_tell_what_the_caller_may_discover() {
    let snapshot = two_products().await;
    let products = system::table("products", &snapshot, &everything).unwrap();
    assert_eq!(texts(&products, "product"), ["orders", "orders", "secret"]);
    assert_eq!(texts(&products, "version"), ["1.0.0", "2.0.0", "1.0.0"]);
    assert_eq!(texts(&products, "owner_team")[0], "commerce-team");
    let default = products.column_by_name("is_default").unwrap().as_boolean();
    assert_eq!([default.value(0), default.value(1), default.value(2)], [false, true, true]);
    let columns = system::table("columns", &snapshot, &everything).unwrap();
    assert_eq!(texts(&columns, "column"), ["id", "amount", "id", "amount", "id", "amount"]);
    assert_eq!(texts(&columns, "type")[0], "string");
    let contracts = system::table("contracts", &snapshot, &everything).unwrap();
    assert!(texts(&contracts, "text")[0].contains("name: orders"));
    assert!(texts(&contracts, "hash")[0].starts_with("sha256:"));
    assert_eq!(system::table("problems", &snapshot, &everything).unwrap().num_rows(), 1);

    let open = |product: &Product| product.id.name.domain.as_str() == "commerce";
    for name in system::names() {
        // What queries left behind is not made from the catalog.
        let Some(batch) = system::table(name, &snapshot, &open) else {
            assert!(["queries", "drift"].contains(&name), "{name}");
            continue;
        };
        let rows = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        assert!(!rows.contains("secret") && !rows.contains("crm"), "{name} tells:\n{rows}");
    }
    for name in system::information_schema_names() {
        let batch = system::information_schema(name, &snapshot, &open).unwrap();
        let rows = arrow::util::pretty::pretty_format_batches(&[batch]).unwrap().to_string();
        assert!(!rows.contains("secret") && !rows.contains("crm"), "{name} tells:\n{rows}");
    }
    assert!(system::table("nothing", &snapshot, &everything).is_none());
}

#[tokio::test]
async fn information_schema_lists_what_drivers_see() {
    let snapshot = two_products().await;
    let schemata = system::information_schema("schemata", &snapshot, &everything).unwrap();
    assert_eq!(texts(&schemata, "schema_name"), ["commerce", "crm", "mesh", "information_schema"]);
    let tables = system::information_schema("tables", &snapshot, &everything).unwrap();
    assert_eq!(texts(&tables, "table_name")[..4], ["orders", "orders@1", "secret", "products"]);
    assert_eq!(texts(&tables, "table_type")[2..4], ["BASE TABLE", "SYSTEM VIEW"]);
    let columns = system::information_schema("columns", &snapshot, &everything).unwrap();
    assert_eq!(texts(&columns, "column_name")[..2], ["id", "amount"]);
    assert_eq!(texts(&columns, "data_type")[..2], ["Utf8", "Float64"]);
    assert!(texts(&columns, "table_name").contains(&"schemata".to_owned()), "own tables are listed too");
}

#[test]
fn every_system_column_says_what_it_means() {
    let own = system::names().into_iter().map(|n| (n, system::columns(n).unwrap()));
    let standard =
        system::information_schema_names().into_iter().map(|n| (n, system::information_schema_columns(n).unwrap()));
    for (table, columns) in own.chain(standard) {
        assert!(!columns.is_empty());
        for (name, _, doc) in columns {
            assert!(doc.ends_with('.') && doc.len() > 5, "{table}.{name}: {doc}");
        }
    }
}
