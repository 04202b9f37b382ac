//! Columns of a table, for those who read them and those who write them.
//!
//! Start reading at [`columns`].

use serde_json::Value;

use super::note::{At, Ruling, Shift, Sides};
use super::pairs::{Pairs, pairs};
use super::{custom, ranges, types};
use crate::model::Column;

/// Compares the columns of a table.
pub(super) fn columns(at: &mut At<'_>, old: &[Column], new: &[Column], sides: Sides) {
    let (before, after) = (names(old), names(new));
    let mut pairs = pairs(&before, &after);
    renamed(&mut pairs, old, new);
    for (column, became) in old.iter().zip(&pairs.became) {
        match became {
            Some(i) => self::column(&mut at.under(&column.name), column, &new[*i], sides),
            None => {
                let ruling = sides.rule(Shift::Other, "a query that names the column fails");
                at.add(&column.name, Some(told(column)), None, ruling);
            }
        }
    }
    for column in pairs.added.iter().map(|i| &new[*i]) {
        at.add(&column.name, None, Some(told(column)), added(column.nullable, old.is_empty(), sides));
    }
    if !pairs.in_order() {
        let ruling = Ruling::minor("`SELECT *` gives the columns in another order; by name they are found as before");
        at.add("order", Some(before.join(", ")), Some(after.join(", ")), ruling);
    }
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|c| c.name.as_str()).collect()
}

/// A column, or a member of a struct, that was not there. Where no column was declared before, none is new to a writer.
pub(super) fn added(nullable: bool, first: bool, sides: Sides) -> Ruling {
    let shift = if nullable || first { Shift::Looser } else { Shift::Tighter };
    let writing = Sides { reads: false, ..sides };
    match sides.writes {
        true => Ruling { why: writer_why(nullable || first), ..writing.rule(shift, "") },
        false => Ruling::minor("what was there stays"),
    }
}

fn writer_why(optional: bool) -> String {
    match optional {
        true => "what was there stays, and rows may leave it out".to_owned(),
        false => "rows that were taken so far lack it, and it may not be null".to_owned(),
    }
}

fn told(column: &Column) -> String {
    let null = if column.nullable { "" } else { ", not null" };
    format!("{}{null}", column.logical_type)
}

/// Joins a column that is gone with a new one that says the same in everything but its name; only where there is no doubt.
fn renamed(pairs: &mut Pairs, old: &[Column], new: &[Column]) {
    let gone: Vec<usize> = (0..old.len()).filter(|i| pairs.became[*i].is_none()).collect();
    // Beyond this it is another table, not a table whose columns were renamed; and the search stays small.
    if gone.len() > 20 || pairs.added.len() > 20 {
        return;
    }
    for i in gone {
        let twin = |j: &&usize| Column { name: old[i].name.clone(), ..new[**j].clone() } == old[i];
        let twins: Vec<usize> = pairs.added.iter().filter(twin).copied().collect();
        let rivals = |j: usize| {
            let same = |k: &usize| Column { name: new[j].name.clone(), ..old[*k].clone() } == new[j];
            (0..old.len()).filter(|k| pairs.became[*k].is_none()).filter(same).count()
        };
        if let [only] = twins.as_slice()
            && rivals(*only) == 1
        {
            pairs.join(i, *only);
        }
    }
}

