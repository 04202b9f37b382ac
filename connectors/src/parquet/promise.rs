//! How a file differs from what the contract promises of its columns; looked at when a scan is planned, from the footer alone.
//!
//! Start reading at [`check`].

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use meshweave_engine::drift::{Change, Difference};
use meshweave_engine::{Error, Failure, QueryContext, Result};
use object_store::path::Path;

use super::footer::Footer;
use crate::common::drift::{differences, nulls};

/// One file and the columns that are promised of it.
pub(crate) struct Promise<'p> {
    pub(crate) ctx: &'p QueryContext,
    /// The key of the version vector.
    pub(crate) key: &'p str,
    /// The port's columns without the partition columns.
    pub(crate) columns: &'p SchemaRef,
    /// Columns that folders hold; files may hold them too.
    pub(crate) partitions: &'p [FieldRef],
    /// Whether a log says which columns the table has, and what the old 96 bit times are: instants.
    pub(crate) by_log: bool,
}

/// Checks one file; what differs is found once per footer and promise, and reported for every query. Columns that the file
/// lacks and that may be null are for [`check_missing`].
///
/// # Errors
/// [`Failure::ContractBroken`] with the file, the column and both types, when a column that may not be null is missing or
/// holds nulls, when a column's stored type does not keep the promised one, or when the product's policy refuses what differs.
pub(crate) fn check(product: &str, path: &Path, promise: &Promise<'_>, footer: &Footer) -> Result<()> {
    let found = footer.differences(promise.columns, || found(promise, footer));
    let found: Vec<Difference> = found.iter().filter(|one| !may_lack(one)).cloned().collect();
    match promise.ctx.drift.weigh(promise.key, &found).first() {
        None => Ok(()),
        Some(first) => Err(broken(product, format!("file \"{path}\": {}", first.message))),
    }
}

/// Whether a difference is a missing column that may be null.
fn may_lack(one: &Difference) -> bool {
    one.change == Change::MissingColumn && !one.is_fatal
}

/// Reports columns that some files lack, and refuses those that no file of a version holds: they would be null in every row, and
/// nobody would know that they are gone.
///
/// - `files`: those that are read, each checked.
/// - `are_all`: whether these are all files of the version.
///
/// # Errors
/// [`Failure::ContractBroken`] with every such column.
pub(crate) fn check_missing(
    product: &str,
    promise: &Promise<'_>,
    files: &[(&Path, &Footer)],
    are_all: bool,
) -> Result<()> {
    let lacks = |footer: &Footer, column: &str| footer.schema.field_with_name(column).is_err();
    let mut missing: Vec<Difference> = Vec::new();
    for (path, footer) in files {
        for one in footer.differences(promise.columns, || found(promise, footer)).iter().filter(|one| may_lack(one)) {
            if missing.iter().any(|known| known.column == one.column) {
                continue;
            }
            let is_fatal = are_all && files.iter().all(|(_, footer)| lacks(footer, &one.column));
            let place = if is_fatal { "no file holds it".to_owned() } else { format!("file \"{path}\"") };
            missing.push(Difference { is_fatal, message: format!("{place}: {}", one.message), ..one.clone() });
        }
    }
    let words: Vec<&str> =
        promise.ctx.drift.weigh(promise.key, &missing).iter().map(|one| one.message.as_str()).collect();
    if words.is_empty() { Ok(()) } else { Err(broken(product, words.join("; "))) }
}

fn broken(product: &str, message: String) -> Error {
    let hint = Some("Mend the file, or register a version of the contract that says what it holds.".to_owned());
    Failure::ContractBroken { product: product.to_owned(), message, hint }.into()
}

fn found(promise: &Promise<'_>, footer: &Footer) -> Vec<Difference> {
    let is_folder = |name: &str| promise.partitions.iter().any(|folder| folder.name() == name);
    let held = footer.schema.fields().iter().filter(|field| !is_folder(field.name()));
    let as_said = |field: &FieldRef| match promise.by_log {
        true => Arc::new(field.as_ref().clone().with_data_type(footer.by_log(field))),
        false => Arc::clone(field),
    };
    let stored = Schema::new(held.map(as_said).collect::<Vec<_>>());
    let mut found = differences(promise.columns, &stored);
    if promise.by_log {
        // The log's own columns were compared when the table was opened; a file may be older than some of them.
        found.retain(|one| one.is_fatal);
    }
    found.extend(promise.columns.fields().iter().filter_map(|field| held_nulls(field, &stored, footer)));
    found
}

fn held_nulls(promised: &Field, stored: &Schema, footer: &Footer) -> Option<Difference> {
    let stored = stored.field_with_name(promised.name()).ok()?;
    if promised.is_nullable() || !stored.is_nullable() {
        return None;
    }
    let count = footer.column(promised).null_count().filter(|nulls| *nulls > 0)?;
    Some(nulls(promised, count))
}
