//! Programs of clients beside each other: as many at a time as there are servers, each against a server of its own, since cases look at
//! what their server still holds.
//!
//! Start reading at [`run`].

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};

use super::served::Open;

/// One program, and what it does with a server; gives the number of its cases.
pub(super) type Job<'a> = Box<dyn FnOnce(&Open) -> Result<usize> + Send + 'a>;

/// Runs jobs in their order, one at a time for each server; gives the sum of their cases.
///
/// # Errors
/// The first failure; what runs is let finish, and nothing more is begun.
pub(super) fn run(servers: &[Open], jobs: Vec<Job<'_>>) -> Result<usize> {
    let waiting = Mutex::new(VecDeque::from(jobs));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let lane = |server: &Open| -> Result<usize> {
        let mut passed = 0;
        while let Some(job) = next() {
            passed += job(server).inspect_err(|_| waiting.lock().unwrap_or_else(PoisonError::into_inner).clear())?;
        }
        Ok(passed)
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = servers.iter().map(|server| scope.spawn(|| lane(server))).collect();
        let ends = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| Err(anyhow!("a lane panicked"))));
        ends.collect::<Vec<_>>().into_iter().sum()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn servers() -> [Open; 2] {
        ["a", "b"].map(|uri| Open { uri: uri.to_owned(), metrics: String::new(), pid: 0 })
    }

    #[test]
    fn cases_of_all_lanes_are_summed() {
        let jobs = (1..=10_usize).map(|count| Box::new(move |_: &Open| Ok(count)) as Job<'_>).collect();
        assert_eq!(run(&servers(), jobs).unwrap(), 55);
    }

    #[test]
    fn a_failure_is_told_and_nothing_more_is_begun() {
        let begun = AtomicUsize::new(0);
        let job = |at| -> Job<'_> {
            let begun = &begun;
            Box::new(move |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                if at == 0 { Err(anyhow!("it failed")) } else { Ok(1) }
            })
        };
        let failed = run(&servers()[..1], (0..5).map(job).collect()).unwrap_err();
        assert_eq!((failed.to_string().as_str(), begun.load(Ordering::SeqCst)), ("it failed", 1));
    }
}
