//! Makes a mesh: a folder with documents, data and contracts that wait to be registered.
//!
//! In: [`Options`]. Out: the folder, and the list of contracts in the order of their registration ([`Mesh`]).
//! Holds always:
//! - nothing is registered here: that is the engine's work;
//! - what is written can be moved: local places are relative to the mesh folder.
//!
//! ```text
//! mesh.yaml  meshweave.yaml
//! domains/<domain>/domain.yaml
//! schemas/<domain>/…                Avro schemas that contracts name
//! data/<domain>/<product>/…         unless the domain lies elsewhere, see [`Place`]
//! contracts/NN-<domain>-<file>      to be registered in this order
//! ```
//!
//! Start reading at [`write_mesh`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

use crate::error::{Error, Result};
use crate::file::Files;
use crate::{shop, tpch};

mod document;

/// What the mesh shall hold.
#[derive(Debug, Clone)]
pub struct Options {
    /// TPC-H scale factor; none: no TPC-H.
    pub scale: Option<f64>,
    /// Orders of the shop; none: no shop.
    pub orders: Option<u64>,
    /// Whether every TPC-H table also comes as a Delta product.
    pub delta: bool,
    /// Files of each large table.
    pub files_per_table: u16,
    /// Domains whose data lies outside the mesh folder.
    pub places: BTreeMap<String, Place>,
}

impl Default for Options {
    fn default() -> Self {
        Self { scale: Some(0.01), orders: Some(4_000), delta: true, files_per_table: 4, places: BTreeMap::new() }
    }
}

/// A bucket prefix where one domain's data lies.
#[derive(Debug, Clone)]
pub struct Place {
    /// `s3://bucket/prefix`, without a slash at its end: what contracts and `domain.yaml` say.
    pub url: String,
    /// Writes there.
    pub store: Arc<dyn ObjectStore>,
    /// The prefix inside the store.
    pub prefix: ObjectPath,
    /// The endpoint that `domain.yaml` names; none for the provider's own.
    pub endpoint: Option<String>,
    /// Names of the environment variables that hold the access key's id and its secret.
    pub credentials: Option<(String, String)>,
}

/// A mesh as it was written.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// Its folder.
    pub dir: PathBuf,
    /// Its domains, sorted.
    pub domains: Vec<String>,
    /// Contracts to register, in this order.
    pub contracts: Vec<PathBuf>,
    /// Who may register all of them: `user@team,team,…`.
    pub registrar: String,
}

/// Every domain there can be, its owning team and the address of that team.
const DOMAINS: [(&str, &str); 10] = [
    ("analytics", "business-analytics"),
    ("commerce", "commerce-engineering"),
    ("crm", "customer-relations"),
    ("customer", "customer-analytics"),
    ("identity", "identity-platform"),
    ("inventory", "parts-inventory"),
    ("logistics", "logistics-engineering"),
    ("reference", "master-data"),
    ("sales", "sales-operations"),
    ("supply", "supplier-relations"),
];

/// A team that owns a product without owning its domain.
const FURTHER_TEAM: &str = "identity-security";

/// The local principal of the mesh: reads everything but the private product `identity.login_events`.
pub const ANALYST: &str = "analyst@analytics,commerce-engineering";

/// Makes a mesh in `dir`, which must not hold one yet.
///
/// Cost: a few seconds of one core at scale 0.01; about as long as the encoder takes at larger ones. Memory does not grow.
///
/// # Errors
/// [`Error::BadOptions`] for a scale that is not positive; [`Error::File`] when the folder cannot be written or has a `mesh.yaml`;
/// those of the stores.
pub async fn write_mesh(dir: &Path, options: &Options) -> Result<Mesh> {
    write_mesh_telling(dir, options, &|_, _| ()).await
}

/// The same, and tells what is being written.
///
/// - `told`: is called before each group of files with how many of [`products`] are written, and which is next.
///
/// # Errors
/// As [`write_mesh`].
pub async fn write_mesh_telling(dir: &Path, options: &Options, told: &Told<'_>) -> Result<Mesh> {
    check(options)?;
    let mut number = 0;
    let domains = domains(options);
    make_folder(dir)?;
    let documents = document::all(options, &domains);
    for (name, text) in &documents.fixed {
        write(&dir.join(name), text)?;
    }
    for domain in &domains {
        write_domain(dir, domain, options, &mut number, told).await?;
    }
    let contracts = documents.contracts.iter().map(|(name, text)| {
        let path = dir.join("contracts").join(name);
        write(&path, text).map(|()| path)
    });
    let contracts = contracts.collect::<Result<_>>()?;
    // Last of all: a folder without it is not a mesh, so a half-written one is never taken for one.
    write(&dir.join("mesh.yaml"), &documents.mesh)?;
    let domains = domains.into_iter().map(str::to_owned).collect();
    Ok(Mesh { dir: dir.to_owned(), domains, contracts, registrar: registrar() })
}

