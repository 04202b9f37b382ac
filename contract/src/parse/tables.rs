//! Puts the tables of a product in order, names them, and looks up every column that the document mentions.
//!
//! Holds always: the first table is the main one and bears the product's name; a name that the document gave it instead is kept
//! in its `custom`, and rules about it find it.
//!
//! Start reading at [`settle`].

use std::collections::HashMap;

use super::near::nearest;
use super::parts::{FoundTable, Mention, Parts};
use super::report::Report;
use crate::model::{Column, Table};
use crate::name::{TableName, fold};
use crate::problem::code;

/// Takes the found tables and gives the product's tables, main one first.
pub(crate) fn settle(parts: &mut Parts, report: &mut Report) -> Vec<Table> {
    let product = parts.head.id.as_ref().map(|id| id.name.product.to_string());
    let mut found = std::mem::take(&mut parts.tables);
    let is_main = |t: &FoundTable| match (&t.name, &product) {
        (None, _) => true,
        (Some(name), Some(product)) => fold(name) == fold(product),
        (Some(_), None) => false,
    };
    let main = found.iter().position(is_main).unwrap_or_default();
    if main < found.len() {
        found[..=main].rotate_right(1);
        found[0].name = found[0].name.take().or_else(|| product.clone());
    }
    unique_names(&found, report);
    look_up(&found, &parts.mentions, report);
    rename_checks(parts, &found);
    let name = |(i, found): (usize, FoundTable)| named(i, found, product.as_deref(), report);
    found.into_iter().enumerate().map(name).collect()
}

fn named(index: usize, found: FoundTable, product: Option<&str>, report: &mut Report) -> Table {
    let FoundTable { name: written, place, mut table } = found;
    let name = match (index, product, &written) {
        (0, Some(product), written) => {
            if let Some(other) = written.as_ref().filter(|w| w.as_str() != product) {
                super::fields::keep(&mut table.custom, "name", other.as_str().into());
            }
            product
        }
        (_, _, Some(written)) => written,
        (_, _, None) => return table,
    };
    match TableName::new(name) {
        Ok(name) => table.name = name,
        Err(error) => {
            let mend = "Use letters, digits, `_` and `-`.";
            report.error(place, code::BAD_NAME, error.to_string(), mend);
        }
    }
    table
}

fn unique_names(found: &[FoundTable], report: &mut Report) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for table in found {
        let Some(name) = &table.name else { continue };
        if let Some(first) = seen.insert(fold(name), name) {
            let message = format!("the table {name:?} is named like the table {first:?}");
            let mend = "Give each table a name that differs by more than case, `-` and `_`.";
            report.error(table.place, code::DUPLICATE_NAME, message, mend);
        }
    }
}

/// Finds a table by the name that the document uses for it; none: the main one.
fn find<'f>(found: &'f [FoundTable], name: Option<&str>) -> Option<&'f FoundTable> {
    match name {
        None => found.first(),
        Some(name) => found.iter().find(|t| t.name.as_deref().is_some_and(|n| fold(n) == fold(name))),
    }
}

fn look_up(found: &[FoundTable], mentions: &[Mention], report: &mut Report) {
    for mention in mentions {
        let Some(table) = find(found, mention.table.as_deref()) else {
            unknown_table(found, mention, report);
            continue;
        };
        // Without declared columns there is nothing to compare with: they come from an Avro file or are observed.
        if table.table.columns.is_empty() || has_column(&table.table.columns, &mention.column) {
            continue;
        }
        let names = table.table.columns.iter().map(|c| c.name.as_str());
        let mend = match nearest(&mention.column, names.clone()).first() {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("Declared are: {}.", names.collect::<Vec<_>>().join(", ")),
        };
        let message = format!("the column `{}` is not declared", mention.column);
        report.error(mention.place, code::UNKNOWN_COLUMN, message, mend);
    }
}

/// Whether `path` is a column, or a member of one: `address.city`.
fn has_column(columns: &[Column], path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    columns.iter().any(|c| c.name == path || c.name == first)
}

fn unknown_table(found: &[FoundTable], mention: &Mention, report: &mut Report) {
    let name = mention.table.as_deref().unwrap_or_default();
    let names = found.iter().filter_map(|t| t.name.as_deref());
    let mend = match nearest(name, names).first() {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "Name one of the tables of this product, or leave it out for the main one.".to_owned(),
    };
    report.error(mention.place, code::UNKNOWN_TABLE, format!("the table `{name}` is not declared"), mend);
}

/// Rules about the main table need not know what else it was called.
fn rename_checks(parts: &mut Parts, found: &[FoundTable]) {
    let Some(main) = found.first().and_then(|t| t.name.as_deref()).map(fold) else { return };
    for check in &mut parts.quality {
        if check.table.as_deref().is_some_and(|t| fold(t) == main) {
            check.table = None;
        }
    }
}
