//! Reads the keys of a block one by one, and reports the keys that nobody asked for.
//!
//! In: a [`Node`]. Out: typed values; each fault goes to the [`Report`] with its place, and reading goes on.
//! Holds always: what is asked for is what is known; so a block's list of keys stands nowhere but in its reader.
//!
//! Start reading at [`Fields::take`].

use serde_json::Value as Json;

use super::node::{Entry, Place};
use super::report::Report;
use super::value::{Value, way};
use crate::model::Custom;
use crate::problem::code;

/// A block whose keys are being read.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    pub(super) path: String,
    pub(crate) place: Place,
    pub(super) entries: &'n [Entry],
    pub(super) known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Fields that do not stand in the document as a block, but mean one: a list of names with values.
    pub(crate) fn over(entries: &'n [Entry], list: &Value<'_>) -> Self {
        Self { path: list.path.clone(), place: list.place(), entries, known: Vec::new() }
    }

    /// The value under `key`, unless it is absent or null. From now on the key is known.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'n>> {
        self.known.push(key);
        self.look(key)
    }

    /// The value under the first of several spellings of one key; two of them at once are a conflict.
    pub(crate) fn take_any(&mut self, keys: &[&'static str], report: &mut Report) -> Option<Value<'n>> {
        let mut found: Option<Value<'n>> = None;
        for key in keys {
            let Some(value) = self.take(key) else { continue };
            match &found {
                None => found = Some(value),
                Some(first) => {
                    let message = format!("`{}` says the same as `{}`", value.path, first.path);
                    report.error(value.place(), code::CONFLICT, message, "Keep one of the two.");
                }
            }
        }
        found
    }

    /// The value under `key`; its absence is a problem.
    pub(crate) fn need(&mut self, key: &'static str, mend: &str, report: &mut Report) -> Option<Value<'n>> {
        let value = self.take(key);
        if value.is_none() {
            self.missing(key, mend, report);
        }
        value
    }

    /// Reports that `key` is missing.
    pub(crate) fn missing(&self, key: &str, mend: &str, report: &mut Report) {
        report.error(self.place, code::MISSING, format!("`{}` is missing", self.path_of(key)), mend);
    }

    /// The text under `key`.
    pub(crate) fn text(&mut self, key: &'static str, report: &mut Report) -> Option<String> {
        self.take(key)?.text(report).map(str::to_owned)
    }

    /// The texts under `key`: a list, or one.
    pub(crate) fn texts(&mut self, key: &'static str, report: &mut Report) -> Vec<String> {
        self.take(key).map_or_else(Vec::new, |v| v.texts(report))
    }

    /// The items of the list under `key`.
    pub(crate) fn items(&mut self, key: &'static str, report: &mut Report) -> Vec<Value<'n>> {
        self.take(key).map_or_else(Vec::new, |v| v.items(report))
    }

    /// The boolean under `key`.
    pub(crate) fn flag(&mut self, key: &'static str, report: &mut Report) -> Option<bool> {
        self.take(key)?.flag(report)
    }

    /// Puts the raw value under `key` into `custom`, under the same name.
    pub(crate) fn keep(&mut self, key: &'static str, custom: &mut Custom) {
        if let Some(value) = self.take(key) {
            keep(custom, key, value.json());
        }
    }

    /// Whether `key` is there and not null; does not make it known.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|e| e.key == key && !e.value.is_null())
    }

    /// The value under `key`, unless it is null; does not make it known.
    pub(crate) fn look(&self, key: &str) -> Option<Value<'n>> {
        let entry = self.entries.iter().find(|e| e.key == key && !e.value.is_null())?;
        Some(Value { path: self.path_of(key), node: &entry.value })
    }

    /// The value under `key`, null or not; does not make it known.
    pub(crate) fn look_raw(&self, key: &str) -> Option<Value<'n>> {
        let entry = self.entries.iter().find(|e| e.key == key)?;
        Some(Value { path: self.path_of(key), node: &entry.value })
    }

    fn path_of(&self, key: &str) -> String {
        way(&self.path, key)
    }

    /// Takes what nobody asked for: `custom` and `x-*` are given back, any other key is a problem.
    pub(crate) fn finish(self, report: &mut Report) -> Custom {
        let mut custom = Custom::new();
        self.finish_into(&mut custom, report);
        custom
    }

    /// As [`Self::finish`], into a map that holds something already.
    pub(crate) fn finish_into(self, custom: &mut Custom, report: &mut Report) {
        for entry in self.entries.iter().filter(|e| !self.known.contains(&e.key.as_str())) {
            if entry.key.starts_with("x-") {
                keep(custom, &entry.key, entry.value.json());
            } else if entry.key == "custom" {
                match entry.value.json() {
                    Json::Object(map) => map.into_iter().for_each(|(k, v)| keep(custom, &k, v)),
                    Json::Null => {}
                    other => keep(custom, "custom", other),
                }
            } else {
                self.unknown(entry, report);
            }
        }
    }

    /// As [`Self::finish`], for a block without a `custom` of its own: its keys are kept as `prefix.key`.
    pub(crate) fn finish_under(self, prefix: &str, custom: &mut Custom, report: &mut Report) {
        for (key, value) in self.finish(report) {
            keep(custom, &format!("{prefix}.{key}"), value);
        }
    }

    /// Takes what nobody asked for, whatever its name.
    pub(crate) fn finish_open(self, custom: &mut Custom) {
        for entry in self.entries.iter().filter(|e| !self.known.contains(&e.key.as_str()) && !e.value.is_null()) {
            keep(custom, &entry.key, entry.value.json());
        }
    }

    fn unknown(&self, entry: &Entry, report: &mut Report) {
        let mend = match report.nearest(&entry.key, self.known.iter().copied()) {
            Some(name) => format!("Did you mean `{name}`? What is your own goes under `custom` or `x-{}`.", entry.key),
            None if !report.wants_hints() => "Remove it, or put it under `custom`.".to_owned(),
            None => format!("Known here: {}. What is your own goes under `custom` or `x-{}`.", self.names(), entry.key),
        };
        let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
        report.error(entry.place, code::UNKNOWN_KEY, format!("the key `{}` is not known{place}", entry.key), mend);
    }

    fn names(&self) -> String {
        let mut names: Vec<&str> = self.known.clone();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }
}

/// Adds to `custom` without ever replacing what is there.
pub(crate) fn keep(custom: &mut Custom, key: &str, value: Json) {
    if !custom.contains_key(key) {
        custom.insert(key.to_owned(), value);
        return;
    }
    // The same key may collide many times; a free number is found by doubling, then by halving.
    let name = |n: usize| if n < 2 { format!("custom.{key}") } else { format!("custom.{n}.{key}") };
    let mut free = 1;
    while custom.contains_key(&name(free)) {
        free *= 2;
    }
    let mut taken = free / 2;
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        *(if custom.contains_key(&name(middle)) { &mut taken } else { &mut free }) = middle;
    }
    custom.insert(name(free), value);
}
