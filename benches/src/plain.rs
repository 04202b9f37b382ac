//! Plain DataFusion over the same Parquet files: what the mesh is measured against.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use datafusion::common::TableReference;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::TryStreamExt as _;
use meshweave_testdata::tpch::Table;

/// A session in which every TPC-H table is called as its product.
///
/// # Errors
/// When the files cannot be read.
#[expect(clippy::disallowed_methods, reason = "the rival is DataFusion without a mesh")]
pub(crate) async fn open(dir: &Path, threads: usize) -> Result<SessionContext> {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    for table in Table::ALL {
        let (domain, name) = (table.domain(), table.name());
        session.sql(&format!("CREATE SCHEMA IF NOT EXISTS {domain}")).await?.collect().await?;
        let folder = dir.join("data").join(domain).join(name);
        let folder = folder.to_str().context("the mesh folder's name is not UTF-8")?.to_owned() + "/";
        session.register_parquet(TableReference::partial(domain, name), folder, ParquetReadOptions::default()).await?;
    }
    Ok(session)
}

/// The physical plan of a query.
///
/// # Errors
/// Those of DataFusion.
#[expect(clippy::disallowed_methods, reason = "the rival is DataFusion without a mesh")]
pub(crate) async fn plan(session: &SessionContext, sql: &str) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(session.sql(sql).await?.create_physical_plan().await?)
}

/// Runs a query to its end and counts its rows.
///
/// # Errors
/// Those of DataFusion.
#[expect(clippy::disallowed_methods, reason = "the rival is DataFusion without a mesh")]
pub(crate) async fn rows(session: &SessionContext, sql: &str) -> Result<u64> {
    let stream = session.sql(sql).await?.execute_stream().await?;
    let batches = stream.map_ok(|batch| batch.num_rows() as u64);
    Ok(batches.try_fold(0, |sum, rows| std::future::ready(Ok(sum + rows))).await?)
}
