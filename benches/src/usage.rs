//! What this process has used so far: CPU time and peak memory.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time of all threads of this process since its start, those that have ended included.
pub(crate) fn cpu() -> Duration {
    cpu_time::ProcessTime::now().as_duration()
}

/// The most memory that this process ever held in RAM, bytes.
///
/// # Errors
/// Where there is no `/proc`.
pub(crate) fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status cannot be read")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/self/status has no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work_and_memory_is_never_less_than_what_was_held() {
        let before = cpu();
        let held: Vec<u64> = (0..4_000_000_u64).map(|n| n.wrapping_mul(n)).collect();
        assert!(cpu() > before);
        assert!(held.contains(&9));
        assert!(peak_memory().unwrap() >= 32_000_000);
    }
}
