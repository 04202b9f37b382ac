//! Writes trees as people write contracts: JSON on one line or many, YAML in blocks and brackets, plain words and quoted ones.

use serde_json::Value;

use crate::generator::{Choices, Tree, size};

/// JSON, on one line or many.
pub(crate) fn json(tree: &Tree, out: &mut String, wide: bool, depth: usize) {
    let (open, close, len) = match tree {
        Tree::Leaf(value) => return out.push_str(&value.to_string()),
        Tree::List(items) => ('[', ']', items.len()),
        Tree::Map(entries) => ('{', '}', entries.len()),
    };
    out.push(open);
    for i in 0..len {
        out.push_str(if i > 0 { "," } else { "" });
        if wide {
            out.push('\n');
            out.push_str(&" ".repeat(depth + 1));
        }
        match tree {
            Tree::Map(entries) => {
                out.push_str(&Value::from(entries[i].0.as_str()).to_string());
                out.push_str(": ");
                json(&entries[i].1, out, wide, depth + 1);
            }
            Tree::List(items) => json(&items[i], out, wide, depth + 1),
            Tree::Leaf(_) => {}
        }
    }
    out.push(close);
}

/// Block YAML; small parts now and then in brackets.
pub(crate) fn yaml(tree: &Tree, indent: usize, out: &mut String, choices: &mut Choices<'_>) {
    let empty =
        matches!(tree, Tree::List(items) if items.is_empty()) || matches!(tree, Tree::Map(map) if map.is_empty());
    let brackets = empty || (indent > 0 && size(tree) < 12 && choices.below(3) == 0);
    match tree {
        Tree::Leaf(Value::String(text)) => scalar(text, out, choices),
        Tree::Leaf(value) => out.push_str(&value.to_string()),
        _ if brackets => json(tree, out, false, 0),
        Tree::List(items) => {
            for item in items {
                new_line(indent, out);
                out.push_str("- ");
                yaml(item, indent + 2, out, choices);
            }
        }
        Tree::Map(entries) => {
            for (key, value) in entries {
                new_line(indent, out);
                scalar(key, out, choices);
                out.push_str(": ");
                yaml(value, indent + 2, out, choices);
            }
        }
    }
}

/// Starts a line, unless a dash has just opened this block.
fn new_line(indent: usize, out: &mut String) {
    if out.is_empty() || (out.ends_with("- ") && out.rsplit('\n').next().is_some_and(|line| line.len() == indent)) {
        return;
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

fn scalar(text: &str, out: &mut String, choices: &mut Choices<'_>) {
    let safe = |c: char| c.is_alphanumeric() || "_./@%".contains(c);
    let plain = text.starts_with(char::is_alphanumeric) && text.chars().all(safe) && text.parse::<f64>().is_err();
    match plain && !matches!(text, "true" | "false" | "null") && choices.below(8) > 0 {
        true => out.push_str(text),
        false => out.push_str(&Value::from(text).to_string()),
    }
}
