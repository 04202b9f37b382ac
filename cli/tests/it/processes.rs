//! Pipes that close and signals that come.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use crate::mesh::{path, shared};
use crate::meshweave::command;

/// More rows than any pipe holds.
const ENDLESS: &str = "SELECT a.l_orderkey, b.l_comment FROM sales.lineitem a CROSS JOIN sales.lineitem b";

#[test]
fn a_closed_pipe_is_not_an_error() {
    for format in ["csv", "ndjson", "json", "arrow"] {
        let mut child = command(&["--mesh", path(shared()), "sql", ENDLESS, "-o", format]).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut some = [0; 1000];
        stdout.read_exact(&mut some).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{format}");
    }
}

#[test]
fn an_interrupt_ends_a_statement_with_130_though_nobody_reads() {
    let mut child = command(&["--mesh", path(shared()), "sql", ENDLESS, "-o", "ndjson"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("error: the query was cancelled"), "{stderr}");
    drop(stdout);
}

#[test]
fn an_interrupt_leaves_no_half_written_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    let child = command(&["--mesh", path(shared()), "sql", ENDLESS, "--out", path(&file)]).spawn().unwrap();
    // The draft appears when the statement runs.
    while std::fs::read_dir(folder.path()).unwrap().count() == 0 {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
