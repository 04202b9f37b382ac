//! What an answer may cost, over the command line: a clear error, exit code 9, and no half-written file.

use crate::mesh::{on_shared, path, shared};
use crate::meshweave::{Ran, command, finish};

const ALL: &str = "SELECT * FROM sales.lineitem";
const ALL_DELTA: &str = "SELECT * FROM sales.lineitem_delta";

/// Runs a statement on the shared mesh with one limit.
fn limited(setting: &str, value: &str, args: &[&str]) -> Ran {
    let mut all = vec!["--mesh", path(shared()), "sql", "-o", "json"];
    all.extend(args);
    finish(command(&all).env(format!("MESHWEAVE_LIMITS__{setting}"), value))
}

/// The message of a refusal.
fn refused(setting: &str, value: &str, args: &[&str]) -> String {
    let error = limited(setting, value, args).error(9);
    assert_eq!(error["kind"], "exhausted", "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.len() > 20), "{error}");
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn rows_and_bytes_of_an_answer_are_limited() {
    let told = refused("RESULT_ROWS", "100", &[ALL]);
    assert!(told.contains("more than 100 rows, the limit of limits.result_rows"), "{told}");
    assert!(refused("RESULT_BYTES", "64KiB", &[ALL]).contains("more than 64KiB, the limit of limits.result_bytes"));
    let region = "SELECT * FROM reference.region";
    assert_eq!(limited("RESULT_ROWS", "5", &[region]).json().as_array().unwrap().len(), 5);
    refused("RESULT_ROWS", "4", &[region]);
}

#[test]
fn a_file_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    refused("RESULT_ROWS", "100", &[ALL, "--out", path(&file)]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "neither the file nor a draft of it");
    std::fs::write(&file, "what was there").unwrap();
    refused("RESULT_BYTES", "1KiB", &[ALL, "--out", path(&file)]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "what was there");
}

/// What `EXPLAIN` says that the scan reads at most, bytes.
fn estimate(sql: &str) -> u64 {
    let told = on_shared(&["sql", "--explain", sql]).ok();
    let line = told.lines().find_map(|line| line.trim().strip_prefix("bytes: ").map(str::to_owned)).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn what_would_read_too_much_is_refused_and_what_has_is_stopped() {
    let bytes = estimate(ALL);
    let told = refused("SCANNED_BYTES", &(bytes - 1).to_string(), &[ALL]);
    assert!(told.contains(&format!("would read up to {bytes} bytes")), "{told}");
    // As much as the scan reads, and not what is read to plan it.
    let told = refused("SCANNED_BYTES", &bytes.to_string(), &[ALL]);
    assert!(told.contains("has read more than") && told.contains("limits.scanned_bytes"), "{told}");
    let explained = limited("SCANNED_BYTES", &(bytes - 1).to_string(), &["--explain", ALL]);
    assert!(explained.ok().contains("bytes: "), "a plan may be looked at");
    let enough = limited("SCANNED_BYTES", &(bytes * 3).to_string(), &[ALL]);
    assert!(enough.json().as_array().is_some_and(|rows| rows.len() > 1000));
}

/// The log and the footers count too; of files as small as these they are more than the rows.
#[test]
fn what_is_read_to_plan_counts() {
    let bytes = estimate(ALL_DELTA);
    let told = refused("SCANNED_BYTES", &bytes.to_string(), &[ALL_DELTA]);
    assert!(told.contains("has read more than") && told.contains("limits.scanned_bytes"), "{told}");
    let enough = limited("SCANNED_BYTES", &(bytes * 3 + (1 << 20)).to_string(), &[ALL_DELTA]);
    assert!(enough.json().as_array().is_some_and(|rows| rows.len() > 1000));
}

#[test]
fn a_statement_is_stopped_before_its_file_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.parquet");
    refused("SCANNED_BYTES", &estimate(ALL).to_string(), &[ALL, "--out", path(&file)]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
