//! Where the mesh is: as it was named, or the nearest one.
//!
//! Start reading at [`folder`].

use std::path::{Path, PathBuf};

use meshweave_engine::{Error, Result};

use crate::{fault, folder_of};

/// The document that makes a folder a mesh.
pub const MESH_FILE: &str = "mesh.yaml";

/// The current folder.
///
/// # Errors
/// It was removed, or may not be looked at.
pub fn here() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| fault::file(Path::new("."), "finding this folder", error))
}

/// The URL of a mesh in a bucket, when one was named.
pub fn bucket(named: Option<&Path>) -> Option<String> {
    let named = named?.to_str()?;
    ["s3://", "s3a://"].iter().any(|scheme| named.starts_with(scheme)).then(|| named.to_owned())
}

/// The folder for copies of a bucket's objects: one per URL, in the user's cache.
#[expect(clippy::disallowed_methods, reason = "it reads the environment for the doors")]
pub(crate) fn copies_of(url: &str) -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let Some(cache) = cache else {
        let hint = "Name a folder in `catalog.bucket.copies`, or set XDG_CACHE_HOME or HOME.";
        return Err(fault::unusable(url, "there is no folder for copies of its objects", hint));
    };
    let name: String = url.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(cache.join("meshweave").join("buckets").join(name))
}

/// The folder's absolute path: a process may change its own folder, and the mesh stays where it is.
///
/// # Errors
/// The current folder cannot be found.
pub fn absolute(mesh: &Path) -> Result<PathBuf> {
    std::path::absolute(mesh).map_err(|error| fault::file(mesh, "finding the mesh", error))
}

/// The mesh folder: as named, else the current folder or its nearest parent that holds `mesh.yaml`.
///
/// # Errors
/// There is none; the hint says how to name or make one.
pub fn folder(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(url) = bucket(named) {
        let hint = "Name a folder with --mesh, or the files themselves.";
        return Err(fault::unusable(url, "this command needs a mesh folder, not a bucket", hint));
    }
    match named {
        Some(named) => at(named),
        None => {
            let here = here()?;
            nearest(&here).ok_or_else(|| no_mesh(&here))
        }
    }
}

/// A mesh that was named by its folder or by its document.
fn at(named: &Path) -> Result<PathBuf> {
    if named.join(MESH_FILE).is_file() {
        return Ok(named.to_path_buf());
    }
    if named.is_file() && named.file_name().is_some_and(|name| name == MESH_FILE) {
        return Ok(folder_of(named).to_path_buf());
    }
    let what = if named.is_dir() { format!("holds no {MESH_FILE}") } else { "is not a folder".to_owned() };
    let hint = format!("A mesh is a folder with a {MESH_FILE}; `meshweave demo` makes one to try.");
    Err(fault::unusable(named.display().to_string(), what, hint))
}

/// The nearest folder at or above `from` that holds `mesh.yaml`.
fn nearest(from: &Path) -> Option<PathBuf> {
    from.ancestors().find(|folder| folder.join(MESH_FILE).is_file()).map(Path::to_path_buf)
}

fn no_mesh(here: &Path) -> Error {
    let hint = match nearby(here) {
        Some(name) => format!("The folder {name} here is a mesh: add `--mesh {name}`, or set MESHWEAVE_MESH."),
        None => "Name the mesh with --mesh PATH or MESHWEAVE_MESH; `meshweave demo` makes one to try.".to_owned(),
    };
    let what = format!("neither this folder nor a parent holds a {MESH_FILE}");
    fault::unusable(here.display().to_string(), what, hint)
}

/// The first folder directly below `here` that is a mesh, by name.
fn nearby(here: &Path) -> Option<String> {
    let mut names: Vec<_> = std::fs::read_dir(here)
        .ok()?
        .flatten()
        .filter(|child| child.path().join(MESH_FILE).is_file())
        .map(|child| child.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_parent_with_a_mesh_document_is_the_mesh() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("domains/commerce");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(nearest(&below).filter(|found| found.starts_with(folder.path())), None);
        std::fs::write(folder.path().join(MESH_FILE), "").unwrap();
        assert_eq!(nearest(&below), Some(folder.path().to_path_buf()));
        assert_eq!(at(&folder.path().join(MESH_FILE)).unwrap(), folder.path());
    }

    #[test]
    fn a_folder_without_a_mesh_points_at_one_nearby() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("meshweave-demo")).unwrap();
        assert_eq!(nearby(folder.path()), None);
        std::fs::write(folder.path().join("meshweave-demo").join(MESH_FILE), "").unwrap();
        assert_eq!(nearby(folder.path()).as_deref(), Some("meshweave-demo"));
    }
}
