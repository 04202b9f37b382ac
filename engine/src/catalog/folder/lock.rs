//! The lock between processes that use one mesh folder.
//!
//! Start reading at [`Lock`].

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Failure, Result};

/// Tries, and the pause between them: five seconds in all, far longer than any append takes.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Held while it lives.
#[derive(Debug)]
pub(in crate::catalog) struct Lock(#[expect(dead_code, reason = "closing the file gives the lock back")] Option<File>);

impl Lock {
    /// Waits for writers to finish. Where no lock file can be made nobody writes, and nothing is locked.
    pub(super) fn shared(path: &Path) -> Result<Self> {
        match open(path) {
            Ok(file) => held(path, file, File::try_lock_shared),
            Err(_) => Ok(Self(None)),
        }
    }

    /// Waits for everybody to finish.
    pub(in crate::catalog) fn exclusive(path: &Path) -> Result<Self> {
        let file = open(path)
            .map_err(|error| Error::unavailable(path.display().to_string(), "the lock file cannot be made", error))?;
        held(path, file, File::try_lock)
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path)
}

fn held(path: &Path, file: File, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Lock> {
    for _ in 0..TRIES {
        match lock(&file) {
            Ok(()) => return Ok(Lock(Some(file))),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => {
                return Err(Error::unavailable(path.display().to_string(), "the lock cannot be taken", error));
            }
        }
    }
    let message = "another process holds the lock".to_owned();
    Err(Failure::Unavailable { what: path.display().to_string(), message, cause: None }.into())
}
