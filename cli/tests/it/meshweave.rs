//! Runs the built binary and keeps what it said.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What one run of the binary left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// Its stdout, when it ended well.
    #[track_caller]
    pub(crate) fn ok(&self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}\nstdout: {}", self.stderr, self.text());
        self.text()
    }

    /// Its stderr, when it ended with this exit code.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "stderr: {}\nstdout: {}", self.stderr, self.text());
        &self.stderr
    }

    /// Its stderr as the one JSON object of an error, when it ended with this exit code.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> serde_json::Value {
        serde_json::from_str(self.failed(code)).unwrap_or_else(|e| panic!("{e}: {}", self.stderr))
    }

    /// Its stdout as JSON, when it ended well.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// Its stdout.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }
}

/// The binary with an environment that says nothing about meshes, in a folder without one.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshweave"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MESHWEAVE_") {
            command.env_remove(name);
        }
    }
    command.env("USER", "somebody").env_remove("NO_COLOR").current_dir(std::env::temp_dir());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Ran {
    finish(&mut command(args))
}

/// Runs the binary in a folder.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Ran {
    finish(command(args).current_dir(folder))
}

/// Runs the binary with this text on its stdin.
pub(crate) fn run_with_input(args: &[&str], input: &str) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ran(child.wait_with_output().unwrap())
}

/// Runs a command that was made ready.
pub(crate) fn finish(command: &mut Command) -> Ran {
    ran(command.output().unwrap())
}

fn ran(output: std::process::Output) -> Ran {
    Ran { code: output.status.code(), stdout: output.stdout, stderr: String::from_utf8(output.stderr).unwrap() }
}

/// What the environment says of how much is tested, and of what is written anew.
#[expect(clippy::disallowed_methods, reason = "how much is tested is the environment's to say")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
