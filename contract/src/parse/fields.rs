//! Reads the keys of a block one by one, and reports the keys that nobody asked for.
//!
//! In: a [`Node`]. Out: typed values; each fault goes to the [`Report`] with its place, and reading goes on.
//! Holds always: what is asked for is what is known; so a block's list of keys stands nowhere but in its reader.
//!
//! Start reading at [`Fields::take`].

use serde_json::Value as Json;

use super::near::nearest;
use super::node::{Entry, Kind, Node, Place, is_json_number, number};
use super::report::Report;
use super::words;
use crate::model::{Custom, Span};
use crate::problem::code;

/// A value with the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Value<'n> {
    /// `spec.sla.freshness`, `columns[2].name`.
    pub(crate) path: String,
    pub(crate) node: &'n Node,
}

/// A block whose keys are being read.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    path: String,
    pub(crate) place: Place,
    entries: &'n [Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
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
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
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
        let near = nearest(&entry.key, self.known.iter().copied());
        let mend = match near.first() {
            Some(name) => format!("Did you mean `{name}`? What is your own goes under `custom` or `x-{}`.", entry.key),
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
    let mut name = key.to_owned();
    while custom.contains_key(&name) {
        name = format!("custom.{name}");
    }
    custom.insert(name, value);
}

impl<'n> Value<'n> {
    /// The whole document.
    pub(crate) fn root(node: &'n Node) -> Self {
        Value { path: String::new(), node }
    }

    pub(crate) fn place(&self) -> Place {
        self.node.place
    }

    /// The value as JSON, for what the model keeps raw.
    pub(crate) fn json(&self) -> Json {
        self.node.json()
    }

    fn wrong(&self, code: &'static str, what: &str, mend: &str, report: &mut Report) {
        let name = if self.path.is_empty() { "the document".to_owned() } else { format!("`{}`", self.path) };
        report.error(self.place(), code, format!("{name} {what}"), mend);
    }

    /// Its text; a list or a block is a problem.
    pub(crate) fn text(&self, report: &mut Report) -> Option<&'n str> {
        let text = self.node.scalar();
        if text.is_none() {
            self.wrong(code::NOT_TEXT, "is not a single value", "Write one value here.", report);
        }
        text
    }

    /// Its keys; anything but a block is a problem.
    pub(crate) fn fields(&self, report: &mut Report) -> Option<Fields<'n>> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let path = self.path.clone();
                Some(Fields { path, place: self.place(), entries, known: Vec::new() })
            }
            Kind::Scalar { .. } | Kind::List(_) => {
                self.wrong(code::NOT_A_MAP, "is not a block of keys", "Write keys and values here.", report);
                None
            }
        }
    }

    /// Its items; anything but a list is a problem.
    pub(crate) fn items(&self, report: &mut Report) -> Vec<Self> {
        match &self.node.kind {
            Kind::List(items) => self.numbered(items),
            Kind::Scalar { .. } | Kind::Map(_) => {
                self.wrong(code::NOT_A_LIST, "is not a list", "Write a list here.", report);
                Vec::new()
            }
        }
    }

    /// Its items, or itself when it is no list.
    pub(crate) fn one_or_many(&self) -> Vec<Self> {
        match &self.node.kind {
            Kind::List(items) => self.numbered(items),
            Kind::Scalar { .. } | Kind::Map(_) => vec![self.clone()],
        }
    }

    fn numbered(&self, items: &'n [Node]) -> Vec<Self> {
        let item = |(i, node): (usize, &'n Node)| Value { path: format!("{}[{i}]", self.path), node };
        items.iter().enumerate().map(item).collect()
    }

    /// Its entries with the places of their keys; anything but a block is a problem.
    pub(crate) fn entries(&self, report: &mut Report) -> Vec<(&'n str, Place, Self)> {
        match &self.node.kind {
            Kind::Map(entries) => entries
                .iter()
                .map(|e| (e.key.as_str(), e.place, Value { path: format!("{}.{}", self.path, e.key), node: &e.value }))
                .collect(),
            Kind::Scalar { .. } | Kind::List(_) => {
                self.wrong(code::NOT_A_MAP, "is not a block of keys", "Write keys and values here.", report);
                Vec::new()
            }
        }
    }

    /// Its texts: those of a list, or its own.
    pub(crate) fn texts(&self, report: &mut Report) -> Vec<String> {
        self.one_or_many().iter().filter_map(|v| v.text(report)).map(str::to_owned).collect()
    }

    /// `true` or `false`; `yes` and `no` are refused, since YAML 1.1 and 1.2 read them differently.
    pub(crate) fn flag(&self, report: &mut Report) -> Option<bool> {
        match &self.node.kind {
            Kind::Scalar { text, quoted: false } if text == "true" => Some(true),
            Kind::Scalar { text, quoted: false } if text == "false" => Some(false),
            _ => {
                self.wrong(code::BAD_BOOLEAN, "is neither true nor false", "Write true or false, unquoted.", report);
                None
            }
        }
    }

    /// A whole number, zero or more.
    pub(crate) fn whole(&self, report: &mut Report) -> Option<u64> {
        let text = self.text(report)?;
        let whole = text.parse().ok().filter(|_| is_json_number(text));
        if whole.is_none() {
            let mend = "Write digits only, without a leading zero.";
            self.wrong(code::BAD_NUMBER, "is not a whole number", mend, report);
        }
        whole
    }

    /// Any number, with all its digits.
    pub(crate) fn number(&self, report: &mut Report) -> Option<Json> {
        let text = self.text(report)?;
        match number(text) {
            Some(number) => Some(Json::Number(number)),
            None if is_json_number(text) => Some(Json::String(text.to_owned())),
            None => {
                self.wrong(code::BAD_NUMBER, "is not a number", "Write a number such as 10 or 0.5.", report);
                None
            }
        }
    }

    /// One of several words; case does not matter.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)], code: &'static str, report: &mut Report) -> Option<T> {
        let text = self.text(report)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        if found.is_none() {
            let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            let mend = match nearest(text, words.iter().map(|(word, _)| *word)).first() {
                Some(near) => format!("Did you mean `{near}`? Allowed: {all}."),
                None => format!("Write one of {all}."),
            };
            self.wrong(code, &format!("has the unknown word `{text}`"), &mend, report);
        }
        found.map(|(_, value)| *value)
    }

    /// A span of time.
    pub(crate) fn span(&self, report: &mut Report) -> Option<Span> {
        let mend = "Write a number with its unit (5m, 24h, 15_minutes, 1y) or ISO 8601 (PT5M, P1Y).";
        self.grammar(words::span, code::BAD_DURATION, mend, report)
    }

    /// A share of one.
    pub(crate) fn fraction(&self, report: &mut Report) -> Option<f64> {
        self.grammar(words::fraction, code::BAD_FRACTION, "Write a percentage (20%) or a fraction (0.2).", report)
    }

    /// Reads its text by one of the small grammars.
    pub(crate) fn grammar<T>(
        &self,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
        code: &'static str,
        mend: &str,
        report: &mut Report,
    ) -> Option<T> {
        let text = self.text(report)?;
        read(text).map_err(|why| self.wrong(code, &format!("{why}: `{text}`"), mend, report)).ok()
    }

    /// Reports something about this value.
    pub(crate) fn error(&self, code: &'static str, what: &str, mend: &str, report: &mut Report) {
        self.wrong(code, what, mend, report);
    }
}
