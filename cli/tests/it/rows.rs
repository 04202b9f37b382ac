//! Products of CSV, JSON lines and Avro files: registered, checked, described, joined with others, and refused where they are wrong.

use crate::mesh::{Mesh, contract};
use crate::meshweave::Ran;

impl Mesh {
    /// Registers a product of `shop` that everyone may read.
    fn register(&self, name: &str, columns: &str, storage: &str) -> Ran {
        let file = self.file(&format!("{name}.yaml"), &product(name, columns, storage));
        self.run(&["register", &file])
    }
}

fn product(name: &str, columns: &str, storage: &str) -> String {
    let schema = if columns.is_empty() { String::new() } else { format!("  schema: {{ columns: [{columns}] }}\n") };
    format!(
        "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata:\n  name: {name}\n  domain: shop\n  version: 1.0.0\n  \
         status: active\nspec:\n{schema}  storage: {{ {storage} }}\n  policies: {{ access: public }}\n"
    )
}

const PRICES: &str = "{ name: id, type: int64, required: true }, { name: price, type: \"decimal(10,2)\" }";
const PRICES_AT: &str =
    "format: csv, location: \"file://./data/shop/prices/\", csv: { delimiter: \";\", null_text: NA }";

/// A mesh with `shop.prices` in CSV and `shop.things` in Parquet.
fn shop() -> Mesh {
    let mesh = Mesh::empty();
    mesh.file("data/shop/prices/a.csv", "\u{feff}ID;more;Price\r\n1;x;2.50\r\n2;\"y;z\";NA\r\n");
    mesh.file("data/shop/prices/b.csv", "price;id\n0.99;3\n");
    let done = mesh.register("prices", PRICES, PRICES_AT).ok();
    assert!(done.contains("2 csv files"), "{done}");
    let rows = "SELECT CAST(1 AS BIGINT) AS id, 'one' AS label UNION ALL SELECT 3, 'three' ORDER BY 1";
    mesh.store("things/a.parquet", rows);
    let file = mesh.file("things.yaml", &contract("things", "1.0.0"));
    mesh.run(&["register", &file]).ok();
    mesh
}

#[test]
fn csv_joins_with_parquet() {
    let mesh = shop();
    let rows = mesh.rows(
        "SELECT t.label, CAST(p.price AS VARCHAR) AS price FROM shop.prices p JOIN shop.things t ON t.id = p.id ORDER BY p.id",
    );
    assert_eq!(rows.to_string(), r#"[{"label":"one","price":"2.50"},{"label":"three","price":"0.99"}]"#);
    let nulls = mesh.rows("SELECT count(*) AS n, count(price) AS prices FROM shop.prices");
    assert_eq!(nulls, serde_json::json!([{"n": 3, "prices": 2}]));
}

/// What CSV files hold beside the contract, and what does not fit it, is told in `mesh.drift` as that of any other format.
#[test]
fn what_files_hold_beside_the_contract_is_told() {
    let mesh = shop();
    mesh.rows("SELECT count(*) AS n FROM shop.prices");
    let told = |mesh: &Mesh| {
        let sql = "SELECT \"column\", change, promised, stored, done, product FROM mesh.drift ORDER BY 1, 2";
        let rows = mesh.rows(sql);
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let keys = ["column", "change", "promised", "stored", "done", "product"];
        let line = |row| keys.map(|key| text(row, key)).join(" ");
        rows.as_array().unwrap().iter().map(line).collect::<Vec<String>>()
    };
    assert_eq!(told(&mesh), ["more new column - string ignored prices"]);
    mesh.file("data/shop/prices/c.csv", "id;price\n4;1.005\n");
    mesh.run(&["sql", "SELECT sum(price) FROM shop.prices"]).failed(6);
    let other = "price other type decimal(10,2) float64 refused prices";
    assert_eq!(told(&mesh), ["more new column - string ignored prices", other]);
    let document = mesh.0.path().join("mesh.yaml");
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&document, format!("{text}defaults: {{ schema_drift: refuse }}\n")).unwrap();
    let said = mesh.run(&["sql", "SELECT max(id) FROM shop.prices"]).failed(6).to_owned();
    assert!(said.contains("a.csv") && said.contains("\"more\"") && said.contains("does not name"), "{said}");
}

