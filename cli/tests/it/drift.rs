//! Files that change under a contract: what a query does, and what `mesh.drift` tells of it.

use serde_json::{Value, json};

use crate::mesh::{Mesh, contract, path};

impl Mesh {
    /// A mesh with `shop.things` (id BIGINT, label VARCHAR), registered over one file, with these custom properties.
    fn new(policy: Option<&str>) -> Self {
        Self::of("BIGINT", policy)
    }

    /// The same with another type of `id`.
    fn of(kind: &str, policy: Option<&str>) -> Self {
        let mesh = Self::empty();
        mesh.things("a", &format!("SELECT CAST(1 AS {kind}) AS id, 'one' AS label"));
        let custom = policy.map(|word| format!("customProperties:\n  - {{ property: schemaDrift, value: {word} }}\n"));
        let text = contract("things", "1.0.0").replace("BIGINT", kind) + &custom.unwrap_or_default();
        mesh.run(&["register", &mesh.file("things.yaml", &text)]).ok();
        mesh
    }

    /// Rows as one file of `shop.things`.
    fn things(&self, file: &str, sql: &str) {
        self.store(&format!("things/{file}.parquet"), sql);
    }

    /// Column, change, promised, stored, done of every row of `mesh.drift`.
    fn drift(&self) -> Vec<Value> {
        let sql = "SELECT \"column\", change, promised, stored, done FROM mesh.drift ORDER BY 1, 2, 5";
        let rows = self.rows(sql);
        let row = |row: &Value| json!([row["column"], row["change"], row["promised"], row["stored"], row["done"]]);
        rows.as_array().unwrap().iter().map(row).collect()
    }
}

const SELECT: [&str; 4] = ["sql", "SELECT id, label FROM shop.things ORDER BY id", "-o", "json"];
const NEW: &str = "SELECT CAST(2 AS BIGINT) AS id, 'two' AS label, true AS more";

#[test]
fn a_new_column_is_left_out_and_told() {
    let mesh = Mesh::new(None);
    assert_eq!(mesh.drift(), [] as [Value; 0]);
    mesh.things("b", NEW);
    assert_eq!(mesh.run(&SELECT).json(), json!([{"id": 1, "label": "one"}, {"id": 2, "label": "two"}]));
    let told = [json!(["more", "new column", null, "boolean", "ignored"])];
    assert_eq!(mesh.drift(), told);
    mesh.run(&SELECT).ok();
    assert_eq!(mesh.drift(), told, "the same again is the same row");
    let sql = "SELECT domain, product, version, \"table\", pinned, queries FROM mesh.drift";
    let row = &mesh.run(&["sql", sql, "-o", "json"]).json()[0];
    let named = json!([row["domain"], row["product"], row["version"], row["table"], row["queries"]]);
    assert_eq!(named, json!(["shop", "things", "1.0.0", "things", 2]));
    assert!(row["pinned"].as_str().unwrap().starts_with("manifest sha256:"), "{row}");
}

#[test]
fn whoever_refuses_gets_an_error_that_names_the_file() {
    let mesh = Mesh::new(Some("refuse"));
    mesh.things("b", NEW);
    let error = mesh.run(&SELECT);
    assert_eq!(error.code, Some(6), "{}", error.stderr);
    for word in ["more", "boolean", "b.parquet", "shop.things"] {
        assert!(error.stderr.contains(word), "{word}: {}", error.stderr);
    }
    assert_eq!(mesh.drift(), [json!(["more", "new column", null, "boolean", "refused"])]);
}

#[test]
fn whoever_widens_reads_the_stored_type() {
    let many = "SELECT CAST(3000000000 AS BIGINT) AS id, 'many' AS label";
    let narrow = Mesh::of("INTEGER", None);
    narrow.things("b", many);
    assert_eq!(narrow.run(&SELECT).code, Some(6), "a wider type is refused without the policy");
    assert_eq!(narrow.drift(), [json!(["id", "other type", "int32", "int64", "refused"])]);
    let mesh = Mesh::of("INTEGER", Some("widen"));
    mesh.things("b", many);
    let types = "SELECT arrow_typeof(max(id)) AS t, max(id) AS m, min(id) AS n FROM shop.things";
    let expected = json!([{"t": "Int64", "m": 3_000_000_000_i64, "n": 1}]);
    assert_eq!(mesh.run(&["sql", types, "-o", "json"]).json(), expected);
    assert_eq!(mesh.drift(), [json!(["id", "other type", "int32", "int64", "widened"])]);
    mesh.things("b", "SELECT CAST(0.5 AS DOUBLE) AS id, 'half' AS label");
    let error = mesh.run(&["sql", "SELECT id FROM shop.things WHERE id > 7", "-o", "json"]);
    assert_eq!(error.code, Some(0), "a double holds every 32 bit number: {}", error.stderr);
    mesh.things("b", "SELECT 'x' AS id, 'text' AS label");
    assert_eq!(mesh.run(&SELECT).code, Some(6), "a text is no wider number");
}

#[test]
fn a_column_that_older_files_lack_is_null_and_told_and_one_that_all_lack_is_an_error() {
    let mesh = Mesh::new(None);
    mesh.things("b", "SELECT CAST(2 AS BIGINT) AS id");
    assert_eq!(mesh.run(&SELECT).json(), json!([{"id": 1, "label": "one"}, {"id": 2, "label": null}]));
    assert_eq!(mesh.drift(), [json!(["label", "missing column", "string", null, "read as null"])]);
    std::fs::remove_file(mesh.0.path().join("data/shop/things/a.parquet")).unwrap();
    let error = mesh.run(&SELECT);
    assert!(error.code == Some(6) && error.stderr.contains("label"), "{:?} {}", error.code, error.stderr);
    let told = [
        json!(["label", "missing column", "string", null, "read as null"]),
        json!(["label", "missing column", "string", null, "refused"]),
    ];
    assert_eq!(mesh.drift(), told);
    let queries = mesh.run(&["sql", "SELECT sum(queries) AS q FROM mesh.drift", "-o", "json"]).json();
    assert_eq!(queries, json!([{"q": 2}]), "each query did one of them");
}

#[test]
fn a_policy_that_there_is_not_is_told_where_it_stands() {
    let mesh = Mesh::empty();
    let text = contract("things", "1.0.0") + "customProperties:\n  - { property: schemaDrift, value: shrug }\n";
    let file = mesh.0.path().join("things.yaml");
    std::fs::write(&file, &text).unwrap();
    let ran = mesh.run(&["check", path(&file)]);
    let place = format!("things.yaml:{}:", text.lines().count());
    assert!(ran.text().contains(&place) && ran.text().contains("shrug"), "{}", ran.text());
    ran.failed(3);
}

#[test]
fn the_mesh_says_what_is_so_where_a_contract_says_nothing() {
    let mesh = Mesh::new(None);
    let document = mesh.0.path().join("mesh.yaml");
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&document, format!("{text}defaults: {{ schema_drift: refuse }}\n")).unwrap();
    mesh.things("b", NEW);
    assert_eq!(mesh.run(&SELECT).code, Some(6));
    let domain = mesh.0.path().join("domains/shop/domain.yaml");
    let text = std::fs::read_to_string(&domain).unwrap();
    std::fs::write(&domain, format!("{text}defaults: {{ schema_drift: new-columns-ignored }}\n")).unwrap();
    mesh.run(&SELECT).ok();
}
