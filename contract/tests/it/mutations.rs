//! No text makes the readers panic, and what they accept can be told and stored.

use meshweave_contract::describe::describe;
use meshweave_contract::parse::{avro_columns, canonical_hash, parse};
use meshweave_contract::problem::Severity;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::forms::{document, names};

/// One change to a text: where, how much, and what comes instead.
#[derive(Debug, Clone)]
enum Change {
    Remove(Index, usize),
    Insert(Index, String),
    Double(Index, usize),
    Byte(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        ":",
        "- ",
        "\n",
        "  ",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        "&a ",
        "*a",
        "!!str ",
        "|",
        ">",
        "#",
        "\t",
        "null",
        "~",
        "-1",
        "1e999",
        "\u{feff}",
        "\u{1F600}",
        "\\ud83d",
        "custom",
        "x-y",
        "---\n",
        "%",
        "<<",
        "@",
        "P1Y",
        "99999999999999999999",
        "?",
        ",",
        "0x",
    ]);
    prop_oneof![
        (any::<Index>(), 1..40usize).prop_map(|(at, n)| Change::Remove(at, n)),
        (any::<Index>(), words).prop_map(|(at, w)| Change::Insert(at, w.to_owned())),
        (any::<Index>(), 1..200usize).prop_map(|(at, n)| Change::Double(at, n)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, b)| Change::Byte(at, b)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    let place = |at: &Index, len: usize| at.index(len + 1);
    match change {
        Change::Remove(at, n) => {
            let from = place(at, text.len());
            let to = (from + n).min(text.len());
            text.drain(from..to);
        }
        Change::Insert(at, word) => {
            let at = place(at, text.len());
            text.splice(at..at, word.bytes());
        }
        Change::Double(at, n) => {
            let from = place(at, text.len());
            let copy = text[from..(from + n).min(text.len())].to_vec();
            text.splice(from..from, copy);
        }
        Change::Byte(at, byte) => {
            let at = place(at, text.len());
            if let Some(slot) = text.get_mut(at) {
                *slot = *byte;
            }
        }
    }
}

/// Reads a text in every way; an unusable one says why, and a usable one can be told and hashed.
fn read(text: &[u8], name: &str) {
    let parsed = parse(text, name);
    let errors = parsed.problems.iter().filter(|p| p.severity == Severity::Error).count();
    assert_eq!(parsed.product.is_none(), errors > 0, "{:?}", parsed.problems);
    if let Some(product) = parsed.product {
        assert!(describe(&product).len() >= 4);
        assert!(canonical_hash(&product).starts_with("sha256:"));
    }
    let _ = avro_columns(text, name);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_document_never_panics(which in any::<Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let good = names("");
        let bad = names("bad");
        let all: Vec<String> = good.into_iter().chain(bad.into_iter().map(|n| format!("bad/{n}"))).collect();
        let name = &all[which.index(all.len())];
        let mut text = document(name);
        changes.iter().for_each(|change| apply(&mut text, change));
        read(&text, name);
    }

    #[test]
    fn any_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&text, "any.yaml");
        read(&text, "any.json");
    }

    #[test]
    fn any_words_never_panic(text in "[a-c:\\-\\[\\]{}\"'&*!|>#,? \n\t]{0,120}") {
        read(text.as_bytes(), "any.yaml");
        read(text.as_bytes(), "any.json");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What somebody could have written by mistake is written for others and read back as the same.
    #[test]
    fn a_changed_document_survives_the_standards_if_it_is_one(which in any::<Index>(), changes in prop::collection::vec(change(), 1..3)) {
        let all = names("");
        let name = &all[which.index(all.len())];
        let mut text = document(name);
        changes.iter().for_each(|change| apply(&mut text, change));
        if let Some(product) = parse(&text, name).product {
            crate::export::check(name, &product);
        }
    }
}
