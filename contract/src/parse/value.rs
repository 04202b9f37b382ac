//! Reads one value as what belongs in its place: text, number, word, span of time, list, block.
//!
//! Holds always: a value that does not fit is a problem with its place and the way to it; reading goes on.
//!
//! Start reading at [`Value`].

use serde_json::Value as Json;

use super::fields::Fields;
use super::node::{Kind, Node, Place, is_json_number, number};
use super::report::Report;
use super::words;
use crate::model::Span;
use crate::problem::code;

/// The way to a key, for messages: long keys and long ways are cut, since every value of a document carries its own.
pub(super) fn way(path: &str, key: &str) -> String {
    let end = key.char_indices().nth(64).map_or(key.len(), |(end, _)| end);
    let (key, more) = (&key[..end], if end < key.len() { "…" } else { "" });
    match path.char_indices().rev().nth(200) {
        _ if path.is_empty() => format!("{key}{more}"),
        Some((start, _)) => format!("…{}.{key}{more}", &path[start..]),
        None => format!("{path}.{key}{more}"),
    }
}

/// A value with the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Value<'n> {
    /// `spec.sla.freshness`, `columns[2].name`.
    pub(crate) path: String,
    pub(crate) node: &'n Node,
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
                .map(|e| (e.key.as_str(), e.place, Value { path: way(&self.path, &e.key), node: &e.value }))
                .collect(),
            Kind::Scalar { .. } | Kind::List(_) => {
                self.wrong(code::NOT_A_MAP, "is not a block of keys", "Write keys and values here.", report);
                Vec::new()
            }
        }
    }

    /// As [`Self::texts`], without copying.
    pub(crate) fn texts_ref(&self, report: &mut Report) -> Vec<&'n str> {
        self.one_or_many().iter().filter_map(|v| v.text(report)).collect()
    }

    /// Its texts: those of a list, or its own.
    pub(crate) fn texts(&self, report: &mut Report) -> Vec<String> {
        self.one_or_many().iter().filter_map(|v| v.text(report)).map(str::to_owned).collect()
    }

    /// `true` or `false`; `yes` and `no` are refused, since YAML 1.1 and 1.2 read them differently.
    pub(crate) fn flag(&self, report: &mut Report) -> Option<bool> {
        match &self.node.kind {
            // The three spellings that YAML 1.2 has.
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "True" | "TRUE") => Some(true),
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "false" | "False" | "FALSE") => Some(false),
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
            let mend = match report.nearest(text, words.iter().map(|(word, _)| *word)) {
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
