//! Adding files to a mesh folder so that a crash leaves all or nothing.
//!
//! Start reading at [`add`].

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::NewFile;

/// One file of an append, as the journal has it.
#[derive(Serialize, Deserialize)]
struct Announced {
    path: PathBuf,
    /// What it will hold, so that another file in its place is never mistaken for it.
    sha256: String,
}

impl Announced {
    /// Whether the file that lies there is the one that was announced.
    fn is_there(&self) -> bool {
        std::fs::read(&self.path).is_ok_and(|bytes| digest(&bytes) == self.sha256)
    }
}

fn announced(journal: &Path) -> Vec<Announced> {
    let text = std::fs::read(journal).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// The files of an append that was begun and not finished, as far as they are still what the append put there.
pub(super) fn read_journal(journal: &Path) -> Vec<PathBuf> {
    announced(journal).into_iter().filter(Announced::is_there).map(|file| file.path).collect()
}

/// Takes back an append whose writer died; the lock is held.
pub(super) fn recover(mesh: &Path, journal: &Path) -> io::Result<()> {
    for file in announced(journal).iter().filter(|file| file.path.starts_with(mesh.join("domains"))) {
        if file.is_there() {
            remove(&file.path)?;
        }
        remove(&hidden(&file.path))?;
    }
    remove(journal)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The name under which a file is written before it appears.
fn hidden(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Adds files, all or nothing; the lock is held and none of them exists.
pub(super) fn add(mesh: &Path, journal: &Path, files: &[NewFile]) -> io::Result<()> {
    let announced: Vec<Announced> =
        files.iter().map(|f| Announced { path: f.path.clone(), sha256: digest(&f.bytes) }).collect();
    write_synced(&journal.with_extension("tmp"), &serde_json::to_vec(&announced)?)?;
    std::fs::rename(journal.with_extension("tmp"), journal)?;
    let linked = files.iter().try_for_each(|file| {
        if let Some(folder) = file.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_synced(&hidden(&file.path), &file.bytes)?;
        std::fs::hard_link(hidden(&file.path), &file.path)
    });
    if let Err(error) = linked {
        recover(mesh, journal)?;
        return Err(error);
    }
    for file in files {
        remove(&hidden(&file.path))?;
        sync_folder(file.path.parent())?;
    }
    // From here on the files count.
    remove(journal)?;
    sync_folder(journal.parent())
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    folder.map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
