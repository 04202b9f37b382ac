//! `init`: what is made can be checked, registered and queried, and its CI script guards it.

use std::process::Command;

use crate::mesh::path;
use crate::meshweave::{run, run_in};

/// Runs the generated script with the built binary on its path.
fn ci(folder: &std::path::Path) -> std::process::Output {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_meshweave")).parent().unwrap();
    let path = std::env::join_paths([binary.to_owned(), "/usr/bin".into(), "/bin".into()]).unwrap();
    let mut script = Command::new(folder.join("ci/check.sh"));
    script.env_clear().env("PATH", path).env("HOME", folder).output().unwrap()
}

#[test]
fn a_scaffold_is_registered_and_its_ci_refuses_what_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = folder.path().join("acme");
    let made = run(&["init", path(&mesh), "--product", "parcels"]).ok();
    assert!(made.starts_with("8 files written"), "{made}");
    let before = ci(&mesh);
    assert!(before.status.success(), "{before:?}");
    run_in(&mesh, &["register", "contracts", "--as", "ann@shop-team"]).ok();
    let rows = run_in(&mesh, &["sql", "-o", "csv", "SELECT * FROM shop.parcels", "--as", "ann@shop-team"]).ok();
    assert_eq!(rows, "id,updated_at,amount\n", "an empty product answers with its columns");
    let unchanged = ci(&mesh);
    assert!(unchanged.status.success(), "{unchanged:?}");

    let contract = mesh.join("contracts/shop/parcels.yaml");
    let text = std::fs::read_to_string(&contract).unwrap();
    let broken: Vec<&str> = text.lines().filter(|line| !line.contains("name: amount")).collect();
    std::fs::write(&contract, broken.join("\n").replace("version: 1.0.0", "version: 1.1.0")).unwrap();
    let refused = ci(&mesh);
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stdout).contains("needs 2.0.0"), "{refused:?}");
    std::fs::write(&contract, "kind: nothing\n").unwrap();
    assert_eq!(ci(&mesh).status.code(), Some(3));
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mesh = path(folder.path());
    run(&["init", mesh]).ok();
    std::fs::write(folder.path().join("README.md"), "ours").unwrap();
    let second = run(&["init", mesh, "--product", "returns"]).ok();
    assert!(second.starts_with("1 file written") && second.contains("returns.yaml"), "{second}");
    assert_eq!(std::fs::read_to_string(folder.path().join("README.md")).unwrap(), "ours");
    assert!(run(&["init", mesh]).failed(2).contains("is there already"));
    assert!(run(&["init", mesh, "--domain", "a b"]).failed(2).contains("--domain"));
}
