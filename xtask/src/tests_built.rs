//! The workspace's test programs: built once, all together, then run one by one.
//!
//! Building them together keeps one set of features; running them ourselves gives a count per crate.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::cargo_command;

/// One built test program.
#[derive(Debug, Clone)]
pub(crate) struct TestProgram {
    /// The package it tests.
    pub(crate) package: String,
    /// `lib`, `bin`, `test`.
    pub(crate) kind: String,
    /// The file.
    pub(crate) executable: PathBuf,
    /// The package's folder, where it runs.
    pub(crate) folder: PathBuf,
}

/// Builds every test program of the workspace.
///
/// # Errors
/// When something does not compile; the compiler's words are on the terminal.
pub(crate) fn build() -> Result<Vec<TestProgram>> {
    let mut child = cargo_command()
        .args(["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let output = child.stdout.take().context("cargo gave no output")?;
    let mut programs = Vec::new();
    for line in BufReader::new(output).lines() {
        programs.extend(serde_json::from_str(&line?).ok().as_ref().and_then(test_program));
    }
    if !child.wait()?.success() {
        bail!("the tests do not compile");
    }
    Ok(programs)
}

fn test_program(message: &Value) -> Option<TestProgram> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    Some(TestProgram {
        package: package_name(message["package_id"].as_str()?),
        kind: message["target"]["kind"][0].as_str()?.to_owned(),
        executable: PathBuf::from(message["executable"].as_str()?),
        folder: manifest.parent()?.to_owned(),
    })
}

/// The package's name out of cargo's id: `path+file:///x/contract#meshweave-contract@0.1.0`, `path+file:///x/xtask#0.1.0`.
fn package_name(id: &str) -> String {
    let (path, version) = id.rsplit_once('#').unwrap_or((id, ""));
    match version.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

/// Runs one test program with `arguments` for its harness and gives how many of its tests passed.
///
/// # Errors
/// When a test fails (the program's words are on the terminal), or is ignored.
pub(crate) fn run(program: &TestProgram, arguments: &[&str], variables: &[(String, String)]) -> Result<usize> {
    let output = Command::new(&program.executable)
        .args(arguments)
        .current_dir(&program.folder)
        .envs(variables.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} could not be started", program.executable.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        bail!("{} ({}) failed", program.package, program.kind);
    }
    let (passed, ignored) = counts(&text);
    if ignored > 0 {
        bail!("{} ({}) ignores {ignored} tests; a test runs or is not there", program.package, program.kind);
    }
    Ok(passed)
}

/// Sums `N passed` and `N ignored` over the result lines of a test program's output.
pub(crate) fn counts(text: &str) -> (usize, usize) {
    let number_before = |line: &str, word: &str| {
        line.split(word).next().and_then(|left| left.split_whitespace().last()?.parse().ok()).unwrap_or(0)
    };
    text.lines().filter(|line| line.starts_with("test result:")).fold((0, 0), |(passed, ignored), line| {
        (passed + number_before(line, " passed"), ignored + number_before(line, " ignored"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_programs() {
        let text = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n\
                    test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured";
        assert_eq!(counts(text), (42, 1));
    }

    #[test]
    fn both_forms_of_package_ids_are_read() {
        assert_eq!(package_name("path+file:///a/contract#meshweave-contract@0.1.0"), "meshweave-contract");
        assert_eq!(package_name("path+file:///a/xtask#0.1.0"), "xtask");
    }
}
