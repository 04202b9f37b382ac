//! Whether a file keeps what the contract promises of its columns; decided when a scan is planned, from the footer alone.
//!
//! Start reading at [`check`].

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use meshweave_engine::types::logical_type;
use meshweave_engine::{Failure, Result};
use object_store::path::Path;

use super::footer::Footer;
use crate::common::types::keeps;

/// Checks one file, once per footer and promise.
///
/// - `promised`: the port's columns without the partition columns.
/// - `by_log`: whether a log says what the old 96 bit times are: instants.
///
/// # Errors
/// [`Failure::ContractBroken`] with the file, the column and both types, when a column that may not be null is missing or
/// holds nulls, or when a column's stored type does not keep the promised one.
pub(crate) fn check(product: &str, path: &Path, promised: &SchemaRef, footer: &Footer, by_log: bool) -> Result<()> {
    let check = |field| check_column(product, path, field, footer, by_log);
    footer.keeps(promised, || promised.fields().iter().try_for_each(check))
}

fn check_column(product: &str, path: &Path, promised: &Arc<Field>, footer: &Footer, by_log: bool) -> Result<()> {
    let (name, wanted) = (promised.name(), logical_type(promised.data_type()));
    let broken = |message: String| Failure::ContractBroken {
        product: product.to_owned(),
        message,
        hint: Some("Mend the file, or register a version of the contract that says what it holds.".to_owned()),
    };
    let Ok(stored) = footer.schema.field_with_name(name) else {
        if promised.is_nullable() {
            return Ok(());
        }
        return Err(broken(format!("\"{path}\" lacks column \"{name}\" ({wanted}), which may not be null")).into());
    };
    let held = if by_log { footer.by_log(stored) } else { stored.data_type().clone() };
    if !keeps(promised.data_type(), &held) {
        let held = logical_type(&held);
        return Err(broken(format!("\"{path}\" holds column \"{name}\" as {held}, promised is {wanted}")).into());
    }
    if promised.is_nullable() || !stored.is_nullable() {
        return Ok(());
    }
    match footer.column(promised).null_count() {
        Some(nulls) if nulls > 0 => Err(broken(format!(
            "\"{path}\" holds {nulls} nulls in column \"{name}\" ({wanted}), which may not be null"
        ))
        .into()),
        _ => Ok(()),
    }
}
