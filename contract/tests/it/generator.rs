//! Makes contracts that are almost right, by changing right ones where their structure is.
//!
//! In: documents as trees, and a source of choices: a seed in tests, the fuzzer's bytes under libFuzzer. Out: a text and its file
//! name. Everything here is decided by the choices, so that an input can be made again from its seed.
//!
//! Start reading at [`mutant`].

use serde_json::Value;

use crate::spelling::{json, yaml};

/// A document whose keys keep their order and may stand twice.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Leaf(Value),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(map.iter().map(|(k, v)| (k.clone(), Self::from(v))).collect()),
            leaf => Self::Leaf(leaf.clone()),
        }
    }
}

/// Where decisions come from: the given bytes first, then a generator of random numbers (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Choices<'b> {
    bytes: &'b [u8],
    state: u64,
}

impl<'b> Choices<'b> {
    pub(crate) fn new(seed: u64, bytes: &'b [u8]) -> Self {
        Self { bytes, state: seed }
    }

    fn next(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first_chunk::<2>() {
            self.bytes = rest;
            return u64::from(u16::from_le_bytes(*first));
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`; zero when there is none.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap_or(1)).unwrap_or_default()
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

/// Values that stand in contracts, or nearly.
const WORDS: [&str; 40] = [
    "string",
    "int64",
    "decimal(12,2)",
    "array<string>",
    "struct<a: int32, b: text>",
    "timestamptz",
    "object",
    "map<string, int>",
    "public",
    "restricted",
    "private",
    "active",
    "draft",
    "parquet",
    "delta",
    "PT5M",
    "24h",
    "15_minutes",
    "P1Y",
    "1M",
    "0s",
    "99.9",
    "0.999",
    "1",
    "20%",
    "p99 < 1s",
    "not_null",
    "in_list",
    "row_count_delta",
    "commerce.orders",
    "commerce.orders.id",
    "s3://data/x/",
    "2027-01-31",
    "1.0.0",
    "orderId",
    "order_id",
    "ü\u{1F600}",
    "a b",
    "",
    "\u{2028}\r\n\t\"'",
];
const KEYS: [&str; 24] = [
    "name",
    "type",
    "columns",
    "x-own",
    "x-unit",
    "custom",
    "description",
    "tags",
    "primary_key",
    "nullable",
    "enum",
    "min",
    "rule",
    "values",
    "freshness",
    "access",
    "retention",
    "owner",
    "storage",
    "schema",
    "properties",
    "logicalType",
    "version",
    "<<",
];

/// A changed document: its file name and its text.
pub(crate) fn mutant(documents: &[(String, Tree)], choices: &mut Choices<'_>) -> (String, String) {
    let Some((name, document)) = choices.of(documents) else { return Default::default() };
    let mut tree = document.clone();
    for _ in 0..=choices.below(3) {
        change(&mut tree, documents, choices);
    }
    let mut text = String::new();
    let as_json = name.ends_with(".json") || choices.below(4) == 0;
    if as_json {
        json(&tree, &mut text, choices.below(2) == 0, 0);
    } else {
        yaml(&tree, 0, &mut text, choices);
    }
    // A small text is a new line away from its end.
    text.push('\n');
    (if name.ends_with(".json") { "mutant.json" } else { "mutant.yaml" }.to_owned(), text)
}

pub(crate) fn size(tree: &Tree) -> usize {
    1 + match tree {
        Tree::Leaf(_) => 0,
        Tree::List(items) => items.iter().map(size).sum(),
        Tree::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
    }
}

/// The `n`th node in the order of the text.
fn nth<'t>(tree: &'t mut Tree, n: &mut usize) -> Option<&'t mut Tree> {
    if *n == 0 {
        return Some(tree);
    }
    *n -= 1;
    match tree {
        Tree::Leaf(_) => None,
        Tree::List(items) => items.iter_mut().find_map(|item| nth(item, n)),
        Tree::Map(entries) => entries.iter_mut().find_map(|(_, value)| nth(value, n)),
    }
}

fn change(tree: &mut Tree, documents: &[(String, Tree)], choices: &mut Choices<'_>) {
    let mut n = choices.below(size(tree));
    let Some(node) = nth(tree, &mut n) else { return };
    let kind = choices.below(20);
    match (node, kind) {
        (Tree::Map(entries), 0..=5) => swap(entries, choices),
        (Tree::Map(entries), 6..=8) => remove(entries, choices),
        (Tree::Map(entries), 9) => double(entries, choices),
        (Tree::Map(entries), 10..=12) => rename(entries, choices),
        (Tree::Map(entries), 13..=16) => splice(entries, documents, choices),
        (Tree::Map(entries), 17..=18) => {
            let key = choices.of(&KEYS).map_or("x-own", |key| *key);
            let value = leaf(choices);
            let at = choices.below(entries.len() + 1);
            entries.insert(at, (key.to_owned(), value));
        }
        (Tree::List(items), 0..=7) => swap(items, choices),
        (Tree::List(items), 8..=12) => remove(items, choices),
        (Tree::List(items), 13..=16) => double(items, choices),
        (Tree::Leaf(value), 0..=13) => tweak(value, choices),
        (node, _) => retype(node, choices),
    }
}

fn swap<T>(items: &mut [T], choices: &mut Choices<'_>) {
    let (a, b) = (choices.below(items.len()), choices.below(items.len()));
    if a < items.len() && b < items.len() {
        items.swap(a, b);
    }
}

fn remove<T>(items: &mut Vec<T>, choices: &mut Choices<'_>) {
    let at = choices.below(items.len());
    if at < items.len() {
        items.remove(at);
    }
}

fn double<T: Clone>(items: &mut Vec<T>, choices: &mut Choices<'_>) {
    let (from, to) = (choices.below(items.len()), choices.below(items.len() + 1));
    if let Some(item) = items.get(from).cloned() {
        items.insert(to, item);
    }
}

fn rename(entries: &mut [(String, Tree)], choices: &mut Choices<'_>) {
    let at = choices.below(entries.len());
    let Some((key, _)) = entries.get_mut(at) else { return };
    match choices.below(4) {
        0 => drop(key.pop()),
        1 => *key = choices.of(&KEYS).map_or_else(String::new, |key| (*key).to_owned()),
        _ => key.insert_str(0, "x-"),
    }
}

/// Puts what another document has under the same key, or anything of it, into this one.
fn splice(entries: &mut [(String, Tree)], documents: &[(String, Tree)], choices: &mut Choices<'_>) {
    let at = choices.below(entries.len());
    let Some((_, other)) = choices.of(documents) else { return };
    let Some((key, value)) = entries.get_mut(at) else { return };
    let mut found = Vec::new();
    under(other, key, &mut found);
    if let Some(same) = choices.of(&found) {
        *value = (*same).clone();
    } else if choices.below(3) == 0 {
        let (mut other, mut n) = (other.clone(), choices.below(size(other)));
        if let Some(any) = nth(&mut other, &mut n) {
            *value = any.clone();
        }
    }
}

fn under<'t>(tree: &'t Tree, key: &str, found: &mut Vec<&'t Tree>) {
    match tree {
        Tree::Leaf(_) => {}
        Tree::List(items) => items.iter().for_each(|item| under(item, key, found)),
        Tree::Map(entries) => {
            for (name, value) in entries {
                if name == key {
                    found.push(value);
                }
                under(value, key, found);
            }
        }
    }
}

fn leaf(choices: &mut Choices<'_>) -> Tree {
    Tree::Leaf(match choices.below(6) {
        0 => Value::Null,
        1 => Value::Bool(choices.below(2) == 0),
        2 => Value::from(choices.below(3)),
        3 => Value::from(i64::MIN),
        _ => Value::from(choices.of(&WORDS).map_or("", |word| *word)),
    })
}

fn tweak(value: &mut Value, choices: &mut Choices<'_>) {
    *value = match &*value {
        Value::Bool(b) => Value::Bool(!b),
        Value::Number(n) => match n.as_i64() {
            Some(n) => Value::from(n.saturating_add(1)),
            None => Value::from(0.5),
        },
        Value::String(text) => match choices.below(5) {
            0 => Value::from(choices.of(&WORDS).map_or("", |word| *word)),
            1 => Value::from(text.chars().skip(1).collect::<String>()),
            2 => Value::from(text.to_uppercase()),
            _ => Value::from(format!("{text}x")),
        },
        other => other.clone(),
    };
}

fn retype(node: &mut Tree, choices: &mut Choices<'_>) {
    let old = std::mem::replace(node, Tree::Leaf(Value::Null));
    *node = match choices.below(5) {
        0 => Tree::List(vec![old]),
        1 => Tree::Map(vec![(choices.of(&KEYS).map_or("a", |key| *key).to_owned(), old)]),
        2 => Tree::List(Vec::new()),
        3 => Tree::Map(Vec::new()),
        _ => leaf(choices),
    };
}
