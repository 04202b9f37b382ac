//! Types of columns: which stay readable as before, and which do not.
//!
//! Wider for readers is what Delta tables may do in place: longer whole numbers, longer floats, decimals with more digits on
//! either side, a date as the wall-clock midnight, a finer unit of time. A whole number that becomes a decimal or a double is
//! another family: `5 / 2` gives another answer.
//!
//! Start reading at [`types`].
//!
//! # Source
//! Delta Lake, "Type widening".

use super::columns::{added, null};
use super::note::{At, Ruling, Shift, Sides};
use super::pairs::pairs;
use crate::types::{LogicalType as T, StructField};

/// Compares two types; lists, maps and structs are compared part by part.
pub(super) fn types(at: &mut At<'_>, name: &str, old: &T, new: &T, sides: Sides) {
    if old == new {
        return;
    }
    match (old, new) {
        (T::List { item, item_nullable }, T::List { item: new_item, item_nullable: new_null }) => {
            let mut at = at.under(name);
            types(&mut at, "item", item, new_item, sides);
            null(&mut at, "item_nullable", *item_nullable, *new_null, sides);
        }
        (T::Map { key, value, value_nullable }, T::Map { key: k, value: v, value_nullable: n }) => {
            let mut at = at.under(name);
            types(&mut at, "key", key, k, sides);
            types(&mut at, "value", value, v, sides);
            null(&mut at, "value_nullable", *value_nullable, *n, sides);
        }
        (T::Struct { fields }, T::Struct { fields: new }) => members(&mut at.under(name), fields, new, sides),
        _ => at.add(name, Some(old.to_string()), Some(new.to_string()), rule(old, new, sides)),
    }
}

fn members(at: &mut At<'_>, old: &[StructField], new: &[StructField], sides: Sides) {
    let (before, after) = (names(old), names(new));
    let pairs = pairs(&before, &after);
    for (field, became) in old.iter().zip(&pairs.became) {
        let StructField { name, logical_type, nullable } = field;
        match became.map(|i| &new[i]) {
            Some(after) => {
                let mut at = at.under(name);
                at.value("name", name, &after.name, || sides.rule(Shift::Other, "a query that names the member fails"));
                types(&mut at, "type", logical_type, &after.logical_type, sides);
                null(&mut at, "nullable", *nullable, after.nullable, sides);
            }
            None => {
                let ruling = sides.rule(Shift::Other, "a query that names the member fails");
                at.add(name, Some(logical_type.to_string()), None, ruling);
            }
        }
    }
    for field in pairs.added.iter().map(|i| &new[*i]) {
        at.add(&field.name, None, Some(field.logical_type.to_string()), added(field.nullable, false, sides));
    }
    if !pairs.in_order() {
        let ruling = Ruling::minor("the members stand in another order; by name they are found as before");
        at.add("order", Some(before.join(", ")), Some(after.join(", ")), ruling);
    }
}

fn names(fields: &[StructField]) -> Vec<&str> {
    fields.iter().map(|f| f.name.as_str()).collect()
}

fn rule(old: &T, new: &T, sides: Sides) -> Ruling {
    if wider(old, new) {
        return sides.rule(Shift::Wider, "every old value fits the new type, but programs may see a wider one");
    }
    if wider(new, old) {
        return sides.rule(Shift::Other, "the new type cannot hold every old value");
    }
    if more_exact(old, new) {
        let ruling = sides.rule(Shift::Tighter, "the type is more exact than what was promised");
        return Ruling { warns: true, ..ruling };
    }
    if more_exact(new, old) {
        return sides.rule(Shift::Looser, "values of more types than before may stand there");
    }
    sides.rule(Shift::Other, "the type is of another family")
}

/// Whether every value of `old` is a value of `new`, in the same family.
fn wider(old: &T, new: &T) -> bool {
    match (old, new) {
        _ if old == new => false,
        (T::Float16, T::Float32 | T::Float64) | (T::Float32, T::Float64) => true,
        (T::Decimal { .. }, T::Decimal { .. }) => new.accepts(old),
        (T::Date, T::Timestamp { utc: false, .. }) => true,
        (T::Timestamp { unit: a, utc: x }, T::Timestamp { unit: b, utc: y }) => x == y && a < b,
        (T::Time { unit: a }, T::Time { unit: b }) | (T::Duration { unit: a }, T::Duration { unit: b }) => a < b,
        _ => old.whole_bits().is_some() && new.whole_bits().is_some() && new.accepts(old),
    }
}

/// Whether `new` is one of the types that the word `old` stands for.
fn more_exact(old: &T, new: &T) -> bool {
    match (old, new) {
        (T::Any, _) => *new != T::Any,
        (T::Number, _) => *new != T::Number && new.is_number(),
        (T::Integer, _) => new.whole_bits().is_some(),
        (T::String, T::Uuid | T::Json) => true,
        (T::Binary, T::FixedBinary { .. }) => true,
        _ => false,
    }
}
