//! `register`: from a contract file to rows, once; and everything it refuses.

use crate::mesh::{Mesh, contract, path};

#[test]
fn a_contract_becomes_a_product_with_rows() {
    let mesh = Mesh::empty();
    let rows = "SELECT CAST(1 AS BIGINT) AS id, 'one' AS label UNION ALL SELECT 2, NULL ORDER BY 1";
    mesh.store("things/a.parquet", rows);
    let file = mesh.file("things.yaml", &contract("things", "1.0.0"));

    let planned = mesh.run(&["register", "--config", &file, "--dry-run", "-o", "json"]).json();
    assert_eq!(planned[0]["outcome"], "would register");
    assert_eq!(planned[0]["steps"].as_array().unwrap().len(), 3, "{planned}");
    mesh.run(&["sql", "SELECT * FROM shop.things"]).failed(7);

    let done = mesh.run(&["register", "--config", &file]).ok();
    assert!(done.starts_with("shop.things@1.0.0 registered\n"), "{done}");
    let expected = serde_json::json!([{"id": 1, "label": "one"}, {"id": 2, "label": null}]);
    assert_eq!(mesh.run(&["sql", "SELECT * FROM shop.things ORDER BY id", "-o", "json"]).json(), expected);

    let again = mesh.run(&["register", &file, "-o", "json"]).json();
    assert_eq!(again[0]["outcome"], "unchanged");
}

#[test]
fn a_version_that_says_something_else_is_refused() {
    let mesh = Mesh::empty();
    let file = mesh.file("things.yaml", &contract("things", "1.0.0"));
    mesh.run(&["register", &file]).ok();
    let file = mesh.file("things.yaml", &contract("things", "1.0.0").replace("required: false", "required: true"));
    assert_eq!(mesh.run(&["register", &file, "-o", "json"]).error(3)["kind"], "invalid_contract");
}

#[test]
fn an_invalid_contract_lists_its_problems() {
    let mesh = Mesh::empty();
    let file = mesh.file("bad.yaml", &contract("things", "1.0.0").replace("status: active", "statsu: active"));
    let ran = mesh.run(&["register", &file]);
    assert!(ran.failed(3).contains("statsu") && ran.stderr.contains("bad.yaml:"), "{}", ran.stderr);
    let error = mesh.run(&["register", &file, "-o", "json"]).error(3);
    assert!(error["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{error}");
}

#[test]
fn a_location_outside_the_domains_prefixes_is_denied() {
    let mesh = Mesh::empty();
    let elsewhere = contract("things", "1.0.0").replace("file://./data/shop/things/", "file:///etc/");
    let file = mesh.file("things.yaml", &elsewhere);
    assert_eq!(mesh.run(&["register", &file, "-o", "json"]).error(4)["kind"], "denied");
}

#[test]
fn a_folder_is_registered_file_by_file_and_each_failure_is_told() {
    let mesh = Mesh::empty();
    mesh.file("contracts/a.yaml", &contract("apples", "1.0.0"));
    mesh.file("contracts/b.yaml", "kind: Nothing\n");
    mesh.file("contracts/c.yaml", &contract("cherries", "1.0.0"));
    let folder = path(&mesh.0.path().join("contracts")).to_owned();
    let ran = mesh.run(&["register", &folder]);
    assert!(ran.failed(3).contains("1 of 3 contracts failed"), "{}", ran.stderr);
    let text = ran.text();
    assert!(text.contains("shop.apples@1.0.0") && text.contains("shop.cherries@1.0.0"), "{text}");
    let listed = mesh.run(&["products", "-o", "json", "--as", "keeper@shop-team"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    mesh.run(&["register", "/does/not/exist.yaml"]).failed(2);
}

#[test]
fn storage_fills_a_contract_without_a_location() {
    let mesh = Mesh::empty();
    let text = contract("things", "1.0.0");
    let without: String =
        text.lines().filter(|line| !line.contains("server")).map(|line| format!("{line}\n")).collect();
    let file = mesh.file("things.yaml", &without);
    let ran = mesh.run(&["register", &file, "--storage", "file://./data/shop/elsewhere/", "-o", "json"]).json();
    assert!(ran[0]["steps"].to_string().contains("elsewhere"), "{ran}");
}
