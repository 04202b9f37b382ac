//! `check`: every problem at once, as file:line:column, with its mend.

use crate::mesh::{contract, path, shared};
use crate::meshweave::{run, run_in};

/// Five things that are wrong with it.
const BAD: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: urn:test:bad
name: bad
version: one
statsu: active
domain: shop
dataProduct: bad
schema:
  - name: bad
    physicalType: table
    properties:
      - { name: id, logicalType: integr, required: true }
      - { name: id, logicalType: string }
slaProperties:
  - { property: freshness, value: soon }
";

#[test]
fn every_problem_is_told_at_once_with_its_place_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let ran = run_in(folder.path(), &["check", "bad.yaml"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    insta::assert_snapshot!("check_bad", ran.text());
}

#[test]
fn good_contracts_are_ok_and_folders_are_walked() {
    let contracts = path(&shared().join("contracts")).to_owned();
    let text = run(&["check", &contracts]).ok();
    assert!(text.lines().last().unwrap().starts_with("ok: "), "{text}");
    let json = run(&["check", &contracts, "-o", "json"]).json();
    assert_eq!(json["errors"], 0);
    assert!(json["files"].as_array().unwrap().len() > 10);
    // Without a path: the domains of the mesh, where registered contracts are.
    let registered = run_in(shared(), &["check", "-o", "json"]).json();
    assert_eq!(registered["files"].as_array().unwrap().len(), json["files"].as_array().unwrap().len());
}

#[test]
fn problems_come_as_json_and_as_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    let ran = run_in(folder.path(), &["check", "bad.yaml", "-o", "json"]);
    assert_eq!(ran.code, Some(3));
    let json: serde_json::Value = serde_json::from_str(&ran.text()).unwrap();
    let problems = json["files"][0]["problems"].as_array().unwrap();
    assert_eq!(json["errors"].as_u64().unwrap() + json["warnings"].as_u64().unwrap(), problems.len() as u64);
    let csv = run_in(folder.path(), &["check", "bad.yaml", "-o", "csv"]);
    assert_eq!(csv.code, Some(3));
    assert_eq!(csv.text().lines().next(), Some("file,line,column,severity,code,message,mend"));
}

#[test]
fn one_version_in_two_files_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), contract("things", "1.0.0")).unwrap();
    std::fs::write(folder.path().join("b.yaml"), contract("things", "1.0.0")).unwrap();
    let ran = run_in(folder.path(), &["check", "."]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.text().contains("error[double]: shop.things@1.0.0 also stands in ./a.yaml"), "{}", ran.text());
}

#[test]
fn nothing_to_check_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["check", "."]).failed(2);
    run_in(folder.path(), &["check", "missing.yaml"]).failed(2);
}
