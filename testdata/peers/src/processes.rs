//! The processes of a server: which they are, and signals to all of them.
//!
//! Start reading at [`family`].

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};

/// How often it is looked whether processes are gone, and how long between.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A process and its children, the parent first; those that only wait to be reaped are left out.
pub(crate) fn family(parent: u32) -> Vec<u32> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter(|pid| status(*pid).is_some_and(|(of, _)| of == parent));
    std::iter::once(parent).chain(children).filter(|pid| runs(*pid)).collect()
}

/// Sends a signal (`STOP`, `KILL`) to processes; those that are gone already are no error.
pub(crate) fn signal(name: &str, pids: &[u32]) -> Result<()> {
    for pid in pids {
        // The shell's own `kill`: it is there wherever a shell is.
        let command = format!("kill -{name} {pid}");
        let sent = Command::new("sh").args(["-c", &command]).stdin(Stdio::null()).output()?;
        if !sent.status.success() && runs(*pid) {
            bail!("process {pid} cannot be sent {name}: {}", String::from_utf8_lossy(&sent.stderr));
        }
    }
    Ok(())
}

/// Waits until none of the processes runs.
pub(crate) async fn wait_until_gone(pids: &[u32]) -> Result<()> {
    for _ in 0..LOOKS {
        if !pids.iter().any(|pid| runs(*pid)) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("processes {pids:?} do not end")
}

/// Waits until every process that is still there stands still: a signal is delivered a moment after it was sent.
pub(crate) fn wait_until_stopped(pids: &[u32]) -> Result<()> {
    for _ in 0..LOOKS {
        if pids.iter().all(|pid| status(*pid).is_none_or(|(_, state)| matches!(state, 'T' | 'Z' | 'X'))) {
            return Ok(());
        }
        std::thread::sleep(PAUSE / 10);
    }
    bail!("processes {pids:?} do not stop")
}

fn runs(pid: u32) -> bool {
    status(pid).is_some_and(|(_, state)| !matches!(state, 'Z' | 'X'))
}

/// The parent and the state of a process.
fn status(pid: u32) -> Option<(u32, char)> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The program's name stands in brackets and may hold anything.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((words.next()?.parse().ok()?, state))
}
