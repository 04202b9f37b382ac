//! The fuzzer's bytes choose how a right contract is changed; what comes out must be read or refused with places.
//!
//! The generator and the judge are those of the tests (`contract/tests/it`), so an input found here becomes a test there.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a fuzz target fails by panicking")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[path = "../../tests/it/generator.rs"]
mod generator;
#[path = "../../tests/it/judge.rs"]
mod judge;
#[path = "../../tests/it/spelling.rs"]
mod spelling;

use generator::{Choices, Tree, mutant};

static DOCUMENTS: LazyLock<Vec<(String, Tree)>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/contracts");
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let value: Value = match path.extension().and_then(|e| e.to_str()) {
            Some("json") => serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            Some("yaml") => yaml_serde::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            _ => continue,
        };
        documents.push((name, Tree::from(&value)));
    }
    documents.sort_by(|a, b| a.0.cmp(&b.0));
    documents
});

fuzz_target!(|data: &[u8]| {
    let (name, text) = mutant(&DOCUMENTS, &mut Choices::new(0, data));
    judge::judge(&text, &name);
});
