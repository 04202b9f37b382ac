//! What this process has used so far: CPU time and peak memory.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads of this process since its start, those that have ended included.
pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanos)
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
        assert!(held.iter().any(|n| *n == 9));
        assert!(peak_memory().unwrap() >= 32_000_000);
    }
}
