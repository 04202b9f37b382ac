//! Takes NULL out of the lists of `IN`, before the library reckons with the lists.
//!
//! The library makes one list of two over the same column, as if no value were NULL: of `x IN (1, 2) AND x NOT IN (3, NULL)` it makes
//! `x IN (1, 2)`, which holds where the statement is never true. A NULL in a list says the same beside it:
//! `x IN (a, NULL)` is `x IN (a) OR NULL`, and `x NOT IN (a, NULL)` is `x NOT IN (a) AND NULL`.
//!
//! Start reading at [`NullsInLists`].

use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

use super::rewrites::holds;

/// Takes NULL out of lists, of the plans that have it in one.
#[derive(Debug)]
pub(super) struct NullsInLists;

impl AnalyzerRule for NullsInLists {
    fn name(&self) -> &'static str {
        "nulls_in_lists"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        let has_null = |expr: &Expr| matches!(expr, Expr::InList(InList { list, .. }) if list.iter().any(is_null));
        if !holds(&plan, has_null)? {
            return Ok(plan);
        }
        Ok(plan.transform_up_with_subqueries(node_without_nulls)?.data)
    }
}

fn node_without_nulls(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    let rewritten = node.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(without_nulls)?.update_data(|expr| name.restore(expr)))
    })?;
    rewritten.map_data(LogicalPlan::recompute_schema)
}

fn without_nulls(expr: Expr) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::InList(InList { expr, list, negated }) if list.iter().any(is_null) => {
            let null = lit(ScalarValue::Boolean(None));
            let list: Vec<Expr> = list.into_iter().filter(|item| !is_null(item)).collect();
            Ok(Transformed::yes(match (list.is_empty(), negated) {
                (true, _) => null,
                (false, true) => Expr::InList(InList { expr, list, negated }).and(null),
                (false, false) => Expr::InList(InList { expr, list, negated }).or(null),
            }))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether it is NULL, of whatever type.
fn is_null(item: &Expr) -> bool {
    match item {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        Expr::TryCast(cast) => is_null(&cast.expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    use super::super::rewrites::as_needed;

    #[expect(clippy::disallowed_methods, reason = "the rule within the library, without products")]
    async fn answer(session: &SessionContext, sql: &str) -> String {
        let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    fn ours() -> SessionContext {
        let state = SessionStateBuilder::new_with_default_features().build();
        SessionContext::new_with_state(as_needed(state).unwrap())
    }

    #[tokio::test]
    async fn a_null_in_a_list_is_beside_it() {
        let (ours, theirs) = (ours(), SessionContext::new());
        let wrong = "SELECT x FROM (VALUES (1), (2), (NULL)) v(x) WHERE x IN (1, 2) AND x NOT IN (3, NULL)";
        assert!(!answer(&ours, wrong).await.contains('1'), "a comparison with NULL is never true");
        assert!(answer(&theirs, wrong).await.contains('1'), "the library has mended it: this rule can go");
        for (condition, rows) in [
            ("x IN (1, NULL)", "1"),
            ("x NOT IN (1, NULL)", ""),
            ("x NOT IN (NULL)", ""),
            ("NOT (x IN (1, NULL))", ""),
            ("(x NOT IN (1, NULL)) IS NULL", "2 NULL"),
            ("(x IN (1, CAST(NULL AS bigint))) IS NOT TRUE", "2 NULL"),
            ("x IN (1, NULL) OR x IN (2, NULL)", "1 2"),
            ("x IN (1, NULL) AND x IN (1, 2)", "1"),
            ("(x NOT IN (3, NULL) OR x = 2)", "2"),
            ("x IN (SELECT y FROM (VALUES (1), (2)) w(y) WHERE y NOT IN (5, NULL) OR y = 2)", "2"),
        ] {
            let sql = format!(
                "SELECT coalesce(string_agg(coalesce(CAST(x AS text), 'NULL'), ' ' ORDER BY x NULLS LAST), '') AS r \
                 FROM (VALUES (1), (2), (NULL)) v(x) WHERE {condition}"
            );
            let found = answer(&ours, &sql).await;
            let found = found.lines().nth(3).unwrap().trim_matches(['|', ' ']).to_owned();
            assert_eq!(found, rows, "{condition}");
        }
    }

    #[tokio::test]
    async fn columns_keep_their_names() {
        let sql = "SELECT x IN (1, NULL), count(*) FROM (VALUES (1), (2)) v(x) GROUP BY x IN (1, NULL) ORDER BY 2, 1";
        assert_eq!(answer(&ours(), sql).await, answer(&SessionContext::new(), sql).await);
    }
}