#[test]
fn a_wrong_value_is_an_error_with_file_and_line_and_without_the_value() {
    let mesh = shop();
    mesh.file("data/shop/prices/c.csv", "id;price\n4;1.00\n5;secret\n");
    let said = mesh.run(&["sql", "SELECT sum(price) FROM shop.prices"]).failed(6).to_owned();
    assert!(said.contains("c.csv\" line 3: column \"price\" is no decimal(10,2)"), "{said}");
    assert!(said.contains("shop.prices") && !said.contains("secret"), "{said}");
    // The other column is not concerned.
    assert_eq!(mesh.rows("SELECT max(id) AS last FROM shop.prices"), serde_json::json!([{"last": 5}]));
}

#[test]
fn explain_says_which_predicates_are_not_pushed_and_why() {
    let mesh = shop();
    let text = mesh.run(&["sql", "--explain", "-o", "json", "SELECT id FROM shop.prices WHERE price > 1"]).ok();
    assert!(text.contains("connector: csv") && text.contains("files: 2 of 2"), "{text}");
    assert!(text.contains("not pushed") && text.contains("CSV files have no statistics"), "{text}");
}

#[test]
fn a_contract_and_its_files_are_compared_when_it_is_registered() {
    let mesh = Mesh::empty();
    mesh.file("data/shop/prices/a.csv", "id;price\n1;cheap\n");
    let ran = mesh.register("prices", PRICES, PRICES_AT);
    assert!(ran.failed(3).contains("price"), "{}", ran.stderr);
    mesh.file("data/shop/prices/a.csv", "id;cost\n1;1.00\n");
    let ran = mesh.register("prices", PRICES, PRICES_AT);
    assert!(ran.failed(3).contains("price"), "{}", ran.stderr);
}

#[test]
fn columns_are_learnt_by_register_and_described() {
    let mesh = Mesh::empty();
    mesh.file(
        "data/shop/visits/day=2024-01-01/a.jsonl",
        "{\"who\": \"ann\", \"pages\": 3, \"from\": {\"city\": \"Ulm\"}}\n",
    );
    mesh.file("data/shop/visits/day=2024-01-02/a.jsonl", "{\"who\": \"bob\", \"pages\": null}\n");
    mesh.register("visits", "", "format: json, location: \"file://./data/shop/visits/\"").ok();
    let rows = mesh.rows("SELECT who, pages, \"from\"['city'] AS city, day FROM shop.visits ORDER BY who");
    let expected = serde_json::json!([
        {"who": "ann", "pages": 3, "city": "Ulm", "day": "2024-01-01"},
        {"who": "bob", "pages": null, "city": null, "day": "2024-01-02"},
    ]);
    assert_eq!(rows, expected);
    let text = mesh.run(&["describe", "shop.visits"]).ok();
    assert!(text.contains("json") && text.contains("pages"), "{text}");
    let sql = "SELECT who FROM shop.visits WHERE day = DATE '2024-01-02'";
    let text = mesh.run(&["sql", "--explain", "-o", "json", sql]).ok();
    assert!(text.contains("files: 1 of 2") && text.contains("pushed exactly"), "{text}");
}

#[test]
fn check_and_describe_know_how_csv_files_are_written() {
    let mesh = shop();
    let text = mesh.run(&["describe", "shop.prices"]).ok();
    assert!(text.contains("delimiter ';'") && text.contains("null \"NA\""), "{text}");
    let wrong = PRICES_AT.replace("delimiter: \";\"", "delimiter: \";;\"");
    let file = mesh.file("wrong.yaml", &product("wrong", PRICES, &wrong));
    let ran = mesh.run(&["check", &file]);
    ran.failed(3);
    assert!(ran.text().contains("bad-csv"), "a delimiter of two characters: {}", ran.text());
    let layout = format!("{PRICES_AT}, partitioning: [{{ field: id, granularity: day }}], layout: \"{{month}}/\"");
    let file = mesh.file("wrong.yaml", &product("wrong", PRICES, &layout));
    let ran = mesh.run(&["check", &file]);
    ran.failed(3);
    assert!(ran.text().contains("bad-layout"), "a month without a year: {}", ran.text());
}
