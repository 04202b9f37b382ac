//! Reads YAML as a tree of nodes, from the parser's events.
//!
//! Holds always: no recursion; an alias, a tag, a second document or a repeated key is a problem, never a guess.
//!
//! Start reading at [`read`].

use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::node::{Entry, Kind, Node, Place};
use super::report::Report;
use super::text::{MAX_DEPTH, MAX_KEY};
use crate::problem::code;

/// Reads one YAML document; none when it is no YAML, is empty, or is nested too deep.
pub(crate) fn read(text: &str, report: &mut Report) -> Option<Node> {
    let mut builder = Builder { open: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.event(event, place(span.start), report)?,
            Err(error) if error.info().contains("recursion limit") => {
                too_deep(place(*error.marker()), report);
                return None;
            }
            Err(error) => {
                let mend = "Mend the YAML here; the fault often lies on the line before.";
                report.error(place(*error.marker()), code::SYNTAX, error.info().to_owned(), mend);
                return None;
            }
        }
        if builder.documents > 1 {
            break;
        }
    }
    let Some(root) = builder.root.filter(|root| !root.is_null()) else {
        let start = Place { line: 1, column: 1 };
        report.error(
            start,
            code::EMPTY,
            "the document is empty",
            "Write a contract in one of the forms that are read.",
        );
        return None;
    };
    Some(root)
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// A list or map whose end was not seen yet.
enum Open {
    List { place: Place, items: Vec<Node> },
    Map { place: Place, entries: Vec<Entry>, seen: HashSet<String>, key: Option<Key> },
}

/// A key that waits for its value.
enum Key {
    Text(String, Place),
    /// Reported already; its value is left out.
    Unusable,
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    /// Takes one event; none when reading cannot go on.
    fn event(&mut self, event: Event<'_>, at: Place, report: &mut Report) -> Option<()> {
        match event {
            Event::DocumentStart(_) => self.document(at, report),
            Event::Alias(_) => {
                let mend = "Write the value out where it is needed.";
                report.error(at, code::ALIAS, "a YAML alias stands here", mend);
                self.close(Node::null(at), report);
            }
            Event::Scalar(text, style, _, tag) => {
                let quoted = style != ScalarStyle::Plain || is_text_tag(tag.as_deref(), at, report);
                self.close(Node { place: at, kind: Kind::Scalar { text: text.into_owned(), quoted } }, report);
            }
            Event::SequenceStart(_, tag) => {
                is_text_tag(tag.as_deref(), at, report);
                self.start(Open::List { place: at, items: Vec::new() }, at, report)?;
            }
            Event::MappingStart(_, tag) => {
                is_text_tag(tag.as_deref(), at, report);
                let map = Open::Map { place: at, entries: Vec::new(), seen: HashSet::new(), key: None };
                self.start(map, at, report)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop()? {
                    Open::List { place, items } => Node { place, kind: Kind::List(items) },
                    Open::Map { place, entries, .. } => Node { place, kind: Kind::Map(entries) },
                };
                self.close(node, report);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Some(())
    }

    fn document(&mut self, at: Place, report: &mut Report) {
        self.documents += 1;
        if self.documents > 1 {
            let mend = "Put each contract into a file of its own.";
            report.error(at, code::SEVERAL_DOCUMENTS, "a second document starts here", mend);
        }
    }

    fn start(&mut self, open: Open, at: Place, report: &mut Report) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            too_deep(at, report);
            return None;
        }
        self.open.push(open);
        Some(())
    }

    /// Puts a finished value where it belongs: a key, a map's value, a list's item or the root.
    fn close(&mut self, node: Node, report: &mut Report) {
        match self.open.last_mut() {
            None => self.root = self.root.take().or(Some(node)),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, seen, key, .. }) => match key.take() {
                None => *key = Some(as_key(node, seen, report)),
                Some(Key::Text(text, place)) => entries.push(Entry { key: text, place, value: node }),
                Some(Key::Unusable) => {}
            },
        }
    }
}

fn too_deep(at: Place, report: &mut Report) {
    let message = format!("blocks are nested deeper than {MAX_DEPTH} levels");
    report.error(at, code::TOO_DEEP, message, "Flatten this part of the document.");
}

fn as_key(node: Node, seen: &mut HashSet<String>, report: &mut Report) -> Key {
    let Kind::Scalar { text, .. } = node.kind else {
        report.error(node.place, code::BAD_KEY, "a key is a list or a block", "Write a plain word as the key.");
        return Key::Unusable;
    };
    if text.len() > MAX_KEY {
        long_key(&text, node.place, report);
        return Key::Unusable;
    }
    if !seen.insert(text.clone()) {
        duplicate(&text, node.place, report);
        return Key::Unusable;
    }
    Key::Text(text, node.place)
}

/// Reports a key that is longer than any name.
pub(crate) fn long_key(key: &str, at: Place, report: &mut Report) {
    let message = format!("a key has {} bytes, more than {MAX_KEY}", key.len());
    report.error(at, code::TOO_LARGE, message, "Shorten the key.");
}

/// Reports a key that stands twice.
pub(crate) fn duplicate(key: &str, at: Place, report: &mut Report) {
    let message = format!("the key {key:?} stands twice in this block");
    report.error(at, code::DUPLICATE_KEY, message, "Remove one of the two.");
}

/// Whether a tag makes a scalar text; other tags of YAML's core types change nothing, and foreign ones are a problem.
fn is_text_tag(tag: Option<&Tag>, at: Place, report: &mut Report) -> bool {
    match tag {
        None => false,
        Some(tag) if tag.is_yaml_core_schema() => {
            let known = ["str", "int", "float", "bool", "null", "seq", "map"];
            if !known.contains(&tag.suffix.as_str()) {
                foreign(&format!("!!{}", tag.suffix), at, report);
            }
            tag.suffix == "str"
        }
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => true,
        Some(tag) => {
            foreign(&format!("{}{}", tag.handle, tag.suffix), at, report);
            false
        }
    }
}

fn foreign(tag: &str, at: Place, report: &mut Report) {
    report.error(at, code::TAG, format!("the tag {tag:?} has no meaning in a contract"), "Remove the tag.");
}
