//! A node that counts the rows of the one it stands for, and looks like it in every plan that is shown.
//!
//! Start reading at [`Counted`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

/// See the file's head. It comes after the optimizer, when a plan does not change any more.
#[derive(Debug)]
struct Counted {
    node: Arc<dyn ExecutionPlan>,
    rows: Arc<AtomicU64>,
}

/// A physical plan.
type Plan = Arc<dyn ExecutionPlan>;

/// The same plan, and the rows that its statement will have given; none when it analyzes no statement.
pub(crate) fn counted(plan: Plan) -> Result<(Plan, Option<Arc<AtomicU64>>)> {
    let Some(analyze) = plan.downcast_ref::<AnalyzeExec>() else { return Ok((plan, None)) };
    let rows = Arc::<AtomicU64>::default();
    let node = Counted { node: Arc::clone(analyze.input()), rows: Arc::clone(&rows) };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Ok((plan.replace_children(vec![Arc::new(node)], options)?, Some(rows)))
}

impl DisplayAs for Counted {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt_as(form, f)
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &str {
        self.node.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.node.as_ref())
    }

    fn schema(&self) -> SchemaRef {
        self.node.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.node.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.node.maintains_input_order()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.node.children()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.node.apply_expressions(visit)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let node = Arc::clone(&self.node).replace_children(children, options)?;
        Ok(Arc::new(Self { node, rows: Arc::clone(&self.rows) }))
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let stream = self.node.execute(partition, task)?;
        let rows = Arc::clone(&self.rows);
        let schema = stream.schema();
        let counting = stream.inspect(move |batch| {
            if let Ok(batch) = batch {
                rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counting)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.node.metrics()
    }
}
