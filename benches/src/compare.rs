//! Runs every engine on every query, interleaved, each in a process of its own.
//!
//! Start reading at [`run`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use meshweave_testdata::golden;

use crate::Choice;
use crate::child::{Engine, LIMIT, Measured};

/// Every engine, in the order of the tables.
const ENGINES: [Engine; 6] =
    [Engine::Mesh, Engine::MeshAgain, Engine::MeshDelta, Engine::Datafusion, Engine::Duckdb, Engine::Polars];

/// The best of all rounds of one engine on one query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Best {
    /// CPU seconds.
    pub(crate) cpu_seconds: f64,
    /// Peak memory, bytes.
    pub(crate) peak_bytes: u64,
    /// Rows of the answer.
    pub(crate) rows: u64,
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// The engines that ran, in order.
    pub(crate) engines: Vec<Engine>,
    /// The queries that ran, in order.
    pub(crate) queries: Vec<usize>,
    /// What each gave.
    pub(crate) best: BTreeMap<(usize, Engine), Best>,
    /// What went wrong, in words.
    pub(crate) failures: Vec<String>,
}

/// Measures everything that was asked for.
///
/// An engine that fails on a query is reported and left out there; the others go on.
///
/// # Errors
/// When a query does not exist, or this program cannot start itself.
pub(crate) fn run(choice: &Choice, mesh: &Path) -> Result<Outcome> {
    let engines = if choice.engines.is_empty() { ENGINES.to_vec() } else { choice.engines.clone() };
    let queries = if choice.queries.is_empty() { (1..=golden::QUERIES).collect() } else { choice.queries.clone() };
    let mut outcome = Outcome { engines, queries, ..Outcome::default() };
    let scratch = mesh.join("queries");
    for round in 0..choice.rounds.max(1) {
        for query in outcome.queries.clone() {
            let first = (round + query) % outcome.engines.len();
            let mut order = outcome.engines.clone();
            order.rotate_left(first);
            for engine in order {
                let measured = one(choice, mesh, &scratch, engine, query);
                outcome.add(query, engine, measured);
            }
        }
    }
    outcome.check_rows();
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, query: usize, engine: Engine, measured: Result<Measured>) {
        match measured {
            Ok(measured) => {
                let new = Best { cpu_seconds: measured.best(), peak_bytes: measured.peak_bytes, rows: measured.rows };
                let best = self.best.entry((query, engine)).or_insert(new);
                best.cpu_seconds = best.cpu_seconds.min(new.cpu_seconds);
                best.peak_bytes = best.peak_bytes.min(new.peak_bytes);
            }
            Err(error) => {
                let line = format!("q{query:02}, {}: {error:#}", engine.title());
                if !self.failures.contains(&line) {
                    self.failures.push(line);
                }
            }
        }
    }

    /// An answer with another number of rows than plain DataFusion's is no answer: it is reported and its figures are dropped.
    fn check_rows(&mut self) {
        for query in self.queries.clone() {
            let Some(expected) = self.best.get(&(query, Engine::Datafusion)).map(|best| best.rows) else { continue };
            for engine in self.engines.clone() {
                let Some(rows) = self.best.get(&(query, engine)).map(|best| best.rows) else { continue };
                if rows != expected {
                    self.failures.push(format!("q{query:02}, {}: {rows} rows instead of {expected}", engine.title()));
                    self.best.remove(&(query, engine));
                }
            }
        }
    }
}

fn one(choice: &Choice, mesh: &Path, scratch: &Path, engine: Engine, query: usize) -> Result<Measured> {
    let mut command = match engine.rival() {
        None => {
            let mut command = Command::new(std::env::current_exe()?);
            let name = clap::ValueEnum::to_possible_value(&engine).context("an engine without a name")?;
            command.args(["one", "--engine", name.get_name(), "--query", &query.to_string()]).arg("--dir").arg(mesh);
            command.args(["--runs", &choice.runs.to_string(), "--threads", &choice.threads.to_string()]);
            command
        }
        Some(rival) => rival_command(choice, mesh, scratch, rival, query)?,
    };
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let program = command.get_program().to_string_lossy().into_owned();
    finish(child.with_context(|| format!("{program} does not start"))?)
}

fn rival_command(choice: &Choice, mesh: &Path, scratch: &Path, rival: &str, query: usize) -> Result<Command> {
    std::fs::create_dir_all(scratch)?;
    let file = scratch.join(format!("q{query:02}.sql"));
    std::fs::write(&file, golden::query(query, "")?)?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rivals.py");
    let mut command = Command::new(&choice.python);
    command.arg(script).arg(rival).arg(file).arg(mesh.join("data"));
    command.args([choice.runs.to_string(), choice.threads.to_string()]);
    command.env("POLARS_MAX_THREADS", choice.threads.to_string());
    Ok(command)
}

/// Waits for a measurement; one that takes too long is stopped.
fn finish(mut child: Child) -> Result<Measured> {
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("took longer than {} s", LIMIT.as_secs());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{}", text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("failed without a word"));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
