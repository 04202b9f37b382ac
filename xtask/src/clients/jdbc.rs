//! The Apache JDBC driver in several versions on several versions of Java, SchemaCrawler, sqlline, and ADBC's driver for Java.
//!
//! Every case runs with every driver and every Java. What is done many times to see what is left behind (connections, statements, rows of
//! a batch) is done that often with the newest driver on Java 17 only, and a tenth as often elsewhere.
//! Start reading at [`run`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::jars::{self, Java};
use super::lanes::{self, Job};
use super::served::{Open, Served};
use super::{programs, run_program};

/// The newest driver, which everything is run with.
const NEWEST: &str = "18.3.0";
/// Versions of the driver that are still in use.
const OLDER: [&str; 2] = ["17.0.0", "16.1.0"];
/// Zones in which instants must stay what they are.
const ZONES: [&str; 2] = ["America/New_York", "Asia/Kolkata"];

/// Java 17 and the newest driver, for programs of others.
///
/// # Errors
/// When one of them cannot be installed.
pub(crate) fn driver() -> Result<(PathBuf, PathBuf)> {
    Ok((jars::java_17()?.program(), jars::jdbc()?.driver(NEWEST)))
}

/// Everything that runs in a Java machine.
///
/// # Errors
/// When something cannot be installed, or a case fails.
pub(crate) fn run(served: &Served) -> Result<usize> {
    let (jars, mut adbc) = (jars::jdbc()?, jars::adbc()?);
    let (lts, newest) = (jars::java_17()?, jars::java_25()?);
    let built = tempfile::tempdir()?;
    let cases = built.path().join("cases");
    jars::compile(&lts, &programs("jdbc"), &cases, &[])?;
    let walk = built.path().join("walk");
    jars::compile(&lts, &programs("jdbc/tools"), &walk, &jars.tools()?)?;
    let adbc_cases = built.path().join("adbc");
    adbc.push(cases.clone());
    jars::compile(&lts, &programs("adbc-java"), &adbc_cases, &adbc)?;
    adbc.push(adbc_cases);
    let mut tools = jars.tools()?;
    tools.extend([walk, jars.driver(NEWEST)]);
    let path = |driver: &str| [cases.clone(), jars.driver(driver)];
    let guarded = served.guarded()?;

    let mut jobs: Vec<Job<'_>> = Vec::new();
    for (java, driver, times) in combinations(&lts, &newest) {
        let (all, login) = (path(driver), path(driver));
        jobs.push(Box::new(move |server| {
            let pid = server.pid.to_string();
            run_program(java.command("UTC", &all).args(["Main", &server.jdbc(), &server.metrics, &pid, times]))
        }));
        jobs.push(Box::new(move |_| run_program(guarded.tell(java.command("UTC", &login).arg("Guarded")))));
    }
    for zone in ZONES {
        let (java, path) = (&lts, path(NEWEST));
        jobs.push(Box::new(move |server| run_program(java.command(zone, &path).arg("Main").arg(server.jdbc()))));
    }
    jobs.push(Box::new(|server| run_program(lts.command("UTC", &tools).arg("Walk").arg(server.jdbc()))));
    jobs.push(Box::new(|server| run_program(guarded.tell(lts.command("UTC", &adbc).args(["Adbc", &server.uri])))));
    jobs.push(Box::new(|server| sqlline(server, &lts, &tools, built.path())));
    lanes::run(&served.both()?, jobs)
}

/// Java, driver, and whether what is done many times is done as often as it can be.
fn combinations<'a>(lts: &'a Java, newest: &'a Java) -> [(&'a Java, &'static str, &'static str); 4] {
    [(lts, NEWEST, "whole"), (newest, NEWEST, "tenth"), (lts, OLDER[0], "tenth"), (lts, OLDER[1], "tenth")]
}

/// A script of sqlline; every line of a file must be in what it prints.
fn sqlline(server: &Open, java: &Java, path: &[PathBuf], home: &Path) -> Result<usize> {
    let tools = programs("jdbc/tools");
    let output = java
        .command("UTC", path)
        .args(["sqlline.SqlLine", "--force=true", "-d", "org.apache.arrow.driver.jdbc.ArrowFlightJdbcDriver"])
        .args(["-u", &server.jdbc(), "-n", "analyst", "-p", "any"])
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
