//! Finds what is wrong with an Avro schema, with its place; the Avro crate stops at the first fault and knows no places.
//!
//! Start reading at [`find`].

use super::fields::{Fields, Value};
use super::near::nearest;
use super::node::{Kind, Node};
use super::report::Report;
use crate::problem::code;

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const COMPLEX: [&str; 5] = ["record", "enum", "array", "map", "fixed"];

/// Reports every fault of structure: unknown types, missing parts, fields named twice.
pub(crate) fn find(root: &Node, report: &mut Report) {
    let value = Value::root(root);
    if root.get("type").and_then(Node::scalar) != Some("record") {
        let mend = "Write `{\"type\": \"record\", \"name\": …, \"fields\": […]}`.";
        value.error(code::BAD_SCHEMA, "is no record; a table is a record whose fields are its columns", mend, report);
        return;
    }
    Names { known: Vec::new() }.object(&value, None, report);
}

/// The named types seen so far; Avro wants them defined before they are used.
struct Names {
    known: Vec<String>,
}

impl Names {
    fn any(&mut self, value: &Value<'_>, namespace: Option<&str>, report: &mut Report) {
        match &value.node.kind {
            Kind::List(items) => {
                if items.is_empty() {
                    value.error(code::BAD_SCHEMA, "is a union of nothing", "Name at least one type.", report);
                }
                for item in value.items(report) {
                    self.any(&item, namespace, report);
                }
            }
            Kind::Map(_) => self.object(value, namespace, report),
            Kind::Scalar { text, .. } => self.word(text, value, namespace, report),
        }
    }

    fn word(&self, text: &str, value: &Value<'_>, namespace: Option<&str>, report: &mut Report) {
        let full = namespace.map(|n| format!("{n}.{text}"));
        let named = |name: &str| self.known.iter().any(|k| k == name);
        if PRIMITIVES.contains(&text) || named(text) || full.is_some_and(|full| named(&full)) {
            return;
        }
        let candidates = PRIMITIVES.iter().copied().chain(self.known.iter().map(String::as_str));
        let mend = match nearest(text, candidates).first() {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Write a primitive type, or define the named type before it is used.".to_owned(),
        };
        value.error(code::BAD_TYPE, &format!("is no Avro type: `{text}`"), &mend, report);
    }

    fn object(&mut self, value: &Value<'_>, namespace: Option<&str>, report: &mut Report) {
        let Some(mut fields) = value.fields(report) else { return };
        let Some(kind) = fields.need("type", "Name the type.", report) else { return };
        let Some(word) = kind.node.scalar_or_null() else { return self.any(&kind, namespace, report) };
        if !COMPLEX.contains(&word) {
            return self.word(word, &kind, namespace, report);
        }
        let space = fields.look("namespace").and_then(|v| v.node.scalar()).or(namespace);
        if matches!(word, "record" | "enum" | "fixed") {
            self.name(&mut fields, space, report);
        }
        match word {
            "record" => self.record(&mut fields, space, report),
            "array" => self.part(&mut fields, "items", space, report),
            "map" => self.part(&mut fields, "values", space, report),
            "enum" => symbols(&mut fields, report),
            _ => {
                fields.need("size", "Say how many bytes.", report).and_then(|v| v.whole(report));
            }
        }
    }

    fn name(&mut self, fields: &mut Fields<'_>, namespace: Option<&str>, report: &mut Report) {
        let Some(value) = fields.need("name", "Give the type a name.", report) else { return };
        let Some(name) = value.text(report) else { return };
        let full = match namespace {
            Some(namespace) if !name.contains('.') => format!("{namespace}.{name}"),
            _ => name.to_owned(),
        };
        if self.known.contains(&full) {
            let what = format!("defines the type `{full}` a second time");
            value.error(code::DUPLICATE_NAME, &what, "Refer to the first definition by its name.", report);
        }
        self.known.push(full);
    }

    fn part(&mut self, fields: &mut Fields<'_>, key: &'static str, namespace: Option<&str>, report: &mut Report) {
        if let Some(value) = fields.need(key, "Name the type of the items.", report) {
            self.any(&value, namespace, report);
        }
    }

    fn record(&mut self, fields: &mut Fields<'_>, namespace: Option<&str>, report: &mut Report) {
        let Some(list) = fields.need("fields", "List the fields.", report) else { return };
        let mut seen: Vec<&str> = Vec::new();
        for item in list.items(report) {
            let Some(mut field) = item.fields(report) else { continue };
            let name = field.need("name", "Give the field a name.", report).and_then(|v| v.text(report));
            if let Some(name) = name {
                if seen.contains(&name) {
                    let what = format!("is a second field named `{name}`");
                    item.error(code::DUPLICATE_COLUMN, &what, "Give each field its own name.", report);
                }
                seen.push(name);
            }
            // A type that is null by itself is the word, not an absence.
            match field.look_raw("type") {
                Some(value) => self.any(&value, namespace, report),
                None => field.missing("type", "Name the type of the field.", report),
            }
        }
    }
}

fn symbols(fields: &mut Fields<'_>, report: &mut Report) {
    let Some(value) = fields.need("symbols", "List the symbols.", report) else { return };
    let items = value.items(report);
    if items.is_empty() {
        value.error(code::BAD_SCHEMA, "lists no symbols", "List at least one.", report);
    }
    for item in items {
        item.text(report);
    }
}
