//! What holds of every text, right or wrong; shared with `contract/fuzz`.

use meshweave_contract::compare::{Verdict, compare};
use meshweave_contract::describe::describe;
use meshweave_contract::model::Product;
use meshweave_contract::parse::{canonical_hash, parse};
use meshweave_contract::problem::Severity;

/// Reads a text and checks everything that must hold of it; whether it was a product.
///
/// # Panics
/// When something does not hold.
pub(crate) fn judge(text: &str, name: &str) -> bool {
    let parsed = parse(text.as_bytes(), name);
    let errors = parsed.problems.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(parsed.product.is_none(), errors, "{:?}", parsed.problems);
    assert!(parsed.problems.len() <= 1001, "{}", parsed.problems.len());
    // YAML ends lines by a carriage return too; JSON does not, and has none inside its texts.
    let lines: Vec<&str> = text.split('\n').collect();
    for p in &parsed.problems {
        let width = lines.get(p.line - 1).map_or(0, |line| line.chars().count());
        assert!(p.line <= lines.len() && p.column <= width + 1, "{p}");
        assert!(p.line >= 1 && p.column >= 1 && p.file == name, "{p}");
    }
    let Some(product) = parsed.product else { return false };
    assert!(describe(&product).len() >= 4);
    let json = serde_json::to_string(&product).unwrap();
    let again: Product = serde_json::from_str(&json).unwrap();
    assert_eq!(canonical_hash(&again), canonical_hash(&product));
    let same = compare(&product, &again);
    assert_eq!((same.changes.len(), same.verdict()), (0, Verdict::Unchanged), "{:?}", same.changes);
    true
}
