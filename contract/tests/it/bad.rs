//! Every problem of a document is reported at once, with its place, its code and how to mend it.
//!
//! The documents lie in `testdata/contracts/bad`; what is reported of each lies in `golden/bad`.

use std::collections::BTreeSet;

use meshweave_contract::parse::parse;
use meshweave_contract::problem::{CODES, Problem, Severity};

use crate::forms::{document, names};

fn problems(name: &str) -> Vec<Problem> {
    let parsed = parse(&document(&format!("bad/{name}")), name);
    assert!(parsed.product.is_none(), "{name} was accepted");
    parsed.problems
}

#[test]
fn every_problem_at_once() {
    let files = names("bad");
    assert!(files.len() >= 20, "{files:?}");
    for name in files {
        let lines: Vec<String> = problems(&name).iter().map(ToString::to_string).collect();
        insta::with_settings!({ snapshot_path => "golden/bad", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name.clone(), lines.join("\n"));
        });
    }
}

/// Faults of the text itself, which no file of a repository should have.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let deep = format!("a: {}{}", "[".repeat(70), "]".repeat(70));
    vec![
        ("bytes.yaml", b"domain: caf\xe9\n".to_vec()),
        ("utf16.yaml", "\u{feff}domain: a".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("nul.yaml", b"domain: a\0b\n".to_vec()),
        ("mark.yaml", b"\xef\xbb\xbfdomain: a\n".to_vec()),
        ("deep.yaml", deep.clone().into_bytes()),
        ("deep.json", format!("{{\"a\": {}1{}}}", "[".repeat(70), "]".repeat(70)).into_bytes()),
        ("large.yaml", vec![b'#'; 1024 * 1024 + 1]),
        ("many.yaml", "a: 1\n".repeat(1002).into_bytes()),
        ("bomb.yaml", b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n".to_vec()),
    ]
}

#[test]
fn faults_of_the_text() {
    let line = |(name, text): &(&str, Vec<u8>)| {
        let short = |p: &Problem| format!("{}:{}:{} {} {}", p.file, p.line, p.column, p.code, p.message);
        parse(text, name).problems.iter().map(short).collect::<Vec<_>>().join("\n")
    };
    // The thousand of `many.yaml` are looked at in `hostile.rs`.
    let all: Vec<String> = texts().iter().filter(|(name, _)| *name != "many.yaml").map(line).collect();
    insta::assert_snapshot!(all.join("\n"), @r"
    bytes.yaml:1:12 encoding a byte is not UTF-8
    utf16.yaml:1:1 encoding the text is UTF-16
    nul.yaml:1:10 encoding the text holds the control character '\0'
    mark.yaml:1:1 byte-order-mark the text starts with a byte order mark
    mark.yaml:1:1 unknown-form the document is none of the forms that are read
    deep.yaml:1:67 too-deep blocks are nested deeper than 64 levels
    deep.json:1:70 too-deep blocks are nested deeper than 64 levels
    large.yaml:1:1 too-large the text has 1048577 bytes, more than 1048576
    bomb.yaml:1:1 unknown-form the document is none of the forms that are read
    bomb.yaml:2:8 alias a YAML alias stands here
    bomb.yaml:2:12 alias a YAML alias stands here
    bomb.yaml:3:5 alias a YAML alias stands here
    bomb.yaml:3:9 alias a YAML alias stands here
    ");
}

#[test]
fn every_code_is_provoked_and_every_problem_has_a_known_code() {
    let mut seen = BTreeSet::new();
    for name in names("bad") {
        seen.extend(problems(&name).iter().map(|p| p.code));
    }
    for (name, text) in texts() {
        seen.extend(parse(&text, name).problems.iter().map(|p| p.code));
    }
    for name in names("") {
        seen.extend(parse(&document(&name), &name).problems.iter().map(|p| p.code));
    }
    let avro = br#"{"type": "record", "name": "T", "fields": [{"name": "t", "type": "T"}]}"#;
    seen.extend(meshweave_contract::parse::avro_columns(avro, "t.avsc").unwrap_err().iter().map(|p| p.code));
    let known: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(seen, known);
}

#[test]
fn problems_stand_in_order_inside_the_text_with_words_to_mend_them() {
    for name in names("bad") {
        let text = String::from_utf8(document(&format!("bad/{name}"))).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let problems = problems(&name);
        assert!(problems.iter().any(|p| p.severity == Severity::Error), "{name}");
        assert!(problems.windows(2).all(|w| (w[0].line, w[0].column) <= (w[1].line, w[1].column)), "{name}");
        for p in &problems {
            let width = lines.get(p.line - 1).map_or(0, |line| line.chars().count());
            assert!(p.line <= lines.len() + 1 && p.column <= width + 1, "{p}");
            assert!(p.mend.ends_with(['.', '?']), "{p}");
            assert!(!p.message.ends_with('.') && !p.message.is_empty(), "{p}");
        }
    }
}

/// Small texts that would be huge when everything they refer to were written out: read in bounded time and memory.
#[test]
fn bombs_are_refused() {
    let mut defs = String::from(r#""d0": {"type": "string"}"#);
    for i in 1..30 {
        let below = i - 1;
        defs.push_str(&format!(
            r##", "d{i}": {{"type": "object", "properties": {{"a": {{"$ref": "#/$defs/d{below}"}}, "b": {{"$ref": "#/$defs/d{below}"}}}}}}"##
        ));
    }
    let text = format!(
        r##"{{"domain": "d", "product": "p", "version": "1.0.0", "schema": {{"type": "object", "$defs": {{{defs}}},
            "properties": {{"x": {{"$ref": "#/$defs/d15"}}, "y": {{"$ref": "#/$defs/d15"}}, "z": {{"$ref": "#/$defs/d14"}}}}}}}}"##
    );
    let codes = |problems: &[Problem]| problems.iter().map(|p| p.code).collect::<BTreeSet<_>>();
    let too_large = BTreeSet::from(["too-large"]);
    assert_eq!(codes(&parse(text.as_bytes(), "bomb.json").problems), too_large);

    let mut record = r#"{"type": "record", "name": "R0", "fields": [{"name": "a", "type": "int"}]}"#.to_owned();
    for i in 1..19 {
        let below = i - 1;
        record = format!(
            r#"{{"type": "record", "name": "R{i}", "fields": [{{"name": "a", "type": {record}}}, {{"name": "b", "type": "R{below}"}}]}}"#
        );
    }
    let problems = meshweave_contract::parse::avro_columns(record.as_bytes(), "bomb.avsc").unwrap_err();
    assert_eq!(codes(&problems), too_large);
}

