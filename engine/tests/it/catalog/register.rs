//! Registration: idempotent, compared with what is stored, all or nothing.

use arrow::datatypes::DataType;
use meshweave_engine::catalog::register::Registration;
use meshweave_engine::{Failure, Kind};

use super::support::{Mesh, columns_contract, context, contract, id, registration};

const AT_ORDERS: &str = "  storage:\n    format: parquet\n    location: file://./data/commerce/orders/\n";

fn orders() -> String {
    columns_contract("commerce", "orders", "1.0.0", &[("id", "string"), ("amount", "number")])
}

#[tokio::test]
async fn a_product_is_registered_once_in_either_store() {
    for source in ["{source: folder}", "{source: {sqlite: catalog.db}}", "{source: sqlite, path: catalog.db}"] {
        let mesh = Mesh::new(source);
        let catalog = mesh.catalog().await;
        let first = mesh.register(&catalog, &orders()).await.unwrap();
        assert_eq!((first.id.to_string().as_str(), first.outcome.as_str()), ("commerce.orders@1.0.0", "registered"));
        assert_eq!(first.steps.len(), 3, "{:?}", first.steps);
        assert!(mesh.path().join("data/commerce/orders/v1").is_dir(), "the folder was made");
        let version = catalog.snapshot().version;
        let spaced = format!("# the same in other words\n{}", orders());
        assert_eq!(mesh.register(&catalog, &spaced).await.unwrap().outcome, "unchanged");
        assert_eq!(catalog.snapshot().version, version);
        let next = mesh.catalog().await;
        let entry = next.snapshot().entry(&id("commerce", "orders", "1.0.0")).cloned().unwrap();
        assert_eq!(&*entry.text, orders().as_bytes(), "the text is kept byte for byte");
        assert_eq!(entry.registered_by.as_deref(), Some("ann"));
        assert!(entry.registered_at.is_some() && entry.hash.starts_with("sha256:"));
        assert!(next.snapshot().problems.is_empty(), "{:?}", next.snapshot().problems);
    }
}

#[tokio::test]
async fn a_registered_version_never_changes() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.register(&catalog, &orders()).await.unwrap();
    let other = columns_contract("commerce", "orders", "1.0.0", &[("id", "string")]);
    let error = mesh.register(&catalog, &other).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidContract);
    assert!(error.to_string().contains("give it a new one"), "{error}");
    let next = columns_contract("commerce", "orders", "2.0.0", &[("id", "string")]);
    mesh.register(&catalog, &next).await.unwrap();
    assert_eq!(catalog.snapshot().entries.len(), 2);
}

#[tokio::test]
async fn a_dry_run_tells_the_steps_and_changes_nothing() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let dry = Registration { dry_run: true, ..registration(&orders()) };
    let told = mesh.register_as("ann@commerce-team", &catalog, &dry).await.unwrap();
    assert_eq!(told.outcome, "would register");
    let starts: Vec<&str> = told.steps.iter().map(|s| s.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["storage:", "schema:", "catalog:"]);
    assert!(!mesh.path().join("data").exists() && !mesh.path().join("domains/commerce/orders").exists());
    assert!(catalog.refresh().await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn every_problem_of_a_contract_is_told_with_its_place() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let text = orders().replace("version: \"1.0.0\"", "version: soon").replace("type: number", "type: nombre");
    let error = mesh.register(&catalog, &text).await.unwrap_err();
    let Failure::InvalidContract { problems, .. } = error.failure() else { unreachable!("{error}") };
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems.iter().all(|line| line.starts_with("contract.yaml:")), "{problems:?}");
}

#[tokio::test]
async fn only_the_domains_team_may_register_whatever_the_contract_says() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let mine = orders().replace("owner: commerce@example.com", "owner: {team: mallory-team}");
    for text in [orders(), mine] {
        let error = mesh.register_as("mallory@mallory-team", &catalog, &registration(&text)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert!(error.hint().unwrap().contains("commerce@example.com"));
    }
}

#[tokio::test]
async fn the_domain_must_exist() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let error = mesh.register(&catalog, &orders().replace("domain: commerce", "domain: comerce")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.hint().as_deref(), Some("Did you mean commerce?"));
    mesh.write("domains/commerce/domain.yaml", "kind: nonsense");
    let error = mesh.register(&catalog, &orders()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidConfiguration, "{error}");
}

#[tokio::test]
async fn a_location_must_lie_under_the_domains_prefixes() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    for location in [
        "file://./data/crm/orders/",
        "file://./data/commerce2/",
        "file:///etc/",
        "s3://bucket/x/",
        "file://./data/commerce/../crm/",
    ] {
        let text =
            contract("commerce", "orders", "1.0.0", &AT_ORDERS.replace("file://./data/commerce/orders/", location));
        let error = mesh.register(&catalog, &text).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{location}: {error}");
    }
    let elsewhere = Registration { storage: Some("file://./data/crm/x/".to_owned()), ..registration(&orders()) };
    let error = mesh.register_as("ann@commerce-team", &catalog, &elsewhere).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(!mesh.path().join("data").exists());
}

