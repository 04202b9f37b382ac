//! Scalars keep their spelling, and everything knows its place.

use super::*;
use crate::parse::node::Kind;

fn tree(text: &str, file: &str) -> Node {
    let mut report = Report::new(file);
    let node = read(text.as_bytes(), file, &mut report);
    let problems = report.finish();
    assert!(problems.is_empty(), "{problems:?}");
    node.expect("a tree")
}

/// `path line:column = value`, one line per key or item.
fn told(node: &Node) -> String {
    fn tell(node: &Node, path: &str, out: &mut String) {
        let Place { line, column } = node.place;
        match &node.kind {
            Kind::Scalar { text, quoted } => {
                let quotes = if *quoted { "\"" } else { "" };
                out.push_str(&format!("{path} {line}:{column} = {quotes}{text}{quotes} {}\n", node.json()));
            }
            Kind::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| tell(item, &format!("{path}[{i}]"), out))
            }
            Kind::Map(entries) => {
                for e in entries {
                    out.push_str(&format!("{path}.{} key {}:{}\n", e.key, e.place.line, e.place.column));
                    tell(&e.value, &format!("{path}.{}", e.key), out);
                }
            }
        }
    }
    let mut out = String::new();
    tell(node, "", &mut out);
    out
}

#[test]
fn plain_scalars_are_never_misread() {
    let text = "a: no\nb: 010\nc: 1_000\nd: 1.0\ne: 0x1F\nf: yes\ng: '5'\nh: true\ni: 12345678901234567890123\nj: .5\nk: 1e2\nl: ~\nm: -0\nn: 0.12345678901234567\n";
    let node = tree(text, "t.yaml");
    let Kind::Map(entries) = &node.kind else { panic!("no map") };
    let got: Vec<String> = entries.iter().map(|e| e.value.json().to_string()).collect();
    let expected = [
        "\"no\"",
        "\"010\"",
        "\"1_000\"",
        "1.0",
        "\"0x1F\"",
        "\"yes\"",
        "\"5\"",
        "true",
        "\"12345678901234567890123\"",
        "\".5\"",
        "100.0",
        "null",
        "\"-0\"",
        "\"0.12345678901234567\"",
    ];
    assert_eq!(got, expected);
}

#[test]
fn places_count_characters_from_one() {
    let yaml = "ключ: значение\nlist:\n  - { ü: é, x: y }\r\nlast: |\n  text\n";
    insta::assert_snapshot!(told(&tree(yaml, "t.yaml")), @r#"
    .ключ key 1:1
    .ключ 1:7 = значение "значение"
    .list key 2:1
    .list[0].ü key 3:7
    .list[0].ü 3:10 = é "é"
    .list[0].x key 3:13
    .list[0].x 3:16 = y "y"
    .last key 4:1
    .last 5:3 = "text
    " "text\n"
    "#);
    let json = "{\n  \"ключ\": [\"é\", {\"x\": 1}],\n  \"y\": \"\\ud83d\\ude00\\n\\/\\u00e9\"\n}";
    insta::assert_snapshot!(told(&tree(json, "t.json")), @r#"
    .ключ key 2:3
    .ключ[0] 2:12 = "é" "é"
    .ключ[1].x key 2:18
    .ключ[1].x 2:23 = 1 1
    .y key 3:3
    .y 3:8 = "😀
    /é" "😀\n/é"
    "#);
}

#[test]
fn json_escapes_are_exact() {
    let escaped = r#"{"a": "\" \\ \/ \b \f \n \r \t \u0041 \uD834\uDD1E"}"#;
    let node = tree(escaped, "t.json");
    assert_eq!(node.get("a").and_then(Node::scalar), Some("\" \\ / \u{8} \u{c} \n \r \t A \u{1D11E}"));
}

#[test]
fn broken_json_says_where() {
    let cases = [
        (r#"{"a": "\ud800"}"#, "1:8"),
        (r#"{"a": "\ud800\u0041"}"#, "1:8"),
        (r#"{"a": "\udc00"}"#, "1:8"),
        (r#"{"a": "\x"}"#, "1:8"),
        (r#"{"a": "\u12"}"#, "1:10"),
        (r#"{"a": 01}"#, "1:7"),
        (r#"{"a": +1}"#, "1:7"),
        (r#"{"a": tru}"#, "1:7"),
        (r#"{"a" 1}"#, "1:6"),
        (r#"{"a": 1,}"#, "1:9"),
        (r#"{"a": [1,]}"#, "1:10"),
        (r#"{"a": 1} x"#, "1:10"),
        ("{\"a\": \"x\ny\"}", "1:9"),
        (r#"{"a": "x"#, "1:9"),
        ("", "1:1"),
    ];
    for (text, place) in cases {
        let mut report = Report::new("t.json");
        assert!(read(text.as_bytes(), "t.json", &mut report).is_none(), "{text}");
        let got: Vec<String> = report.finish().iter().map(|p| format!("{}:{}", p.line, p.column)).collect();
        assert_eq!(got, [place], "{text}");
    }
}

#[test]
fn a_tag_makes_text_and_an_anchor_alone_changes_nothing() {
    let node = tree("a: !!str 5\nb: &x 7\nc: ! 8\n", "t.yaml");
    assert_eq!(node.json().to_string(), r#"{"a":"5","b":7,"c":"8"}"#);
}

#[test]
fn what_lies_at_the_limits_is_read() {
    let deep = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    tree(&deep, "t.json");
    tree(&deep, "t.yaml");
    let long = format!("a: {}", "x".repeat(MAX_BYTES - 3));
    tree(&long, "t.yaml");
}
