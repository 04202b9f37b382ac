//! The shapes of blocks that are kept as they were written: which keys they have, and what stands under each.
//!
//! The reader reports what does not fit, with its place; the writer writes a kept block back only when it fits.
//!
//! Start reading at [`Shape::check`].

use serde_json::Value as Json;

use crate::parse::node::Kind;
use crate::parse::report::Report;
use crate::parse::value::Value;
use crate::parse::{json, near};
use crate::problem::code;

/// What may stand under a key.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text. A reader takes any single value for it; a writer writes text only.
    Text,
    /// An identifier inside a document: letters, digits, `_`, `-`.
    Id,
    Number,
    /// Zero or more.
    Whole,
    Flag,
    /// One of these words, as spelled here.
    Word(&'static [&'static str]),
    /// Text, a number, a flag or nothing.
    Scalar,
    /// Whatever stands there.
    Any,
    List(&'static Self),
    Block(&'static [Key]),
    /// The first for a single value, the second for all else.
    Or(&'static Self, &'static Self),
    /// The first for a list, the second for all else.
    ListOr(&'static Self, &'static Self),
    /// A server: the keys depend on its `type`.
    Server,
}

/// One key of a block.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) needed: bool,
    pub(crate) shape: &'static Shape,
}

/// A key that may be left out.
pub(crate) const fn may(name: &'static str, shape: &'static Shape) -> Key {
    Key { name, needed: false, shape }
}

/// A key that must be there.
pub(crate) const fn must(name: &'static str, shape: &'static Shape) -> Key {
    Key { name, needed: true, shape }
}

/// Who looks: a reader forgives what YAML makes of words, a writer forgives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eye {
    Reader,
    Writer,
}

impl Shape {
    /// Reports everything in `value` that does not fit.
    pub(crate) fn check(&self, value: &Value<'_>, report: &mut Report) {
        self.look(value, Eye::Reader, report);
    }

    /// Whether a kept value may be written where this shape stands.
    pub(crate) fn fits(&self, value: &Json) -> bool {
        let mut report = Report::new("");
        let Some(node) = json::read(&value.to_string(), &mut report) else { return false };
        self.look(&Value::root(&node), Eye::Writer, &mut report);
        !report.has_errors()
    }

    fn look(&self, value: &Value<'_>, eye: Eye, report: &mut Report) {
        // An empty value is like a key that is not there; a writer would not write it.
        if value.node.is_null() && !matches!(self, Self::Any | Self::Scalar) {
            if eye == Eye::Writer {
                value.error(code::MISSING, "says nothing", "Remove the key.", report);
            }
            return;
        }
        match self {
            Self::Any => {}
            Self::Scalar => drop(value.node.scalar_or_null().or_else(|| value.text(report))),
            Self::Text => text(value, eye, report),
            Self::Id => id(value, eye, report),
            Self::Number | Self::Whole if eye == Eye::Writer && is_quoted(value) => {
                value.error(code::BAD_NUMBER, "is text", "Write a number.", report);
            }
            Self::Number => drop(value.number(report)),
            Self::Whole => drop(value.whole(report)),
            Self::Flag => drop(value.flag(report)),
            Self::Word(words) => word(value, words, report),
            Self::List(item) => value.items(report).iter().for_each(|i| item.look(i, eye, report)),
            Self::Or(single, other) => match value.node.kind {
                Kind::Scalar { .. } => single.look(value, eye, report),
                Kind::List(_) | Kind::Map(_) => other.look(value, eye, report),
            },
            Self::ListOr(list, other) => match value.node.kind {
                Kind::List(_) => list.look(value, eye, report),
                Kind::Scalar { .. } | Kind::Map(_) => other.look(value, eye, report),
            },
            Self::Block(keys) => block(keys, value, eye, report),
            Self::Server => {
                let kind = value.node.get("type").and_then(|t| t.scalar());
                match kind.and_then(super::servers::keys_of) {
                    Some(keys) => super::servers::check(keys, value, eye == Eye::Writer, report),
                    None => server_type(value, kind, report),
                }
            }
        }
    }

    /// Looks at the values under the keys of a block that was taken apart already.
    pub(super) fn under(&self, value: &Value<'_>, writes: bool, report: &mut Report) {
        self.look(value, if writes { Eye::Writer } else { Eye::Reader }, report);
    }
}

fn is_quoted(value: &Value<'_>) -> bool {
    matches!(value.node.kind, Kind::Scalar { quoted: true, .. })
}

fn text(value: &Value<'_>, eye: Eye, report: &mut Report) {
    if value.text(report).is_some() && eye == Eye::Writer && !is_quoted(value) {
        value.error(code::NOT_TEXT, "is not text", "Quote it.", report);
    }
}

fn id(value: &Value<'_>, eye: Eye, report: &mut Report) {
    text(value, eye, report);
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if value.node.scalar().is_some_and(|text| text.is_empty() || !text.chars().all(letters)) {
        value.error(code::BAD_NAME, "is no identifier", "Use letters, digits, `_` and `-`.", report);
    }
}

fn word(value: &Value<'_>, words: &[&str], report: &mut Report) {
    let Some(text) = value.text(report) else { return };
    if !words.contains(&text) {
        let all = words.join(", ");
        let mend = match report.nearest(text, words.iter().copied()) {
            Some(near) => format!("Did you mean `{near}`? Allowed: {all}."),
            None => format!("Write one of {all}."),
        };
        value.error(code::BAD_WORD, &format!("has the unknown word `{text}`"), &mend, report);
    }
}

fn block(keys: &[Key], value: &Value<'_>, eye: Eye, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    for key in keys {
        match fields.take(key.name) {
            Some(value) => key.shape.look(&value, eye, report),
            None if key.needed
                && !(matches!(key.shape, Shape::Any | Shape::Scalar) && fields.look_raw(key.name).is_some()) =>
            {
                fields.missing(key.name, &format!("Add `{}`.", key.name), report);
            }
            None => {
                let null = fields.look_raw(key.name).filter(|_| eye == Eye::Writer);
                null.iter().for_each(|value| key.shape.look(value, eye, report));
            }
        }
    }
    let own = fields.finish(report);
    if eye == Eye::Writer && !own.is_empty() {
        value.error(code::UNKNOWN_KEY, "has keys of its own", "Keep them elsewhere.", report);
    }
}

fn server_type(value: &Value<'_>, kind: Option<&str>, report: &mut Report) {
    let Some(kind) = kind else {
        let Some(fields) = value.fields(report) else { return };
        return fields.missing("type", "Say what kind of server it is, such as s3.", report);
    };
    let near = near::nearest(kind, super::servers::TYPES.iter().map(|(name, ..)| *name)).into_iter().next();
    let mend = near.map_or_else(
        || "Write `custom` for a kind of server that the standard does not name.".to_owned(),
        |near| format!("Did you mean `{near}`?"),
    );
    value.error(code::BAD_WORD, &format!("is a server of the unknown type `{kind}`"), &mend, report);
}
