//! The meshes that tests run on: one demo mesh that all share and none changes, and empty ones to register into.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::meshweave::{self, Ran};

/// TPC-H scale of the shared mesh.
pub(crate) const SCALE: &str = "0.001";

/// The shared demo mesh, made by `meshweave demo` of this very binary.
///
/// A lock and a stamp let several test processes share one mesh, and a new binary make it anew.
pub(crate) fn shared() -> &'static Path {
    static MESH: OnceLock<PathBuf> = OnceLock::new();
    MESH.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (mesh, stamp_file) = (place.join("shared-mesh"), place.join("shared-mesh.stamp"));
        let lock = File::create(place.join("shared-mesh.lock")).unwrap();
        lock.lock().unwrap();
        if std::fs::read_to_string(&stamp_file).ok() != Some(stamp()) || !mesh.join("mesh.yaml").is_file() {
            let _ = std::fs::remove_dir_all(&mesh);
            meshweave::run(&["demo", "--dir", path(&mesh), "--tpch", SCALE]).ok();
            std::fs::write(&stamp_file, stamp()).unwrap();
        }
        mesh
    })
}

/// Tells one build of the binary from another.
fn stamp() -> String {
    let metadata = std::fs::metadata(env!("CARGO_BIN_EXE_meshweave")).unwrap();
    format!("{:?} {}", metadata.modified().unwrap(), metadata.len())
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the binary on the shared mesh.
pub(crate) fn on_shared(args: &[&str]) -> Ran {
    let mut all = vec!["--mesh", path(shared())];
    all.extend(args);
    meshweave::run(&all)
}

/// A mesh of a test's own, gone when the test ends.
pub(crate) struct Mesh(pub(crate) TempDir);

impl Mesh {
    /// As [`empty`] makes it.
    pub(crate) fn empty() -> Self {
        Self(empty())
    }

    /// Runs a command on it.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut all = vec!["--mesh", path(self.0.path())];
        all.extend(args);
        meshweave::run(&all)
    }

    /// Writes a file of it, with its folders, and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let file = self.made(name);
        std::fs::write(&file, text).unwrap();
        path(&file).to_owned()
    }

    /// Writes the rows of a statement as one file below `data/shop`.
    pub(crate) fn store(&self, name: &str, sql: &str) {
        let file = self.made(&format!("data/shop/{name}"));
        on_shared(&["sql", sql, "--out", path(&file)]).ok();
    }

    /// The rows of a statement.
    pub(crate) fn rows(&self, sql: &str) -> serde_json::Value {
        self.run(&["sql", sql, "-o", "json"]).json()
    }

    fn made(&self, name: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        file
    }
}

/// A mesh with one domain, `shop`, owned by `shop-team`, whose member is the local principal; no product yet.
pub(crate) fn empty() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: small\ncatalog: { source: folder }\n");
    write("meshweave.yaml", "principal:\n  user: keeper\n  teams: [shop-team]\n");
    write(
        "domains/shop/domain.yaml",
        "apiVersion: meshweave/v1\nkind: Domain\nname: shop\n\
         owner: { team: shop-team, contact: shop@example.com }\n\
         storage:\n  - prefix: file://./data/shop/\n",
    );
    std::fs::create_dir_all(folder.path().join("data/shop")).unwrap();
    folder
}

/// A contract of `shop.<name>` with two columns, open to everyone, in the ODCS form.
pub(crate) fn contract(name: &str, version: &str) -> String {
    format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: urn:test:{name}:{version}\nname: {name}\nversion: {version}\n\
         status: active\ndomain: shop\ndataProduct: {name}\ndescription:\n  purpose: \"Things that are sold.\"\n\
         servers:\n  - {{ server: mesh, type: local, path: \"file://./data/shop/{name}/\", format: parquet }}\n\
         schema:\n  - name: {name}\n    physicalType: table\n    properties:\n\
         \x20     - {{ name: id, logicalType: integer, physicalType: BIGINT, required: true, primaryKey: true, \
         primaryKeyPosition: 1 }}\n\
         \x20     - {{ name: label, logicalType: string, physicalType: VARCHAR, required: false }}\n"
    )
}
