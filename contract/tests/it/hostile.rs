//! Texts that somebody wrote to hurt: each is refused, at a place, after work that is bounded by the size of the text.
//!
//! Nothing here looks at the clock. A limit that is gone shows as a test that never ends, or as other problems than these.

use meshweave_contract::compare::compare;
use meshweave_contract::parse::{avro_columns, canonical_hash, nearest, parse};
use meshweave_contract::problem::{Problem, Severity};

const HEAD: &str = "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata: {name: orders, domain: commerce, version: 1.0.0}\nspec:\n";
const MIB: usize = 1024 * 1024;

fn problems(text: &[u8], file: &str) -> Vec<Problem> {
    let parsed = parse(text, file);
    assert!(parsed.product.is_none(), "{file} was accepted");
    assert!(parsed.problems.len() <= 1001, "{file}: {}", parsed.problems.len());
    for p in &parsed.problems {
        assert!(p.message.chars().count() <= 1001 && p.mend.chars().count() <= 1001, "{file}: {}", p.message.len());
    }
    parsed.problems
}

/// `line:column code` of the first error, and how many problems there are.
fn check(file: &str, text: impl AsRef<[u8]>, first: &str, count: usize) {
    let problems = problems(text.as_ref(), file);
    let error = problems.iter().find(|p| p.severity == Severity::Error).unwrap();
    let got = format!("{}:{} {}", error.line, error.column, error.code);
    assert_eq!((got.as_str(), problems.len()), (first, count), "{file}: {error}");
}

fn in_spec(text: &str) -> String {
    format!("{HEAD}{text}\n")
}

/// As many copies as fit into the largest text.
fn filled(start: &str, item: impl Fn(usize) -> String, end: &str) -> String {
    let mut text = start.to_owned();
    for i in 0.. {
        let item = item(i);
        if text.len() + item.len() + end.len() > MIB {
            break;
        }
        text.push_str(&item);
    }
    text + end
}

#[test]
fn encodings() {
    check("latin1.yaml", b"domain: caf\xe9\n", "1:12 encoding", 1);
    check("latin1-later.yaml", b"a: 1\n# \xfc\n", "2:3 encoding", 1);
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    check("le.yaml", utf16("\u{feff}domain: a", u16::to_le_bytes), "1:1 encoding", 1);
    check("be.yaml", utf16("\u{feff}domain: a", u16::to_be_bytes), "1:1 encoding", 1);
    check("le-bare.yaml", utf16("domain: a", u16::to_le_bytes), "1:1 encoding", 1);
    check("be-bare.json", utf16("{\"domain\": 1}", u16::to_be_bytes), "1:1 encoding", 1);
    check("nul.yaml", b"a: 1\nb: x\0y\n", "2:5 encoding", 1);
    check("nul.json", b"{\"a\": \"\0\"}", "1:8 encoding", 1);
    check("bell.yaml", b"a: \x07\n", "1:4 encoding", 1);
    check("cut.yaml", b"a: \xf0\x9f\x98", "1:4 encoding", 1);
    check("surrogate.yaml", b"a: \xed\xa0\x80", "1:4 encoding", 1);
    check("overlong.yaml", b"a: \xc0\xaf", "1:4 encoding", 1);
    // A byte order mark alone is a warning, and places do not count it.
    let marked = format!("\u{feff}{}", in_spec("  sla: {freshness: never}"));
    check("mark.yaml", marked, "5:20 bad-duration", 2);
    check("mark-twice.yaml", "\u{feff}\u{feff}a: 1", "1:1 unknown-form", 2);
}

#[test]
fn sizes() {
    check("large.yaml", vec![b'#'; MIB + 1], "1:1 too-large", 1);
    check("large.json", vec![b' '; 50 * MIB], "1:1 too-large", 1);
    check("blank.yaml", vec![b'\n'; MIB], "1:1 empty", 1);
    check("comment.yaml", vec![b'#'; MIB], "1:1 empty", 1);
    let key = "k".repeat(2000);
    // YAML itself ends a key after 1024 characters, unless it is marked as one.
    check("key.yaml", in_spec(&format!("  sla: {{}}\n  {key}: 1")), "6:2003 syntax", 1);
    check("marked-key.yaml", in_spec(&format!("  sla: {{}}\n  ? {key}\n  : 1")), "6:5 too-large", 1);
    check(
        "key.json",
        format!("{{\n \"{key}\": 1, \"domain\": \"d\", \"product\": \"p\", \"version\": \"1.0.0\"}}"),
        "2:2 too-large",
        1,
    );
    let long = "v".repeat(900_000);
    check("value.yaml", in_spec(&format!("  sla: {{freshness: {long}}}")), "5:20 bad-duration", 1);
    let port = format!("  input_ports: [{{name: {}, type: batch}}]", "p".repeat(200));
    check("port.yaml", in_spec(&port), "5:24 bad-name", 1);
    let column = format!("  schema: {{columns: [{{name: {}, type: int}}]}}", "c".repeat(2000));
    check("column.yaml", in_spec(&column), "5:3 bad-column", 1);
    check("name.yaml", HEAD.replace("orders", &long) + "  sla: {}\n", "3:18 bad-name", 1);
}

