//! Where bytes go: stdout, or a file that appears whole or not at all.
//!
//! Start reading at [`Sink`].

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshweave_engine::Failure;
use parking_lot::Mutex;

use crate::failure::{self, Fault, Outcome};

/// A place for bytes that remembers the first error of writing, whatever the encoder above makes of it.
#[derive(Debug)]
pub(crate) struct Sink {
    target: Target,
    trouble: Trouble,
}

/// The first error of a sink; shared with whoever wants to know after an encoder has swallowed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<io::Error>>>);

#[derive(Debug)]
enum Target {
    Stdout(BufWriter<io::Stdout>),
    File(Draft),
}

/// A file under another name, until it is whole; dropping it removes it.
#[derive(Debug)]
struct Draft {
    file: Option<BufWriter<File>>,
    draft: PathBuf,
    path: PathBuf,
}

impl Sink {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let target = Target::Stdout(BufWriter::with_capacity(64 << 10, io::stdout()));
        Self { target, trouble: Trouble::default() }
    }

    /// A file that takes its name when [`Self::commit`] is called. An existing file stays until then.
    ///
    /// # Errors
    /// The folder does not exist or may not be written; `path` is a folder.
    pub(crate) fn file(path: &Path) -> Outcome<Self> {
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            let hint = "Name a file, such as answer.parquet.";
            return Err(failure::unusable(path.display().to_string(), "is a folder", hint));
        };
        let draft = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = File::create(&draft).map_err(|error| failure::file(path, "writing the answer", error))?;
        let file = Some(BufWriter::with_capacity(256 << 10, file));
        let target = Target::File(Draft { file, draft, path: path.to_path_buf() });
        Ok(Self { target, trouble: Trouble::default() })
    }

    /// Whether the bytes go into a file.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.target, Target::File(_))
    }

    /// A handle on this sink's first error.
    pub(crate) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// Makes a fault of a write's error.
    pub(crate) fn check(&self, written: io::Result<()>) -> Outcome {
        written.map_err(|error| self.trouble.take().unwrap_or_else(|| write_failed(error)))
    }

    /// Flushes everything; a file takes its name now.
    ///
    /// # Errors
    /// The last bytes could not be written.
    pub(crate) fn commit(mut self) -> Outcome {
        let flushed = self.flush();
        self.check(flushed)?;
        match &mut self.target {
            Target::Stdout(_) => Ok(()),
            Target::File(draft) => draft.commit(),
        }
    }
}

impl Trouble {
    /// The first error as a fault, once.
    pub(crate) fn take(&self) -> Option<Fault> {
        self.0.lock().take().map(write_failed)
    }

    fn note(&self, error: &io::Error) {
        self.0.lock().get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
    }
}

impl Draft {
    fn commit(&mut self) -> Outcome {
        let named = |error| failure::file(&self.path, "writing the answer", error);
        if let Some(file) = self.file.take() {
            let file = file.into_inner().map_err(|error| named(error.into_error()))?;
            file.sync_all().map_err(named)?;
            std::fs::rename(&self.draft, &self.path).map_err(named)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Still here: it was never whole. After a commit there is nothing under this name.
        let _ = std::fs::remove_file(&self.draft);
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.target {
            Target::Stdout(stdout) => stdout.write(bytes),
            Target::File(draft) => draft.file.as_mut().map_or(Ok(0), |file| file.write(bytes)),
        };
        written.inspect_err(|error| self.trouble.note(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.target {
            Target::Stdout(stdout) => stdout.flush(),
            Target::File(draft) => draft.file.as_mut().map_or(Ok(()), Write::flush),
        };
        flushed.inspect_err(|error| self.trouble.note(error))
    }
}

fn write_failed(error: io::Error) -> Fault {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Fault::BrokenPipe;
    }
    let cause = Some(Arc::new(error) as _);
    Failure::Unavailable { what: "the output".to_owned(), message: "writing the answer failed".to_owned(), cause }
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();

        let mut dropped = Sink::file(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(dropped);
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");

        let mut whole = Sink::file(&path).unwrap();
        whole.write_all(b"whole").unwrap();
        whole.commit().unwrap();
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Sink::file(folder.path()).is_err());
        assert!(Sink::file(&folder.path().join("missing/a.csv")).is_err());
    }
}
