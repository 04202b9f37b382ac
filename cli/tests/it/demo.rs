//! `demo`: made once, used again, honest about what it did, and never in somebody else's folder.

use crate::mesh::{SCALE, path};
use crate::meshweave::{Ran, run, run_in};

fn demo(dir: &std::path::Path, args: &[&str]) -> Ran {
    let mut all = vec!["demo", "--dir", path(dir)];
    all.extend(args);
    run(&all)
}

#[test]
fn it_is_made_once_and_used_again() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("demo");
    let first = demo(&dir, &["--tpch", SCALE, "--output", "json"]).json();
    assert_eq!(first["made"], true);
    assert!(first["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{first}");
    let domains: std::collections::BTreeSet<_> =
        first["scans"].as_array().unwrap().iter().map(|scan| scan["domain"].as_str().unwrap()).collect();
    assert_eq!(domains.into_iter().collect::<Vec<_>>(), ["commerce", "identity", "logistics"]);
    let connectors: std::collections::BTreeSet<_> =
        first["scans"].as_array().unwrap().iter().map(|scan| scan["connector"].as_str().unwrap()).collect();
    assert_eq!(connectors.into_iter().collect::<Vec<_>>(), ["delta", "parquet"]);

    let second = demo(&dir, &["--output", "json"]).json();
    assert_eq!(second["made"], false);
    assert_eq!(second["rows"], first["rows"]);
    assert_eq!(second["products"], first["products"]);

    let other = demo(&dir, &["--tpch", "0.5"]);
    assert!(other.failed(2).contains("0.5") && other.stderr.contains(SCALE), "{}", other.stderr);
}

#[test]
fn the_rows_on_the_page_are_those_of_sql_and_the_next_commands_run() {
    let dir = crate::mesh::shared();
    let json = demo(dir, &["--output", "json"]).json();
    let again = crate::mesh::on_shared(&["sql", json["sql"].as_str().unwrap(), "-o", "json"]).json();
    assert_eq!(again, json["rows"]);
    let page = demo(dir, &[]).ok();
    for row in json["rows"].as_array().unwrap() {
        assert!(page.contains(row["country"].as_str().unwrap()), "{page}");
    }
    for command in json["next"].as_array().unwrap().iter().map(|command| command.as_str().unwrap()) {
        assert!(page.contains(command), "{command}\n{page}");
        if !command.ends_with(" serve") {
            let ran = std::process::Command::new("sh").args(["-c", command]).output().unwrap();
            assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

#[test]
fn a_half_made_folder_is_made_anew_and_a_foreign_one_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("demo");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("notes.txt"), "mine").unwrap();
    assert!(demo(&dir, &[]).failed(2).contains("not made by the demo"));
    assert_eq!(std::fs::read(dir.join("notes.txt")).unwrap(), b"mine");

    let half = place.path().join("half");
    std::fs::create_dir_all(half.join("data/sales")).unwrap();
    std::fs::write(half.join("data/sales/broken.parquet"), "half").unwrap();
    std::fs::write(half.join("demo.json"), format!(r#"{{"v":1,"scale":{SCALE},"complete":false}}"#)).unwrap();
    let made = demo(&half, &["--tpch", SCALE, "--output", "json"]).json();
    assert_eq!(made["made"], true);
    assert!(!half.join("data/sales/broken.parquet").exists());
}

#[test]
fn the_default_folder_is_in_the_current_one() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("meshweave-demo")).unwrap();
    std::fs::write(place.path().join("meshweave-demo/x"), "").unwrap();
    let ran = run_in(place.path(), &["demo"]);
    assert!(ran.failed(2).contains("meshweave-demo"), "{}", ran.stderr);
}
