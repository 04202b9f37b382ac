//! Reading all contract files of a mesh folder, and adding new ones so that a crash leaves all or nothing.
//!
//! Start reading at [`scan`] and [`add`].

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use meshweave_contract::name::{ProductId, ProductName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::{CatalogProblem, Record};
use super::{NewFile, Sidecar, relative};

/// A folder of a domain that holds policies and no product.
const POLICIES: &str = "policies";
const SIDECAR: &str = ".schema.json";

/// Everything that was found.
pub(super) struct Scan {
    /// The hash of every file's path and content.
    pub(super) content: String,
    pub(super) records: Vec<Record>,
    pub(super) problems: Vec<CatalogProblem>,
}

/// The name of the file beside a contract.
pub(super) fn sidecar_name(id: &ProductId) -> String {
    format!("{}{SIDECAR}", id.version)
}

/// Reads every contract under `domains/`, except files of an append that was never finished.
pub(super) fn scan(mesh: &Path, unfinished: &[PathBuf]) -> io::Result<Scan> {
    let skip: HashSet<&PathBuf> = unfinished.iter().collect();
    let mut hash = Sha256::new();
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    feed(&mut hash, "mesh.yaml", &std::fs::read(mesh.join("mesh.yaml")).unwrap_or_default());
    for domain in folders(&mesh.join("domains"))? {
        let document = domain.join("domain.yaml");
        feed(&mut hash, &relative(mesh, &document), &std::fs::read(&document).unwrap_or_default());
        for product in folders(&domain)?.into_iter().filter(|p| !p.ends_with(POLICIES)) {
            let files: Vec<PathBuf> =
                entries(&product)?.into_iter().filter(|f| !skip.contains(f) && f.is_file()).collect();
            for file in &files {
                let place = relative(mesh, file);
                match std::fs::read(file) {
                    Ok(bytes) => {
                        feed(&mut hash, &place, &bytes);
                        let sidecar = sidecar_of(file, &files);
                        read(file, &place, bytes, sidecar.as_deref(), &mut records, &mut problems);
                    }
                    Err(error) => problems.push(problem(file, &place, format!("the file cannot be read: {error}"))),
                }
            }
        }
    }
    Ok(Scan { content: format!("sha256:{}", hex::encode(hash.finalize())), records, problems })
}

fn feed(hash: &mut Sha256, place: &str, bytes: &[u8]) {
    hash.update((place.len() as u64).to_be_bytes());
    hash.update(place);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The stem of a contract's file: its version. None for files that are no contracts.
fn version_text(file: &Path) -> Option<(String, bool)> {
    let name = file.file_name()?.to_str()?;
    if name.ends_with(SIDECAR) {
        return None;
    }
    let (stem, ending) = name.rsplit_once('.')?;
    match ending {
        "yaml" | "yml" => Some((stem.to_owned(), false)),
        "json" => Some((stem.to_owned(), true)),
        _ => None,
    }
}

fn sidecar_of(file: &Path, files: &[PathBuf]) -> Option<PathBuf> {
    let (version, _) = version_text(file)?;
    let path = file.with_file_name(format!("{version}{SIDECAR}"));
    files.contains(&path).then_some(path)
}

fn folder_name(path: Option<&Path>) -> &str {
    path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
}

fn problem(file: &Path, place: &str, message: String) -> CatalogProblem {
    let product = folder_name(file.parent());
    let domain = folder_name(file.parent().and_then(Path::parent));
    CatalogProblem { subject: format!("{domain}.{product}"), place: place.to_owned(), message }
}

fn read(
    file: &Path,
    place: &str,
    text: Vec<u8>,
    sidecar: Option<&Path>,
    records: &mut Vec<Record>,
    problems: &mut Vec<CatalogProblem>,
) {
    let Some((version, is_json)) = version_text(file) else { return };
    let name = match ProductName::new(folder_name(file.parent().and_then(Path::parent)), folder_name(file.parent())) {
        Ok(name) => name,
        Err(error) => return problems.push(problem(file, place, error.to_string())),
    };
    let version = match version.parse() {
        Ok(version) => version,
        Err(error) => {
            let message = format!("the file's name is no version such as 1.0.0: {error}");
            return problems.push(problem(file, place, message));
        }
    };
    let id = ProductId { name, version };
    let beside = match sidecar.map(|path| (path, read_sidecar(path))) {
        Some((path, Err(message))) => {
            problems.push(problem(file, &path.with_file_name(sidecar_name(&id)).display().to_string(), message));
            None
        }
        Some((_, Ok(beside))) => Some(beside),
        None => None,
    };
    records.push(Record {
        id,
        text,
        is_json,
        place: place.to_owned(),
        resolved: beside.as_ref().and_then(|s| s.resolved.clone()),
        hash: beside.as_ref().and_then(|s| s.hash.clone()).unwrap_or_default(),
        registered_at: beside.as_ref().and_then(|s| s.registered_at.clone()),
        registered_by: beside.and_then(|s| s.registered_by),
    });
}

fn read_sidecar(path: &Path) -> Result<Sidecar, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("the resolved columns cannot be read: {error}"))?;
    let sidecar: Sidecar =
        serde_json::from_slice(&bytes).map_err(|error| format!("the resolved columns cannot be read: {error}"))?;
    match &sidecar.resolved {
        Some(resolved) if resolved.v != 1 => {
            Err(format!("the resolved columns have format {}, which is newer than this program", resolved.v))
        }
        _ => Ok(sidecar),
    }
}

/// One file of an append, as the journal has it.
#[derive(Serialize, Deserialize)]
struct Announced {
    path: PathBuf,
    /// What it will hold, so that another file in its place is never mistaken for it.
    sha256: String,
}

fn announced(journal: &Path) -> Vec<Announced> {
    let text = std::fs::read(journal).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// The files of an append that was begun and not finished.
pub(super) fn read_journal(journal: &Path) -> Vec<PathBuf> {
    announced(journal).into_iter().map(|file| file.path).collect()
}

/// Takes back an append whose writer died; the lock is held.
pub(super) fn recover(mesh: &Path, journal: &Path) -> io::Result<()> {
    for file in announced(journal).iter().filter(|file| file.path.starts_with(mesh.join("domains"))) {
        if std::fs::read(&file.path).is_ok_and(|bytes| digest(&bytes) == file.sha256) {
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
