//! What changed between two versions of a contract, how much it weighs for those who rely on it, and which version it needs.
//!
//! In: two [`Product`]s, old and new. Out: a [`Comparison`]: every [`Change`] with its way through the model, its [`Class`] and
//! the reason in one sentence. Pure: no I/O, no clock.
//!
//! Holds always:
//! - a product compared with itself has no change; two that differ in anything but their version have at least one;
//! - the classes are directional: for those who read, a promise that grows is a MINOR and one that shrinks is a MAJOR. A product
//!   with input ports also takes rows into its tables, and for those who write it is the other way round; the heavier counts;
//! - where the direction cannot be told (another pattern, another query), the heavier class counts.
//!
//! Start reading at [`compare`].
//!
//! # Source
//! `SemVer` 2.0.0; Delta Lake, "Type widening"; the Avro specification, "Schema Resolution" (for [`mod@avro`]).

mod access;
pub mod avro;
mod checks;
mod columns;
mod custom;
mod levels;
mod note;
mod pairs;
mod ports;
mod product;
mod ranges;
mod scales;
mod tables;
mod types;
mod version;

use std::fmt;

use semver::Version;
use serde::Serialize;

use crate::model::Product;
use note::{At, Ruling};

/// How much a change weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Words for people: nobody's query or program notices.
    Patch,
    /// More is promised than before; what worked goes on working.
    Minor,
    /// Less is promised than before, or something else: somebody's query or program may break.
    Major,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patch => "PATCH",
            Self::Minor => "MINOR",
            Self::Major => "MAJOR",
        })
    }
}

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The way to it: `output_ports.main.tables.orders.columns.amount.type`. Things in lists are called by their names; a name
    /// that holds a dot or a blank stands in double quotes, and one longer than 128 characters is cut.
    pub path: String,
    /// The old value in words, cut after 400 characters; none when it is new.
    pub from: Option<String>,
    /// The new value in words, cut after 400 characters; none when it is gone.
    pub to: Option<String>,
    /// How much it weighs.
    pub class: Class,
    /// Whether consumers should hear of it although its class breaks nothing: a wider type, a further allowed value, a deprecation.
    pub warns: bool,
    /// Why it weighs that; a sentence without a final stop.
    pub why: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, from, to, class, why, .. } = self;
        match (from, to) {
            (Some(from), Some(to)) => write!(f, "{class} {path}: {from} -> {to} ({why})"),
            (Some(from), None) => write!(f, "{class} {path}: {from} is gone ({why})"),
            (None, Some(to)) => write!(f, "{class} {path}: {to} is new ({why})"),
            (None, None) => write!(f, "{class} {path} ({why})"),
        }
    }
}

/// Whether a new document's own version is enough for what changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Nothing changed, the version neither.
    Unchanged,
    /// The new version is large enough.
    Enough,
    /// The new version comes after the old one, but not far enough.
    TooSmall {
        /// The smallest version that would do.
        needed: Version,
    },
    /// The new version does not come after the old one, although something changed (or it comes before it).
    NotNewer {
        /// The smallest version that would do.
        needed: Version,
    },
}

/// Everything that changed between two versions of a contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The version compared with.
    pub old_version: Version,
    /// The new document's own version.
    pub new_version: Version,
    /// Every difference but the version itself, in the order of the model.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// The heaviest class among the changes; none when nothing changed.
    pub fn class(&self) -> Option<Class> {
        self.changes.iter().map(|c| c.class).max()
    }

    /// The changes that somebody's query or program may not survive.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|c| c.class == Class::Major)
    }

    /// The smallest version that these changes may be published under; the old one when nothing changed.
    ///
    /// Before 1.0.0 a breaking change needs the next minor only, and everything else the next patch.
    ///
    /// # Source
    /// `SemVer` 2.0.0, items 4 and 6 to 9. That the minor breaks before 1.0.0 is the custom of Cargo and npm.
    pub fn needed_version(&self) -> Version {
        version::needed(&self.old_version, self.class())
    }

    /// Whether the new document's own version is enough.
    ///
    /// A pre-release counts as the version that it leads to: `2.0.0-rc.1` is enough for what needs `2.0.0`.
    pub fn verdict(&self) -> Verdict {
        version::verdict(&self.old_version, &self.new_version, self.class())
    }
}

/// Compares a contract with the version before it.
///
/// What lies beside the contracts is not looked at: columns that come from an Avro file or were observed are compared when the
/// caller has put them into the products (and the Avro schemas themselves by [`avro::read_by`]).
///
/// - `old`: what consumers rely on today.
/// - `new`: what is to be published.
/// - returns every difference; cost grows with the sizes of both, tables, columns and rules being looked up by name.
pub fn compare(old: &Product, new: &Product) -> Comparison {
    let mut changes = Vec::new();
    product::product(&mut At::root(&mut changes), old, new);
    if changes.is_empty() && differ(old, new) {
        let why = "the same is said in other words or in another order";
        At::root(&mut changes).add("product", None, None, Ruling::patch(why));
    }
    Comparison { old_version: old.id.version.clone(), new_version: new.id.version.clone(), changes }
}

fn differ(old: &Product, new: &Product) -> bool {
    let mut same_version = old.clone();
    same_version.id.version = new.id.version.clone();
    same_version != *new
}

#[cfg(test)]
mod tests;
