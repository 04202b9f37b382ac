//! Every form of contract that users have, and the product that each says.
//!
//! The documents lie in `testdata/contracts`; the golden products lie in `golden/`, one file per document.

use meshweave_contract::parse::{Parsed, parse};

/// The text of a document in `testdata/contracts`.
pub(crate) fn document(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/contracts").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Reads a document that must be right.
pub(crate) fn read(name: &str) -> Parsed {
    let parsed = parse(&document(name), name);
    let problems: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    assert!(parsed.product.is_some(), "{name}: {problems:#?}");
    parsed
}

fn check(name: &str, form: &str) {
    let parsed = read(name);
    assert_eq!(parsed.form.as_deref(), Some(form), "{name}");
    let warnings: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{name}: {warnings:#?}");
    let text = serde_json::to_string_pretty(&parsed.product).unwrap();
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn form_a() {
    check("form-a.datamesh-v1.yaml", "datamesh.io/v1");
}

#[test]
fn form_b() {
    check("form-b.spec-1.0.yaml", "spec 1.0");
}

#[test]
fn form_c() {
    check("form-c.object.json", "JSON object");
}

#[test]
fn views_and_materializations() {
    check("view-order-facts.yaml", "meshweave/v1 View");
    check("materialization-daily.yaml", "meshweave/v1 Materialization");
}
