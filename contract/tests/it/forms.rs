//! Every form of contract that users have, and the product that each says.
//!
//! The documents lie in `testdata/contracts`; the golden products lie in `golden/`, one file per document.

use std::path::{Path, PathBuf};

use meshweave_contract::model::{Product, Visibility};
use meshweave_contract::parse::{Parsed, parse};
use meshweave_contract::problem::code;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/contracts")
}

/// The text of a document in `testdata/contracts`.
pub(crate) fn document(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names of the documents in a folder of `testdata/contracts`, sorted.
pub(crate) fn names(under: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(under)).unwrap();
    let files = entries.map(|e| e.unwrap()).filter(|e| e.file_type().unwrap().is_file());
    let mut names: Vec<String> = files.map(|e| e.file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".yaml") || name.ends_with(".json"));
    names.sort();
    names
}

/// Reads a document that must be right.
pub(crate) fn read(name: &str) -> Parsed {
    let parsed = parse(&document(name), name);
    let problems: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    assert!(parsed.product.is_some(), "{name}: {problems:#?}");
    parsed
}

fn form_of(name: &str) -> &'static str {
    match name {
        name if name.starts_with("form-a.") => "datamesh.io/v1",
        name if name.starts_with("form-b.") => "spec 1.0",
        name if name.starts_with("form-c.") => "JSON object",
        name if name.starts_with("odcs-3.1") => "ODCS 3.1.0",
        name if name.starts_with("odcs-3.0") => "ODCS 3.0.2",
        name if name.starts_with("odps-1.0") => "ODPS 1.0.0",
        name if name.starts_with("view-") => "meshweave/v1 View",
        name if name.starts_with("materialization-") => "meshweave/v1 Materialization",
        other => panic!("{other} belongs to no form"),
    }
}

#[test]
fn every_document_gives_its_golden_product() {
    let names = names("");
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let parsed = read(&name);
        assert_eq!(parsed.form.as_deref(), Some(form_of(&name)), "{name}");
        let mut text = serde_json::to_string_pretty(&parsed.product).unwrap();
        for problem in &parsed.problems {
            text.push_str(&format!("\n{problem}"));
        }
        insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.clone(), text);
        });
    }
}

#[test]
fn roles_of_the_standard_that_may_read_are_readers() {
    let text = |more: &str| {
        format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: x\nname: a\nversion: 1.0.0\nstatus: active\ndomain: d\n\
            roles: [{{role: analytics, access: read}}, {{role: loaders, access: write}}, {{role: unclear}}]\n{more}\n"
        )
    };
    let access = |more: &str| parse(text(more).as_bytes(), "t.yaml").product.unwrap().access;
    assert_eq!(access("").readers, ["analytics"]);
    assert_eq!(access("").read, Visibility::Restricted);
    let closed = access("customProperties: [{property: access, value: private}]");
    assert_eq!((closed.read, closed.readers.len()), (Visibility::Private, 0));
}

#[test]
fn a_product_survives_json() {
    for name in names("") {
        let product = read(&name).product.unwrap();
        let text = serde_json::to_string(&product).unwrap();
        let again: Product = serde_json::from_str(&text).unwrap();
        assert_eq!(again, product, "{name}");
    }
}

#[test]
fn the_user_s_three_forms_raise_no_problem() {
    for name in ["form-a.datamesh-v1.yaml", "form-b.spec-1.0.yaml", "form-c.object.json"] {
        assert_eq!(read(name).problems, [], "{name}");
    }
}

fn short(body: &str) -> Parsed {
    let text = format!(
        "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata: {{name: orders, domain: commerce, version: 1.0.0}}\nspec:\n  {body}\n"
    );
    parse(text.as_bytes(), "short.yaml")
}

#[test]
fn access_words() {
    let cases = [
        ("access: public", "public public []"),
        ("access: restricted", "public restricted []"),
        ("access: private", "private private []"),
        ("sla: {}", "private private []"),
        ("access: {discovery: public, read: [a, no]}", "public restricted [\"a\", \"no\"]"),
        ("access: {read: [a]}", "restricted restricted [\"a\"]"),
        ("access: {read: a}", "restricted restricted [\"a\"]"),
        ("access: {discovery: restricted, read: public}", "restricted public []"),
        ("policies: {discovery: public, read_access: [a]}", "public restricted [\"a\"]"),
        ("policies: {access: restricted, read_access: [a]}", "public restricted [\"a\"]"),
        ("{access: restricted, policies: {readers: [b]}}", "public restricted [\"b\"]"),
        ("{access: public, policies: {access: private}}", "conflict"),
        ("{access: private, readers: [b]}", "conflict"),
        ("access: {access: public}", "unknown-key"),
        ("access: open", "bad-access"),
    ];
    for (body, expected) in cases {
        let parsed = short(body);
        let got = match &parsed.product {
            Some(product) => {
                let word = |v| serde_json::to_value(v).unwrap().as_str().unwrap().to_owned();
                let access = &product.access;
                format!("{} {} {:?}", word(access.discovery), word(access.read), access.readers)
            }
            None => parsed.problems[0].code.to_owned(),
        };
        assert_eq!(got, expected, "{body}");
    }
}

#[test]
fn freshness_said_twice_must_agree() {
    assert!(short("{sla: {freshness: 24h}, quality: {freshness: PT24H}}").product.is_some());
    let parsed = short("{sla: {freshness: 24h}, quality: {freshness: 12h}}");
    assert_eq!(parsed.problems.iter().map(|p| p.code).collect::<Vec<_>>(), [code::CONFLICT]);
}

#[test]
fn a_file_named_json_is_strict_and_others_are_guessed() {
    let flow = b"{domain: commerce, product: orders, version: 1.0.0}";
    assert!(parse(flow, "orders.yaml").product.is_some());
    assert!(parse(flow, "orders.json").product.is_none());
    let json = br#"{"domain": "commerce", "product": "orders", "version": "1.0.0", "description": "\ud83d\ude00"}"#;
    for name in ["orders.yaml", "orders.json", "standard input"] {
        assert_eq!(parse(json, name).product.unwrap().description.as_deref(), Some("\u{1F600}"), "{name}");
    }
}

#[test]
fn the_main_table_bears_the_product_s_name() {
    let names = |body: &str| {
        let product = short(body).product.unwrap();
        product.tables().iter().map(|t| t.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("tables: [{name: items}, {name: Orders}]"), ["orders", "items"]);
    assert_eq!(names("tables: [{name: first}, {name: second}]"), ["orders", "second"]);
    assert_eq!(names("{storage: {format: delta}, tables: [{name: items}]}"), ["orders", "items"]);
    assert_eq!(names("sla: {}"), ["orders"]);
    let renamed = short(
        "{tables: [{name: first, columns: [{name: a, type: int64}]}], quality: [{table: first, column: a, rule: not_null}]}",
    );
    let product = renamed.product.unwrap();
    assert_eq!(product.tables()[0].custom["name"], "first");
    assert_eq!(product.output_ports[0].quality[0].table, None);
}
