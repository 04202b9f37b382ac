//! Rewrites of calls to the JSON functions, where there are any.
//!
//! The functions come with rewrites that read a value as what it is cast to. DataFusion puts every statement through them,
//! which costs a twentieth of planning a join of six tables; most statements call none of the functions.
//!
//! Start reading at [`JsonRewrites`].

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::function_rewrite::ApplyFunctionRewrites;

/// How the names of the JSON functions begin; their operators are calls, too, once they are planned.
const PREFIX: &str = "json_";

/// Applies the rewrites of the JSON functions to the plans that call one.
#[derive(Debug)]
struct JsonRewrites(ApplyFunctionRewrites);

/// The state with the JSON functions; nothing but their rewrites is done in another way than the library does it.
///
/// # Errors
/// Those of the library.
pub(super) fn with_json(mut state: SessionState) -> DfResult<SessionState> {
    datafusion_functions_json::register_all(&mut state)?;
    let rewrites = JsonRewrites(ApplyFunctionRewrites::new(state.analyzer().function_rewrites.clone()));
    let rules = std::iter::once(Arc::new(rewrites) as Arc<dyn AnalyzerRule + Send + Sync>)
        .chain(state.analyzer().rules.iter().cloned())
        .collect();
    Ok(SessionStateBuilder::new_from_existing(state).with_analyzer_rules(rules).build())
}

impl AnalyzerRule for JsonRewrites {
    fn name(&self) -> &'static str {
        "json_rewrites"
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> DfResult<LogicalPlan> {
        if calls_json(&plan)? { self.0.analyze(plan, options) } else { Ok(plan) }
    }
}

/// Whether a plan calls a JSON function, in a subquery or outside.
fn calls_json(plan: &LogicalPlan) -> DfResult<bool> {
    let mut is_found = false;
    let is_call = |expr: &Expr| Ok(matches!(expr, Expr::ScalarFunction(call) if call.func.name().starts_with(PREFIX)));
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            is_found = is_found || expr.exists(is_call)?;
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
        let ours = with_json(plain()).unwrap();
        assert_eq!(
            ours.analyzer().rules.len(),
            theirs.analyzer().rules.len() + 1,
            "the rewrites are a rule, and are not applied a second time"
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
            assert_eq!(calls_json(&plan).unwrap(), is_rewritten, "{sql}");
        }
    }

    #[test]
    fn every_function_of_the_library_begins_alike() {
        let bare: Vec<String> = plain().scalar_functions().keys().cloned().collect();
        let all = with_json(plain()).unwrap();
        let mut added = all.scalar_functions().iter().filter(|(name, _)| !bare.contains(name)).map(|(_, it)| it.name());
        assert!(added.clone().count() > 5);
        assert!(added.all(|name| name.starts_with(PREFIX)));
    }
}
