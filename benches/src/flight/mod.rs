//! `meshweave-bench flight`: what Flight SQL costs, against the same engine asked in process.
//!
//! In: sizes, and the drivers that are at hand. Out: one section of Markdown for the book.
//! Holds always:
//! - the server is a process of its own on loopback TCP, so that its CPU time is its own;
//! - what is compared is measured in the same run, in turns, and what is measured in process is measured twice ("A/A"): a ratio
//!   nearer to 1 than that one says nothing;
//! - an answer with another number of rows than in process is an error, not a figure.
//!
//! Start reading at [`run`].

mod bulk;
mod client;
mod data;
mod first_row;
mod lookup;
mod numbers;
mod page;
mod readers;
mod serve;
mod server;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use crate::report;

pub(crate) use serve::{Serving, serve};

/// What to measure, and how large.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Parts to measure. Default: all.
    #[arg(long, value_delimiter = ',', value_enum)]
    parts: Vec<Part>,
    /// Where the meshes lie; made when they are not there yet.
    #[arg(long, default_value = "target/bench-mesh/flight")]
    dir: PathBuf,
    /// Rounds of what is measured in bulk, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Single statements of each kind: `select 1`, point lookups.
    #[arg(long, default_value_t = 500)]
    statements: usize,
    /// Size of the results that are fetched, MiB each, about.
    #[arg(long, default_value_t = 256)]
    mebibytes: usize,
    /// Rows among which one is looked up.
    #[arg(long, default_value_t = 1_000_000)]
    points: usize,
    /// Products that are listed.
    #[arg(long, default_value_t = 5_000)]
    products: usize,
    /// Columns of each of them.
    #[arg(long, default_value_t = 100)]
    columns: usize,
    /// Slow readers beside a fast one.
    #[arg(long, default_value_t = 200)]
    readers: usize,
    /// How long each slow reader reads at least, one message a second.
    #[arg(long, default_value_t = 30)]
    seconds: usize,
    /// Threads of the server and of the engine in process.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Python with `adbc_driver_flightsql`; without it that driver is left out.
    #[arg(long, env = "MESHWEAVE_BENCH_PYTHON")]
    python: Option<PathBuf>,
    /// Java 17 or newer; it is used with `--jdbc-jar`.
    #[arg(long, env = "MESHWEAVE_BENCH_JAVA", default_value = "java")]
    java: PathBuf,
    /// The Apache Flight SQL JDBC driver; without it that driver is left out.
    #[arg(long, env = "MESHWEAVE_BENCH_JDBC_JAR")]
    jdbc_jar: Option<PathBuf>,
    /// Where the section goes. Default: standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// One part of the section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// `select 1` through drivers.
    FirstRow,
    /// Large results, wide and narrow.
    Bulk,
    /// What the profiles of wire types cost.
    Encode,
    /// The listing of all tables with their columns.
    Tables,
    /// One row by its key.
    Lookup,
    /// Readers that take their time.
    Readers,
}

impl Choice {
    fn measures(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// Measures, and writes the section.
///
/// # Errors
/// When a mesh cannot be made, the server does not start, a driver fails, or an answer is not what it should be.
pub(crate) fn run(choice: &Choice) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(choice.threads).enable_all().build()?;
    let section = runtime.block_on(measure(choice))?;
    report::write(choice.out.as_deref(), &section)
}

async fn measure(choice: &Choice) -> Result<String> {
    std::fs::create_dir_all(&choice.dir).with_context(|| choice.dir.display().to_string())?;
    let dir = choice.dir.canonicalize()?;
    let mut section = page::head(choice);
    let needs_rows = |part: &Part| *part != Part::Tables;
    if choice.parts.is_empty() || choice.parts.iter().any(needs_rows) {
        section.push_str(&over_rows(choice, &dir).await?);
    }
    if choice.measures(Part::Tables) {
        section.push_str(&page::tables(choice, &tables::run(choice, &dir).await?));
    }
    Ok(section)
}

/// The parts over products that hold rows.
async fn over_rows(choice: &Choice, dir: &Path) -> Result<String> {
    let mesh = data::prepare(dir, choice.mebibytes, choice.points)?;
    let mut section = String::new();
    if choice.measures(Part::FirstRow) {
        section.push_str(&page::first_row(&first_row::run(choice, &mesh).await?));
    }
    if choice.measures(Part::Bulk) {
        section.push_str(&page::bulk(&bulk::results(choice, &mesh).await?));
    }
    if choice.measures(Part::Encode) {
        section.push_str(&page::encode(&bulk::profiles(choice, &mesh).await?));
    }
    if choice.measures(Part::Lookup) {
        section.push_str(&page::lookup(&lookup::run(choice, &mesh).await?));
    }
    if choice.measures(Part::Readers) {
        section.push_str(&page::readers(choice, &readers::run(choice, &mesh).await?));
    }
    Ok(section)
}
