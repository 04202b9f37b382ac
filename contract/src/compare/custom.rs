//! What the model has no field for: told apart by the words that mean something everywhere.
//!
//! Holds always: a unit, a currency and the like are meaning, and so are bounds that the model does not know; the rest is words.
//!
//! Start reading at [`custom`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::note::{At, Ruling, Shift, Sides, presence};
use crate::model::Custom;

/// What a value means beside its type.
const MEANING: [&str; 10] = [
    "unit",
    "units",
    "currency",
    "measure",
    "semantictype",
    "timezone",
    "defaulttimezone",
    "encoding",
    "contentencoding",
    "datagranularitydescription",
];
/// Bounds that the model has no field for: there they narrow, gone they loosen.
const BOUNDS: [&str; 11] = [
    "multipleof",
    "minitems",
    "maxitems",
    "uniqueitems",
    "minproperties",
    "maxproperties",
    "dimension",
    "keytype",
    "valuetype",
    "required",
    "format",
];
/// Structure whose types the model has, and whose other words it keeps raw.
const STRUCTURE: [&str; 10] = [
    "properties",
    "items",
    "fields",
    "anyof",
    "oneof",
    "$ref",
    "$defs",
    "definitions",
    "additionalproperties",
    "schema",
];

/// Promises that the model has fields for, and which the standard's list repeats.
const LEVELS: [&str; 3] = ["freshness", "availability", "retention"];

/// What stands around a `custom` map.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// A column or a table, and who relies on it.
    Column(Sides),
    /// Promises about time.
    Levels,
    /// Limits of use.
    Limits,
    /// Everything else.
    Words,
}

/// Compares what the model has no field for, key by key.
pub(super) fn custom(at: &mut At<'_>, old: &Custom, new: &Custom, place: Place) {
    if old == new {
        return;
    }
    let (before, after) = (facts(old), facts(new));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (from, to) = (before.get(key).copied(), after.get(key).copied());
        if from != to {
            at.add(key, from.map(told), to.map(told), rule(key, from, to, place));
        }
    }
}

/// The entries of a map; the standard's lists of named properties are taken apart by their names.
fn facts(custom: &Custom) -> BTreeMap<String, &Value> {
    let mut facts = BTreeMap::new();
    for (key, value) in custom {
        let named = match key.as_str() {
            "customProperties" => properties(value),
            "slaProperties" => named(value, |_, item| Some(vec![(String::new(), item)])),
            _ => None,
        };
        match named {
            Some(named) => facts.extend(named.into_iter().map(|(name, value)| (format!("{key}.{name}"), value))),
            None => drop(facts.insert(key.clone(), value)),
        }
    }
    facts
}

type Named<'v> = Vec<(String, &'v Value)>;

/// `[{property, value, …}]`: the value under the property's name, what is said of it beside.
fn properties(list: &Value) -> Option<Named<'_>> {
    named(list, |item, whole| {
        whole.get("value")?;
        let part = |(key, value)| match key {
            "value" => (String::new(), value),
            key => (format!(".{key}"), value),
        };
        Some(item.iter().filter(|(key, _)| *key != "property").map(|(k, v)| part((k.as_str(), v))).collect())
    })
}

/// Takes a list of named things apart; none when it is anything else, or names a thing twice.
fn named<'v>(
    list: &'v Value,
    parts: impl Fn(&'v serde_json::Map<String, Value>, &'v Value) -> Option<Named<'v>>,
) -> Option<Named<'v>> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for whole in list.as_array()? {
        let item = whole.as_object()?;
        let name = item.get("property")?.as_str()?;
        if !seen.insert(name) {
            return None;
        }
        found.extend(parts(item, whole)?.into_iter().map(|(part, value)| (format!("{name}{part}"), value)));
    }
    Some(found)
}

fn rule(key: &str, from: Option<&Value>, to: Option<&Value>, place: Place) -> Ruling {
    let last = key.rsplit('.').next().unwrap_or(key);
    let last = last.strip_prefix("x-").unwrap_or(last).to_lowercase().replace(['_', '-'], "");
    let is = |words: &[&str]| words.contains(&last.as_str());
    match place {
        // The names of a warehouse and a catalog lead to the rows; queries do not use them.
        Place::Column(_) if key.starts_with("storage.") => Ruling::patch("nothing here acts on it"),
        Place::Column(_) if is(&MEANING) => presence(from.is_some(), to.is_some(), "what the values mean"),
        Place::Column(sides) if is(&BOUNDS) => {
            let shift = match (from, to) {
                (None, _) => Shift::Tighter,
                (_, None) => Shift::Looser,
                _ => Shift::Other,
            };
            sides.rule(shift, "a bound on its values is another one now")
        }
        Place::Column(_) if is(&STRUCTURE) => {
            Ruling::heard("what is said of its members changed beyond their types, which nothing here weighs")
        }
        Place::Column(_) if last == "deprecated" => Ruling::heard("whether it goes away is announced"),
        Place::Column(_) if last == "compatibility" => {
            Ruling::heard("how its schema may change is another promise now")
        }
        Place::Levels if is(&LEVELS) => {
            Ruling::patch("how it was written; what it promises is compared by its own name")
        }
        Place::Levels if to.is_none() => Ruling::major("it is promised no more"),
        Place::Levels if from.is_none() => Ruling::minor("it is promised now"),
        Place::Levels | Place::Limits => Ruling::heard("nothing here knows whether this promises more or less"),
        Place::Column(_) | Place::Words => Ruling::patch("nothing here acts on it"),
    }
}

/// A raw value: text without quotes, everything else as JSON.
pub(super) fn told(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