#[test]
fn depth() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = |n: usize| format!("a: {}{}", open.repeat(n), close.repeat(n));
        check("deep.yaml", text(64), &format!("1:{} too-deep", 4 + 63 * open.len()), 1);
        // The scanner looks ahead, and stops at a depth of its own.
        let codes: Vec<_> = problems(text(100_000).as_bytes(), "deeper.yaml").iter().map(|p| p.code).collect();
        assert_eq!(codes, ["too-deep"]);
    }
    let json = |n: usize| format!("{{\"a\": {}1{}}}", "[".repeat(n), "]".repeat(n));
    check("deep.json", json(64), "1:70 too-deep", 1);
    check("deeper.json", json(500_000), "1:70 too-deep", 1);
    check("unclosed.json", "[".repeat(MIB), "1:65 too-deep", 1);
    check("unclosed.yaml", "[".repeat(200), "1:65 too-deep", 1);
    check("dashes.yaml", "- ".repeat(MIB / 2), "1:129 too-deep", 1);
    check("questions.yaml", "? ".repeat(1000), "1:129 too-deep", 1);
    let steps: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    check("steps.yaml", steps, "65:65 too-deep", 1);
}

/// Types that could not be stored as JSON and read back.
#[test]
fn depth_of_types() {
    let column = |kind: &str| in_spec(&format!("  schema: {{columns: [{{name: a, type: \"{kind}\"}}]}}"));
    check("lists.yaml", column(&format!("int{}", "[]".repeat(1000))), "5:38 bad-type", 1);
    check("lists-32.yaml", column(&format!("int{}", "[]".repeat(30))), "5:3 too-deep", 1);
    check("structs.yaml", column(&format!("{}int{}", "struct<a: ".repeat(25), ">".repeat(25))), "5:3 too-deep", 1);
    let deepest = column(&format!("{}int{}", "struct<a: ".repeat(24), ">".repeat(24)));
    let product = parse(deepest.as_bytes(), "t.yaml").product.unwrap();
    let text = serde_json::to_string(&product).unwrap();
    assert_eq!(serde_json::from_str::<meshweave_contract::model::Product>(&text).unwrap(), product);
    let record = (0..30).fold("\"int\"".to_owned(), |inner, i| {
        format!(r#"{{"type": "record", "name": "R{i}", "fields": [{{"name": "a", "type": {inner}}}]}}"#)
    });
    assert!(avro_columns(record.as_bytes(), "t.avsc").is_err());
}

#[test]
fn aliases_and_merge_keys() {
    let mut laughs = String::from("a0: &a0 [x, x, x]\n");
    (1..200).for_each(|i| laughs.push_str(&format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}]\n", i - 1)));
    check("laughs.yaml", &laughs, "1:1 unknown-form", 598);
    let merged =
        "x-base: &base {format: parquet}\n".to_owned() + HEAD + "  storage: {<<: *base, location: s3://a/b/}\n";
    // The alias, the key `<<` that nobody asked for, and the format that is therefore missing.
    let found: Vec<String> = problems(merged.as_bytes(), "merge.yaml")
        .iter()
        .map(|p| format!("{}:{} {}", p.line, p.column, p.code))
        .collect();
    assert_eq!(found, ["6:12 missing", "6:13 unknown-key", "6:17 alias"]);
    let mut merges = String::from("b0: &b0 {k: v}\n");
    (1..200).for_each(|i| merges.push_str(&format!("b{i}: &b{i} {{<<: [*b{0}, *b{0}]}}\n", i - 1)));
    check("merges.yaml", merges, "1:1 unknown-form", 399);
    check("self.yaml", "a: &a [*a]\n", "1:1 unknown-form", 2);
    check("unknown.yaml", "a: *nobody\n", "1:4 syntax", 1);
}

#[test]
fn duplicate_keys() {
    check("twice.yaml", in_spec("  sla: {}\n  sla: {}"), "6:3 duplicate-key", 1);
    check("spelled.yaml", in_spec("  sla: {freshness: 5m, \"freshness\": 6m}"), "5:24 duplicate-key", 1);
    check(
        "twice.json",
        r#"{"domain": "d", "domain": "d", "product": "p", "version": "1.0.0"}"#,
        "1:17 duplicate-key",
        1,
    );
    check(
        "escaped.json",
        r#"{"domain": "d", "\u0064omain": "e", "product": "p", "version": "1.0.0"}"#,
        "1:17 duplicate-key",
        1,
    );
    let many = filled("", |_| "a: 1\n".to_owned(), "");
    check("many-duplicates.yaml", many, "2:1 duplicate-key", 1001);
}

#[test]
fn numbers() {
    let digits = "9".repeat(100_000);
    let sla = |text: String| in_spec(&format!("  sla: {{{text}}}"));
    check("availability.yaml", sla(format!("availability: {digits}")), "5:23 bad-availability", 1);
    check("freshness.yaml", sla(format!("freshness: {digits}d")), "5:20 bad-duration", 1);
    check("latency.yaml", sla(format!("latency: p99 < {digits}s")), "5:18 bad-latency", 1);
    check("quota.yaml", in_spec(&format!("  quota: {{concurrent_queries: {digits}}}")), "5:31 bad-number", 1);
    check("version.yaml", HEAD.replace("1.0.0", &format!("{digits}.0.0")) + "  sla: {}\n", "3:53 bad-version", 1);
    let column = |more: String| in_spec(&format!("  schema: {{columns: [{{name: a, type: int, {more}}}]}}"));
    check("length.yaml", column(format!("max_length: {digits}")), "5:55 bad-number", 1);
    check(
        "decimal.yaml",
        in_spec(&format!("  schema: {{columns: [{{name: a, type: \"decimal({digits})\"}}]}}")),
        "5:38 bad-type",
        1,
    );
    check("key.yaml", column("primary_key: 99999999999".to_owned()), "5:56 bad-number", 1);
    // A number that no double holds stays as it was written.
    for number in ["1e999999999", &digits, "-0.00000000000000000000000000000000000001"] {
        let text = column(format!("min: {number}"));
        let product = parse(text.as_bytes(), "t.yaml").product.unwrap();
        let min = product.tables()[0].columns[0].range.min.clone().unwrap();
        assert!(min.as_str() == Some(number) || min.is_number(), "{number}");
        assert!(canonical_hash(&product).starts_with("sha256:"));
    }
}

/// Where the work could grow faster than the text: each of these took the square of it, or more.
#[test]
fn work_is_bounded_by_the_text() {
    // Unknown keys, each of which is compared with what is known.
    let unknown = filled(&in_spec("  sla: {}"), |i| format!("unknown_key_number_{i}: 1\n"), "");
    check("unknown.yaml", unknown, "6:1 unknown-key", 1001);
    // A long mistyped name, and long candidates.
    let (a, b) = ("a".repeat(300_000), "b".repeat(300_000));
    assert!(nearest(&a, [b.as_str()]).is_empty());
    let columns = format!("  schema: {{primary_key: [\"{a}\"], columns: [{{name: \"{b}\", type: int}}]}}");
    check("long-names.yaml", in_spec(&columns), "5:3 bad-column", 2);
    // Many columns that a key lists, and many that it does not find.
    let start = in_spec("  schema:\n    primary_key: [");
    let (keys, columns) =
        (filled("", |i| format!("k{i},"), ""), filled("", |i| format!("      - {{name: c{i}, type: int}}\n"), ""));
    let text = format!("{}{}]\n    columns:\n{}", start.trim_end(), &keys[..400_000], &columns[..600_000]);
    let end = text.rfind("\n      - ").unwrap();
    check("keys.yaml", &text[..=end], "6:19 unknown-column", 1001);
    // A location that stands for every table.
    let head = "apiVersion: v3.1.0\nkind: DataContract\nid: x\nname: a\nversion: 1.0.0\nstatus: active\ndomain: d\n";
    let server =
        format!("servers: [{{server: a, type: s3, format: delta, location: \"s3://{}\"}}]\n", "{model}".repeat(50_000));
    let tables = filled("schema:\n", |i| format!("- name: t{i}\n"), "");
    let tables = &tables[..tables[..500_000].rfind('-').unwrap()];
    check("locations.yaml", format!("{head}{server}{tables}"), "8:58 bad-location", 1);
    // Warnings, of which the rest is not told, stop nothing.
    let rules = filled(&in_spec("  quality:"), |i| format!("    - {{rule: my_own_{i}}}\n"), "");
    let parsed = parse(rules.as_bytes(), "rules.yaml");
    assert!(parsed.product.is_some() && parsed.problems.iter().all(|p| p.severity == Severity::Warning));
    assert_eq!(parsed.problems.len(), 1001);
    // The same key of one's own, again and again, for which a free name must be found.
    let samples = filled(
        &in_spec("  sla: {}").replace("1.0.0}", "1.0.0, sample_queries: ["),
        |_| "{sql: a, x-a: 1},".to_owned(),
        "",
    );
    let text = samples.replacen("spec:\n  sla: {}\n", "", 1) + "]}\nspec: {sla: {}}\n";
    let product = parse(text.as_bytes(), "samples.yaml").product.unwrap();
    assert!(product.sample_queries.len() > 50_000);
    assert_eq!(product.custom.len(), product.sample_queries.len());
    // References into a schema of many definitions.
    let start = r#"{"domain": "d", "product": "p", "version": "1.0.0", "schema": {"type": "object", "$defs": {"#;
    let defs = filled(start, |i| format!(r#""d{i}": {{}}, "#), "");
    let end = r##""last": {"type": "string"}}, "properties": {"##;
    let properties = filled("", |i| format!(r##""p{i}": {{"$ref": "#/$defs/last"}}, "##), "");
    let (defs, properties) = (whole(&defs, 500_000), whole(&properties, 400_000));
    let text = format!("{defs}{end}{properties}\"z\": {{\"type\": \"string\"}}}}}}}}");
    let found = problems(text.as_bytes(), "references.json");
    assert!(found.iter().any(|p| p.code == "too-large"), "{:?}", found.first());
    // A key under which each value would carry a long way.
    let mut text =
        r#"{"domain": "d", "product": "p", "version": "1.0.0", "schema": {"type": "object", "properties": {"#
            .to_owned();
    (0..12).for_each(|_| text.push_str(&format!(r#""{}": {{"type": "object", "properties": {{"#, "k".repeat(1000))));
    let inner = filled("", |i| format!(r#""{i}":{{"type": "x"}},"#), "");
    text.push_str(whole(&inner, 900_000).trim_end_matches(','));
    text.push_str(&"}}".repeat(12));
    text.push_str("}}}");
    check("ways.json", text, "1:12566 bad-type", 1001);
}

/// Comparing two of the largest contracts takes no more than reading them, by a factor.
#[test]
fn large_contracts_are_compared() {
    let product = |text: String| {
        let parsed = parse(text.as_bytes(), "t.yaml");
        parsed.product.unwrap_or_else(|| panic!("{:?}", parsed.problems.first()))
    };
    let columns = |name: &str| {
        let all = filled("", |i| format!("    - {{name: {name}{i}, type: int}}\n"), "");
        product(in_spec(&format!("  schema:\n   columns:\n{}", whole_lines(&all, 900_000))))
    };
    let (a, b) = (columns("a"), columns("b"));
    let count = a.tables()[0].columns.len() + b.tables()[0].columns.len();
    assert_eq!(compare(&a, &b).changes.len(), count);
    let rules = |least: usize| {
        let all = filled("", |i| format!("    - {{rule: row_count, min: {}}}\n", i + least), "");
        product(in_spec(&format!("  quality:\n{}", whole_lines(&all, 900_000))))
    };
    assert!(compare(&rules(1), &rules(1_000_000)).changes.len() > 20_000);
    let references = |to: &str| {
        let all = filled("", |i| format!("    - {{columns: [a], to: {to}{i}, to_columns: [b]}}\n"), "");
        product(in_spec(&format!("  relationships:\n{}", whole_lines(&all, 900_000))))
    };
    assert!(compare(&references("x"), &references("y")).changes.len() > 30_000);
    let latencies = |unit: &str| {
        let all = filled("", |_| format!("p99 < 1{unit}, "), "");
        product(in_spec(&format!("  sla: {{latency: \"{}p50 < 1s\"}}", &all[..110_000])))
    };
    assert_eq!(compare(&latencies("s"), &latencies("m")).changes.len(), 1);
}

fn whole_lines(text: &str, length: usize) -> &str {
    &text[..text[..length].rfind('\n').unwrap()]
}

/// The start of a list of entries, cut after an entry.
fn whole(text: &str, length: usize) -> &str {
    let end = text[..length].rfind("},").unwrap() + 2;
    &text[..end]
}
