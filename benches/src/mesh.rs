//! The mesh as the benchmark opens it: the real engine over the real catalog and connectors.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use futures::TryStreamExt as _;
use meshweave_engine::engine::Parts;
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::{Engine, Principal, QueryContext, Statement};

/// Opens the mesh in `dir`.
///
/// # Errors
/// Those of [`Engine::open`].
pub(crate) async fn open(dir: &Path, threads: usize) -> Result<Arc<Engine>> {
    let mut settings = Settings::default();
    settings.limits.partitions = Some(threads);
    open_with(dir, settings).await
}

/// The same with settings of one's own.
///
/// # Errors
/// Those of [`Engine::open`].
pub(crate) async fn open_with(dir: &Path, settings: Settings) -> Result<Arc<Engine>> {
    let connectors = meshweave_connectors::all(&settings);
    let parts = Parts { mesh: dir.to_owned(), settings, connectors, policy: Arc::new(AccessBlockPolicy) };
    Ok(Engine::open(parts).await?)
}

/// A context of the one who may read everything that is measured.
///
/// # Errors
/// When the principal is not one.
pub(crate) fn analyst() -> Result<QueryContext> {
    context(meshweave_testdata::demo::ANALYST)
}

/// A context of `user@team,team`.
///
/// # Errors
/// When the principal is not one.
pub(crate) fn context(principal: &str) -> Result<QueryContext> {
    Ok(QueryContext::new(Principal::parse(principal).map_err(anyhow::Error::msg)?))
}

/// Runs a query to its end and counts its rows.
///
/// # Errors
/// Those of the engine.
pub(crate) async fn rows(engine: &Engine, sql: &str) -> Result<u64> {
    let answer = engine.query(&analyst()?, &Statement::new(sql)).await?;
    let batches = answer.stream.map_ok(|batch| batch.num_rows() as u64);
    Ok(batches.try_fold(0, |sum, rows| std::future::ready(Ok(sum + rows))).await?)
}
