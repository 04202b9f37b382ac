//! Lists the files below a folder.
//!
//! In: a folder, and its path in the store. Out: its files and those of all folders below, any order, a bounded number at a time.
//! Holds always: the same objects as the library's own listing, whose two turns of a waiting thread for every folder cost more than the
//! listing itself. Links are followed; one that leads nowhere, and what vanishes meanwhile, is passed over; one that leads back to a
//! folder above it is an error.
//!
//! Start reading at [`Walk::next`].

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::path::Path;
use object_store::{ObjectMeta, Result};
use rustix::fs::{AtFlags, Dir, DirEntry, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::retry_on_intr;

use super::at_hand::{self, Look};
use super::read::{Seen, described, failed};

/// How folders are opened.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A listing under way.
#[derive(Debug)]
pub(super) struct Walk {
    /// Folders that are open, outermost first.
    open: Vec<Folder>,
    /// What was read of the innermost folder and not looked at yet.
    held: Option<DirEntry>,
}

#[derive(Debug)]
struct Folder {
    entries: Dir,
    /// For errors.
    path: PathBuf,
    location: Path,
    /// Device and inode.
    identity: (u64, u64),
}

/// What only somebody who may wait can look at.
struct Elsewhere;

impl Folder {
    /// A file among the entries of a folder at hand; none for what is no object, or is there no more.
    fn at_hand(&self, entry: &DirEntry) -> Result<Option<ObjectMeta>, Elsewhere> {
        let within = self.entries.fd().map_err(|_| Elsewhere)?;
        let text = entry.file_name().to_str().map_err(|_| Elsewhere)?;
        match at_hand::look(within, entry.file_name(), self.identity.0) {
            Look::File(_) if is_upload(text) => Ok(None),
            Look::File(seen) => Ok(Some(described(&seen, below(&self.location, text).map_err(|_| Elsewhere)?))),
            Look::Gone => Ok(None),
            Look::Elsewhere => Err(Elsewhere),
        }
    }
}

/// Opens a folder, links followed.
pub(super) fn open(path: &FilePath) -> std::io::Result<File> {
    Ok(retry_on_intr(|| rustix::fs::open(path, FOLDER, Mode::empty()))?.into())
}

impl Walk {
    /// A listing of an open folder, whose disk is met by it.
    ///
    /// - `path`: its path, for errors.
    /// - `location`: what it is called in the store.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn new(folder: File, path: PathBuf, location: Path) -> Result<Self> {
        let mut walk = Self { open: Vec::new(), held: None };
        let seen = fstat(&folder).map_err(failed)?;
        at_hand::met(&folder, seen.st_dev);
        walk.enter(Dir::new(folder), path, location, &seen)?;
        Ok(walk)
    }

    /// At most so many further files, and whether that was all.
    pub(super) fn take(&mut self, most: usize) -> (VecDeque<Result<ObjectMeta>>, bool) {
        let mut found = VecDeque::new();
        while found.len() < most {
            match self.next() {
                Some(file) => found.push_back(file),
                None => return (found, true),
            }
        }
        (found, false)
    }

    /// The files among so many entries of a folder at hand, up to what may lead elsewhere, which is left for a further turn.
    pub(super) fn take_at_hand(&mut self, most: usize) -> (VecDeque<Result<ObjectMeta>>, bool) {
        let mut found = VecDeque::new();
        for _ in 0..most {
            let Some(folder) = self.open.last_mut() else { return (found, true) };
            match folder.entries.read() {
                Some(Ok(entry)) if is_self(&entry) => {}
                Some(Ok(entry)) => match folder.at_hand(&entry) {
                    Ok(Some(file)) => found.push_back(Ok(file)),
                    Ok(None) => {}
                    Err(Elsewhere) => {
                        self.held = Some(entry);
                        return (found, false);
                    }
                },
                rest => {
                    let looked = self.look(rest);
                    found.extend(self.unless_failed(looked));
                }
            }
        }
        (found, self.open.is_empty())
    }

    /// The next file; none after the last one.
    fn next(&mut self) -> Option<Result<ObjectMeta>> {
        let step = self.step();
        self.unless_failed(step)
    }

    /// After an error there is nothing more.
    fn unless_failed(&mut self, looked: Result<Option<ObjectMeta>>) -> Option<Result<ObjectMeta>> {
        if looked.is_err() {
            self.open.clear();
        }
        looked.transpose()
    }

    fn step(&mut self) -> Result<Option<ObjectMeta>> {
        while let Some(folder) = self.open.last_mut() {
            let entry = self.held.take().map(Ok).or_else(|| folder.entries.read());
            if let Some(file) = self.look(entry)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Looks at what was read of the innermost folder: gives a file, enters a folder, leaves this one after its last entry.
    fn look(&mut self, entry: Option<rustix::io::Result<DirEntry>>) -> Result<Option<ObjectMeta>> {
        let (Some(entry), Some(folder)) = (entry.transpose().map_err(failed)?, self.open.last()) else {
            self.open.pop();
            return Ok(None);
        };
        if is_self(&entry) {
            return Ok(None);
        }
        let name = entry.file_name();
        let within = folder.entries.fd().map_err(failed)?;
        let seen = retry_on_intr(|| statat(within, name, AtFlags::empty()));
        let Some(seen) = present(seen.map_err(Into::into))? else { return Ok(None) };
        let Ok(text) = name.to_str() else {
            let path = folder.path.join(name.to_string_lossy().as_ref());
            let message = format!("the name of {} is not valid UTF-8 text", path.display());
            return Err(failed(IoError::new(ErrorKind::InvalidData, message)));
        };
        let location = below(&folder.location, text)?;
        match FileType::from_raw_mode(seen.st_mode) {
            FileType::Directory => {
                let opened = retry_on_intr(|| openat(within, name, FOLDER, Mode::empty())).map_err(Into::into);
                let path = folder.path.join(text);
                if let Some(opened) = present(opened)? {
                    self.enter(Dir::new(opened), path, location, &seen)?;
                }
            }
            FileType::RegularFile if !is_upload(text) => return Ok(Some(described(&shown(&seen), location))),
            _ => {}
        }
        Ok(None)
    }

    fn enter(&mut self, entries: rustix::io::Result<Dir>, path: PathBuf, location: Path, seen: &Stat) -> Result<()> {
        let identity = (seen.st_dev, seen.st_ino);
        if self.open.iter().any(|folder| folder.identity == identity) {
            let message = format!("the link {} leads back to a folder above it", path.display());
            return Err(failed(IoError::new(ErrorKind::InvalidInput, message)));
        }
        self.open.push(Folder { entries: entries.map_err(failed)?, path, location, identity });
        Ok(())
    }
}

/// Whether it is the folder itself or the one above it.
fn is_self(entry: &DirEntry) -> bool {
    matches!(entry.file_name().to_bytes(), b"." | b"..")
}

fn shown(found: &Stat) -> Seen {
    let size = u64::try_from(found.st_size).unwrap_or(0);
    seen(found.st_ino, size, found.st_mtime, found.st_mtime_nsec)
}

/// What a look at a file shows.
///
/// - `seconds`, `nanos`: since 1970, of its last change; the first may be before.
pub(super) fn seen(inode: u64, size: u64, seconds: i64, nanos: u64) -> Seen {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second: SystemTime = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
    Seen { inode, size, modified: second + Duration::from_nanos(nanos) }
}

/// What is there; none when it is not, or is not what it was when its folder was read.
pub(super) fn present<T>(found: std::io::Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn below(folder: &Path, name: &str) -> Result<Path> {
    let path = if folder.is_root() { name.to_owned() } else { format!("{folder}/{name}") };
    Ok(Path::parse(path)?)
}

/// Files that the library writes before it gives them their name: `name#1`.
fn is_upload(name: &str) -> bool {
    let end = name.split_once('#').map(|(_, end)| end);
    end.is_some_and(|end| !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;

    use super::*;

    fn ours(folder: &std::path::Path) -> Vec<ObjectMeta> {
        let all = listed(folder, 0);
        assert_eq!(listed(folder, 2), all);
        assert_eq!(listed(folder, 100), all);
        all
    }

    /// The files of a folder, two in a turn after a look at so many entries at hand.
    fn listed(folder: &std::path::Path, at_hand: usize) -> Vec<ObjectMeta> {
        let location = Path::from_absolute_path(folder).unwrap();
        let Some(opened) = present(open(folder)).unwrap() else { return Vec::new() };
        let mut walk = Walk::new(opened, folder.to_owned(), location.clone()).unwrap();
        let (found, mut is_all) = walk.take_at_hand(at_hand);
        let mut found: Vec<ObjectMeta> = found.into_iter().map(Result::unwrap).collect();
        assert!(found.len() <= at_hand);
        assert!(found.iter().all(|file| file.location.parts().count() == location.parts().count() + 1), "{found:?}");
        while !is_all {
            let (some, is_end) = walk.take(2);
            assert!(some.len() <= 2);
            found.extend(some.into_iter().map(Result::unwrap));
            is_all = is_end;
        }
        found.sort_by(|a, b| a.location.cmp(&b.location));
        found
    }

    #[tokio::test]
    async fn a_folder_holds_what_the_library_lists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in
            ["a.parquet", "dt=2024-01-01/b c.parquet", "dt=ä%20/x#y", "deep/er/c", ".hidden/d", "e#1", "f#", "empty/"]
        {
            let path = root.join(name);
            std::fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
            if !name.ends_with('/') {
                std::fs::write(&path, name).unwrap();
            }
        }
        std::os::unix::fs::symlink(root.join("deep"), root.join("linked")).unwrap();
        std::os::unix::fs::symlink(root.join("a.parquet"), root.join("again")).unwrap();
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("broken")).unwrap();
        let location = Path::from_absolute_path(&root).unwrap();
        let mut theirs: Vec<ObjectMeta> = LocalFileSystem::new().list(Some(&location)).try_collect().await.unwrap();
        theirs.sort_by(|a, b| a.location.cmp(&b.location));
        assert!(theirs.len() > 7, "{theirs:?}");
        assert_eq!(ours(&root), theirs);
    }

    #[test]
    fn plain_files_alone_need_no_further_turn() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c#1"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let walk = || Walk::new(open(folder.path()).unwrap(), folder.path().to_owned(), Path::from("t")).unwrap();
        // With the folder itself, the one above it, and the end.
        let (found, is_all) = walk().take_at_hand(6);
        assert!(is_all && found.len() == 2, "{found:?}");
        let (found, is_all) = walk().take_at_hand(2);
        assert!(!is_all && found.len() <= 2, "every entry counts: {found:?}");
        std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).unwrap();
        std::fs::create_dir(folder.path().join("below")).unwrap();
        let mut walk = walk();
        let (found, is_all) = walk.take_at_hand(9);
        assert!(!is_all && found.len() <= 2, "{found:?}");
        assert_eq!(found.len() + walk.take(9).0.len(), 3);
    }

    #[test]
    fn nothing_lies_in_a_file_or_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "a").unwrap();
        assert!(ours(&folder.path().join("a")).is_empty());
        assert!(ours(&folder.path().join("none")).is_empty());
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("round")).unwrap();
        let opened = open(folder.path()).unwrap();
        let mut walk = Walk::new(opened, folder.path().to_owned(), Path::from("a")).unwrap();
        let (found, is_all) = walk.take(10);
        assert!(is_all && found.len() == 1 && found[0].is_err(), "{found:?}");
    }
}
