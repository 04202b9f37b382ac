//! `cargo xtask bench`: the benchmarks in release, with the rivals' environment beside.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::environment;
use crate::process::{cargo_command, loud, root};

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Further words for the benchmark program (`-- --help` lists them).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Builds the benchmark program in release and runs it.
///
/// # Errors
/// When a rival cannot be installed or the program fails.
pub(crate) fn run(choice: &Choice) -> Result<ExitCode> {
    let requirements = root().join("benches/requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("benches/requirements.txt")?;
    let python = environment::venv(
        &environment::folder().join("bench-venv"),
        &wanted,
        &["-r", &requirements.to_string_lossy()],
    )?;
    loud(
        cargo_command()
            .args(["run", "--release", "--package", "meshweave-benches", "--bin", "meshweave-bench", "--"])
            .args(&choice.words)
            .env("MESHWEAVE_BENCH_PYTHON", python),
    )?;
    Ok(ExitCode::SUCCESS)
}
