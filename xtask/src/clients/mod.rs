//! Suites of programs that nobody here wrote: drivers and tools, run against a server of the built binary.
//!
//! In: a [`Served`] mesh. Out: the number of cases; each program prints a line for each case, `ok NAME` or `not ok NAME`.
//! Holds always: a case that fails is printed with its text; a program that prints no case has failed.
//!
//! Start reading at [`jdbc`].

mod jars;
mod served;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::process::root;
use jars::Java;
pub(crate) use served::Served;

/// The newest driver, which everything is run with.
const NEWEST: &str = "18.3.0";
/// Versions of the driver that are still in use.
const OLDER: [&str; 2] = ["17.0.0", "16.1.0"];

/// The tests of the ADBC validation suite that its own driver cannot pass; `ingest_test.go` stands in for them.
const SKIPPED: &str = "TestSqlIngest";

/// The folder of a client's programs.
fn programs(client: &str) -> PathBuf {
    root().join("testdata/clients").join(client)
}

/// Java 17 and the newest JDBC driver, for programs of others.
///
/// # Errors
/// When one of them cannot be installed.
pub(crate) fn jdbc_driver() -> Result<(PathBuf, PathBuf)> {
    Ok((jars::java_17()?.program(), jars::copied()?.driver(NEWEST)))
}

/// The Apache JDBC driver in several versions on several versions of Java, SchemaCrawler and sqlline.
///
/// # Errors
/// When something cannot be installed, or a case fails.
pub(crate) fn jdbc(served: &Served) -> Result<usize> {
    let jars = jars::copied()?;
    let (lts, newest) = (jars::java_17()?, jars::java_25()?);
    let built = tempfile::tempdir()?;
    let cases = built.path().join("cases");
    jars::compile(&lts, &programs("jdbc"), &cases, &[])?;
    let mut passed = 0;
    let runs = [(&lts, NEWEST, "1000"), (&newest, NEWEST, "100"), (&lts, OLDER[0], "100"), (&lts, OLDER[1], "100")];
    for (java, driver, connections) in runs {
        let path = [cases.clone(), jars.driver(driver)];
        let pid = served.pid().to_string();
        passed += run(java.command("UTC", &path).args(["Main", &served.jdbc(), served.metrics(), &pid, connections]))?;
    }
    for zone in ["America/New_York", "Asia/Kolkata"] {
        passed += run(lts.command(zone, &[cases.clone(), jars.driver(NEWEST)]).args(["Main", &served.jdbc()]))?;
    }
    let walk = built.path().join("walk");
    jars::compile(&lts, &programs("jdbc/tools"), &walk, &jars.tools()?)?;
    let mut path = jars.tools()?;
    path.extend([walk, jars.driver(NEWEST)]);
    passed += run(lts.command("UTC", &path).args(["Walk", &served.jdbc()]))?;
    Ok(passed + sqlline(served, &lts, &path, built.path())?)
}

/// A script of sqlline; every line of a file must be in what it prints.
fn sqlline(served: &Served, java: &Java, path: &[PathBuf], home: &Path) -> Result<usize> {
    let tools = programs("jdbc/tools");
    let output = java
        .command("UTC", path)
        .args(["sqlline.SqlLine", "--force=true", "-d", "org.apache.arrow.driver.jdbc.ArrowFlightJdbcDriver"])
        .args(["-u", &served.jdbc(), "-n", "analyst", "-p", "any"])
        .arg(format!("--run={}", tools.join("sqlline.run").display()))
        .arg(format!("--historyFile={}", home.join("history").display()))
        .stdin(Stdio::null())
        .output()?;
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let expected = fs::read_to_string(tools.join("sqlline.expected")).context("sqlline.expected")?;
    let missing: Vec<&str> = expected.lines().filter(|line| !text.contains(line)).collect();
    if !missing.is_empty() {
        println!("{text}");
        bail!("sqlline did not print {missing:?}");
    }
    Ok(expected.lines().count())
}

/// ADBC's own validation suite for drivers, in Go.
///
/// # Errors
/// As [`jdbc`].
pub(crate) fn adbc_go(served: &Served) -> Result<usize> {
    let output = Command::new(environment::go()?)
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
/// As [`jdbc`].
pub(crate) fn python(served: &Served, is_thorough: bool) -> Result<usize> {
    let interpreter = python_with("requirements.txt", "clients")?;
    let queries = root().join("testdata/tpch/queries");
    let script = |name: &str| {
        let mut command = Command::new(&interpreter);
        command.arg(programs("python").join(name)).arg(served.uri());
        command
    };
    let mut passed = run(script("drivers.py").arg(&queries))?;
    passed += run(script("schemas.py").arg(&queries).arg(if is_thorough { "whole" } else { "shared" }))?;
    passed += run(script("replays.py").arg(programs("golden")))?;
    passed += run(&mut script("compliance.py"))?;
    let superset = python_with("superset-requirements.txt", "superset")?;
    Ok(passed + run(Command::new(superset).arg(programs("python").join("superset.py")).arg(served.address()))?)
}

/// An interpreter with the packages of a file beside the programs.
fn python_with(requirements: &str, name: &str) -> Result<PathBuf> {
    let file = programs("python").join(requirements);
    let wanted = fs::read_to_string(&file).with_context(|| requirements.to_owned())?;
    environment::venv(&environment::folder().join(name), &wanted, &["-r", &file.to_string_lossy()])
}

/// Runs a program that prints its cases, and gives how many there were.
fn run(command: &mut Command) -> Result<usize> {
    let output = command.stdin(Stdio::null()).output().context("a client could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = text.lines().filter(|line| line.starts_with("ok ")).count();
    let has_failed = text.lines().any(|line| line.starts_with("not ok "));
    if !output.status.success() || has_failed || passed == 0 {
        for line in text.lines().filter(|line| !line.starts_with("ok ")) {
            println!("  {line}");
        }
        println!("{}", String::from_utf8_lossy(&output.stderr));
        bail!("{} ended with {}", command.get_program().to_string_lossy(), output.status);
    }
    Ok(passed)
}
