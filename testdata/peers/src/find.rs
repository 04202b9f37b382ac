//! Finds the programs that tests need, where `cargo xtask test` put them.
//!
//! Start reading at [`s3_program`], [`flight_scenarios_program`], [`azurite`] and [`postgres_folder`].

use std::path::PathBuf;

use anyhow::{Result, bail};

/// How the S3 server is installed by hand.
const INSTALL_S3: &str = "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// How the GCS server is installed by hand.
const INSTALL_GCS: &str = "go install github.com/fsouza/fake-gcs-server@v1.56.1";

/// The S3 server's program: in the tests' environment, else on the path, else where Go installs.
///
/// # Errors
/// When it is nowhere; the message names the command that installs it.
pub fn s3_program() -> Result<PathBuf> {
    match program("versitygw") {
        Some(program) => Ok(program),
        None => {
            bail!("the S3 server \"versitygw\" is missing; run `cargo xtask test`, or install it with `{INSTALL_S3}`")
        }
    }
}

/// The GCS server's program, looked for in the same places.
///
/// # Errors
/// As [`s3_program`].
pub fn gcs_program() -> Result<PathBuf> {
    match program("fake-gcs-server") {
        Some(program) => Ok(program),
        None => {
            bail!(
                "the GCS server \"fake-gcs-server\" is missing; run `cargo xtask test`, or install it with `{INSTALL_GCS}`"
            )
        }
    }
}

/// The client that runs the scenarios of Arrow's integration tests, in the tests' environment only: it has no version of its own to
/// tell another one by.
///
/// # Errors
/// When it was not installed; the message names the command that does.
pub fn flight_scenarios_program() -> Result<PathBuf> {
    let program = test_environment().map(|folder| folder.join("bin/arrow-flight-integration-client"));
    match program.filter(|program| program.is_file()) {
        Some(program) => Ok(program),
        None => bail!("arrow-flight-integration-client is missing in MESHWEAVE_TEST_ENV; run `cargo xtask test`"),
    }
}

/// The Azure server's program, which Node runs.
///
/// # Errors
/// When it was not installed; the message names the command that does.
pub fn azurite() -> Result<PathBuf> {
    let main = "azurite/node_modules/azurite/dist/src/blob/main.js";
    match test_environment().map(|folder| folder.join(main)).filter(|main| main.is_file()) {
        Some(main) => Ok(main),
        None => bail!("the Azure server \"azurite\" is missing in MESHWEAVE_TEST_ENV; run `cargo xtask test`"),
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = test_environment().into_iter().map(|folder| folder.join("bin").join(name)).collect();
    if let Some(path) = variable("PATH") {
        places.extend(std::env::split_paths(&path).map(|folder| folder.join(name)));
    }
    places.extend(variable("HOME").map(|home| PathBuf::from(home).join("go/bin").join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// Where PostgreSQL's programs are: the folder that `MESHWEAVE_TEST_POSTGRES` names, else Debian's newest, else on the path.
///
/// # Errors
/// When they are nowhere; the message names the Debian package.
pub fn postgres_folder() -> Result<PathBuf> {
    let mut places: Vec<PathBuf> = variable("MESHWEAVE_TEST_POSTGRES").map(PathBuf::from).into_iter().collect();
    places.extend(debian_postgres());
    if let Some(path) = variable("PATH") {
        places.extend(std::env::split_paths(&path));
    }
    match places.into_iter().find(|place| ["initdb", "postgres", "psql"].iter().all(|name| place.join(name).is_file()))
    {
        Some(folder) => Ok(folder),
        None => bail!("PostgreSQL is missing; run `cargo xtask test`, or install it with `apt-get install postgresql`"),
    }
}

/// `/usr/lib/postgresql/*/bin`, the newest version first.
fn debian_postgres() -> Vec<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut versions: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| Some((folder.file_name().to_str()?.parse().ok()?, folder.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// The interpreter of the tests' Python environment.
///
/// # Errors
/// When it was not installed; the message names the command that does.
pub fn python() -> Result<PathBuf> {
    let Some(folder) = test_environment() else {
        bail!("MESHWEAVE_TEST_ENV is not set, so there is no Python for tests; run `cargo xtask test`");
    };
    let interpreter = folder.join("venv/bin/python");
    if !interpreter.is_file() {
        bail!("the tests' Python \"{}\" is missing; run `cargo xtask test`", interpreter.display());
    }
    Ok(interpreter)
}

/// The folder that `cargo xtask test` installs into.
fn test_environment() -> Option<PathBuf> {
    variable("MESHWEAVE_TEST_ENV").map(PathBuf::from)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says where its programs are; this is the one place that looks"
)]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
