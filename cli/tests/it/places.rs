//! Meshes that a test makes for itself: written by the generators, registered by the binary.

use std::path::Path;

use meshweave_testdata::demo::{self, Options};

use crate::mesh::path;
use crate::meshweave::{self, Ran};

/// A mesh in a folder, and what its domains' credentials are called.
pub(crate) struct Made {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Made {
    /// Writes a mesh and registers all of its contracts with the binary.
    pub(crate) fn new(options: &Options, variables: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mesh = runtime.block_on(demo::write_mesh(&folder.path().join("mesh"), options)).unwrap();
        let made = Self { folder, variables };
        let contracts = made.mesh().join("contracts");
        made.run(&["--as", &mesh.registrar, "register", path(&contracts)]).ok();
        made
    }

    /// The mesh folder.
    pub(crate) fn mesh(&self) -> std::path::PathBuf {
        self.folder.path().join("mesh")
    }

    /// A folder beside the mesh, for whatever a test writes.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The binary on this mesh, with the credentials in its environment.
    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mesh = self.mesh();
        let mut all = vec!["--mesh", path(&mesh)];
        all.extend(args);
        let mut command = meshweave::command(&all);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary on this mesh.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        meshweave::finish(&mut self.command(args))
    }
}
