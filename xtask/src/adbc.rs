//! The real ADBC driver, from Python, against the real binary over the demo's mesh.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::process::{Background, cargo, quiet, root};

/// Starts `meshweave serve` over a fresh demo mesh and lets the committed script browse and query it; gives the number of checks.
///
/// # Errors
/// When the server does not start, or the script finds a difference.
pub(crate) fn run() -> Result<usize> {
    let python = environment::python()?;
    cargo(&["build", "--quiet", "--bin", "meshweave"])?;
    let binary = environment::target().join("debug/meshweave");
    let folder = environment::folder().join(format!("adbc-{}", std::process::id()));
    let done = over_demo(&binary, &python, &folder);
    let _gone = fs::remove_dir_all(&folder);
    done
}

fn over_demo(binary: &Path, python: &Path, folder: &Path) -> Result<usize> {
    let mesh = folder.join("mesh");
    quiet(Command::new(binary).args(["demo", "--dir"]).arg(&mesh))?;
    let address = free_address()?;
    let server = Background::start(
        Command::new(binary)
            .arg("--mesh")
            .arg(&mesh)
            .arg("serve")
            .env("MESHWEAVE_LISTEN__FLIGHT", &address)
            .stdout(fs::File::create(folder.join("serve.out"))?)
            .stderr(fs::File::create(folder.join("serve.err"))?),
    )?;
    let log = folder.join("serve.err");
    wait_for(&address, server, &log, |_server| {
        let script = root().join("flight-server/tests/python/adbc_demo.py");
        let text = quiet(Command::new(python).arg(script).arg(format!("grpc://{address}")).arg(binary).arg(&mesh))?;
        passed(&text)
    })
}

/// The script's closing line: `N passed, 0 failed`.
fn passed(text: &str) -> Result<usize> {
    let line = text.lines().rev().find(|l| l.contains(" passed, ")).context("the script printed no count")?;
    let count = line.split_whitespace().next().and_then(|n| n.parse().ok()).context("the script printed no count")?;
    if count == 0 || !line.contains(" 0 failed") {
        bail!("{text}");
    }
    Ok(count)
}

/// Runs `work` once the server answers at `address`; the server is stopped afterwards.
fn wait_for<T>(
    address: &str,
    mut server: Background,
    log: &Path,
    work: impl FnOnce(&mut Background) -> Result<T>,
) -> Result<T> {
    let patience = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        if let Some(status) = server.child().try_wait()? {
            bail!("the server ended with {status}: {}", fs::read_to_string(log).unwrap_or_default());
        }
        if Instant::now() > patience {
            bail!("the server did not answer at {address}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    work(&mut server)
}

/// A loopback address that nobody listens on.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
