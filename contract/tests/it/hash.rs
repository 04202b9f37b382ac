//! The canonical hash: the same for the same promises, whatever the words; different for different promises.

use meshweave_contract::parse::{canonical_hash, parse};

fn hash(text: &str, file: &str) -> String {
    let parsed = parse(text.as_bytes(), file);
    canonical_hash(&parsed.product.unwrap_or_else(|| panic!("{file}: {:#?}", parsed.problems)))
}

const FIRST: &str = r#"{"domain": "commerce", "product": "orders", "version": "1.0.0",
    "schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "n": {"type": "integer"}}},
    "sla": {"freshness": "PT5M", "availability": 99.9}, "policies": {"retention": "P1Y", "access": "restricted"},
    "owner": {"team": "a", "email": "a@b.c"}}"#;

const OTHER_WORDS: &str = "
spec: { version: '1.0' }
metadata: { name: orders, domain: commerce, version: 1.0.0, owner: { contact: a@b.c, team: a } }
policies:
  access: restricted
  retention: 1y
sla: { availability: 0.999, freshness: 5_minutes }
schema:
  columns:
    - { type: text, name: id, required: true }
    - { type: int, name: n }
";

#[test]
fn other_words_the_same_hash() {
    let first = hash(FIRST, "a.json");
    assert_eq!(first.len(), "sha256:".len() + 64);
    assert_eq!(first, hash(OTHER_WORDS, "b.yaml"));
    assert_eq!(first, hash(&FIRST.replace('\n', " "), "c.json"));
}

#[test]
fn other_promises_another_hash() {
    let first = hash(FIRST, "a.json");
    for (from, to) in
        [("1.0.0", "1.0.1"), ("PT5M", "PT6M"), ("99.9", "99.8"), ("integer", "number"), ("restricted", "public")]
    {
        assert_ne!(first, hash(&FIRST.replace(from, to), "a.json"), "{from} -> {to}");
    }
}
