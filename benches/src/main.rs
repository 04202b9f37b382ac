//! `meshweave-bench`: TPC-H through the mesh against plain DataFusion, DuckDB and Polars, on the same files in the same run.
//!
//! In: a scale and how often to repeat. Out: a Markdown table with ratios, for the book.
//! Holds always:
//! - one process per engine, query and round, so that its peak memory is its own;
//! - rounds are interleaved and begin with another engine each time, so that a busy machine hits all alike;
//! - the mesh is measured twice against itself: a ratio nearer to 1 than that one says nothing.
//!
//! Start reading at [`main`].

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

mod catalog;
mod child;
mod compare;
mod data;
mod flight;
mod mesh;
mod micro;
mod plain;
mod report;
mod usage;

use child::Engine;

/// Benchmarks of the mesh against its rivals.
#[derive(Debug, Parser)]
#[command(name = "meshweave-bench", version)]
struct Command {
    #[command(subcommand)]
    work: Option<Work>,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Subcommand)]
enum Work {
    /// Runs one query in this process and prints what it cost; the benchmark starts itself with it.
    #[command(hide = true)]
    One(child::One),
    /// Times a large mesh: start, listing, and the news of a registration.
    Catalog(catalog::Choice),
    /// Measures Flight SQL against the same engine in process: first rows, large results, listings, lookups, slow readers.
    Flight(flight::Choice),
    /// Serves a mesh for `flight`, which starts this program again with it.
    #[command(hide = true)]
    FlightServe(flight::Serving),
    /// Times planning one query many times, and shows the plans that are compared.
    Plan(micro::Planning),
}

/// What to measure.
#[derive(Debug, Clone, Args)]
struct Choice {
    /// TPC-H scale factor.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where the mesh lies; made when it is not there yet. One folder for each scale.
    #[arg(long, default_value = "target/bench-mesh")]
    dir: PathBuf,
    /// Rounds; each engine's best counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Times that a query runs in its process; the best counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Queries to run: `1,6,21`. Default: all 22.
    #[arg(long, value_delimiter = ',')]
    queries: Vec<usize>,
    /// Engines to run. Default: all.
    #[arg(long, value_delimiter = ',', value_enum)]
    engines: Vec<Engine>,
    /// Python with the rivals.
    #[arg(long, env = "MESHWEAVE_BENCH_PYTHON", default_value = "python3")]
    python: PathBuf,
    /// Threads of every engine.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Products among which a name is looked up.
    #[arg(long, default_value_t = 10_000)]
    products: usize,
    /// Where the page goes. Default: standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let command = Command::parse();
    match command.work {
        Some(Work::One(one)) => child::run(&one)?,
        Some(Work::Catalog(choice)) => catalog::run(&choice)?,
        Some(Work::Flight(choice)) => flight::run(&choice)?,
        Some(Work::FlightServe(serving)) => flight::serve(&serving)?,
        Some(Work::Plan(planning)) => micro::plan(&planning)?,
        None => all(&command.choice)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the mesh, measures everything, writes the page.
fn all(choice: &Choice) -> Result<()> {
    let mesh = data::prepare(choice)?;
    let tpch = compare::run(choice, &mesh)?;
    let small = micro::run(choice, &mesh)?;
    let page = report::page(choice, &tpch, &small);
    report::write(choice.out.as_deref(), &page)
}
