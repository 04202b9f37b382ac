//! Reading all contract files of a mesh folder; folders of products that did not change are not read again.
//!
//! Holds always:
//! - the files of one product are taken as they were together, or not at all;
//! - a folder is known again by the length, the times and the number of each of its files; one that was changed a moment ago is
//!   read again, for a second change may leave no other mark;
//! - with a time to settle, a file that was written to less than that ago replaces nothing yet.
//!
//! Start reading at [`scan`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use meshweave_contract::name::{ProductId, ProductName};
use meshweave_contract::parse::CONTRACTS;
use sha2::{Digest, Sha256};

use super::super::{CatalogProblem, PortContract, Record, ResolvedColumns};
use super::{Sidecar, relative};

/// A folder of a domain that holds policies and no product.
const POLICIES: &str = "policies";
const SIDECAR: &str = ".schema.json";
/// A file that was changed more recently may change again without a mark: clocks of file systems are coarse.
const COARSE: Duration = Duration::from_secs(2);
/// Folders that one thread takes at a time.
const CHUNK: usize = 64;

/// Everything that was found.
pub(in crate::catalog) struct Scan {
    /// The hash of every file's path and content.
    pub(in crate::catalog) content: String,
    pub(in crate::catalog) records: Vec<Record>,
    pub(in crate::catalog) problems: Vec<CatalogProblem>,
    /// Whether something is being written, and what was there before stands in its place.
    pub(in crate::catalog) waits: bool,
}

/// What was read before, by the product's folder.
pub(in crate::catalog) type Known = HashMap<PathBuf, Arc<Folder>>;

/// One product's folder as it was read.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Folder {
    stamps: Vec<(PathBuf, Stamp)>,
    /// Whether a file was so young that its stamp says nothing.
    young: bool,
    digests: Vec<(String, [u8; 32])>,
    records: Vec<Record>,
    problems: Vec<CatalogProblem>,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The file's number and the time of its last change of any kind, where the system has them.
    identity: (u64, i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0);
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok(), identity })
    }

    /// Whether it was written to less than `time` ago; a time in the future says nothing.
    fn is_younger_than(&self, time: Duration) -> bool {
        let age = self.modified.and_then(|at| at.elapsed().ok());
        age.is_some_and(|age| age < time)
    }
}

/// What one scan is told.
pub(in crate::catalog) struct Look<'l> {
    pub(in crate::catalog) mesh: &'l Path,
    /// Files of an append that was never finished; they do not count.
    pub(in crate::catalog) unfinished: &'l [PathBuf],
    /// What was read before.
    pub(in crate::catalog) known: &'l Known,
    /// How long a file must be left alone before it replaces another.
    pub(in crate::catalog) settle: Option<Duration>,
}

/// Reads every contract under `domains/`.
///
/// - returns what was found, and the folders as they were read.
///
/// Cost: the names and times of all files; the content of those that changed, on all processors.
pub(in crate::catalog) fn scan(look: &Look<'_>) -> io::Result<(Scan, Known)> {
    let mut hash = Sha256::new();
    let mesh = look.mesh;
    feed(&mut hash, "mesh.yaml", &digest(&std::fs::read(mesh.join("mesh.yaml")).unwrap_or_default()));
    let mut products = Vec::new();
    for domain in folders(&mesh.join("domains"))? {
        let document = domain.join("domain.yaml");
        feed(&mut hash, &relative(mesh, &document), &digest(&std::fs::read(&document).unwrap_or_default()));
        products.extend(folders(&domain)?.into_iter().filter(|p| !p.ends_with(POLICIES)));
    }
    let skip: HashSet<&PathBuf> = look.unfinished.iter().collect();
    let mut scan = Scan { content: String::new(), records: Vec::new(), problems: Vec::new(), waits: false };
    let mut known = Known::with_capacity(products.len());
    for (product, read) in products.iter().zip(all(look, &skip, &products)) {
        let (folder, waits) = read?;
        scan.waits |= waits;
        for (place, digest) in &folder.digests {
            feed(&mut hash, place, digest);
        }
        scan.records.extend(folder.records.iter().cloned());
        scan.problems.extend(folder.problems.iter().cloned());
        known.insert(product.clone(), folder);
    }
    scan.content = format!("files:{}", hex::encode(hash.finalize()));
    Ok((scan, known))
}

