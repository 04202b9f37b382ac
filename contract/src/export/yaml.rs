//! Writes a document as YAML that every reader reads alike.
//!
//! Holds always: a text that any version of YAML could take for something else is quoted; no aliases, no tags, two spaces.
//!
//! Start reading at [`yaml`].

use std::fmt::Write;

use serde_json::Value as Json;

/// The document as YAML 1.2, which YAML 1.1 readers read alike.
pub(super) fn yaml(document: &Json) -> String {
    let mut text = String::new();
    match document {
        Json::Object(map) if !map.is_empty() => block(document, 0, &mut text),
        Json::Array(list) if !list.is_empty() => block(document, 0, &mut text),
        other => writeln!(text, "{}", single(other)).unwrap_or_default(),
    }
    text
}

/// The entries of a map or the items of a list, each on a line of its own.
fn block(value: &Json, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                text.push_str(&pad);
                text.push_str(&plain_or_quoted(key));
                text.push(':');
                below(value, indent + 2, text);
            }
        }
        Json::Array(list) => {
            for item in list {
                text.push_str(&pad);
                text.push('-');
                let mut inner = String::new();
                match item {
                    // The first line of a block stands beside the dash.
                    Json::Object(map) if !map.is_empty() => block(item, indent + 2, &mut inner),
                    Json::Array(list) if !list.is_empty() => block(item, indent + 2, &mut inner),
                    other => writeln!(inner, "{}", single(other)).unwrap_or_default(),
                }
                text.push(' ');
                text.push_str(inner.trim_start_matches(' '));
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn below(value: &Json, indent: usize, text: &mut String) {
    let is_block =
        value.as_object().is_some_and(|map| !map.is_empty()) || value.as_array().is_some_and(|l| !l.is_empty());
    if is_block {
        text.push('\n');
        block(value, indent, text);
    } else {
        writeln!(text, " {}", single(value)).unwrap_or_default();
    }
}

fn single(value: &Json) -> String {
    match value {
        Json::String(text) => plain_or_quoted(text),
        other => other.to_string(),
    }
}

/// Letters, digits and a few marks that no reader takes for anything but text; all else in double quotes.
fn plain_or_quoted(text: &str) -> String {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./ ()<>=$+*".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || ")/_".contains(c))
        && text.chars().all(inner)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

/// As JSON, which is a double-quoted text of YAML too.
fn quoted(text: &str) -> String {
    escaped(&Json::String(text.to_owned()).to_string())
}

/// JSON text with control and invisible characters escaped, which JSON need not do and readers may stumble over.
pub(super) fn escaped(json: &str) -> String {
    let mut all = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                write!(all, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            _ => all.push(c),
        }
    }
    all
}