#[tokio::test]
async fn storage_comes_from_the_contract_the_option_or_the_template() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let given = Registration { storage: Some("file://./data/commerce/given/".to_owned()), ..registration(&orders()) };
    mesh.register_as("ann@commerce-team", &catalog, &given).await.unwrap();
    let location = |domain: &str, product: &str| {
        let snapshot = catalog.snapshot();
        let entry = snapshot.entry(&id(domain, product, "1.0.0")).cloned().unwrap();
        entry.product.tables()[0].storage.clone().unwrap().location.unwrap()
    };
    assert_eq!(location("commerce", "orders"), "file://./data/commerce/given/");
    mesh.register(&catalog, &columns_contract("commerce", "items", "1.0.0", &[("id", "string")])).await.unwrap();
    assert_eq!(location("commerce", "items"), "file://./data/commerce/items/v1/");
    // A template that changes later does not move what was registered.
    mesh.domain("commerce", "location_template: file://./data/commerce/moved/{product}/\n");
    catalog.refresh().await.unwrap();
    assert_eq!(location("commerce", "items"), "file://./data/commerce/items/v1/");
}

#[tokio::test]
async fn an_active_product_without_any_location_is_refused() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let text = columns_contract("crm", "customer", "1.0.0", &[("id", "string")]);
    let product = meshweave_contract::parse::parse(text.as_bytes(), "x.yaml").product.unwrap();
    let answer = mesh.register(&catalog, &text).await;
    if product.status == meshweave_contract::model::Status::Draft {
        assert!(answer.unwrap().warnings.iter().any(|w| w.contains("the product is a draft")));
    } else {
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("names no storage location"), "{error}");
    }
}

#[tokio::test]
async fn the_contract_is_compared_with_what_is_stored() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.store(
        "data/commerce/orders/v1",
        &[
            ("id", DataType::Utf8View, false),
            ("amount", DataType::Decimal128(12, 2), true),
            ("extra", DataType::Boolean, true),
        ],
    );
    let done = mesh.register(&catalog, &orders()).await.unwrap();
    assert_eq!(
        done.schema_report,
        [
            "column amount is stored as decimal(12,2), which keeps the promised number",
            "column extra (boolean) is stored and not in the contract; SQL does not see it",
        ]
    );
    let snapshot = catalog.snapshot();
    let schema = snapshot.entry(&done.id).unwrap().tables[0].schema.clone().unwrap();
    let columns: Vec<(&str, &DataType)> = schema.fields().iter().map(|f| (f.name().as_str(), f.data_type())).collect();
    assert_eq!(columns, [("id", &DataType::Utf8View), ("amount", &DataType::Decimal128(12, 2))]);
}

#[tokio::test]
async fn a_broken_promise_is_refused_and_nothing_is_done() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.store("data/commerce/orders/v1", &[("id", DataType::Int64, true)]);
    let error = mesh.register(&catalog, &orders()).await.unwrap_err();
    let Failure::InvalidContract { problems, .. } = error.failure() else { unreachable!("{error}") };
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("column id is promised as string and stored as int64"), "{problems:?}");
    assert!(problems[1].contains("column amount is promised and not stored"), "{problems:?}");
    assert!(catalog.refresh().await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn a_contract_without_a_schema_gets_the_observed_one() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.store("data/commerce/orders", &[("b", DataType::Int16, false), ("a", DataType::LargeUtf8, true)]);
    let done = mesh.register(&catalog, &contract("commerce", "orders", "1.0.0", AT_ORDERS)).await.unwrap();
    let snapshot = catalog.snapshot();
    let schema = snapshot.entry(&done.id).unwrap().tables[0].schema.clone().unwrap();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(done.steps[1].contains("2 columns") && done.steps[1].contains("observed"), "{:?}", done.steps);
}

#[tokio::test]
async fn an_avro_schema_is_read_from_the_domains_schema_prefixes() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let avsc = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"n","type":["null","long"]}]}"#;
    mesh.write("schemas/commerce/orders.avsc", avsc);
    let text = |location: &str| {
        contract(
            "commerce",
            "orders",
            "1.0.0",
            &format!("  schema:\n    type: avro\n    location: {location}\n{AT_ORDERS}"),
        )
    };
    let error = mesh.register(&catalog, &text("file://./schemas/crm/orders.avsc")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    let error = mesh.register(&catalog, &text("file://./schemas/commerce/gone.avsc")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    let done = mesh.register(&catalog, &text("file://./schemas/commerce/orders.avsc")).await.unwrap();
    assert!(done.warnings.iter().any(|w| w.contains("nothing is stored at")), "{:?}", done.warnings);
    let snapshot = catalog.snapshot();
    let schema = snapshot.entry(&done.id).unwrap().tables[0].schema.clone().unwrap();
    assert_eq!((schema.field(0).data_type(), schema.field(1).data_type()), (&DataType::Utf8View, &DataType::Int64));
}

#[tokio::test]
async fn a_delta_log_makes_a_product_without_a_format_delta() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.write("data/commerce/orders/v1/_delta_log/00000000000000000000.json", "{}");
    mesh.register(&catalog, &orders()).await.unwrap();
    let next = mesh.catalog().await.snapshot();
    let entry = next.entry(&id("commerce", "orders", "1.0.0")).unwrap();
    assert_eq!(entry.product.tables()[0].storage.as_ref().unwrap().format, "delta");
}

