//! Tables of a port: their columns, keys, references and where their rows lie.
//!
//! Start reading at [`tables`].

use std::collections::HashSet;

use serde_json::Value;

use super::note::{At, Ruling, Shift, Sides, presence};
use super::pairs::pairs;
use super::{columns, custom};
use crate::model::{CsvStyle, Partitioning, Relationship, StorageSpec, Table};

/// Compares the tables of a port.
pub(super) fn tables(at: &mut At<'_>, old: &[Table], new: &[Table], sides: Sides) {
    let (before, after) = (names(old), names(new));
    let pairs = pairs(&before, &after);
    for (table, became) in old.iter().zip(&pairs.became) {
        let name = table.name.as_str();
        match became {
            Some(i) => self::table(&mut at.under(name), table, &new[*i], sides),
            None => at.add(name, Some(told(table)), None, Ruling::major("the table is gone")),
        }
    }
    for i in &pairs.added {
        at.add(new[*i].name.as_str(), None, Some(told(&new[*i])), Ruling::minor("a further table"));
    }
    // The main table bears the product's name, so its place in the list follows from its name.
    if !pairs.in_order() {
        let ruling = Ruling::patch("tables are found by name");
        at.add("order", Some(before.join(", ")), Some(after.join(", ")), ruling);
    }
}

fn names(tables: &[Table]) -> Vec<&str> {
    tables.iter().map(|t| t.name.as_str()).collect()
}

fn told(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    format!("table {} ({})", table.name, columns.join(", "))
}

fn table(at: &mut At<'_>, old: &Table, new: &Table, sides: Sides) {
    let Table { name, description, columns, storage, relationships, custom } = old;
    at.value("name", name, &new.name, || Ruling::major("a quoted name finds it no more"));
    at.words("description", description.as_ref(), new.description.as_ref());
    columns::columns(&mut at.under("columns"), columns, &new.columns, sides);
    primary_key(at, &old.primary_key(), &new.primary_key(), sides);
    self::storage(&mut at.under("storage"), storage.as_ref(), new.storage.as_ref());
    self::relationships(&mut at.under("relationships"), relationships, &new.relationships, sides);
    custom::custom(&mut at.under("custom"), custom, &new.custom, custom::Place::Column(sides));
}

fn primary_key(at: &mut At<'_>, old: &[&str], new: &[&str], sides: Sides) {
    if old == new {
        return;
    }
    let text = |key: &[&str]| (!key.is_empty()).then(|| key.join(", "));
    let sorted = |key: &[&str]| {
        let mut key: Vec<String> = key.iter().map(|c| (*c).to_owned()).collect();
        key.sort_unstable();
        key
    };
    let ruling = match (old, new) {
        ([], _) => sides.rule(Shift::Tighter, "rows have a key now"),
        (_, []) => sides.rule(Shift::Looser, "rows have no key any more; a join by it may double rows"),
        _ if sorted(old) == sorted(new) => Ruling::patch("the same columns in another order"),
        _ => sides.rule(Shift::Other, "other columns tell rows apart; a join by the old key may double rows"),
    };
    at.add("primary_key", text(old), text(new), ruling);
}

fn storage(at: &mut At<'_>, old: Option<&StorageSpec>, new: Option<&StorageSpec>) {
    let moved = || Ruling::patch("where rows lie is the engine's matter; queries name products, not places");
    let (Some(old), Some(new)) = (old, new) else {
        let format = |s: Option<&StorageSpec>| s.map(|s| s.format.clone());
        let location = |s: Option<&StorageSpec>| s.and_then(|s| s.location.clone());
        at.option("format", format(old).as_ref(), format(new).as_ref(), |_, _| moved());
        at.option("location", location(old).as_ref(), location(new).as_ref(), |_, _| moved());
        return;
    };
    let StorageSpec { format, location, partitioning, layout, layout_trusted, csv } = old;
    at.value("format", format, &new.format, || match format.as_str() {
        "delta" => Ruling::major("versions of a Delta table can be read no more; VERSION AS OF ends"),
        _ => Ruling::heard("rows are stored in another way; who reads the files themselves must follow"),
    });
    at.option("location", location.as_ref(), new.location.as_ref(), |_, _| moved());
    let (from, to) = (partitions(partitioning), partitions(&new.partitioning));
    at.option("partitioning", from.as_ref(), to.as_ref(), |_, _| {
        Ruling::patch("partitions make queries faster, and no other")
    });
    at.option("layout", layout.as_ref(), new.layout.as_ref(), |_, _| moved());
    at.value("layout_trusted", layout_trusted, &new.layout_trusted, || match new.layout_trusted {
        true => Ruling::heard("a late row in a wrong folder may be missing from an answer"),
        false => Ruling::minor("folders are believed only when the files agree"),
    });
    let style = |csv: Option<&CsvStyle>| csv.map(CsvStyle::in_words);
    at.option("csv", style(csv.as_ref()).as_ref(), style(new.csv.as_ref()).as_ref(), |_, _| {
        Ruling::heard("rows are stored in another way; who reads the files themselves must follow")
    });
}

fn partitions(partitioning: &[Partitioning]) -> Option<String> {
    let told = |Partitioning { field, granularity }: &Partitioning| match granularity {
        Some(granularity) => format!("{field} by {granularity}"),
        None => field.clone(),
    };
    (!partitioning.is_empty()).then(|| partitioning.iter().map(told).collect::<Vec<_>>().join(", "))
}

/// Foreign keys, each known by its columns and what it refers to.
fn relationships(at: &mut At<'_>, old: &[Relationship], new: &[Relationship], sides: Sides) {
    let told = |r: &Relationship| {
        let Relationship { columns, to, to_columns } = r;
        format!("{} -> {to} ({})", columns.join(", "), to_columns.join(", "))
    };
    let set = |all: &[Relationship]| all.iter().map(told).collect::<HashSet<_>>();
    let (before, after) = (set(old), set(new));
    for reference in old.iter().filter(|r| !after.contains(&told(r))) {
        let ruling = sides.rule(Shift::Looser, "a reference that joins rely on is promised no more");
        at.add(&reference.columns.join("+"), Some(told(reference)), None, ruling);
    }
    for reference in new.iter().filter(|r| !before.contains(&told(r))) {
        let ruling = sides.rule(Shift::Tighter, "a further reference to another product's key");
        at.add(&reference.columns.join("+"), None, Some(told(reference)), ruling);
    }
}

/// The schema that an input port wants rows in; its columns are compared when it lists them in a way that contracts know.
pub(super) fn written_schema(at: &mut At<'_>, old: Option<&Value>, new: Option<&Value>) {
    if old == new {
        return;
    }
    let columns_of = |schema: Option<&Value>| schema.and_then(crate::parse::columns_of);
    let (Some(before), Some(after)) = (columns_of(old), columns_of(new)) else {
        let ruling = presence(old.is_some(), new.is_some(), "the schema that rows must have");
        let ruling = if old.is_none() { Ruling::major("rows must have a schema now") } else { ruling };
        return at.add("schema", old.map(custom::told), new.map(custom::told), ruling);
    };
    let writers = Sides { reads: false, writes: true };
    let found = at.count();
    columns::columns(&mut at.under("schema"), &before, &after, writers);
    if at.count() == found {
        let ruling = Ruling::patch("what is said beside its columns changed");
        at.add("schema", old.map(custom::told), new.map(custom::told), ruling);
    }
}
