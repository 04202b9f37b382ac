//! Finds contract files: those that were named, and those in the folders that were named.
//!
//! Start reading at [`contracts`].

use std::path::{Path, PathBuf};

use meshweave_contract::parse::{self, Bundle, Text};
use meshweave_engine::Result;

use crate::find::MESH_FILE;
use crate::{fault, folder_of, settings};

/// Documents of a mesh that are not contracts.
const OTHER_DOCUMENTS: [&str; 3] = [MESH_FILE, "domain.yaml", settings::FILE];

/// Every contract file under `paths`, each once, folders in the order of their names.
///
/// A file that is named is taken as it is. In a folder, `*.yaml`, `*.yml` and `*.json` are taken, except the mesh's own
/// documents, resolved columns (`*.schema.json`) and what lies in hidden folders.
///
/// # Errors
/// A path that does not exist or cannot be read.
pub fn contracts(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, &mut found)?;
        } else {
            std::fs::metadata(path).map_err(|error| fault::file(path, "reading", error))?;
            found.push(path.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let named = |error| fault::file(folder, "reading the folder", error);
    let mut children = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(named)?;
    children.sort();
    for child in children {
        let name = child.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        // A table's own files may be JSON too; whoever keeps data beside contracts does not want them checked.
        if child.is_dir() && name != "_delta_log" {
            walk(&child, found)?;
        } else if is_contract(&name) {
            found.push(child);
        }
    }
    Ok(())
}

fn is_contract(name: &str) -> bool {
    let by_ending = [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
    by_ending && !name.ends_with(".schema.json") && !OTHER_DOCUMENTS.contains(&name)
}

/// Contract files that were read, for whoever puts them together to product versions.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// Those that were named, and those in the folders that were named.
    pub named: Vec<Text>,
    /// Those beside product documents that refer to contracts: in their folders, and in the folders that are named like them and
    /// end in `.contracts`.
    pub beside: Vec<Text>,
}

/// Every product version under `paths`: contract files, and product documents with the contracts that they refer to.
///
/// Contracts are looked for among `paths`, then beside each product document.
///
/// # Errors
/// A path that does not exist or cannot be read.
pub fn bundles(paths: &[PathBuf]) -> Result<Vec<Bundle>> {
    let Documents { named, beside } = documents(paths)?;
    Ok(parse::gather(&named, &beside))
}

/// The texts of everything that [`bundles`] looks at.
///
/// # Errors
/// As there.
pub fn documents(paths: &[PathBuf]) -> Result<Documents> {
    let named = contracts(paths)?;
    let documents = named.iter().map(|path| document(path)).collect::<Result<Vec<Text>>>()?;
    let mut near = Vec::new();
    for (path, _) in named.iter().zip(&documents).filter(|(_, document)| parse::refers(document)) {
        near.extend(beside(path)?.into_iter().filter(|other| !named.contains(other)));
    }
    near.sort();
    near.dedup();
    let beside = near.iter().map(|path| document(path)).collect::<Result<Vec<Text>>>()?;
    Ok(Documents { named: documents, beside })
}

/// The files in a document's folder, and in the folder of its contracts.
fn beside(path: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder_of(path);
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let own = path.with_file_name(format!("{stem}{}", parse::CONTRACTS));
    let mut found = Vec::new();
    for folder in [folder, &own].into_iter().filter(|folder| folder.is_dir()) {
        let named = |error| fault::file(folder, "reading the folder", error);
        for entry in std::fs::read_dir(folder).map_err(named)? {
            let child = entry.map_err(named)?.path();
            let name = child.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if is_contract(&name) && !name.starts_with('.') && child.is_file() {
                found.push(child);
            }
        }
    }
    Ok(found)
}

fn document(path: &Path) -> Result<Text> {
    Ok(Text { text: read(path)?, file: path.display().to_string() })
}

/// The bytes of a contract file.
///
/// # Errors
/// It cannot be read.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| fault::file(path, "reading the contract", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_contracts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        for path in [
            "mesh.yaml",
            "meshweave.yaml",
            "domains/a/domain.yaml",
            "domains/a/orders/1.0.0.yaml",
            "domains/a/orders/1.0.0.schema.json",
            "domains/a/items/1.0.0.json",
            "domains/.meshweave/x.yaml",
            "data/t/_delta_log/00000000000000000000.json",
            "readme.md",
        ] {
            write(path);
        }
        let found = contracts(&[folder.path().to_path_buf(), folder.path().join("mesh.yaml")]).unwrap();
        let found: Vec<_> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(found, ["domains/a/items/1.0.0.json", "domains/a/orders/1.0.0.yaml", "mesh.yaml"]);
        assert!(contracts(&[folder.path().join("missing.yaml")]).is_err());
    }
}
