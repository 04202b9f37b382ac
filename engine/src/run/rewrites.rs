//! Rewrites that few statements need, made only where they are needed.
//!
//! The JSON functions come with rewrites that read a value as what it is cast to, and comparisons with `ANY` and `ALL` of a subquery are
//! rewritten into subqueries that others know. DataFusion puts every statement through them, which costs a twentieth and a fiftieth of
//! planning a join of six tables; most statements hold neither.
//!
//! Start reading at [`as_needed`].

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::function_rewrite::ApplyFunctionRewrites;
use datafusion::optimizer::{AnalyzerRule, ApplyOrder, OptimizerConfig, OptimizerRule};

use super::in_lists::NullsInLists;

/// How the names of the JSON functions begin; their operators are calls, too, once they are planned.
const PREFIX: &str = "json_";

/// Applies the rewrites of the JSON functions to the plans that call one.
#[derive(Debug)]
struct JsonRewrites(ApplyFunctionRewrites);

/// Rewrites the comparisons with `ANY` and `ALL` of the plans that hold one.
#[derive(Debug)]
struct SetComparisons(Arc<dyn OptimizerRule + Send + Sync>);

/// The library's name of the rule that [`SetComparisons`] stands for.
const SET_COMPARISON: &str = "rewrite_set_comparison";

/// The state with the JSON functions; every plan becomes what the library makes of it, but for NULL in lists.
///
/// # Errors
/// Those of the library.
pub(super) fn as_needed(mut state: SessionState) -> DfResult<SessionState> {
    datafusion_functions_json::register_all(&mut state)?;
    let rewrites = JsonRewrites(ApplyFunctionRewrites::new(state.analyzer().function_rewrites.clone()));
    let ours: [Arc<dyn AnalyzerRule + Send + Sync>; 2] = [Arc::new(NullsInLists), Arc::new(rewrites)];
    let analyzing = ours.into_iter().chain(state.analyzer().rules.iter().cloned()).collect();
    let optimizing = state.optimizers().iter().map(|rule| match rule.name() {
        SET_COMPARISON => Arc::new(SetComparisons(Arc::clone(rule))) as Arc<dyn OptimizerRule + Send + Sync>,
        _ => Arc::clone(rule),
    });
    let optimizing = optimizing.collect();
    let builder = SessionStateBuilder::new_from_existing(state);
    Ok(builder.with_analyzer_rules(analyzing).with_optimizer_rules(optimizing).build())
}

impl AnalyzerRule for JsonRewrites {
    fn name(&self) -> &'static str {
        "json_rewrites"
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> DfResult<LogicalPlan> {
        if holds(&plan, calls_json)? { self.0.analyze(plan, options) } else { Ok(plan) }
    }
}

impl OptimizerRule for SetComparisons {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        if holds(&plan, |expr| matches!(expr, Expr::SetComparison(_)))? {
            self.0.rewrite(plan, config)
        } else {
            Ok(Transformed::no(plan))
        }
    }
}

fn calls_json(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name().starts_with(PREFIX))
}

/// Whether a plan holds such an expression, in a subquery or outside.
pub(super) fn holds(plan: &LogicalPlan, is_wanted: impl Fn(&Expr) -> bool) -> DfResult<bool> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            is_found = is_found || expr.exists(|part| Ok(is_wanted(part)))?;
            Ok(if is_found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(is_found)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionConfig;
    use datafusion::prelude::SessionContext;

    use super::*;

    fn plain() -> SessionState {
        SessionStateBuilder::new_with_default_features().with_config(SessionConfig::new()).build()
    }

    async fn planned(state: SessionState, sql: &str) -> String {
        let session = SessionContext::new_with_state(state);
        let plan = session.state().create_logical_plan(sql).await.unwrap();
        session.state().optimize(&plan).unwrap().to_string()
    }

    #[tokio::test]
    async fn plans_are_those_of_the_library() {
        let mut theirs = plain();
        datafusion_functions_json::register_all(&mut theirs).unwrap();
        let ours = as_needed(plain()).unwrap();
        assert_eq!(
            ours.analyzer().rules.len(),
            theirs.analyzer().rules.len() + 2,
            "the rewrites are a rule, and are not applied a second time; nulls in lists are another"
        );
        assert!(ours.analyzer().function_rewrites.is_empty() && !theirs.analyzer().function_rewrites.is_empty());
        for (sql, is_rewritten) in [
            ("SELECT CAST(t ->> 'a' AS bigint) FROM (VALUES ('{\"a\": 1}')) v(t)", true),
            ("SELECT CAST(t -> 'a' AS bigint) FROM (VALUES ('{\"a\": 1}')) v(t)", true),
            ("SELECT arrow_cast(json_get(t, 'a'), 'Int64') FROM (VALUES ('{\"a\": 1}')) v(t)", true),
            ("SELECT json_get(json_get(t, 'a'), 'b') FROM (VALUES ('{}')) v(t)", true),
            ("SELECT 1 WHERE EXISTS (SELECT 1 FROM (VALUES ('{}')) v(t) WHERE CAST(t -> 'a' AS boolean))", true),
            ("SELECT CAST(t AS bigint) FROM (VALUES ('1')) v(t) WHERE length(t) > 0", false),
        ] {
            assert_eq!(planned(ours.clone(), sql).await, planned(theirs.clone(), sql).await, "{sql}");
            let plan = SessionContext::new_with_state(ours.clone()).state().create_logical_plan(sql).await.unwrap();
            assert_eq!(holds(&plan, calls_json).unwrap(), is_rewritten, "{sql}");
        }
    }

    #[tokio::test]
    async fn comparisons_with_all_of_a_subquery_are_those_of_the_library() {
        let ours = as_needed(plain()).unwrap();
        let names =
            |state: &SessionState| state.optimizers().iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&plain()), "each rule stands in its place");
        for (sql, is_rewritten) in [
            ("SELECT a FROM (VALUES (1)) v(a) WHERE a > ALL (SELECT b FROM (VALUES (0)) w(b))", true),
            ("SELECT a FROM (VALUES (1)) v(a) WHERE a = 1 OR a < ANY (SELECT b FROM (VALUES (0)) w(b))", true),
            (
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM (VALUES (1)) v(a) WHERE a > ALL (SELECT b FROM (VALUES (0)) w(b)))",
                true,
            ),
            ("SELECT a FROM (VALUES (1)) v(a) WHERE a IN (SELECT b FROM (VALUES (0)) w(b))", false),
        ] {
            assert_eq!(planned(ours.clone(), sql).await, planned(plain(), sql).await, "{sql}");
            let plan = SessionContext::new_with_state(plain()).state().create_logical_plan(sql).await.unwrap();
            let rule = ours.optimizers().iter().find(|rule| rule.name() == SET_COMPARISON).unwrap();
            assert_eq!(rule.rewrite(plan, &ours).unwrap().transformed, is_rewritten, "{sql}");
        }
    }

    #[test]
    fn every_function_of_the_library_begins_alike() {
        let bare: Vec<String> = plain().scalar_functions().keys().cloned().collect();
        let all = as_needed(plain()).unwrap();
        let mut added = all.scalar_functions().iter().filter(|(name, _)| !bare.contains(name)).map(|(_, it)| it.name());
        assert!(added.clone().count() > 5);
        assert!(added.all(|name| name.starts_with(PREFIX)));
    }
}
