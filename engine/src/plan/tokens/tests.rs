use super::*;

fn text(sql: &str) -> (String, Style) {
    let prepared = prepare(sql).unwrap();
    (prepared.tokens.iter().map(|t| t.token.to_string()).collect(), prepared.parameters)
}

#[test]
fn question_marks_are_numbered_outside_strings_and_comments() {
    let (sql, style) = text("SELECT '?', \"a?\", ? /* ? */ FROM t WHERE a = ? -- ?\n AND b IN (?, ?)");
    assert_eq!(sql, "SELECT '?', \"a?\", $1 /* ? */ FROM t WHERE a = $2 -- ?\n AND b IN ($3, $4)");
    assert_eq!(style, Style::Positional(4));
}

#[test]
fn question_operators_stay() {
    for sql in ["SELECT data ? 'a'", "SELECT (x) ?| y", "SELECT \"x\" ?& y"] {
        assert_eq!(text(sql), (sql.to_owned(), Style::None), "{sql}");
    }
    assert_eq!(text("SELECT ?||'x'").0, "SELECT $1||'x'");
    assert_eq!(text("SELECT ?-1").0, "SELECT $1-1");
    assert_eq!(text("SELECT j ? ?").0, "SELECT j ? $1");
}

#[test]
fn names_are_numbered_by_their_first_use() {
    let (sql, style) = text("SELECT :b, :a, :b::int, x[1:2], '{:c}'");
    assert_eq!(sql, "SELECT $1, $2, $1::int, x[1:2], '{:c}'");
    assert_eq!(style, Style::Named(vec!["b".to_owned(), "a".to_owned()]));
}

#[test]
fn dollars_keep_their_number() {
    assert_eq!(text("SELECT $2, $10"), ("SELECT $2, $10".to_owned(), Style::Positional(10)));
    assert!(prepare("SELECT $0").is_err());
}

#[test]
fn styles_are_not_mixed() {
    for sql in ["SELECT ?, $1", "SELECT ?, :a", "SELECT $1, :a"] {
        assert!(prepare(sql).unwrap_err().to_string().contains("mixes styles"), "{sql}");
    }
}

#[test]
fn clauses_of_time_travel() {
    let day = 1_769_817_600_000_000;
    let cases = [
        ("t VERSION AS OF 12", AsOf::Number(12)),
        ("t FOR VERSION AS OF '3'", AsOf::Number(3)),
        ("t for system_version as of 3", AsOf::Number(3)),
        ("t TIMESTAMP AS OF '2026-01-31'", AsOf::Timestamp(day)),
        ("t TIMESTAMP AS OF TIMESTAMP '2026-01-31 00:00:00'", AsOf::Timestamp(day)),
        ("t FOR SYSTEM_TIME AS OF '2026-01-31T01:00:00+01:00'", AsOf::Timestamp(day)),
        ("t FOR TIMESTAMP AS OF '2026-01-31T00:00:00Z'", AsOf::Timestamp(day)),
    ];
    for (clause, expected) in cases {
        let prepared = prepare(&format!("SELECT * FROM {clause} AS x")).unwrap();
        assert_eq!(prepared.as_of, [expected], "{clause}");
        let sql: String = prepared.tokens.iter().map(|t| t.token.to_string()).collect();
        assert!(sql.contains(MARK) && !sql.to_uppercase().contains("VERSION AS OF"), "{sql}");
    }
}

#[test]
fn a_column_called_version_is_no_clause() {
    for sql in ["SELECT version AS of FROM t", "SELECT a, version AS of", "SELECT timestamp AS of, b FROM t"] {
        assert_eq!(prepare(sql).unwrap().as_of, [], "{sql}");
    }
}

#[test]
fn a_clause_that_cannot_be_read_is_an_error() {
    for sql in [
        "SELECT * FROM t VERSION AS OF -1",
        "SELECT * FROM t VERSION AS OF $1",
        "SELECT * FROM t TIMESTAMP AS OF 'soon'",
        "SELECT * FROM t TIMESTAMP AS OF CURRENT_TIMESTAMP",
        "SELECT * FROM t FOR VERSION AS OF x",
    ] {
        assert!(prepare(sql).unwrap_err().to_string().contains("cannot read"), "{sql}");
    }
}
