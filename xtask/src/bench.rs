//! `cargo xtask bench`: the benchmarks in release, with the rivals and the drivers that they need.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::process::{cargo_command, loud, root};
use crate::{clients, environment};

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
    let mut command = cargo_command();
    command.args(["run", "--release", "--package", "meshweave-benches", "--bin", "meshweave-bench", "--"]);
    command.args(&choice.words).env("MESHWEAVE_BENCH_PYTHON", python);
    if choice.words.first().is_some_and(|word| word == "flight") {
        let (java, driver) = clients::jdbc::driver()?;
        command.env("MESHWEAVE_BENCH_JAVA", java).env("MESHWEAVE_BENCH_JDBC_JAR", driver);
    }
    loud(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
