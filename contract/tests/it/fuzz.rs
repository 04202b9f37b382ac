//! Contracts that are almost right, many of them: no panic, no work without end, every problem at a place of the text.
//!
//! `MESHWEAVE_TEST_SHARE=100` makes a million of them; without it there are twenty thousand. The same inputs come from
//! `contract/fuzz` under libFuzzer.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::forms::{document, names};
use crate::generator::{Choices, Tree, mutant};
use crate::judge::judge;

/// The right documents, one per form and more.
fn documents() -> Vec<(String, Tree)> {
    let tree = |name: &String| {
        let text = document(name);
        let value: Value = match name.ends_with(".json") {
            true => serde_json::from_slice(&text).unwrap(),
            false => yaml_serde::from_slice(&text).unwrap(),
        };
        (name.clone(), Tree::from(&value))
    };
    names("").iter().map(tree).collect()
}

#[expect(clippy::disallowed_methods, reason = "how much is tested is the environment's to say")]
fn inputs() -> usize {
    let share: usize = std::env::var("MESHWEAVE_TEST_SHARE").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    (10_000 * share).max(20_000)
}

#[test]
fn almost_right_documents_are_read_or_refused_with_places() {
    let documents = documents();
    let (inputs, read) = (inputs(), AtomicUsize::new(0));
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= inputs {
                        return;
                    }
                    let (name, text) = mutant(&documents, &mut Choices::new(seed as u64, &[]));
                    let accepted = std::panic::catch_unwind(|| judge(&text, &name));
                    let accepted = accepted.unwrap_or_else(|_| panic!("seed {seed}: {name}\n{text}"));
                    read.fetch_add(usize::from(accepted), Ordering::Relaxed);
                }
            });
        }
    });
    let read = read.into_inner();
    let share = 100.0 * read as f64 / inputs as f64;
    eprintln!("{inputs} inputs, {read} of them read as products ({share:.1} %)");
    assert!(share >= 30.0, "only {share:.1} % of the inputs reach the model");
}

/// An input is made again by its seed, and by the bytes of a fuzzer.
#[test]
fn an_input_is_what_its_choices_make_it() {
    let documents = documents();
    let make = |seed, bytes: &[u8]| mutant(&documents, &mut Choices::new(seed, bytes)).1;
    assert_eq!(make(7, &[]), make(7, &[]));
    assert_eq!(make(7, &[1, 2, 3, 4, 5, 6]), make(7, &[1, 2, 3, 4, 5, 6]));
    let different: std::collections::HashSet<String> = (0..500).map(|seed| make(seed, &[])).collect();
    assert!(different.len() > 450, "{}", different.len());
}
