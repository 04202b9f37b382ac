//! What stands between deltalake's scan and the rest of a plan, and keeps three of its habits from reaching a caller.
//!
//! In: deltalake's physical scan. Out: the same rows, partitions and order.
//! Holds always:
//! - no predicate on a floating point column goes below: footers and logs leave NaN out of their bounds, so pruning by them loses
//!   rows; predicates on other columns, dynamic ones too, go through;
//! - statistics have the types of the columns; those of floating point columns are not told;
//! - a failure of storage is the product's, though the Parquet reader turned it into text on its way.
//!
//! Start reading at [`Guard`].

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs,
};
use futures::StreamExt;

use super::store::Failed;
use crate::common::find;

/// See the file's head.
#[derive(Debug)]
pub(super) struct Guard {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    failed: Failed,
}

impl Guard {
    /// Stands above `input`.
    ///
    /// - `failed`: where the table's store keeps the first failure that it met.
    pub(super) fn new(input: Arc<dyn ExecutionPlan>, failed: Failed) -> Self {
        let properties = Arc::clone(input.properties());
        Self { input, properties, failed }
    }

    fn over(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self::new(input, self.failed.clone()))
    }

    fn told(&self, statistics: &Statistics) -> Statistics {
        let schema = self.schema();
        let columns = statistics.column_statistics.iter().zip(schema.fields());
        Statistics {
            num_rows: statistics.num_rows,
            total_byte_size: statistics.total_byte_size,
            column_statistics: columns.map(|(column, field)| column_told(column, field.data_type())).collect(),
        }
    }
}

/// A column's statistics in its own type; bounds of floating point columns are left out.
fn column_told(column: &ColumnStatistics, data_type: &DataType) -> ColumnStatistics {
    let mut told = column.clone();
    let bound = |bound: &Precision<ScalarValue>| match bound {
        _ if holds_floats(data_type) => Precision::Absent,
        Precision::Exact(value) => value.cast_to(data_type).map_or(Precision::Absent, Precision::Exact),
        Precision::Inexact(value) => value.cast_to(data_type).map_or(Precision::Absent, Precision::Inexact),
        Precision::Absent => Precision::Absent,
    };
    told.min_value = bound(&column.min_value);
    told.max_value = bound(&column.max_value);
    told.sum_value = Precision::Absent;
    told
}

/// Whether a value of the type can be, or hold, a NaN.
fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => holds_floats(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_floats(field.data_type())),
        DataType::Dictionary(_, value) => holds_floats(value),
        _ => false,
    }
}

/// The error as the product's: ours when it is inside, else the one that the store met, else as it is.
fn own(error: DataFusionError, failed: &Failed) -> DataFusionError {
    if find(&error).is_some() {
        return error;
    }
    failed.first().map_or(error, DataFusionError::from)
}

impl DisplayAs for Guard {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeltaGuard")
    }
}

impl ExecutionPlan for Guard {
    fn name(&self) -> &'static str {
        "DeltaGuard"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(child), true) => Ok(self.over(child)),
            _ => internal_err!("a guard stands above one scan"),
        }
    }

    fn repartitioned(&self, partitions: usize, config: &ConfigOptions) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        Ok(self.input.repartitioned(partitions, config)?.map(|input| self.over(input)))
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let failed = self.failed.clone();
        let input = self.input.execute(partition, task).map_err(|error| own(error, &failed))?;
        let schema = input.schema();
        let stream = input.map(move |batch| batch.map_err(|error| own(error, &failed)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let unknown = || Statistics::new_unknown(&self.schema());
        Ok(Arc::new(inputs.first().map_or_else(unknown, |input| self.told(input))))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        self.input.with_fetch(limit).map(|input| self.over(input))
    }

    fn fetch(&self) -> Option<usize> {
        self.input.fetch()
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let schema = self.schema();
        let allowed: HashSet<usize> =
            (0..schema.fields().len()).filter(|&index| !holds_floats(schema.field(index).data_type())).collect();
        let child = ChildFilterDescription::from_child_with_allowed_indices(&parent_filters, allowed, &self.input)?;
        Ok(FilterDescription::new().with_child(child))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(result))
    }
}