/// Thirty documents of every form, each with three faults or more that have nothing to do with each other. What is expected was
/// written by looking at the documents, `file:line:column:code`; nothing of it may be missed, and nothing added.
#[test]
fn several_faults_are_found_where_they_are() {
    let expected = String::from_utf8(document("bad/several/expected.txt")).unwrap();
    let files = names("bad/several");
    assert!(files.len() >= 30, "{files:?}");
    let mut found = Vec::new();
    for name in &files {
        let parsed = parse(&document(&format!("bad/several/{name}")), name);
        assert!(parsed.product.is_none(), "{name} was accepted");
        let mut lines: Vec<_> = parsed.problems.iter().map(|p| (p.line, p.column, p.code)).collect();
        assert!(lines.len() >= 3, "{name}: {lines:?}");
        lines.sort_unstable();
        found.extend(lines.into_iter().map(|(line, column, code)| format!("{name}:{line}:{column}:{code}")));
    }
    let expected: Vec<&str> = expected.lines().collect();
    let missed: Vec<_> = expected.iter().filter(|line| !found.iter().any(|f| f == *line)).collect();
    let added: Vec<_> = found.iter().filter(|line| !expected.contains(&line.as_str())).collect();
    assert_eq!(found, expected, "missed: {missed:#?}\nadded: {added:#?}");
}
