//! Reads what was written with DataFusion and deltalake as they are.

use std::path::Path;

use arrow::array::RecordBatch;
use datafusion::execution::context::SessionContext;
use datafusion::prelude::{ParquetReadOptions, SessionConfig};
use deltalake::DeltaTable;
use url::Url;

/// A session that plans over four partitions, whatever machine it is on.
pub(crate) fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4))
}

/// Makes the Parquet files below `folder` readable as `name`.
pub(crate) async fn register(session: &SessionContext, name: &str, folder: &Path) {
    let options = ParquetReadOptions::default();
    session.register_parquet(name, folder.to_str().unwrap(), options).await.unwrap();
}

/// Opens a Delta table at a version, or at its newest.
pub(crate) async fn delta(folder: &Path, version: Option<i64>) -> DeltaTable {
    let url = Url::from_directory_path(folder.canonicalize().unwrap()).unwrap();
    let builder = deltalake::DeltaTableBuilder::from_url(url).unwrap();
    match version {
        Some(version) => builder.with_version(version.try_into().unwrap()).load().await.unwrap(),
        None => builder.load().await.unwrap(),
    }
}

/// Makes a Delta table readable as `name`.
pub(crate) async fn register_delta(session: &SessionContext, name: &str, folder: &Path, version: Option<i64>) {
    let table = delta(folder, version).await;
    session.register_table(name, table.table_provider().await.unwrap()).unwrap();
}

/// The answer of a query.
pub(crate) async fn rows(session: &SessionContext, sql: &str) -> Vec<RecordBatch> {
    session.sql(sql).await.unwrap().collect().await.unwrap()
}

/// The answer of a query, printed.
pub(crate) async fn text(session: &SessionContext, sql: &str) -> String {
    arrow::util::pretty::pretty_format_batches(&rows(session, sql).await).unwrap().to_string()
}

/// The only number of an answer.
pub(crate) async fn count(session: &SessionContext, sql: &str) -> i64 {
    let batches = rows(session, sql).await;
    let column = batches[0].column(0);
    arrow::array::AsArray::as_primitive::<arrow::datatypes::Int64Type>(column).value(0)
}
