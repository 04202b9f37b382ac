//! `mesh.drift`: where stored columns were found to differ from those of a contract.
//!
//! Holds always: a caller sees the drift of products that the caller may find.
//!
//! Start reading at [`DriftTable`].

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::log::QueryLog;
use crate::catalog::system;
use crate::state::DriftRecord;

/// The drift that a caller may see, read when a scan is planned.
#[derive(Debug)]
pub(crate) struct DriftTable {
    log: Arc<QueryLog>,
    schema: SchemaRef,
    visible: HashSet<String>,
}

impl DriftTable {
    /// - `visible`: the products that the caller may find, `domain.product`.
    pub(crate) fn new(log: &Arc<QueryLog>, visible: HashSet<String>) -> Self {
        let schema = system::schema_of(&system::columns("drift").unwrap_or_default());
        Self { log: Arc::clone(log), schema, visible }
    }
}

#[async_trait]
impl TableProvider for DriftTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let mut rows = self.log.drift().await.map_err(DataFusionError::from)?;
        rows.retain(|row| self.visible.contains(&row.product));
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), arrays(&rows))?;
        MemTable::try_new(Arc::clone(&self.schema), vec![vec![rows]])?.scan(session, projection, &[], limit).await
    }
}

/// The columns, in the order of [`system::columns`].
fn arrays(rows: &[DriftRecord]) -> Vec<ArrayRef> {
    let text =
        |of: fn(&DriftRecord) -> Option<&str>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let time = |of: fn(&DriftRecord) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)).with_timezone("UTC"))
    };
    vec![
        time(|row| row.last_at),
        time(|row| row.first_at),
        text(|row| row.product.split_once('.').map(|(domain, _)| domain)),
        text(|row| row.product.split_once('.').map(|(_, product)| product)),
        text(|row| Some(&row.version)),
        text(|row| Some(&row.table)),
        text(|row| Some(&row.pinned)),
        text(|row| Some(&row.column)),
        text(|row| Some(&row.change)),
        text(|row| row.promised.as_deref()),
        text(|row| row.stored.as_deref()),
        text(|row| Some(&row.done)),
        Arc::new(rows.iter().map(|row| Some(row.queries)).collect::<Int64Array>()),
    ]
}
