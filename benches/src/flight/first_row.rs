//! `select 1` until its row is there: through real drivers, and through Arrow's own client.
//!
//! Start reading at [`run`].

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

use super::Choice;
use super::client::Client;
use super::numbers::milliseconds;
use super::server::Server;
use crate::{child, mesh};

/// What is asked for.
const SQL: &str = "SELECT 1 AS n";

/// The times of one driver.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) title: String,
    /// From giving the statement until its row is there, milliseconds each.
    pub(super) times: Vec<f64>,
}

/// What was measured, and what was left out.
#[derive(Debug, Default)]
pub(super) struct FirstRows {
    pub(super) drivers: Vec<Driver>,
    pub(super) left_out: Vec<&'static str>,
}

/// What a driver's program prints: one object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// By way of asking: milliseconds.
    milliseconds: std::collections::BTreeMap<String, Vec<f64>>,
}

/// Asks one server through every driver that is at hand, one after the other.
///
/// # Errors
/// When a driver fails or tells fewer times than it was asked for.
pub(super) async fn run(choice: &Choice, dir: &Path) -> Result<FirstRows> {
    let server = Server::start(dir, choice.threads).await?;
    let statements = choice.statements.max(1);
    let mut rows = FirstRows::default();
    rows.drivers.push(Driver { title: "in process".to_owned(), times: in_process(choice, dir).await? });
    rows.drivers.push(Driver { title: "Arrow's Rust client".to_owned(), times: rust(&server, statements).await? });
    match &choice.python {
        Some(python) => {
            let mut command = Command::new(python);
            command.arg(program("python/first_row.py"));
            command.arg(server.address.replacen("http://", "grpc://", 1));
            rows.add("ADBC, Python", &mut command, statements).await?;
        }
        None => rows.left_out.push("ADBC, Python (`--python`)"),
    }
    match &choice.jdbc_jar {
        Some(jar) => {
            let mut command = Command::new(&choice.java);
            command.args(["--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp"]).arg(jar);
            command.arg(program("java/FirstRow.java"));
            let address = server.address.replacen("http://", "jdbc:arrow-flight-sql://", 1);
            command.arg(format!("{address}/?useEncryption=false"));
            rows.add("JDBC", &mut command, statements).await?;
        }
        None => rows.left_out.push("JDBC (`--java`, `--jdbc-jar`)"),
    }
    Ok(rows)
}

/// A file of this package.
fn program(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file)
}

impl FirstRows {
    /// Runs a driver's program, which is told where, what, and how often.
    async fn add(&mut self, title: &str, command: &mut Command, statements: usize) -> Result<()> {
        command.args([SQL, &statements.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("{program} does not start"))?;
        let ended = tokio::time::timeout(child::LIMIT, child.wait_with_output()).await;
        let output = ended.with_context(|| format!("{title} took longer than {} s", child::LIMIT.as_secs()))??;
        if !output.status.success() {
            bail!("{title}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let told: Told = serde_json::from_slice(&output.stdout).with_context(|| format!("the words of {title}"))?;
        ensure!(!told.milliseconds.is_empty(), "{title} told nothing");
        for (way, times) in told.milliseconds {
            ensure!(times.len() == statements, "{title}, {way}: {} times instead of {statements}", times.len());
            self.drivers.push(Driver { title: format!("{title}: {way}"), times });
        }
        Ok(())
    }
}

async fn in_process(choice: &Choice, dir: &Path) -> Result<Vec<f64>> {
    let engine = mesh::open(dir, choice.threads).await?;
    let mut times = Vec::new();
    for _ in 0..=choice.statements.max(1) {
        let before = std::time::Instant::now();
        ensure!(mesh::rows(&engine, SQL).await? == 1, "no row in process");
        times.push(milliseconds(before.elapsed()));
    }
    // The first one warms up.
    Ok(times.split_off(1))
}

async fn rust(server: &Server, statements: usize) -> Result<Vec<f64>> {
    let mut client = Client::connect(&server.address).await?;
    let mut times = Vec::new();
    for _ in 0..=statements {
        let fetched = client.query(SQL).await?;
        ensure!(fetched.rows == 1, "no row through Flight SQL");
        times.push(milliseconds(fetched.took));
    }
    Ok(times.split_off(1))
}