/// Hears what is being written: how many are done, and the name of the next.
pub type Told<'a> = dyn Fn(usize, &str) + Send + Sync + 'a;

/// How many groups of files a mesh has: each domain's of the shop, each table of TPC-H.
pub fn products(options: &Options) -> usize {
    domains(options).into_iter().map(|domain| of_domain(domain, options)).sum()
}

fn of_domain(domain: &str, options: &Options) -> usize {
    let tables = tpch::Table::ALL.into_iter().filter(|table| table.domain() == domain).count();
    usize::from(options.orders.is_some()) + if options.scale.is_some() { tables } else { 0 }
}

/// Writes the data of every domain below `prefix` of `store`: `<prefix>/<domain>/<product>/…`.
///
/// # Errors
/// As [`write_mesh`].
pub async fn write_data(store: &Arc<dyn ObjectStore>, prefix: &ObjectPath, options: &Options) -> Result<()> {
    check(options)?;
    for domain in domains(options) {
        write_domain_data(&Files::new(Arc::clone(store), prefix.clone().join(domain)), domain, options).await?;
    }
    Ok(())
}

/// Writes the data of one domain directly below `files`.
///
/// # Errors
/// As [`write_mesh`].
pub async fn write_domain_data(files: &Files, domain: &str, options: &Options) -> Result<()> {
    write_telling(files, domain, options, &mut 0, &|_, _| ()).await
}

async fn write_telling(
    files: &Files,
    domain: &str,
    options: &Options,
    number: &mut usize,
    told: &Told<'_>,
) -> Result<()> {
    if let Some(orders) = options.orders {
        told(*number, domain);
        *number += 1;
        shop::write_domain(files, domain, shop::Size { orders, files_per_table: options.files_per_table }).await?;
    }
    let Some(scale) = options.scale else { return Ok(()) };
    let size = tpch::Size { scale, files_per_table: options.files_per_table };
    for table in tpch::Table::ALL.into_iter().filter(|table| table.domain() == domain) {
        told(*number, &format!("{domain}.{}", table.name()));
        *number += 1;
        let written = tpch::write_table(files, table, size).await?;
        if options.delta {
            tpch::write_delta(files, table, &written).await?;
        }
    }
    Ok(())
}

/// Who may register every contract of a mesh that is made here: `user@team,team,…`.
pub fn registrar() -> String {
    let teams: Vec<&str> = DOMAINS.iter().map(|(_, team)| *team).chain([FURTHER_TEAM]).collect();
    format!("registrar@{}", teams.join(","))
}

async fn write_domain(dir: &Path, domain: &str, options: &Options, number: &mut usize, told: &Told<'_>) -> Result<()> {
    let files = match options.places.get(domain) {
        Some(place) => Files::new(Arc::clone(&place.store), place.prefix.clone()),
        None => {
            let data = dir.join("data").join(domain);
            make_empty_products(&data, domain, options)?;
            Files::new(Arc::new(LocalFileSystem::new_with_prefix(&data)?), ObjectPath::default())
        }
    };
    write_telling(&files, domain, options, number, told).await
}

/// Makes the folders that no file is written into.
fn make_empty_products(data: &Path, domain: &str, options: &Options) -> Result<()> {
    let is_empty_product = domain == "logistics" && options.orders.is_some();
    make_dirs(&if is_empty_product { data.join("returns/v1") } else { data.to_owned() })
}

/// The domains that the options ask for, sorted.
fn domains(options: &Options) -> Vec<&'static str> {
    let is_shop = |domain: &str| shop::DOMAINS.contains(&domain) || domain == "analytics";
    let is_tpch = |domain: &str| tpch::Table::ALL.iter().any(|table| table.domain() == domain);
    DOMAINS
        .iter()
        .map(|(domain, _)| *domain)
        .filter(|domain| options.orders.is_some() && is_shop(domain) || options.scale.is_some() && is_tpch(domain))
        .collect()
}

fn check(options: &Options) -> Result<()> {
    match options.scale {
        Some(scale) if !(scale.is_finite() && scale > 0.0) => {
            Err(Error::BadOptions(format!("the scale factor {scale} is not a positive number")))
        }
        _ if options.files_per_table == 0 => Err(Error::BadOptions("a table has one file at least".to_owned())),
        _ => Ok(()),
    }
}

fn make_folder(dir: &Path) -> Result<()> {
    make_dirs(dir)?;
    if dir.join("mesh.yaml").exists() {
        let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "there is a mesh already");
        return Err(Error::File { path: dir.display().to_string(), source });
    }
    Ok(())
}

fn make_dirs(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|source| Error::File { path: dir.display().to_string(), source })
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        make_dirs(folder)?;
    }
    std::fs::write(path, text).map_err(|source| Error::File { path: path.display().to_string(), source })
}
