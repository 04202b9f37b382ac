//! Running other programs: loudly or quietly.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The workspace's root: of the checkout that runs us, which need not be the one that a shared target folder holds us built from.
pub(crate) fn root() -> PathBuf {
    let ours = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    ours.parent().unwrap_or_else(|| Path::new(".")).to_owned()
}

/// The cargo that runs us, as if it were called by hand: what `cargo run` tells this program of its own package would
/// make build scripts that look at it (ring's) run again, and half of the dependencies with them.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_our_package(command.current_dir(root()));
    command
}

/// The same command without what `cargo run` tells this program of its own package; for whatever calls cargo.
pub(crate) fn without_our_package(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_this_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a variable is set by `cargo run` for the program that it runs.
fn is_of_this_package(name: &str) -> bool {
    const WHOLE: [&str; 4] = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || WHOLE.contains(&name)
}

/// Runs cargo with its output on ours.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    loud(cargo_command().args(arguments))
}

/// Runs a program with its output on ours.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub(crate) fn loud(command: &mut Command) -> Result<()> {
    let words = describe(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{words} could not be started"))?;
    if !status.success() {
        bail!("{words} ended with {status}");
    }
    Ok(())
}

/// Runs a program and gives what it printed on both streams, in the order of the streams.
///
/// # Errors
/// When it cannot be started; or does not end with 0, with what it printed.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let words = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{words} could not be started"))?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        bail!("{words} ended with {}:\n{text}", output.status);
    }
    Ok(text)
}

fn describe(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// Whether a program answers to `--version` or `version`.
pub(crate) fn is_there(program: &str) -> bool {
    ["--version", "version"].iter().any(|argument| {
        Command::new(program)
            .arg(argument)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
