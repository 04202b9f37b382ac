//! One engine, one query, one process: what a measurement is.
//!
//! Start reading at [`run`].

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use meshweave_testdata::golden;
use serde::{Deserialize, Serialize};

use crate::{mesh, plain, usage};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Engine {
    /// The mesh over its Parquet products.
    Mesh,
    /// The same again: how much two equal measurements differ.
    MeshAgain,
    /// The mesh over its Delta products.
    MeshDelta,
    /// Plain DataFusion over the same Parquet files.
    Datafusion,
    /// DuckDB over the same Parquet files.
    Duckdb,
    /// Polars over the same Parquet files.
    Polars,
}

impl Engine {
    /// Its column in the tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Mesh => "mesh, Parquet",
            Self::MeshAgain => "mesh again",
            Self::MeshDelta => "mesh, Delta",
            Self::Datafusion => "DataFusion",
            Self::Duckdb => "DuckDB",
            Self::Polars => "Polars",
        }
    }

    /// The name in the rivals' script; none for what runs in this program.
    pub(crate) fn rival(self) -> Option<&'static str> {
        match self {
            Self::Duckdb => Some("duckdb"),
            Self::Polars => Some("polars"),
            Self::Mesh | Self::MeshAgain | Self::MeshDelta | Self::Datafusion => None,
        }
    }

    /// What follows a table's name in its queries.
    pub(crate) fn suffix(self) -> &'static str {
        if self == Self::MeshDelta { "_delta" } else { "" }
    }
}

/// One measurement to make.
#[derive(Debug, Clone, Args)]
pub(crate) struct One {
    /// Who answers.
    #[arg(long, value_enum)]
    pub(crate) engine: Engine,
    /// Which query, from 1 to 22.
    #[arg(long)]
    pub(crate) query: usize,
    /// The mesh folder.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Times that it runs.
    #[arg(long)]
    pub(crate) runs: usize,
    /// Threads of the engine.
    #[arg(long)]
    pub(crate) threads: usize,
}

/// What a measurement gave; one line of JSON on standard output. The rivals' script writes the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// Rows of the answer.
    pub(crate) rows: u64,
    /// CPU seconds of each run, all threads together, planning included.
    pub(crate) cpu_seconds: Vec<f64>,
    /// Peak memory of the process, bytes.
    pub(crate) peak_bytes: u64,
}

impl Measured {
    /// CPU seconds of the best run.
    pub(crate) fn best(&self) -> f64 {
        self.cpu_seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Makes one measurement in this process and prints it.
///
/// # Errors
/// When the engine fails, or gives another number of rows the second time.
pub(crate) fn run(one: &One) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(one.threads).enable_all().build()?;
    let measured = runtime.block_on(measure(one))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&measured)?)?;
    Ok(())
}

async fn measure(one: &One) -> Result<Measured> {
    let sql = golden::query(one.query, one.engine.suffix())?;
    match one.engine {
        Engine::Datafusion => {
            let session = plain::open(&one.dir, one.threads).await?;
            repeat(one.runs, || plain::rows(&session, &sql)).await
        }
        Engine::Mesh | Engine::MeshAgain | Engine::MeshDelta => {
            let engine = mesh::open(&one.dir, one.threads).await?;
            repeat(one.runs, || mesh::rows(&engine, &sql)).await
        }
        Engine::Duckdb | Engine::Polars => bail!("{} runs in Python", one.engine.title()),
    }
}

async fn repeat<F: Future<Output = Result<u64>>>(runs: usize, work: impl Fn() -> F) -> Result<Measured> {
    let (mut rows, mut cpu_seconds) = (None, Vec::new());
    for _ in 0..runs.max(1) {
        let before = usage::cpu();
        let found = work().await?;
        cpu_seconds.push(usage::cpu().saturating_sub(before).as_secs_f64());
        if rows.replace(found).is_some_and(|earlier| earlier != found) {
            bail!("two runs of one query gave {found} rows and another number");
        }
    }
    let rows = rows.context("nothing ran")?;
    Ok(Measured { rows, cpu_seconds, peak_bytes: usage::peak_memory()? })
}

/// The longest that one measurement may take before it counts as failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
