//! Products of several documents on the command line: a product document and the contracts of its ports are one product.

use crate::mesh::{Mesh, path};

const PRODUCT: &str = "apiVersion: v1.0.0\nkind: DataProduct\nid: urn:test:orders\nname: orders\ndomain: shop\nversion: 1.0.0\n\
    status: active\noutputPorts:\n  - { name: current, version: 1.0.0, contractId: urn:test:current }\n\
    \x20 - { name: history, version: 1.0.0, contractId: urn:test:history }\n\
    customProperties:\n  - { property: access, value: public }\n";

fn contract(name: &str, column: &str) -> String {
    format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: urn:test:{name}\nname: {name}\nversion: 1.0.0\nstatus: active\n\
         servers:\n  - {{ server: mesh, type: local, path: \"file://./data/shop/{name}/\", format: parquet }}\n\
         schema:\n  - name: {name}\n    properties:\n      - {{ name: {column}, logicalType: integer, physicalType: BIGINT }}\n"
    )
}

fn mesh() -> (Mesh, String) {
    let mesh = Mesh::empty();
    mesh.store("current/a.parquet", "SELECT CAST(7 AS BIGINT) AS id");
    mesh.store("history/a.parquet", "SELECT CAST(3 AS BIGINT) AS n UNION ALL SELECT CAST(4 AS BIGINT)");
    mesh.file("repository/contracts/current.yaml", &contract("current", "id"));
    mesh.file("repository/contracts/history.yaml", &contract("history", "n"));
    mesh.file("repository/orders.odps.yaml", PRODUCT);
    let folder = path(&mesh.0.path().join("repository")).to_owned();
    (mesh, folder)
}

#[test]
fn a_folder_with_a_product_document_is_one_product_with_the_tables_of_all_ports() {
    let (mesh, folder) = mesh();
    let checked = mesh.run(&["check", &folder]).ok();
    assert!(checked.contains("1 contract checked, no problems"), "{checked}");
    let planned = mesh.run(&["plan", &folder, "-o", "json"]).json();
    assert_eq!(planned.as_array().unwrap().len(), 1, "{planned}");
    assert_eq!(planned[0]["id"]["name"]["product"], "orders");
    let done = mesh.run(&["register", &folder, "-o", "json"]).json();
    assert_eq!((done.as_array().unwrap().len(), &done[0]["outcome"]), (1, &serde_json::json!("registered")), "{done}");
    let read = |sql: &str| mesh.run(&["sql", sql, "-o", "json"]).json();
    assert_eq!(read("SELECT * FROM shop.orders"), serde_json::json!([{"id": 7}]));
    assert_eq!(read("SELECT sum(n) AS n FROM shop.orders.history"), serde_json::json!([{"n": 7}]));
    assert_eq!(read("SELECT count(*) AS c FROM shop.\"orders.history\" h, shop.orders"), serde_json::json!([{"c": 2}]));
    assert_eq!(mesh.run(&["register", &folder, "-o", "json"]).json()[0]["outcome"], "unchanged");
    let told = mesh.run(&["describe", "shop.orders"]).ok();
    assert!(told.contains("columns of shop.orders.history"), "{told}");
    let original = mesh.run(&["describe", "shop.orders", "--contract"]).ok();
    assert!(original.starts_with(PRODUCT) && original.contains("urn:test:history"), "{original}");
}

#[test]
fn contracts_are_found_beside_a_product_document_that_is_named_alone() {
    let (mesh, folder) = mesh();
    std::fs::rename(format!("{folder}/contracts"), format!("{folder}/orders.odps.contracts")).unwrap();
    let done = mesh.run(&["register", &format!("{folder}/orders.odps.yaml"), "-o", "json"]).json();
    assert_eq!(done[0]["outcome"], "registered");
    assert_eq!(
        mesh.run(&["sql", "SELECT n FROM shop.orders.history", "-o", "json"]).json().as_array().unwrap().len(),
        2
    );
}

#[test]
fn a_fault_in_a_ports_contract_is_told_with_its_own_file() {
    let (mesh, folder) = mesh();
    mesh.file(
        "repository/contracts/history.yaml",
        &contract("history", "n").replace("status: active", "statsu: active"),
    );
    let ran = mesh.run(&["check", &folder]);
    assert!(ran.text().contains("contracts/history.yaml:") && ran.text().contains("statsu"), "{}", ran.text());
    ran.failed(3);
    mesh.run(&["register", &folder]).failed(3);
}

#[test]
fn the_schema_register_tells_every_version() {
    let (mesh, folder) = mesh();
    mesh.run(&["register", &folder]).ok();
    let schema = mesh.run(&["describe", "shop.orders", "--schema"]).json();
    assert_eq!((&schema["subject"], &schema["version"]), (&"shop.orders".into(), &"1.0.0".into()));
    let tables: Vec<&str> = schema["tables"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(tables, ["orders", "history"]);
    let whole = mesh.run(&["describe", "shop.orders", "--schema", "--version", "1", "-o", "json"]).json();
    assert_eq!(whole["format"], "json");
    let sql =
        "SELECT subject, version, format, schema, fingerprint, registered_at IS NOT NULL AS dated FROM mesh.schemas";
    let rows = mesh.run(&["sql", sql, "-o", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    for key in ["subject", "version", "format", "schema", "fingerprint"] {
        assert_eq!(rows[0][key], whole[key], "{key}");
    }
    assert_eq!(rows[0]["dated"], true);
    mesh.run(&["describe", "shop.orders", "--schema", "--version", "2"]).failed(7);
    mesh.run(&["describe", "shop.orders@1", "--schema", "--version", "1"]).failed(2);
}
