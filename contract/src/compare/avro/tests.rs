//! Schema resolution case by case, and where the Avro crate's own check goes wrong.

use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

use super::{AvroSchema, Mode, read_by};

fn record(fields: &str) -> AvroSchema {
    let text = format!(r#"{{"type": "record", "name": "T", "fields": [{fields}]}}"#);
    AvroSchema::read(text.as_bytes(), "t.avsc").unwrap_or_else(|e| panic!("{text}: {e:#?}"))
}

fn faults(writer: &str, reader: &str) -> Vec<String> {
    read_by(&record(writer), &record(reader)).faults.iter().map(ToString::to_string).collect()
}

fn field(kind: &str) -> String {
    format!(r#"{{"name": "a", "type": {kind}}}"#)
}

/// Whether `new` reads `old`, and whether `old` reads `new`.
fn check(old: &str, new: &str, expected: (bool, bool)) {
    let (old, new) = (field(old), field(new));
    assert_eq!((faults(&old, &new).is_empty(), faults(&new, &old).is_empty()), expected, "{old} {new}");
}

fn crate_says(writer: &str, reader: &str) -> Option<Compatibility> {
    SchemaCompatibility::can_read(&record(writer).0, &record(reader).0).ok()
}

#[test]
fn values() {
    check(r#""int""#, r#""int""#, (true, true));
    check(r#""int""#, r#""long""#, (true, false));
    check(r#""long""#, r#""double""#, (true, false));
    check(r#""string""#, r#""bytes""#, (true, true));
    check(r#""string""#, r#""int""#, (false, false));
    check(r#"{"type": "array", "items": "int"}"#, r#"{"type": "array", "items": "long"}"#, (true, false));
    check(r#"{"type": "map", "values": "int"}"#, r#"{"type": "map", "values": "string"}"#, (false, false));
    check(r#""int""#, r#"["null", "int"]"#, (true, false));
    check(r#"["null", "int"]"#, r#"["null", "int", "string"]"#, (true, false));
    check(r#"["null", "int"]"#, r#"["long", "null"]"#, (true, false));
    let fixed = |n| format!(r#"{{"type": "fixed", "name": "F", "size": {n}}}"#);
    check(&fixed(8), &fixed(9), (false, false));
    let decimal = |p, s| format!(r#"{{"type": "bytes", "logicalType": "decimal", "precision": {p}, "scale": {s}}}"#);
    check(&decimal(10, 2), &decimal(10, 2), (true, true));
    check(&decimal(10, 2), &decimal(12, 2), (false, false));
    check(&decimal(10, 2), r#""bytes""#, (true, true));
    check(&decimal(10, 2), r#""string""#, (true, false));
}

#[test]
fn enums_are_read_whole_or_with_a_default() {
    let letters =
        |symbols: &str, more: &str| format!(r#"{{"type": "enum", "name": "E", "symbols": [{symbols}]{more}}}"#);
    let (ab, abc) = (letters(r#""A", "B""#, ""), letters(r#""A", "B", "C""#, ""));
    check(&ab, &abc, (true, false));
    check(&letters(r#""A", "B""#, r#", "default": "A""#), &abc, (true, true));
    assert_eq!(faults(&field(&abc), &field(&ab)), ["`a`: the reader does not know C, and has no default"]);
}

#[test]
fn fields_need_a_default_or_an_alias() {
    let (a, b) = (r#"{"name": "a", "type": "int"}"#, r#"{"name": "b", "type": ["null", "int"]}"#);
    let with_default = r#"{"name": "b", "type": ["null", "int"], "default": null}"#;
    let both = |b: &str| format!("{a}, {b}");
    assert!(faults(a, &both(with_default)).is_empty());
    assert!(faults(&both(b), a).is_empty());
    // Null is no default by itself.
    assert_eq!(faults(a, &both(b)), ["`b`: the writer has no such field, and the reader has no default for it"]);
    let renamed = r#"{"name": "c", "type": "int", "aliases": ["a"]}"#;
    assert!(faults(a, renamed).is_empty());
    assert_eq!(faults(renamed, a).len(), 1);
}

#[test]
fn every_fault_comes_at_once() {
    let two = r#"{"name": "a", "type": "int"}, {"name": "b", "type": "string"}"#;
    let other = r#"{"name": "a", "type": "string"}, {"name": "b", "type": "int"}, {"name": "c", "type": "int"}"#;
    assert_eq!(
        faults(two, other),
        [
            "`a`: `int` cannot be read as `string`",
            "`b`: `string` cannot be read as `int`",
            "`c`: the writer has no such field, and the reader has no default for it"
        ]
    );
}

#[test]
fn records_inside_themselves_and_behind_names() {
    let list = |kind: &str| format!(r#"{{"name": "v", "type": "{kind}"}}, {{"name": "next", "type": ["null", "T"]}}"#);
    assert!(faults(&list("int"), &list("long")).is_empty());
    let found = faults(&list("long"), &list("int"));
    assert!(found.contains(&"`v`: `long` cannot be read as `int`".to_owned()), "{found:?}");
}

/// The crate takes an incompatible enum or union for half readable; half is not readable.
#[test]
fn partial_is_incompatible() {
    let (ab, abc) = (
        field(r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#),
        field(r#"{"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}"#),
    );
    let (long, optional) = (field(r#""long""#), field(r#"["null", "long"]"#));
    for (writer, reader) in [(&abc, &ab), (&optional, &long)] {
        assert_eq!(crate_says(writer, reader), Some(Compatibility::Partial));
        assert!(!faults(writer, reader).is_empty());
    }
}

/// A type that changed behind a name: the definitions stand in other fields, and the crate compares the names only.
#[test]
fn a_name_is_looked_up() {
    let define = |name: &str, kind: &str, default: &str| {
        let fields = format!(r#"{{"name": "x", "type": "{kind}"}}"#);
        format!(
            r#"{{"name": "{name}", "type": ["null", {{"type": "record", "name": "P", "fields": [{fields}]}}]{default}}}"#
        )
    };
    let used = r#"{"name": "a", "type": "P"}"#;
    let writer = format!("{}, {used}", define("old", "string", ""));
    let reader = format!("{}, {used}", define("new", "int", r#", "default": null"#));
    assert_eq!(crate_says(&writer, &reader), Some(Compatibility::Full), "the crate looks names up now");
    assert_eq!(faults(&writer, &reader), ["`a.x`: `string` cannot be read as `int`"]);

    // The definition only moved to another field: nothing changed for anybody, and the crate refuses it.
    let plain = |name: &str| {
        format!(
            r#"{{"name": "{name}", "type": {{"type": "record", "name": "P", "fields": [{{"name": "x", "type": "int"}}]}}}}"#
        )
    };
    let writer = format!(r#"{}, {{"name": "b", "type": "P"}}"#, plain("a"));
    let reader = format!(r#"{}, {{"name": "a", "type": "P"}}"#, plain("b"));
    assert_eq!(crate_says(&writer, &reader), None, "the crate looks names up now");
    assert_eq!(faults(&writer, &reader), [""; 0]);
}

/// Milliseconds that are read as microseconds are another time; the crate sees two longs.
#[test]
fn one_logical_type_is_not_another() {
    let time = |unit: &str| field(&format!(r#"{{"type": "long", "logicalType": "timestamp-{unit}"}}"#));
    assert_eq!(crate_says(&time("millis"), &time("micros")), Some(Compatibility::Full), "the crate compares units now");
    assert_eq!(
        faults(&time("millis"), &time("micros")),
        ["`a`: `timestamp-millis` cannot be read as `timestamp-micros`"]
    );
    let int = field(r#""int""#);
    assert_eq!(crate_says(&int, &time("millis")), Some(Compatibility::Full));
    assert_eq!(faults(&int, &time("millis")).len(), 1);
    assert!(faults(&field(r#""long""#), &time("millis")).is_empty());
}

#[test]
fn modes() {
    let versions: Vec<AvroSchema> = [
        r#"{"name": "a", "type": "int"}"#,
        r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 0}"#,
    ]
    .into_iter()
    .map(record)
    .collect();
    // Reads the last one, which always has `b`; but not the first, since `b` has no default any more.
    let new = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#);
    let cases = [
        (Mode::None, 0),
        (Mode::Backward, 0),
        (Mode::BackwardTransitive, 1),
        (Mode::Forward, 0),
        (Mode::ForwardTransitive, 0),
        (Mode::Full, 0),
        (Mode::FullTransitive, 1),
    ];
    for (mode, breaches) in cases {
        let found = mode.breaches(&versions, &new);
        assert_eq!(found.len(), breaches, "{mode} {found:?}");
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert!("SOMETIMES".parse::<Mode>().is_err());
    assert!(Mode::FullTransitive.breaches(&[], &new).is_empty());
    let without = record(r#"{"name": "b", "type": "int"}"#);
    assert!(Mode::Backward.breaches(&versions, &without).is_empty());
    assert_eq!(Mode::Forward.breaches(&versions, &without).len(), 1);
}

#[test]
fn large_schemas_end_with_a_fault() {
    // A chain of names deeper than any column may be.
    let mut fields = vec![r#"{"name": "f0", "type": {"type": "record", "name": "R0", "fields": []}}"#.to_owned()];
    for i in 1..5000 {
        let below = i - 1;
        fields.push(format!(
            r#"{{"name": "f{i}", "type": ["null", {{"type": "record", "name": "R{i}", "fields": [{{"name": "x", "type": "R{below}"}}]}}]}}"#
        ));
    }
    fields.reverse();
    let text = fields.join(", ");
    // Reversed, the names stand before their definitions, which is refused; in order, they are met one by one.
    assert!(
        AvroSchema::read(format!(r#"{{"type": "record", "name": "T", "fields": [{text}]}}"#).as_bytes(), "t.avsc")
            .is_err()
    );
    fields.reverse();
    let schema = record(&fields.join(", "));
    let last = record(&format!("{}, {}", fields.join(", "), r#"{"name": "last", "type": "R4999"}"#));
    assert!(read_by(&last, &schema).is_readable());

    // Two unions of many records of one name, none of which fits.
    let union = |kind: &str| {
        let member = |i: usize| {
            format!(
                r#"{{"type": "record", "name": "R", "namespace": "n{i}", "fields": [{{"name": "x", "type": "{kind}"}}]}}"#
            )
        };
        field(&format!("[{}]", (0..1500).map(member).collect::<Vec<_>>().join(", ")))
    };
    let found = faults(&union("string"), &union("int"));
    assert_eq!(found.len(), 1, "{}", found.len());
    assert!(found[0].contains("too large"), "{found:?}");
}
