//! Predicates over promised columns, turned into predicates over stored ones.
//!
//! In: a predicate of the query. Out: one that deltalake may use, how exactly it will, and why.
//! Holds always:
//! - a predicate is never strengthened: whatever it is turned into keeps every row that it keeps;
//! - a floating point column is never judged by statistics, which may leave NaN out;
//! - nothing is called exact: the kernel may keep a file whose partition value is null, so the engine always applies a predicate again.
//!
//! Start reading at [`Filters::take`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Cast, Expr, TableProviderFilterPushDown};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::unparser::expr_to_sql;
use deltalake::delta_datafusion::DeltaScanNext;
use meshweave_engine::context::Pushed;

/// What the predicates of a scan are turned with.
#[derive(Debug)]
pub(super) struct Filters {
    promised: SchemaRef,
    stored: Arc<Schema>,
    partitions: Vec<String>,
    prunes_rows: bool,
}

/// One predicate, as deltalake gets it.
pub(super) struct Taken {
    /// Over stored columns; none when deltalake does not get it.
    pub(super) predicate: Option<Expr>,
    /// How it is used.
    pub(super) pushed: Pushed,
    /// Why so.
    pub(super) reason: String,
}

impl Taken {
    fn no(reason: impl Into<String>) -> Self {
        Self { predicate: None, pushed: Pushed::No, reason: reason.into() }
    }
}

impl Filters {
    /// For a table that stores `stored` and promises `promised`.
    ///
    /// - `prunes_rows`: whether the Parquet reader may drop rows by predicate (not with deletion vectors or row tracking).
    pub(super) fn new(promised: SchemaRef, stored: Arc<Schema>, partitions: Vec<String>, prunes_rows: bool) -> Self {
        Self { promised, stored, partitions, prunes_rows }
    }

    /// Decides how `predicate` is given to `scan`.
    pub(super) fn take(&self, scan: &DeltaScanNext, predicate: &Expr) -> Result<Taken> {
        if predicate.is_volatile() {
            return Ok(Taken::no("it is volatile"));
        }
        if predicate.column_refs().iter().any(|column| self.holds_floats(&column.name)) {
            return Ok(Taken::no("the statistics of floating point columns leave NaN out"));
        }
        let Some(stored) = self.over_stored(predicate)? else {
            return Ok(Taken::no("it compares a column that is stored in a narrower type"));
        };
        let support = scan.supports_filters_pushdown(&[&stored])?;
        if support.first() == Some(&TableProviderFilterPushDown::Unsupported) {
            return Ok(Taken::no("the delta log has no statistics for it"));
        }
        let reason = self.reason(&stored);
        Ok(Taken { predicate: Some(stored), pushed: Pushed::Superset, reason })
    }

    /// Why a predicate only narrows what is read.
    fn reason(&self, predicate: &Expr) -> String {
        let of_partition = |column: &&Column| self.partitions.contains(&column.name);
        let columns = predicate.column_refs();
        let text = match (columns.iter().filter(|c| of_partition(c)).count(), columns.len()) {
            (some, all) if some == all => "partition values choose files",
            (0, _) if self.prunes_rows => {
                "statistics choose files, row groups and pages; rows are dropped while reading"
            }
            _ => "statistics choose files",
        };
        text.to_owned()
    }

    /// The predicate over stored types; none when a cast cannot be moved to the literal.
    fn over_stored(&self, predicate: &Expr) -> Result<Option<Expr>> {
        let bare = unqualified(predicate)?;
        if bare.column_refs().iter().all(|column| !self.differs(&column.name)) {
            return Ok(Some(bare));
        }
        let cast = bare.transform_up(|expr| match expr {
            Expr::Column(column) if self.differs(&column.name) => {
                let promised = self.promised.field_with_name(&column.name)?.data_type().clone();
                Ok(Transformed::yes(Expr::Cast(Cast::new(Box::new(Expr::Column(column)), promised))))
            }
            other => Ok(Transformed::no(other)),
        })?;
        let schema = Arc::new(DFSchema::try_from(self.stored.as_ref().clone())?);
        let context = SimplifyContext::builder().with_schema(schema).build();
        let simple = ExprSimplifier::new(context).simplify(cast.data)?;
        let casts = simple.exists(|expr| Ok(matches!(expr, Expr::Cast(_) | Expr::TryCast(_))))?;
        Ok((!casts).then_some(simple))
    }

    fn holds_floats(&self, name: &str) -> bool {
        self.stored.field_with_name(name).is_ok_and(|field| has_floats(field.data_type()))
    }

    fn differs(&self, name: &str) -> bool {
        match (self.promised.field_with_name(name), self.stored.field_with_name(name)) {
            (Ok(promised), Ok(stored)) => promised.data_type() != stored.data_type(),
            _ => true,
        }
    }
}

/// Whether a floating point number stands somewhere in the type.
fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        DataType::List(inner) | DataType::Map(inner, _) => has_floats(inner.data_type()),
        _ => false,
    }
}

/// The predicate without table names before its columns.
fn unqualified(predicate: &Expr) -> Result<Expr> {
    let bare = predicate.clone().transform_up(|expr| match expr {
        Expr::Column(column) if column.relation.is_some() => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(bare.data)
}

/// The predicate in SQL, for people.
pub(super) fn sql(predicate: &Expr) -> String {
    let bare = unqualified(predicate).unwrap_or_else(|_| predicate.clone());
    expr_to_sql(&bare).map_or_else(|_| bare.to_string(), |ast| ast.to_string())
}
