//! Collects changes on the way through a model, and rules how much each weighs.
//!
//! Start reading at [`At`] for places and at [`Sides`] for directions.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Change, Class};

/// The longest value that a change shows, in characters.
const SHOWN: usize = 400;

/// The longest part of a path, in characters.
const NAMED: usize = 128;

/// A place in the model, under which changes are noted.
pub(super) struct At<'c> {
    changes: &'c mut Vec<Change>,
    path: String,
}

/// How much a change weighs, and why.
#[derive(Debug, Clone)]
pub(super) struct Ruling {
    pub(super) class: Class,
    pub(super) warns: bool,
    pub(super) why: String,
}

impl Ruling {
    pub(super) fn patch(why: impl Into<String>) -> Self {
        Self { class: Class::Patch, warns: false, why: why.into() }
    }

    pub(super) fn minor(why: impl Into<String>) -> Self {
        Self { class: Class::Minor, warns: false, why: why.into() }
    }

    /// A MINOR that consumers should hear of.
    pub(super) fn heard(why: impl Into<String>) -> Self {
        Self { class: Class::Minor, warns: true, why: why.into() }
    }

    pub(super) fn major(why: impl Into<String>) -> Self {
        Self { class: Class::Major, warns: false, why: why.into() }
    }
}

/// What a change does to a promise about values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shift {
    /// Fewer values than before can stand here.
    Tighter,
    /// More values than before can stand here.
    Looser,
    /// More values than before, all of which a careful reader copes with: a wider type, a further allowed value.
    Wider,
    /// Other values, or it cannot be told.
    Other,
}

/// Who relies on a table's columns: those who read it, those who write rows into it, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub(super) reads: bool,
    pub(super) writes: bool,
}

impl Sides {
    /// What a shift means for those who rely on it; `why` says it for readers.
    pub(super) fn rule(self, shift: Shift, why: &str) -> Ruling {
        let reading = self.reads.then(|| match shift {
            Shift::Tighter => Ruling::minor(why),
            Shift::Wider => Ruling::heard(why),
            Shift::Looser | Shift::Other => Ruling::major(why),
        });
        let writing = self.writes.then(|| match shift {
            Shift::Tighter | Shift::Other => {
                Ruling::major(format!("rows that were taken so far may be refused: {why}"))
            }
            Shift::Looser | Shift::Wider => Ruling::minor(why),
        });
        match (reading, writing) {
            (Some(reading), Some(writing)) if writing.class > reading.class => writing,
            (Some(reading), _) => reading,
            (None, Some(writing)) => writing,
            (None, None) => Ruling::patch(why),
        }
    }
}

impl<'c> At<'c> {
    pub(super) fn root(changes: &'c mut Vec<Change>) -> Self {
        At { changes, path: String::new() }
    }

    /// The place of a part: a field of the model, or a thing called by its name.
    pub(super) fn under(&mut self, name: &str) -> At<'_> {
        let path = self.path_of(name);
        At { changes: &mut *self.changes, path }
    }

    /// How many changes were noted so far, anywhere.
    pub(super) fn count(&self) -> usize {
        self.changes.len()
    }

    fn path_of(&self, name: &str) -> String {
        let name = name.char_indices().nth(NAMED).map_or(name, |(end, _)| &name[..end]);
        let plain = !name.is_empty() && !name.contains(['.', '"', ' ']);
        let name = if plain { name.to_owned() } else { format!("{name:?}") };
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// Notes a change of the part `name`.
    pub(super) fn add(&mut self, name: &str, from: Option<String>, to: Option<String>, ruling: Ruling) {
        let Ruling { class, warns, why } = ruling;
        let path = self.path_of(name);
        self.changes.push(Change { path, from: from.map(shown), to: to.map(shown), class, warns, why });
    }

    /// Compares a value; `rule` is asked only when it changed.
    pub(super) fn value<T: PartialEq + Display>(
        &mut self,
        name: &str,
        old: &T,
        new: &T,
        rule: impl FnOnce() -> Ruling,
    ) {
        if old != new {
            self.add(name, Some(old.to_string()), Some(new.to_string()), rule());
        }
    }

    /// Compares a value that may be absent; `rule` is asked only when it changed.
    pub(super) fn option<T: PartialEq + Display>(
        &mut self,
        name: &str,
        old: Option<&T>,
        new: Option<&T>,
        rule: impl FnOnce(Option<&T>, Option<&T>) -> Ruling,
    ) {
        if old != new {
            self.add(name, old.map(ToString::to_string), new.map(ToString::to_string), rule(old, new));
        }
    }

    /// A text for people.
    pub(super) fn words(&mut self, name: &str, old: Option<&String>, new: Option<&String>) {
        self.option(name, old, new, |_, _| Ruling::patch("it is for people, and no query reads it"));
    }

    /// What a value says when it is said at all: saying it is more, unsaying it is less, another value is another meaning.
    pub(super) fn said<T: PartialEq + Display>(&mut self, name: &str, old: Option<&T>, new: Option<&T>, what: &str) {
        self.option(name, old, new, |old, new| presence(old.is_some(), new.is_some(), what));
    }

    /// Compares lists of words, order aside: each word that is gone or new is a change of its own.
    pub(super) fn list(
        &mut self,
        name: &str,
        old: &[String],
        new: &[String],
        gone: impl Fn(&str) -> Ruling,
        added: impl Fn(&str) -> Ruling,
    ) {
        let (before, after) = (as_set(old), as_set(new));
        for word in before.difference(&after) {
            self.add(name, Some((*word).to_owned()), None, gone(word));
        }
        for word in after.difference(&before) {
            self.add(name, None, Some((*word).to_owned()), added(word));
        }
        if before == after && old != new {
            let why = "the same is listed in another order, or more than once";
            self.add(name, Some(old.join(", ")), Some(new.join(", ")), Ruling::patch(why));
        }
    }

    /// A list of words for people.
    pub(super) fn word_list(&mut self, name: &str, old: &[String], new: &[String]) {
        let why = |_: &str| Ruling::patch("it is for people, and no query reads it");
        self.list(name, old, new, why, why);
    }
}

/// Saying something is more, unsaying it is less, saying another thing is another meaning.
pub(super) fn presence(before: bool, after: bool, what: &str) -> Ruling {
    match (before, after) {
        (false, _) => Ruling::minor(format!("{what} is said now, where nothing was")),
        (true, false) => Ruling::major(format!("{what} is promised no more")),
        (true, true) => Ruling::major(format!("{what} is another one now")),
    }
}

fn as_set(words: &[String]) -> BTreeSet<&str> {
    words.iter().map(String::as_str).collect()
}

fn shown(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
