//! Puts the tables of a product in order, names them, and looks up every column that the document mentions.
//!
//! Holds always: the first table is the main one and bears the product's name; a name that the document gave it instead is kept
//! in its `custom`, and rules about it find it.
//!
//! Start reading at [`settle`].

use std::collections::{HashMap, HashSet};

use super::node::Place;
use super::parts::{FoundTable, Mention, Parts};
use super::report::Report;
use crate::model::Table;
use crate::name::{TableName, alike, fold};
use crate::problem::code;
use crate::types::MAX_TYPE_DEPTH;

/// The longest name of a column, in bytes.
pub(super) const MAX_NAME: usize = 1024;

/// Takes the found tables and gives the product's tables, main one first.
pub(crate) fn settle(parts: &mut Parts, report: &mut Report) -> Vec<Table> {
    let product = parts.head.id.as_ref().map(|id| id.name.product.to_string());
    let mut found = std::mem::take(&mut parts.tables);
    let is_main = |t: &FoundTable| match (&t.name, &product) {
        (None, _) => true,
        (Some(name), Some(product)) => alike(name, product),
        (Some(_), None) => false,
    };
    let main = found.iter().position(is_main).unwrap_or_default();
    if main < found.len() {
        found[..=main].rotate_right(1);
        found[0].name = found[0].name.take().or_else(|| product.clone());
    }
    unique_names(&found, report);
    storable(&found, report);
    look_up(&found, parts, report);
    rename_checks(parts, &found);
    parts.table_own = found.iter_mut().map(|f| std::mem::take(&mut f.own)).collect();
    let name = |(i, found): (usize, FoundTable)| named(i, found, product.as_deref(), report);
    found.into_iter().enumerate().map(name).collect()
}

fn named(index: usize, found: FoundTable, product: Option<&str>, report: &mut Report) -> Table {
    let FoundTable { name: written, place, mut table, .. } = found;
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

/// A column must have a name and a type that can be stored, read back and told.
fn storable(found: &[FoundTable], report: &mut Report) {
    for table in found {
        for column in &table.table.columns {
            let name: String = column.name.chars().take(64).collect();
            if column.name.len() > MAX_NAME {
                let message = format!("the column `{name}…` has a name of {} bytes", column.name.len());
                report.error(table.place, code::BAD_COLUMN, message, format!("Use at most {MAX_NAME} bytes."));
            }
            if column.logical_type.depth() > MAX_TYPE_DEPTH {
                let message = format!("the type of the column `{name}` is nested deeper than {MAX_TYPE_DEPTH} levels");
                report.error(table.place, code::TOO_DEEP, message, "Flatten this part of the schema.");
            }
        }
    }
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

/// The columns of every table, by the folded name that the document uses for it; the main one also by no name.
type Declared<'f> = HashMap<Option<String>, HashSet<&'f str>>;

fn look_up(found: &[FoundTable], parts: &Parts, report: &mut Report) {
    let mut declared = Declared::new();
    for (i, table) in found.iter().enumerate() {
        let columns: HashSet<&str> = table.table.columns.iter().map(|c| c.name.as_str()).collect();
        if i == 0 {
            declared.insert(None, columns.clone());
        }
        declared.entry(table.name.as_deref().map(fold)).or_insert(columns);
    }
    let mut told = HashSet::new();
    for (name, place) in &parts.named_tables {
        if !declared.contains_key(&Some(fold(name))) {
            told.insert(fold(name));
            unknown_table(found, name, *place, report);
        }
    }
    for mention in &parts.mentions {
        let table = mention.table.as_deref().map(fold);
        match declared.get(&table) {
            // Said already, where the table is named.
            None if table.is_some_and(|table| told.contains(&table)) => {}
            None => unknown_table(found, mention.table.as_deref().unwrap_or_default(), mention.place, report),
            // Without declared columns there is nothing to compare with: they come from an Avro file or are observed.
            Some(columns) if columns.is_empty() || has_column(columns, &mention.column) => {}
            Some(columns) => unknown_column(columns, mention, report),
        }
    }
}

/// Whether `path` is a column, or a member of one: `address.city`.
fn has_column(columns: &HashSet<&str>, path: &str) -> bool {
    columns.contains(path) || path.split_once('.').is_some_and(|(first, _)| columns.contains(first))
}

fn unknown_column(columns: &HashSet<&str>, mention: &Mention, report: &mut Report) {
    let mend = match report.nearest(&mention.column, columns.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if columns.len() <= 20 && report.wants_hints() => {
            let mut names: Vec<&str> = columns.iter().copied().collect();
            names.sort_unstable();
            format!("Declared are: {}.", names.join(", "))
        }
        None => "Name a column that the table declares.".to_owned(),
    };
    let message = format!("the column `{}` is not declared", mention.column);
    report.error(mention.place, code::UNKNOWN_COLUMN, message, mend);
}

fn unknown_table(found: &[FoundTable], name: &str, place: Place, report: &mut Report) {
    let names = found.iter().filter_map(|t| t.name.as_deref());
    let mend = match report.nearest(name, names) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "Name one of the tables of this product, or leave it out for the main one.".to_owned(),
    };
    report.error(place, code::UNKNOWN_TABLE, format!("the table `{name}` is not declared"), mend);
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
