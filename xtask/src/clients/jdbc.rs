//! The Apache JDBC driver in several versions on several versions of Java, SchemaCrawler and sqlline.
//!
//! Every case runs with every driver and every Java. What is done many times to see what is left behind (connections, statements, rows of
//! a batch) is done that often with the newest driver on Java 17 only, and a tenth as often elsewhere.
//! Holds always: two programs run at a time, each against a server of its own, since cases look at what their server still holds.
//!
//! Start reading at [`run`].

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, bail};

use super::jars::{self, Java};
use super::served::{Open, Served};
use super::{programs, run_program};

/// The newest driver, which everything is run with.
const NEWEST: &str = "18.3.0";
/// Versions of the driver that are still in use.
const OLDER: [&str; 2] = ["17.0.0", "16.1.0"];
/// Zones in which instants must stay what they are.
const ZONES: [&str; 2] = ["America/New_York", "Asia/Kolkata"];

/// One program, and what it does with a server; gives the number of its cases.
type Job<'a> = Box<dyn FnOnce(&Open) -> Result<usize> + Send + 'a>;

/// Everything that runs in a Java machine.
///
/// # Errors
/// When something cannot be installed, or a case fails.
pub(crate) fn run(served: &Served) -> Result<usize> {
    let jars = jars::copied()?;
    let (lts, newest) = (jars::java_17()?, jars::java_25()?);
    let built = tempfile::tempdir()?;
    let cases = built.path().join("cases");
    jars::compile(&lts, &programs("jdbc"), &cases, &[])?;
    let walk = built.path().join("walk");
    jars::compile(&lts, &programs("jdbc/tools"), &walk, &jars.tools()?)?;
    let mut tools = jars.tools()?;
    tools.extend([walk, jars.driver(NEWEST)]);
    let path = |driver: &str| [cases.clone(), jars.driver(driver)];
    let guarded = served.guarded()?;

    let mut jobs: VecDeque<Job<'_>> = VecDeque::new();
    for (java, driver, times) in combinations(&lts, &newest) {
        let (all, login) = (path(driver), path(driver));
        jobs.push_back(Box::new(move |server| {
            let pid = server.pid.to_string();
            run_program(java.command("UTC", &all).args(["Main", &server.jdbc, &server.metrics, &pid, times]))
        }));
        jobs.push_back(Box::new(move |_| run_program(guarded.tell(java.command("UTC", &login).arg("Guarded")))));
    }
    for zone in ZONES {
        let (java, path) = (&lts, path(NEWEST));
        jobs.push_back(Box::new(move |server| run_program(java.command(zone, &path).arg("Main").arg(&server.jdbc))));
    }
    jobs.push_back(Box::new(|server| run_program(lts.command("UTC", &tools).arg("Walk").arg(&server.jdbc))));
    jobs.push_back(Box::new(|server| sqlline(server, &lts, &tools, built.path())));
    in_lanes(&[served.open(), served.second()?.open()], jobs)
}

/// Java, driver, and whether what is done many times is done as often as it can be.
fn combinations<'a>(lts: &'a Java, newest: &'a Java) -> [(&'a Java, &'static str, &'static str); 4] {
    [(lts, NEWEST, "whole"), (newest, NEWEST, "tenth"), (lts, OLDER[0], "tenth"), (lts, OLDER[1], "tenth")]
}

/// Runs jobs in their order, one at a time for each server; gives the sum of their cases.
///
/// # Errors
/// The first failure; what runs is let finish, and nothing more is begun.
fn in_lanes(servers: &[Open], jobs: VecDeque<Job<'_>>) -> Result<usize> {
    let waiting = Mutex::new(jobs);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let lane = |server: &Open| -> Result<usize> {
        let mut passed = 0;
        while let Some(job) = next() {
            passed += job(server).inspect_err(|_| waiting.lock().unwrap_or_else(PoisonError::into_inner).clear())?;
        }
        Ok(passed)
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = servers.iter().map(|server| scope.spawn(|| lane(server))).collect();
        let ends = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err(anyhow!("a lane panicked"))));
        ends.collect::<Vec<_>>().into_iter().sum()
    })
}

/// A script of sqlline; every line of a file must be in what it prints.
fn sqlline(server: &Open, java: &Java, path: &[PathBuf], home: &Path) -> Result<usize> {
    let tools = programs("jdbc/tools");
    let output = java
        .command("UTC", path)
        .args(["sqlline.SqlLine", "--force=true", "-d", "org.apache.arrow.driver.jdbc.ArrowFlightJdbcDriver"])
        .args(["-u", &server.jdbc, "-n", "analyst", "-p", "any"])
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn servers() -> [Open; 2] {
        ["a", "b"].map(|jdbc| Open { jdbc: jdbc.to_owned(), metrics: String::new(), pid: 0 })
    }

    #[test]
    fn cases_of_all_lanes_are_summed() {
        let jobs = (1..=10).map(|count| Box::new(move |_: &Open| Ok(count)) as Job<'_>).collect();
        assert_eq!(in_lanes(&servers(), jobs).unwrap(), 55);
    }

    #[test]
    fn a_failure_ends_both_lanes_and_is_told() {
        let begun = AtomicUsize::new(0);
        let job = |at| -> Job<'_> {
            let begun = &begun;
            Box::new(move |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                if at == 0 { Err(anyhow!("it failed")) } else { Ok(1) }
            })
        };
        // One lane: what comes after the failure is not begun.
        let failed = in_lanes(&servers()[..1], (0..5).map(job).collect()).unwrap_err();
        assert_eq!((failed.to_string().as_str(), begun.load(Ordering::SeqCst)), ("it failed", 1));
    }
}
