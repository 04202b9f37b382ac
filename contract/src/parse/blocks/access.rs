//! Reads who may find and who may read a product, in all the words that forms use for it.
//!
//! In: `access: restricted`, or a block `{discovery, read, row_policy}`, or the keys `discovery`, `read_access` beside others.
//! Out: one [`Access`]. Holds always: nothing said means private; what contradicts itself is refused, never widened.
//!
//! Start reading at [`AccessWords::read`].

use super::super::fields::{Fields, Value, keep};
use super::super::node::Place;
use super::super::report::Report;
use crate::model::{Access, Custom, Visibility};
use crate::problem::code;

const WORDS: [(&str, Visibility); 3] =
    [("public", Visibility::Public), ("restricted", Visibility::Restricted), ("private", Visibility::Private)];

/// What was said about access so far.
#[derive(Debug, Default)]
pub(crate) struct AccessWords {
    preset: Option<(Visibility, Place)>,
    discovery: Option<(Visibility, Place)>,
    read: Option<(Visibility, Place)>,
    readers: Vec<String>,
    readers_at: Option<Place>,
    row_policy_required: bool,
    custom: Custom,
}

impl AccessWords {
    /// Takes every key about access out of `fields`.
    pub(crate) fn read(&mut self, fields: &mut Fields<'_>, report: &mut Report) {
        if let Some(value) = fields.take("access") {
            self.access(&value, report);
        }
        self.loose(fields, report);
    }

    fn access(&mut self, value: &Value<'_>, report: &mut Report) {
        if value.node.scalar().is_some() {
            let word = value.word(&WORDS, code::BAD_ACCESS, report);
            set(&mut self.preset, word, value, report);
            return;
        }
        let Some(mut fields) = value.fields(report) else { return };
        self.loose(&mut fields, report);
        if let Some(read) = fields.take("read") {
            self.read_key(&read, report);
        }
        fields.finish_under("access", &mut self.custom, report);
    }

    fn loose(&mut self, fields: &mut Fields<'_>, report: &mut Report) {
        if let Some(value) = fields.take("discovery") {
            let word = value.word(&WORDS, code::BAD_ACCESS, report);
            set(&mut self.discovery, word, &value, report);
        }
        if let Some(value) = fields.take_any(&["read_access", "readAccess", "readers"], report) {
            self.read_key(&value, report);
        }
        if let Some(value) = fields.take_any(&["row_policy", "rowPolicy"], report) {
            let required = value.word(&[("required", true), ("none", false)], code::BAD_ACCESS, report);
            self.row_policy_required |= required.unwrap_or_default();
        }
    }

    /// `read: public`, or the teams that may read.
    fn read_key(&mut self, value: &Value<'_>, report: &mut Report) {
        let word = value.node.scalar().and_then(|text| WORDS.iter().find(|(word, _)| *word == text));
        match word {
            Some((_, visibility)) => set(&mut self.read, Some(*visibility), value, report),
            None => {
                self.readers.extend(value.texts(report));
                self.readers_at.get_or_insert(value.place());
            }
        }
    }

    /// The access that the words add up to.
    ///
    /// - `custom`: takes keys of the document's own that stood in the access block.
    pub(crate) fn finish(self, custom: &mut Custom, report: &mut Report) -> Access {
        let (discovery, read) = match self.preset.map(|(word, _)| word) {
            Some(Visibility::Public) => (Visibility::Public, Visibility::Public),
            Some(Visibility::Restricted) => (Visibility::Public, Visibility::Restricted),
            Some(Visibility::Private) => (Visibility::Private, Visibility::Private),
            None if self.readers_at.is_some() => (Visibility::Restricted, Visibility::Restricted),
            None => (Visibility::Private, Visibility::Private),
        };
        self.contradictions(read, report);
        self.custom.into_iter().for_each(|(key, value)| keep(custom, &key, value));
        Access {
            discovery: self.discovery.map_or(discovery, |(word, _)| word),
            read: self.read.map_or(read, |(word, _)| word),
            readers: self.readers,
            row_policy_required: self.row_policy_required,
        }
    }

    fn contradictions(&self, preset: Visibility, report: &mut Report) {
        let mend = "Say who may read in one way only.";
        if let (Some(_), Some((read, place))) = (self.preset, self.read)
            && read != preset
        {
            report.error(place, code::CONFLICT, "who may read is said twice, differently", mend);
        }
        let read = self.read.map_or(preset, |(word, _)| word);
        if let Some(place) = self.readers_at
            && read != Visibility::Restricted
        {
            let message = "readers are listed, but reading is not `restricted`";
            report.error(place, code::CONFLICT, message, "Write `restricted`, or remove the list.");
        }
    }
}

fn set(slot: &mut Option<(Visibility, Place)>, word: Option<Visibility>, value: &Value<'_>, report: &mut Report) {
    let Some(word) = word else { return };
    match slot {
        Some((first, _)) if *first != word => {
            value.error(code::CONFLICT, "contradicts another part of the document", "Say it once.", report);
        }
        Some(_) => {}
        None => *slot = Some((word, value.place())),
    }
}
