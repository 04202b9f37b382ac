//! Rewrites the expressions of a scan for one file: widened types are cast, columns that the file lacks become null.
//!
//! DataFusion's own adapter does both. It is given the file's columns without the differences that do not matter (labels,
//! and whether a column of the right type is marked as nullable), since each of them would put a cast between a predicate
//! and its column, and pruning would no longer see the column.
//!
//! Start reading at [`PromisedColumns`].

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use meshweave_engine::Failure;

/// Makes the adapter of each file of a product.
#[derive(Debug)]
pub(crate) struct PromisedColumns {
    /// The product, for errors.
    pub(crate) product: Arc<str>,
}

#[deny(clippy::missing_trait_methods)]
impl PhysicalExprAdapterFactory for PromisedColumns {
    fn create(&self, promised: SchemaRef, stored: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let aligned = aligned(&promised, &stored);
        let inner = DefaultPhysicalExprAdapterFactory.create(promised, aligned)?;
        Ok(Arc::new(Promised { product: Arc::clone(&self.product), inner }))
    }
}

/// The stored columns, where a column of the promised type is described as promised.
fn aligned(promised: &SchemaRef, stored: &SchemaRef) -> SchemaRef {
    let describe = |field: &FieldRef| match promised.field_with_name(field.name()) {
        Ok(promise) if promise.data_type() == field.data_type() => Arc::new(promise.clone()),
        _ => Arc::clone(field),
    };
    let fields: Vec<FieldRef> = stored.fields().iter().map(describe).collect();
    Arc::new(Schema::new_with_metadata(fields, stored.metadata().clone()))
}

#[derive(Debug)]
struct Promised {
    product: Arc<str>,
    inner: Arc<dyn PhysicalExprAdapter>,
}

#[deny(clippy::missing_trait_methods)]
impl PhysicalExprAdapter for Promised {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        self.inner.rewrite(expr).map_err(|error| {
            let broken = Failure::ContractBroken {
                product: self.product.to_string(),
                message: error.strip_backtrace(),
                hint: None,
            };
            meshweave_engine::Error::from(broken).into()
        })
    }
}
