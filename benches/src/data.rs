//! The mesh that is measured: written and registered once, then used again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use meshweave_engine::catalog::register::Registration;
use meshweave_testdata::demo::{self, Options};

use crate::{Choice, mesh};

/// What stands beside a mesh that is ready to be measured.
const READY: &str = "bench-ready";

/// Gives the folder of the mesh of this scale; makes it when it is not there.
///
/// # Errors
/// When it cannot be written or a contract is refused.
pub(crate) fn prepare(choice: &Choice) -> Result<PathBuf> {
    let dir = choice.dir.join(format!("sf{}", choice.scale));
    if dir.join(READY).exists() {
        return Ok(dir);
    }
    if dir.exists() {
        std::fs::remove_dir_all(&dir).context("a half-made mesh cannot be removed")?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(make(&dir, choice.scale))?;
    std::fs::write(dir.join(READY), "")?;
    Ok(dir.canonicalize()?)
}

async fn make(dir: &Path, scale: f64) -> Result<()> {
    let options = Options { scale: Some(scale), orders: None, ..Options::default() };
    let written = demo::write_mesh(dir, &options).await?;
    let engine = mesh::open(dir, 2).await?;
    register(&engine, &written.contracts, &written.registrar).await
}

/// Registers contracts one after the other.
pub(crate) async fn register(engine: &meshweave_engine::Engine, contracts: &[PathBuf], registrar: &str) -> Result<()> {
    let ctx = mesh::context(registrar)?;
    for file in contracts {
        let registration = Registration {
            text: std::fs::read(file)?,
            file: file.display().to_string(),
            contracts: Vec::new(),
            storage: None,
            dry_run: false,
        };
        engine.register(&ctx, &registration).await.with_context(|| file.display().to_string())?;
    }
    Ok(())
}
