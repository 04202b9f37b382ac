//! `sql`: where the statement comes from, parameters, refusals, limits.

use crate::mesh::{on_shared, path, shared};
use crate::meshweave::run_with_input;

/// The rows of a statement as JSON.
#[track_caller]
fn rows(args: &[&str]) -> serde_json::Value {
    let mut all = vec!["sql", "-o", "json"];
    all.extend(args);
    on_shared(&all).json()
}

#[test]
fn a_statement_comes_from_an_argument_a_file_or_a_pipe() {
    let sql = "SELECT r_regionkey, r_name FROM reference.region ORDER BY 1 LIMIT 2";
    let expected = serde_json::json!([
        {"r_regionkey": 0, "r_name": "AFRICA"},
        {"r_regionkey": 1, "r_name": "AMERICA"},
    ]);
    assert_eq!(rows(&[sql]), expected);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("-- two regions\n{sql};\n")).unwrap();
    assert_eq!(rows(&["-f", path(file.path())]), expected);
    for args in [&["sql", "-"][..], &["sql"], &["sql", "-f", "-"]] {
        let mut all = vec!["--mesh", path(shared()), "-o", "json"];
        all.extend(args);
        assert_eq!(run_with_input(&all, sql).json(), expected, "{args:?}");
    }
    assert_eq!(on_shared(&["sql", "-o", "json", "  "]).error(2)["kind"], "invalid_query");
    on_shared(&["sql", "-f", "/does/not/exist.sql"]).failed(2);
}

#[test]
fn parameters_are_cast_to_what_the_statement_needs() {
    let one = serde_json::json!([{"r_name": "AMERICA"}]);
    let sql = |place: &str| format!("SELECT r_name FROM reference.region WHERE r_regionkey = {place}");
    assert_eq!(rows(&[&sql("$1"), "--param", "1"]), one);
    assert_eq!(rows(&[&sql("?"), "-p", "1"]), one);
    assert_eq!(rows(&[&sql(":key"), "--param", "key=1"]), one);
    let error = on_shared(&["sql", "-o", "json", &sql("$1"), "-p", "x=1", "-p", "1"]).error(2);
    assert!(error["message"].as_str().unwrap().contains("mixed"), "{error}");
    on_shared(&["sql", &sql("$1"), "-p", "many"]).failed(2);
    on_shared(&["sql", &sql("$1")]).failed(2);
}

#[test]
fn a_default_schema_lets_the_domain_be_left_away() {
    assert_eq!(rows(&["SELECT count(*) AS n FROM region", "--schema", "reference"]), serde_json::json!([{"n": 5}]));
    on_shared(&["sql", "SELECT count(*) FROM region"]).failed(7);
}

#[test]
fn names_fold_and_majors_can_be_pinned() {
    let all = rows(&["SELECT count(*) AS n FROM commerce.orders"]);
    assert!(all[0]["n"].as_u64().unwrap() > 0);
    assert_eq!(rows(&["select COUNT(*) as n from Commerce.ORDERS"]), all);
    assert_eq!(rows(&["SELECT count(*) AS n FROM commerce.\"orders@2\""]), all);
    assert_eq!(rows(&["SELECT count(*) AS n FROM mesh.commerce.orders"]), all);
    assert!(rows(&["SELECT count(*) AS n FROM customer.customer_lifetime_value"])[0]["n"].as_u64().unwrap() > 0);
}

#[test]
fn refusals_have_their_exit_codes() {
    let check = |sql: &str, code: i32, kind: &str| {
        let error = on_shared(&["sql", "-o", "json", sql]).error(code);
        assert_eq!(error["kind"], kind, "{sql}: {error}");
    };
    check("SELECT * FROM commerce.nothing", 7, "not_found");
    check("SELECT nothing FROM commerce.orders", 7, "not_found");
    check("SELEC 1", 2, "invalid_query");
    check("DELETE FROM commerce.orders", 2, "unsupported");
    let denied = on_shared(&["sql", "-o", "json", "SELECT * FROM sales.orders", "--as", "stranger"]);
    assert!(matches!(denied.code, Some(4 | 7)), "{denied:?}");
}

#[test]
fn a_timeout_stops_the_statement() {
    let sql = "SELECT a.l_orderkey, b.l_comment FROM sales.lineitem a CROSS JOIN sales.lineitem b";
    let error = on_shared(&["sql", "-o", "json", sql, "--timeout", "PT0.05S"]).error(8);
    assert_eq!(error["kind"], "timed_out");
}

#[test]
fn a_table_says_how_many_rows_it_does_not_show() {
    let sql = "SELECT r_name FROM reference.region ORDER BY 1";
    assert_eq!(
        on_shared(&["sql", sql, "--max-rows", "2"]).ok(),
        "r_name\n───────\nAFRICA\nAMERICA\n… 3 more rows (5 in all)\n"
    );
    let all = on_shared(&["sql", sql, "--max-rows", "0"]).ok();
    assert!(all.ends_with("MIDDLE EAST\n(5 rows)\n"), "{all}");
    assert!(on_shared(&["sql", sql, "--quiet"]).ok().ends_with("MIDDLE EAST\n"));
}

#[test]
fn explain_shows_the_plan_instead_of_rows() {
    let sql = "SELECT r_name FROM reference.region WHERE r_regionkey = 3";
    let text = on_shared(&["sql", "--explain", sql]).ok();
    assert!(text.contains("reference.region") && text.contains("r_regionkey"), "{text}");
    assert!(!text.contains("EUROPE"), "{text}");
}
