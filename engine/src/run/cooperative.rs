//! Joins that yield.
//!
//! DataFusion makes leaves and exchanges yield to the scheduler and trusts that whatever stands above reads from them
//! again soon. A join that makes many batches out of one does not: below an aggregate, which asks for the next batch
//! until there is none, neither the deadline nor a cancellation would be looked at for as long as the join has rows.
//!
//! Start reading at [`YieldingJoins`].

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result as DfResult;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;

/// Puts a [`CooperativeExec`] above every node that can make many batches out of one.
#[derive(Debug)]
pub(super) struct YieldingJoins;

impl YieldingJoins {
    /// These rules, and this one after DataFusion's own that does the same for leaves: the last place where the plan may
    /// still change, since the rules after it tie dynamic filters to its nodes.
    pub(super) fn among(
        rules: &[Arc<dyn PhysicalOptimizerRule + Send + Sync>],
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let theirs = EnsureCooperative::new();
        let mut all = rules.to_vec();
        let after = all.iter().position(|rule| rule.name() == theirs.name()).map_or(all.len(), |place| place + 1);
        all.insert(after, Arc::new(Self));
        all
    }
}

impl PhysicalOptimizerRule for YieldingJoins {
    fn name(&self) -> &'static str {
        "YieldingJoins"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(yielding(&plan)?.unwrap_or(plan))
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with nodes that yield put in; none when it needs none.
///
/// What is above such a node may keep its properties instead of computing them again, the most of what a change of a plan costs: to
/// yield changes neither the columns nor the order nor the partitions of what comes from below.
fn yielding(node: &Arc<dyn ExecutionPlan>) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
    let children = node.children();
    let changed = children.iter().map(|child| yielding(child)).collect::<DfResult<Vec<_>>>()?;
    let rebuilt = match changed.iter().any(Option::is_some) {
        true => {
            let both = changed.into_iter().zip(children);
            let children = both.map(|(changed, child)| changed.unwrap_or_else(|| Arc::clone(child))).collect();
            let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            Some(Arc::clone(node).replace_children(children, keep)?)
        }
        false => None,
    };
    if !multiplies(node.as_ref()) {
        return Ok(rebuilt);
    }
    let node = rebuilt.unwrap_or_else(|| Arc::clone(node));
    Ok(Some(Arc::new(CooperativeExec::new(node))))
}

/// Whether a node can give more batches than it reads.
fn multiplies(node: &dyn ExecutionPlan) -> bool {
    // A join that only keeps or drops the rows of one side gives no more than it was given.
    let pairs = |join: &HashJoinExec| {
        matches!(join.join_type(), JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full)
    };
    node.downcast_ref::<HashJoinExec>().is_some_and(pairs)
        || node.is::<CrossJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<PiecewiseMergeJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<UnnestExec>()
}