#[tokio::test]
async fn names_that_fold_alike_are_refused() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    mesh.register(&catalog, &columns_contract("commerce", "order-items", "1.0.0", &[("id", "string")])).await.unwrap();
    let error = mesh
        .register(&catalog, &columns_contract("commerce", "Order_Items", "2.0.0", &[("id", "string")]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidContract, "{error}");
    mesh.store("data/commerce/orders", &[("orderId", DataType::Utf8, true), ("orderid", DataType::Utf8, true)]);
    let error = mesh.register(&catalog, &contract("commerce", "orders", "1.0.0", AT_ORDERS)).await.unwrap_err();
    assert!(error.to_string().contains("cannot tell apart"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_registrations_at_once_one_wins_and_others_do_not_disturb() {
    for source in ["{source: folder}", "{source: {sqlite: catalog.db}}"] {
        let mesh = Mesh::new(source);
        let (a, b) = (mesh.catalog().await, mesh.catalog().await);
        let mine = columns_contract("commerce", "orders", "1.0.0", &[("mine", "string")]);
        let yours = columns_contract("commerce", "orders", "1.0.0", &[("yours", "string")]);
        let (first, second) = tokio::join!(mesh.register(&a, &mine), mesh.register(&b, &yours));
        assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1, "{first:?} {second:?}");
        let lost = first.err().or_else(|| second.err()).unwrap();
        assert!(matches!(lost.kind(), Kind::Unavailable | Kind::InvalidContract), "{lost}");
        let (one, two) = (
            columns_contract("commerce", "one", "1.0.0", &[("id", "string")]),
            columns_contract("commerce", "two", "1.0.0", &[("id", "string")]),
        );
        let (one, two) = tokio::join!(mesh.register(&a, &one), mesh.register(&b, &two));
        assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
        assert_eq!(a.refresh().await.unwrap().entries.len(), 3);
    }
}

#[tokio::test]
async fn folders_made_for_a_refused_registration_are_taken_back() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    // The catalog cannot be written: a file stands where the product's folder should be.
    mesh.write("domains/commerce/orders", "in the way");
    let error = mesh.register(&catalog, &orders()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert!(!mesh.path().join("data").exists());
    std::fs::remove_file(mesh.path().join("domains/commerce/orders")).unwrap();
    mesh.register(&catalog, &orders()).await.unwrap();
}

fn view(sql: &str) -> String {
    format!(
        "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: totals\n  domain: commerce\n  version: 1.0.0\nspec:\n  sql: {sql}\n"
    )
}

#[tokio::test]
async fn a_view_is_registered_with_the_columns_of_its_query() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let done = mesh.register(&catalog, &view("SELECT sum(x) AS total FROM commerce.orders")).await.unwrap();
    let snapshot = catalog.snapshot();
    let table = &snapshot.entry(&done.id).unwrap().tables[0];
    assert_eq!(table.name.as_str(), "totals");
    assert_eq!(table.schema.as_ref().unwrap().field(0).name(), "total");
    assert_eq!(done.steps[0], "storage: none to prepare");
    let error =
        mesh.register(&catalog, &view("SELECT * FROM crm.secret").replace("totals", "other")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn cancelling_stops_a_registration_before_anything_is_made() {
    let mesh = Mesh::folder();
    let catalog = mesh.catalog().await;
    let ctx = context("ann@commerce-team");
    ctx.cancel.cancel();
    let connectors = meshweave_engine::connect::Connectors::default();
    let failed = meshweave_engine::catalog::resolution::resolve_pending(&ctx, &catalog, &connectors, 1).await;
    assert!(failed.unwrap().is_empty(), "nothing is pending, nothing is asked");
    mesh.write("domains/commerce/orders/1.0.0.yaml", &contract("commerce", "orders", "1.0.0", AT_ORDERS));
    catalog.refresh().await.unwrap();
    mesh.store("data/commerce/orders", &[("a", DataType::Utf8, true)]);
    let connectors = meshweave_engine::connect::Connectors::new([
        std::sync::Arc::clone(&mesh.connector) as std::sync::Arc<dyn meshweave_engine::connect::Connector>
    ]);
    let error =
        meshweave_engine::catalog::resolution::resolve_pending(&ctx, &catalog, &connectors, 1).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(mesh.connector.probes.lock().is_empty());
}