fn column(at: &mut At<'_>, old: &Column, new: &Column, sides: Sides) {
    let Column {
        name,
        logical_type,
        nullable,
        unique,
        key_position,
        description,
        classification,
        pii,
        encrypted,
        allowed_values,
        pattern,
        range,
        glossary_ref,
        declared_type,
        tags,
        custom,
    } = old;
    at.value("name", name, &new.name, || {
        sides.rule(Shift::Other, "a query that names the column as it was spelled fails")
    });
    types::types(at, "type", logical_type, &new.logical_type, sides);
    null(at, "nullable", *nullable, new.nullable, sides);
    at.value("unique", unique, &new.unique, || match new.unique {
        true => sides.rule(Shift::Tighter, "no value stands twice from now on"),
        false => sides.rule(Shift::Looser, "a value may stand twice; a join by it may double rows"),
    });
    // Joining or leaving the key is a change of the table's key; here is only its number.
    if let (Some(old), Some(new)) = (key_position, &new.key_position) {
        at.value("key_position", old, new, || Ruling::patch("its number in the key; what tells rows apart stays"));
    }
    at.words("description", description.as_ref(), new.description.as_ref());
    let (class, new_class) = (classification.as_ref(), new.classification.as_ref());
    at.said("classification", class, new_class, "how confidential it is");
    at.option("pii", pii.as_ref(), new.pii.as_ref(), |old, new| personal(old.copied(), new.copied()));
    at.option("encrypted", encrypted.as_ref(), new.encrypted.as_ref(), |old, new| match (old, new) {
        (Some(true), _) => Ruling::major("its encryption is promised no more"),
        (_, Some(true)) => Ruling::minor("it is encrypted now"),
        _ => Ruling::minor("it was not promised to be encrypted, and is not now"),
    });
    self::allowed_values(at, allowed_values.as_deref(), new.allowed_values.as_deref(), sides);
    at.option("pattern", pattern.as_ref(), new.pattern.as_ref(), |old, new| pattern_rule(old, new, sides));
    ranges::range(&mut at.under("range"), range, &new.range, sides);
    let (term, new_term) = (glossary_ref.as_ref(), new.glossary_ref.as_ref());
    at.said("glossary_ref", term, new_term, "the term that tells what it means");
    if *logical_type == new.logical_type {
        at.option("declared_type", declared_type.as_ref(), new.declared_type.as_ref(), |_, _| {
            Ruling::patch("how the type is spelled; what it is stays")
        });
    }
    at.word_list("tags", tags, &new.tags);
    custom::custom(&mut at.under("custom"), custom, &new.custom, custom::Place::Column(sides));
}

/// Whether null may stand somewhere.
pub(super) fn null(at: &mut At<'_>, name: &str, old: bool, new: bool, sides: Sides) {
    at.value(name, &old, &new, || match new {
        true => sides.rule(Shift::Looser, "null may stand where it never stood"),
        false => sides.rule(Shift::Tighter, "null stands there no more"),
    });
}

/// That a column holds no personal data is a promise: without it, consumers must treat the data otherwise.
fn personal(old: Option<bool>, new: Option<bool>) -> Ruling {
    match (old, new) {
        (Some(false), _) => Ruling::major("it may hold personal data now, which was ruled out"),
        (_, Some(true)) => Ruling::heard("it holds personal data; consumers should know"),
        (_, Some(false) | None) => Ruling::minor("it does not say any more that it holds personal data"),
    }
}

fn pattern_rule(old: Option<&String>, new: Option<&String>, sides: Sides) -> Ruling {
    match (old, new) {
        (None, _) => sides.rule(Shift::Tighter, "its text has a pattern now"),
        (_, None) => sides.rule(Shift::Looser, "its text has no pattern any more"),
        _ => sides.rule(Shift::Other, "its text has another pattern, and which is narrower cannot be told"),
    }
}

/// The values that may stand somewhere, as a promise.
pub(super) fn allowed_values(at: &mut At<'_>, old: Option<&[Value]>, new: Option<&[Value]>, sides: Sides) {
    let name = "allowed_values";
    let told = |values: &[Value]| values.iter().map(custom::told).collect::<Vec<_>>().join(", ");
    let ruling = match (old, new) {
        _ if old == new => return,
        (None, _) => sides.rule(Shift::Tighter, "only the listed values stand there from now on"),
        (_, None) => sides.rule(Shift::Looser, "any value may stand there now"),
        (Some(old), Some(new)) => values_rule(old, new, sides),
    };
    at.add(name, old.map(told), new.map(told), ruling);
}

/// What a change of a list of allowed values means.
pub(super) fn values_rule(old: &[Value], new: &[Value], sides: Sides) -> Ruling {
    let set = |values: &[Value]| values.iter().map(Value::to_string).collect::<std::collections::BTreeSet<_>>();
    let (before, after) = (set(old), set(new));
    match (before.is_subset(&after), after.is_subset(&before)) {
        (true, true) => Ruling::patch("the same values in another order"),
        (true, false) => sides.rule(Shift::Wider, "a value may stand there that readers do not know yet"),
        (false, true) => sides.rule(Shift::Tighter, "a value stands there no more"),
        (false, false) if sides.writes => sides.rule(Shift::Other, "some values come and others go"),
        (false, false) => Ruling::heard("some values come, which readers do not know yet, and others go"),
    }
}
