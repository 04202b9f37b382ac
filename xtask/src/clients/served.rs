//! The demo's mesh with one more domain, served by the built binary for as long as the suites of clients run.
//!
//! Holds always: the mesh is a temporary folder, the ports are free ones, and the server is stopped by its process id.
//!
//! Start reading at [`Served::start`].

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::programs;
use crate::environment;
use crate::process::{cargo_command, quiet};

/// A running server.
/// How long a statement may run: one that its driver has forgotten is to end before the tests lose their patience.
const LONGEST_STATEMENT: &str = "90s";

#[derive(Debug)]
pub(crate) struct Served {
    server: Child,
    /// What it says of itself when it starts.
    told: Value,
    metrics: String,
    /// Removed when the server has ended.
    _mesh: tempfile::TempDir,
}

impl Served {
    /// Builds the binary, makes the mesh and serves it.
    ///
    /// # Errors
    /// When one of these fails.
    pub(crate) fn start() -> Result<Self> {
        quiet(cargo_command().args(["build", "--bin", "meshweave"]))?;
        let folder = tempfile::tempdir()?;
        let mesh = folder.path().join("mesh");
        quiet(meshweave().args(["demo", "--quiet", "--dir"]).arg(&mesh))?;
        add_lab(&mesh)?;
        let mut server = meshweave()
            .args(["serve", "--listen", "127.0.0.1:0", "--output", "json", "--mesh"])
            .arg(&mesh)
            .env("MESHWEAVE_LIMITS__STATEMENT_TIMEOUT", LONGEST_STATEMENT)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut line = String::new();
        let output = server.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let mut served = Self { server, told: Value::Null, metrics: String::new(), _mesh: folder };
        served.told = serde_json::from_str(&line).with_context(|| format!("the server said {line:?}"))?;
        served.metrics = served.text("metrics")?.to_owned();
        served.text("flight_sql")?;
        Ok(served)
    }

    fn text(&self, name: &str) -> Result<&str> {
        self.told[name].as_str().with_context(|| format!("the server does not say {name}"))
    }

    /// As ADBC writes it: `grpc://HOST:PORT`.
    pub(crate) fn uri(&self) -> &str {
        self.told["flight_sql"].as_str().unwrap_or_default()
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.uri().trim_start_matches("grpc://")
    }

    /// As JDBC writes it.
    pub(crate) fn jdbc(&self) -> String {
        format!("jdbc:arrow-flight-sql://{}?useEncryption=false", self.address())
    }

    /// The address of its metrics.
    pub(crate) fn metrics(&self) -> &str {
        &self.metrics
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _stopped = Command::new("kill").arg(self.server.id().to_string()).status();
        let _ended = self.server.wait();
    }
}

/// The built binary, deaf to what the environment says of meshes.
fn meshweave() -> Command {
    let binary: PathBuf = environment::target().join("debug/meshweave");
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MESHWEAVE_")) {
        command.env_remove(name);
    }
    command
}

/// Adds the domain `lab`: one product with a column of every type that can be stored, registered as a team would.
fn add_lab(mesh: &Path) -> Result<()> {
    let sources = programs("mesh");
    let domain = mesh.join("domains/lab");
    let data = mesh.join("data/lab/types");
    fs::create_dir_all(&domain)?;
    fs::create_dir_all(&data)?;
    fs::copy(sources.join("domain.yaml"), domain.join("domain.yaml"))?;
    quiet(
        meshweave()
            .args(["sql", "--mesh"])
            .arg(mesh)
            .arg("--file")
            .arg(sources.join("types.sql"))
            .arg("--out")
            .arg(data.join("types.parquet")),
    )?;
    let told = quiet(meshweave().args(["register", "--mesh"]).arg(mesh).arg(sources.join("types.yaml")))?;
    if !told.contains("lab.types") {
        bail!("lab.types was not registered: {told}");
    }
    Ok(())
}
