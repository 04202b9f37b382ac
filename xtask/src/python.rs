//! The suite of the Python door: the wheel is built as a user would build it, installed, and tested from outside.
//!
//! In: the workspace, Python packages. Out: how many tests, notebooks and checks passed.
//! Holds always:
//! - the wheel is made with the workspace's profile and features, so that it builds nothing that the tests have built;
//! - the notebooks run in an environment that is made anew, with nothing but the wheel and what they name.
//!
//! Start reading at [`run`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::process::{cargo_command, loud, quiet, root, without_our_package};

/// Checks of the sources that are no tests: their program and its words.
const CHECKS: [(&str, &[&str]); 4] = [
    ("ruff", &["check", "."]),
    ("ruff", &["format", "--check", "."]),
    ("mypy", &["meshweave"]),
    ("pyright", &["meshweave"]),
];

/// Builds the wheel, checks the sources, runs the tests and the notebooks; gives how many passed.
///
/// # Errors
/// When something cannot be installed or built, or does not pass.
pub(crate) fn run() -> Result<usize> {
    let requirements = door().join("tests/requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("python/tests/requirements.txt")?;
    let python = environment::venv(
        &environment::folder().join("python-venv"),
        &wanted,
        &["-r", &requirements.to_string_lossy()],
    )?;
    for (program, words) in CHECKS {
        let mut check = Command::new(python.with_file_name(program));
        if program == "pyright" {
            check.arg("--pythonpath").arg(&python);
        }
        quiet(check.args(words).current_dir(door()))?;
    }
    loud(cargo_command().args(["build", "--quiet", "--bin", "meshweave"]))?;
    let wheel = wheel(&python)?;
    install(&python, &["--force-reinstall", "--no-deps"], &[&wheel.to_string_lossy()])?;
    let fresh = fresh(&wheel)?;
    Ok(CHECKS.len() + tests(&python, &wheel, &fresh)?)
}

/// The folder of the Python door.
fn door() -> PathBuf {
    root().join("python")
}

/// Builds the wheel; it is the only one in its folder.
fn wheel(python: &Path) -> Result<PathBuf> {
    let out = environment::folder().join("wheels");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let words =
        ["build", "--quiet", "--profile", "dev", "--strip", "--compatibility", "linux", "--compression-level", "1"];
    let mut maturin = Command::new(python.with_file_name("maturin"));
    maturin.args(words).arg("--interpreter").arg(python).arg("--out").arg(&out).current_dir(door());
    quiet(without_our_package(&mut maturin).env("CARGO_TARGET_DIR", environment::target()))?;
    let mut wheels = fs::read_dir(&out)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    wheels.find(|path| path.extension().is_some_and(|ending| ending == "whl")).context("maturin made no wheel")
}

/// An environment made anew, with the wheel, its extras and what runs notebooks.
fn fresh(wheel: &Path) -> Result<PathBuf> {
    let folder = environment::folder().join("notebook-venv");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let beside = door().join("tests/notebooks.txt");
    let wanted = format!("{}[notebook,polars]", wheel.display());
    environment::venv(&folder, &wanted, &[&wanted, "-r", &beside.to_string_lossy()])
}

fn install(python: &Path, options: &[&str], packages: &[&str]) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(options).args(packages);
    quiet(&mut pip).map(drop)
}

/// Runs the tests; gives how many passed.
fn tests(python: &Path, wheel: &Path, fresh: &Path) -> Result<usize> {
    let binary = environment::target().join("debug/meshweave");
    let text = quiet(
        Command::new(python)
            .args(["-m", "pytest", "-p", "no:cacheprovider"])
            // Not beside the package's sources, which have no native half: what is tested is what was installed.
            .current_dir(door().join("tests"))
            .env("MESHWEAVE_BIN", binary)
            .env("MESHWEAVE_WHEEL", wheel)
            .env("MESHWEAVE_FRESH_PYTHON", fresh),
    )?;
    let told = told(&text).context("pytest told no count")?;
    println!("{}", text.lines().filter(|line| line.starts_with("told: ")).collect::<Vec<_>>().join("\n"));
    match told {
        Told { passed, skipped: 0 } => Ok(passed),
        Told { skipped, .. } => bail!("pytest skips {skipped} tests; a test runs or is not there"),
    }
}

/// What pytest's last line says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    passed: usize,
    skipped: usize,
}

fn told(text: &str) -> Option<Told> {
    let line = text.lines().rev().find(|line| line.contains(" passed"))?;
    let count = |word: &str| {
        let before = line.split(word).next().filter(|_| line.contains(word))?;
        before.split_whitespace().last()?.trim_start_matches('=').parse().ok()
    };
    Some(Told { passed: count(" passed")?, skipped: count(" skipped").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_last_line() {
        assert_eq!(told("..\n12 passed in 3.4s\n"), Some(Told { passed: 12, skipped: 0 }));
        assert_eq!(told("== 3 passed, 2 skipped, 1 warning in 1s =="), Some(Told { passed: 3, skipped: 2 }));
        assert_eq!(told("1 failed in 2s"), None);
    }
}