/// A folder, and whether it is being written to.
type Read = io::Result<(Arc<Folder>, bool)>;

/// Reads folders on all processors; the order stays.
fn all(look: &Look<'_>, skip: &HashSet<&PathBuf>, products: &[PathBuf]) -> Vec<Read> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = products.len().div_ceil(threads).max(CHUNK);
    let read = |product: &PathBuf| Folder::read(look, skip, product);
    if products.len() <= share {
        return products.iter().map(read).collect();
    }
    std::thread::scope(|scope| {
        let work: Vec<_> = products
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(read).collect::<Vec<Read>>()))
            .collect();
        let stopped = || vec![Err(io::Error::other("reading the catalog was stopped"))];
        work.into_iter().flat_map(|work| work.join().unwrap_or_else(|_| stopped())).collect()
    })
}

impl Folder {
    fn read(look: &Look<'_>, skip: &HashSet<&PathBuf>, product: &Path) -> Read {
        let files = files(product, skip)?;
        let known = look.known.get(product);
        // A file that goes away meanwhile is told of where it is read.
        let stamps: Vec<(PathBuf, Stamp)> =
            files.iter().filter_map(|file| Some((file.clone(), Stamp::of(file).ok()?))).collect();
        if let Some(known) = known.filter(|known| !known.young && known.stamps == stamps) {
            return Ok((Arc::clone(known), false));
        }
        if look.settle.is_some_and(|settle| is_being_written(&stamps, known.map(AsRef::as_ref), settle)) {
            return Ok((known.map(Arc::clone).unwrap_or_default(), true));
        }
        let mut folder =
            Self { young: stamps.iter().any(|(_, stamp)| stamp.is_younger_than(COARSE)), ..Self::default() };
        let mut contents = Contents::new();
        for file in &files {
            match std::fs::read(file) {
                Ok(bytes) => drop(contents.insert(file, bytes)),
                Err(error) => {
                    let place = relative(look.mesh, file);
                    folder.problems.push(problem(file, &place, format!("the file cannot be read: {error}")));
                }
            }
        }
        folder.take(look.mesh, &contents);
        folder.stamps = stamps;
        Ok((Arc::new(folder), false))
    }

    /// Adds what was read.
    fn take(&mut self, mesh: &Path, contents: &Contents<'_>) {
        for (file, bytes) in contents {
            let place = relative(mesh, file);
            self.digests.push((place.clone(), digest(bytes)));
            if file.parent().is_some_and(|parent| !is_contracts_folder(parent)) {
                self.record(file, &place, bytes, contents);
            }
        }
    }
}

/// Whether somebody may still be writing what is new here. What `register` adds lies there complete, with its columns beside it.
fn is_being_written(stamps: &[(PathBuf, Stamp)], known: Option<&Folder>, settle: Duration) -> bool {
    let before = |file: &Path| known.and_then(|known| known.stamps.iter().find(|(other, _)| other == file));
    let was_added = |file: &Path| {
        let beside = beside(file);
        beside.is_some_and(|beside| before(file).is_none() && stamps.iter().any(|(other, _)| *other == beside))
    };
    stamps.iter().any(|(file, stamp)| {
        let is_new = before(file).is_none_or(|(_, known)| known != stamp);
        is_new && version_text(file).is_some() && !was_added(file) && stamp.is_younger_than(settle)
    })
}

/// The files of a product's folder and of the folders of contracts in it, by name.
fn files(product: &Path, skip: &HashSet<&PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (path, is_folder) in entries(product)? {
        if !is_folder {
            files.push(path);
        } else if is_contracts_folder(&path) {
            files.extend(entries(&path)?.into_iter().filter(|(_, is_folder)| !is_folder).map(|(path, _)| path));
        }
    }
    files.retain(|file| !skip.contains(file));
    Ok(files)
}

fn is_contracts_folder(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().ends_with(CONTRACTS))
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn feed(hash: &mut Sha256, place: &str, digest: &[u8; 32]) {
    hash.update((place.len() as u64).to_be_bytes());
    hash.update(place);
    hash.update(digest);
}

/// The files of one product, each read once.
type Contents<'f> = BTreeMap<&'f PathBuf, Vec<u8>>;

