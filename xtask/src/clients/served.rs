//! The demo's mesh with one more domain, served by the built binary for as long as the suites of clients run.
//!
//! Holds always: the mesh is a temporary folder, the ports are free ones, and the server is stopped by its process id.
//!
//! Start reading at [`Served::start`].

use std::cell::OnceCell;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::guarded::Guarded;
use super::programs;
use crate::environment;
use crate::process::{cargo_command, quiet};

/// How long a statement may run: one that its driver has forgotten is to end before the tests lose their patience.
const LONGEST_STATEMENT: &str = "90s";

/// A served mesh.
#[derive(Debug)]
pub(crate) struct Served {
    server: Server,
    second: OnceCell<Server>,
    guarded: OnceCell<Guarded>,
    /// Removed when the servers have ended.
    folder: tempfile::TempDir,
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
        let server = Server::start(&mut serve(&mesh), &folder.path().join("log"))?;
        Ok(Self { server, second: OnceCell::new(), guarded: OnceCell::new(), folder })
    }

    /// What clients are told that run beside each other: the server, and a second one of the same mesh, served from the first time on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn both(&self) -> Result<[Open; 2]> {
        Ok([self.server.open(), self.second()?.open()])
    }

    fn second(&self) -> Result<&Server> {
        if self.second.get().is_none() {
            let at = |name: &str| self.folder.path().join(name);
            let mut command = serve(&at("mesh"));
            // The first one writes the state of the mesh's folder.
            command.env("MESHWEAVE_STATE__PATH", at("second-state.db"));
            let _first = self.second.set(Server::start(&mut command, &at("second-log"))?);
        }
        self.second.get().context("a second server")
    }

    /// The same mesh behind TLS and a file of users; served from the first time on.
    ///
    /// # Errors
    /// As [`Guarded::start`].
    pub(crate) fn guarded(&self) -> Result<&Guarded> {
        if self.guarded.get().is_none() {
            let _first = self.guarded.set(Guarded::start(&self.folder.path().join("mesh"))?);
        }
        self.guarded.get().context("a guarded mesh")
    }

    /// As ADBC writes it: `grpc://HOST:PORT`.
    pub(crate) fn uri(&self) -> &str {
        self.server.uri()
    }
}

/// A command that serves a mesh to everybody of this machine.
fn serve(mesh: &Path) -> Command {
    let mut command = meshweave();
    command.args(["serve", "--listen", "127.0.0.1:0", "--output", "json", "--mesh"]).arg(mesh);
    command.env("MESHWEAVE_LIMITS__STATEMENT_TIMEOUT", LONGEST_STATEMENT);
    command
}

/// What a client is told of a server that takes every login.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// As ADBC writes it: `grpc://HOST:PORT`.
    pub(super) uri: String,
    /// The address of its metrics.
    pub(super) metrics: String,
    /// Its process.
    pub(super) pid: u32,
}

impl Open {
    /// `HOST:PORT`.
    pub(super) fn address(&self) -> &str {
        self.uri.trim_start_matches("grpc://")
    }

    /// As JDBC writes it.
    pub(super) fn jdbc(&self) -> String {
        format!("jdbc:arrow-flight-sql://{}?useEncryption=false", self.address())
    }
}

/// One process that serves; it is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    /// What it says of itself when it starts.
    told: Value,
}

impl Server {
    /// Starts it and waits until it is ready; its log goes into a file.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(log)?);
        let mut server = Self { process: command.spawn()?, told: Value::Null };
        let mut line = String::new();
        let output = server.process.stdout.take().context("the server has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let said = || format!("the server said {line:?} and {:?}", fs::read_to_string(log).unwrap_or_default());
        server.told = serde_json::from_str(&line).with_context(said)?;
        server.text("flight_sql")?;
        server.text("metrics")?;
        Ok(server)
    }

    /// What a client is told of it.
    fn open(&self) -> Open {
        Open {
            uri: self.uri().to_owned(),
            metrics: self.told["metrics"].as_str().unwrap_or_default().to_owned(),
            pid: self.process.id(),
        }
    }

    fn text(&self, name: &str) -> Result<&str> {
        self.told[name].as_str().with_context(|| format!("the server does not say {name}"))
    }

    /// As ADBC writes it.
    fn uri(&self) -> &str {
        self.told["flight_sql"].as_str().unwrap_or_default()
    }

    /// `HOST:PORT`.
    pub(super) fn address(&self) -> &str {
        self.uri().rsplit('/').next().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _stopped = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ended = self.process.wait();
    }
}

/// The built binary, deaf to what the environment says of meshes.
pub(super) fn meshweave() -> Command {
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
