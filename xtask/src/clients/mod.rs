//! Suites of programs that nobody here wrote: drivers and tools, run against a server of the built binary.
//!
//! In: a [`Served`] mesh. Out: the number of cases; each program prints a line for each case, `ok NAME` or `not ok NAME`.
//! Holds always: a case that fails is printed with its text; a program that prints no case has failed.
//!
//! Start reading at [`jdbc::run`].

mod guarded;
mod jars;
pub(crate) mod jdbc;
mod lanes;
mod served;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::process::root;
use lanes::Job;
pub(crate) use served::Served;

/// The tests of the ADBC validation suite that its own driver cannot pass; `ingest_test.go` stands in for them.
const SKIPPED: &str = "TestSqlIngest";

/// The folder of a client's programs.
fn programs(client: &str) -> PathBuf {
    root().join("testdata/clients").join(client)
}

/// ADBC's own validation suite for drivers, in Go.
///
/// # Errors
/// As [`jdbc::run`].
pub(crate) fn adbc_go(served: &Served) -> Result<usize> {
    let mut command = Command::new(environment::go()?);
    let output = served
        .guarded()?
        .tell(&mut command)
        .args(["test", "-count=1", "-v", "./..."])
        .current_dir(programs("go"))
        .env("MESHWEAVE_URI", served.uri())
        .env("CGO_ENABLED", "0")
        .stdin(Stdio::null())
        .output()
        .context("go could not be started")?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines = |word: &'static str| text.lines().filter(move |line| line.trim_start().starts_with(word));
    let passed = lines("--- PASS").count();
    let is_skipped_wrongly = lines("--- SKIP").any(|line| !line.contains(SKIPPED));
    if !output.status.success() || is_skipped_wrongly || passed == 0 {
        println!("{text}");
        bail!("the ADBC validation suite failed, or skips a test that it should run");
    }
    Ok(passed)
}

/// Python's drivers and data frame libraries, the replays of other programs, and Superset's driver.
///
/// - `is_thorough`: the whole corpus in every profile, where otherwise the profiles share it.
///
/// # Errors
/// As [`jdbc::run`].
pub(crate) fn python(served: &Served, is_thorough: bool) -> Result<usize> {
    let interpreter = python_with("requirements.txt", "clients")?;
    let superset = python_with("superset-requirements.txt", "superset")?;
    let queries = root().join("testdata/tpch/queries");
    let guarded = served.guarded()?;
    let script = |name: &str| {
        let mut command = Command::new(&interpreter);
        command.arg(programs("python").join(name));
        command
    };
    let depth = if is_thorough { "whole" } else { "shared" };
    let jobs: Vec<Job<'_>> = vec![
        Box::new(|server| run_program(script("drivers.py").arg(&server.uri).arg(&queries))),
        Box::new(|server| run_program(script("schemas.py").arg(&server.uri).arg(&queries).arg(depth))),
        Box::new(|server| run_program(script("replays.py").arg(&server.uri).arg(programs("golden")))),
        Box::new(|server| run_program(script("compliance.py").arg(&server.uri))),
        Box::new(|_| run_program(guarded.tell(&mut script("guarded.py")))),
        Box::new(|server| {
            run_program(Command::new(&superset).arg(programs("python").join("superset.py")).arg(server.address()))
        }),
    ];
    lanes::run(&served.both()?, jobs)
}

/// An interpreter with the packages of a file beside the programs.
fn python_with(requirements: &str, name: &str) -> Result<PathBuf> {
    let file = programs("python").join(requirements);
    let wanted = fs::read_to_string(&file).with_context(|| requirements.to_owned())?;
    environment::venv(&environment::folder().join(name), &wanted, &["-r", &file.to_string_lossy()])
}

/// Runs a program that prints its cases, and gives how many there were.
fn run_program(command: &mut Command) -> Result<usize> {
    let output = command.stdin(Stdio::null()).output().context("a client could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text.lines().filter(|line| line.starts_with("ok ")).count();
    let has_failed = text.lines().any(|line| line.starts_with("not ok "));
    if !output.status.success() || has_failed || passed == 0 {
        let lines: String = text.lines().filter(|line| !line.starts_with("ok ")).map(|l| format!("  {l}\n")).collect();
        // In one piece: programs run beside each other.
        println!("{lines}{}", String::from_utf8_lossy(&output.stderr));
        bail!("{} ended with {}", command.get_program().to_string_lossy(), output.status);
    }
    Ok(passed)
}