/// What lies in a folder and is not hidden, by name, and whether it is a folder.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let is_folder = match entry.file_type()? {
            kind if kind.is_symlink() => path.is_dir(),
            kind => kind.is_dir(),
        };
        found.push((path, is_folder));
    }
    found.sort();
    Ok(found)
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|(_, is_folder)| *is_folder).map(|(path, _)| path).collect())
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

/// The name of the file beside a contract.
pub(super) fn sidecar_name(id: &ProductId) -> String {
    format!("{}{SIDECAR}", id.version)
}

/// The name of the folder of a product document's contracts.
pub(super) fn contracts_folder(id: &ProductId) -> String {
    format!("{}{CONTRACTS}", id.version)
}

/// The file beside a contract, or beside the product document that a contract belongs to, whether it is there or not.
fn beside(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    match folder_name(Some(folder)).strip_suffix(CONTRACTS) {
        Some(version) => Some(folder.with_file_name(format!("{version}{SIDECAR}"))),
        None => version_text(file).map(|(version, _)| file.with_file_name(format!("{version}{SIDECAR}"))),
    }
}

fn folder_name(path: Option<&Path>) -> &str {
    path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
}

fn problem(file: &Path, place: &str, message: String) -> CatalogProblem {
    let product = folder_name(file.parent());
    let domain = folder_name(file.parent().and_then(Path::parent));
    CatalogProblem { subject: format!("{domain}.{product}"), place: place.to_owned(), message }
}

impl Folder {
    /// Adds the record of one contract, with what lies beside it.
    fn record(&mut self, file: &Path, place: &str, text: &[u8], contents: &Contents<'_>) {
        let Some((version, is_json)) = version_text(file) else { return };
        let name = ProductName::new(folder_name(file.parent().and_then(Path::parent)), folder_name(file.parent()));
        let name = match name {
            Ok(name) => name,
            Err(error) => return self.problems.push(problem(file, place, error.to_string())),
        };
        let id = match version.parse() {
            Ok(version) => ProductId { name, version },
            Err(error) => {
                let message = format!("the file's name is no version such as 1.0.0: {error}");
                return self.problems.push(problem(file, place, message));
            }
        };
        let sidecar = beside(file).and_then(|path| contents.get(&path)).map(|bytes| read_sidecar(bytes));
        let sidecar = sidecar.and_then(|read| {
            let told = |message| problem(file, &place.replace(&file_name(file), &sidecar_name(&id)), message);
            read.map_err(|message| self.problems.push(told(message))).ok()
        });
        let sidecar = sidecar.unwrap_or_default();
        let contracts = self.contracts(file, &contracts_folder(&id), contents);
        self.records.push(Record {
            id,
            text: text.to_vec(),
            is_json,
            contracts,
            place: place.to_owned(),
            resolved: sidecar.resolved,
            hash: sidecar.hash.unwrap_or_default(),
            registered_at: sidecar.registered_at,
            registered_by: sidecar.registered_by,
        });
    }

    /// The contracts of a product document's ports, by the names of their files.
    fn contracts(&mut self, document: &Path, folder: &str, contents: &Contents<'_>) -> Vec<PortContract> {
        let folder = document.with_file_name(folder);
        let mut contracts = Vec::new();
        let is_one = |file: &Path| file.parent() == Some(&folder) && version_text(file).is_some();
        for (file, bytes) in contents.iter().filter(|(file, _)| is_one(file)) {
            match std::str::from_utf8(bytes) {
                Ok(text) => contracts.push(PortContract { name: file_name(file), text: text.to_owned() }),
                Err(error) => {
                    let place = format!("{}/{}", folder_name(Some(&folder)), file_name(file));
                    self.problems.push(problem(document, &place, format!("the contract cannot be read: {error}")));
                }
            }
        }
        contracts
    }
}

fn file_name(file: &Path) -> String {
    folder_name(Some(file)).to_owned()
}

fn read_sidecar(bytes: &[u8]) -> Result<Sidecar, String> {
    let sidecar: Sidecar =
        serde_json::from_slice(bytes).map_err(|error| format!("the resolved columns cannot be read: {error}"))?;
    match &sidecar.resolved {
        Some(resolved) if resolved.v > ResolvedColumns::NEWEST => {
            Err(format!("the resolved columns have format {}, which is newer than this program", resolved.v))
        }
        _ => Ok(sidecar),
    }
}
