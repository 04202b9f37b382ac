//! From the bytes of a file to a tree of nodes.
//!
//! In: bytes of any size and encoding. Out: the tree, or none with the problems that stand in the way.
//! Holds always: at most 1 MiB is looked at, and nothing here recurses deeper than 64 levels.
//!
//! Start reading at [`read`].

use super::node::{Node, Place};
use super::report::Report;
use super::{json, yaml};
use crate::problem::code;

/// The largest text that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// The longest key that is read, in bytes.
pub(crate) const MAX_KEY: usize = 1024;
/// The deepest nesting of blocks that is read.
pub(crate) const MAX_DEPTH: usize = 64;

/// Reads a document: JSON when the file says so or it looks like it, YAML otherwise.
pub(crate) fn read(bytes: &[u8], file: &str, report: &mut Report) -> Option<Node> {
    let text = decode(bytes, report)?;
    if file.to_ascii_lowercase().ends_with(".json") || file.to_ascii_lowercase().ends_with(".avsc") {
        return json::read(text, report);
    }
    if text.trim_start().starts_with(['{', '[']) {
        // YAML readers refuse surrogate pairs, which every JSON writer makes; so JSON comes first.
        let mut tried = Report::new(file);
        if let Some(node) = json::read(text, &mut tried) {
            report.append(tried);
            return Some(node);
        }
    }
    yaml::read(text, report)
}

fn decode<'t>(bytes: &'t [u8], report: &mut Report) -> Option<&'t str> {
    let start = Place { line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        let message = format!("the text has {} bytes, more than {MAX_BYTES}", bytes.len());
        report.error(start, code::TOO_LARGE, message, "Split the product, or move sample data out of the contract.");
        return None;
    }
    // Text that starts with a letter and a zero byte, in either order, is UTF-16 without a mark.
    let half_zero = matches!(bytes, [0, second, ..] if *second != 0) || matches!(bytes, [first, 0, ..] if *first != 0);
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) || half_zero {
        report.error(start, code::ENCODING, "the text is UTF-16", "Save the file as UTF-8.");
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            report.error(end_of(valid), code::ENCODING, "a byte is not UTF-8", "Save the file as UTF-8.");
            return None;
        }
    };
    let text = match text.strip_prefix('\u{FEFF}') {
        Some(rest) => {
            let message = "the text starts with a byte order mark";
            report.warning(start, code::BYTE_ORDER_MARK, message, "Save the file as UTF-8 without a byte order mark.");
            rest
        }
        None => text,
    };
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some(at) = text.find(control) {
        let message =
            format!("the text holds the control character {:?}", text[at..].chars().next().unwrap_or_default());
        report.error(end_of(&text[..at]), code::ENCODING, message, "Remove it; in quoted text write it as an escape.");
        return None;
    }
    Some(text)
}

/// The place after the last character of `text`.
fn end_of(text: &str) -> Place {
    let line = text.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}

#[cfg(test)]
mod tests;
