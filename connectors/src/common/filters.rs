//! What a scan does with each predicate it is given, and why.
//!
//! Exact: predicates over partition columns alone, and constants; they are decided for whole files. Superset: predicates that statistics can
//! decide for some row groups; the engine applies them again. No: the rest.
//!
//! Start reading at [`judge`].

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use meshweave_engine::context::Pushed;

/// A predicate, and what the scan does with it.
#[derive(Debug)]
pub(crate) struct Judged {
    /// For people.
    pub(crate) text: String,
    /// Over the columns of the table, in the port's order.
    pub(crate) physical: Arc<dyn PhysicalExpr>,
    /// Names of its columns.
    pub(crate) columns: Vec<String>,
    /// What the scan does with it.
    pub(crate) pushed: Pushed,
    /// Why; a phrase.
    pub(crate) why: String,
    /// How it prunes, when it does.
    pub(crate) pruning: Option<PruningPredicate>,
}

/// What the planner is told before there is a scan.
///
/// Everything that can be evaluated here is taken at least as a superset, so that every predicate comes to the scan and into
/// its report; the engine applies those again.
pub(crate) fn pushdown(predicate: &Expr, partitions: &[String]) -> TableProviderFilterPushDown {
    if !is_plain(predicate) {
        TableProviderFilterPushDown::Unsupported
    } else if is_over(predicate, partitions) {
        TableProviderFilterPushDown::Exact
    } else {
        TableProviderFilterPushDown::Inexact
    }
}

/// Decides what to do with a predicate; no storage is read.
///
/// # Errors
/// When the predicate does not fit the schema.
pub(crate) fn judge(
    state: &dyn Session,
    predicate: &Expr,
    schema: &SchemaRef,
    partitions: &[String],
) -> Result<Judged> {
    judged(state, predicate, schema, partitions, prunes)
}

/// As [`judge`], for files that tell nothing of their rows: only what folders hide helps.
///
/// - `help`: how hidden partitions help with a predicate over these columns, in words; none when they do not.
/// - `why`: what is said of predicates that folders cannot decide.
///
/// # Errors
/// When the predicate does not fit the schema.
pub(crate) fn judge_without_statistics(
    state: &dyn Session,
    predicate: &Expr,
    schema: &SchemaRef,
    partitions: &[String],
    help: impl FnOnce(&[String]) -> Option<String>,
    why: &str,
) -> Result<Judged> {
    judged(state, predicate, schema, partitions, |physical, schema, columns| match help(columns) {
        None => (Pushed::No, why.to_owned(), None),
        Some(help) => match prunes(physical, schema, columns) {
            (Pushed::Superset, _, pruning) => (Pushed::Superset, help, pruning),
            _ => (Pushed::No, why.to_owned(), None),
        },
    })
}

/// What is done with a predicate, why, and how it prunes.
type Verdict = (Pushed, String, Option<PruningPredicate>);

fn judged(
    state: &dyn Session,
    predicate: &Expr,
    schema: &SchemaRef,
    partitions: &[String],
    by_statistics: impl FnOnce(&Arc<dyn PhysicalExpr>, &SchemaRef, &[String]) -> Verdict,
) -> Result<Judged> {
    let named = DFSchema::try_from(Arc::clone(schema))?;
    let physical = state.create_physical_expr(predicate.clone(), &named)?;
    let columns = names(predicate);
    let (pushed, why, pruning) = match pushdown(predicate, partitions) {
        TableProviderFilterPushDown::Exact => (Pushed::Exact, "decided for whole files".to_owned(), None),
        TableProviderFilterPushDown::Unsupported => (Pushed::No, "not the same for every evaluation".to_owned(), None),
        TableProviderFilterPushDown::Inexact => by_statistics(&physical, schema, &columns),
    };
    Ok(Judged { text: predicate.human_display().to_string(), physical, columns, pushed, why, pruning })
}

fn prunes(physical: &Arc<dyn PhysicalExpr>, schema: &SchemaRef, columns: &[String]) -> Verdict {
    let no = |why: &str| (Pushed::No, why.to_owned(), None);
    let kinds: Vec<&DataType> =
        columns.iter().filter_map(|name| schema.field_with_name(name).ok()).map(|field| field.data_type()).collect();
    if kinds.iter().any(|kind| kind.is_nested()) {
        return no("nested columns have no statistics of their own");
    }
    if !kinds.is_empty() && kinds.iter().all(|kind| kind.is_floating()) {
        return no("floating point statistics do not tell of NaN");
    }
    let built = PruningPredicateBuilder::new().with_file_schema(Arc::clone(schema)).try_build(Arc::clone(physical));
    match built {
        Ok(pruning) if !pruning.always_true() => {
            (Pushed::Superset, "minima and maxima of row groups".to_owned(), Some(pruning))
        }
        _ => no("minima and maxima cannot decide it"),
    }
}

/// Whether it reads no columns but these.
///
/// A predicate without columns belongs here too: DataFusion simplifies what it has given to a scan once more, so a predicate
/// that was called exact (`p <> NULL`) may come back as a constant, with nothing above the scan that would apply it.
fn is_over(predicate: &Expr, columns: &[String]) -> bool {
    names(predicate).iter().all(|name| columns.contains(name))
}

fn names(predicate: &Expr) -> Vec<String> {
    let mut names: Vec<String> = predicate.column_refs().into_iter().map(|column| column.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether it depends on nothing but the row: no subquery, no outer row, no function that varies.
fn is_plain(predicate: &Expr) -> bool {
    let is_foreign = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
        ))
    };
    !predicate.is_volatile() && !predicate.exists(is_foreign).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn check(predicate: &Expr, expected: &TableProviderFilterPushDown) {
        assert_eq!(&pushdown(predicate, &["region".to_owned()]), expected, "{predicate}");
    }

    #[test]
    fn only_partition_columns_make_a_predicate_exact() {
        check(&col("region").eq(lit("n")), &TableProviderFilterPushDown::Exact);
        check(&col("region").eq(lit("n")).or(col("region").is_null()), &TableProviderFilterPushDown::Exact);
        check(&col("region").eq(col("id")), &TableProviderFilterPushDown::Inexact);
        check(&lit(true), &TableProviderFilterPushDown::Exact);
    }

    #[test]
    fn what_varies_is_left_to_the_engine() {
        let random = datafusion::functions::math::expr_fn::random();
        check(&random.gt(lit(0.5)), &TableProviderFilterPushDown::Unsupported);
    }
}
