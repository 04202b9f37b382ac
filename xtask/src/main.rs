//! Our habits as commands: `cargo xtask test | nightly | bench | demo-data | docs`.
//!
//! In: a habit's name. Out: one line per part with its count, and an exit code that is 0 only when all of it held.
//! Holds always:
//! - nothing is skipped silently: a missing toolchain is a failure that names what to install;
//! - what is installed goes below `target/test-env`; what is started is stopped by its pid.
//!
//! Start reading at [`suites::all`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task runner speaks on the terminal")]
#![expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]

mod bench;
mod book;
mod clients;
mod environment;
mod process;
mod python;
mod suites;
mod tests_built;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The habits of this workspace")]
struct Arguments {
    #[command(subcommand)]
    habit: Habit,
}

#[derive(Debug, Subcommand)]
enum Habit {
    /// Everything a change must keep: format, lints, tests of every crate, real drivers, the book.
    Test(suites::Choice),
    /// The same with large counts: spoiled contracts, messages and their sizes, and random statements, up to a hundred times as many.
    Nightly(suites::Choice),
    /// Benchmarks against plain DataFusion, DuckDB and Polars on the same files, in release.
    Bench(bench::Choice),
    /// Writes the demo's mesh into a folder without running the demo.
    DemoData {
        /// The folder.
        #[arg(long, default_value = "meshweave-demo")]
        dir: String,
        /// TPC-H scale factor.
        #[arg(long, default_value_t = 0.01)]
        tpch: f64,
    },
    /// Writes the generated reference pages and builds the book.
    Docs,
}

fn main() -> ExitCode {
    match run(Arguments::parse().habit) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(habit: Habit) -> Result<ExitCode> {
    match habit {
        Habit::Test(choice) => suites::run(&choice, suites::Depth::Test),
        Habit::Nightly(choice) => suites::run(&choice, suites::Depth::Nightly),
        Habit::Bench(choice) => bench::run(&choice),
        Habit::DemoData { dir, tpch } => {
            let scale = tpch.to_string();
            process::cargo(&["run", "--bin", "meshweave", "--", "demo", "--dir", &dir, "--tpch", &scale])?;
            Ok(ExitCode::SUCCESS)
        }
        Habit::Docs => book::write_and_build(),
    }
}
