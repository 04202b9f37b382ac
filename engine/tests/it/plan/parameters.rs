//! Parameters in their three styles, and what is told of them before they have values.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use meshweave_engine::{Kind, Parameters, Statement};

use super::mesh::{Mesh, guest, shop};

fn positional(sql: &str, values: Vec<ScalarValue>) -> Statement {
    Statement { sql: sql.to_owned(), parameters: Parameters::Positional(values) }
}

fn named(sql: &str, values: &[(&str, ScalarValue)]) -> Statement {
    let values: BTreeMap<String, ScalarValue> = values.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Statement { sql: sql.to_owned(), parameters: Parameters::Named(values) }
}

fn int(value: i64) -> ScalarValue {
    ScalarValue::Int64(Some(value))
}

fn text(value: &str) -> ScalarValue {
    ScalarValue::from(value)
}

#[tokio::test]
async fn three_styles_give_equal_rows() {
    let mesh = Mesh::new(shop()).await;
    let from = "FROM commerce.orders WHERE";
    let cases = [
        (positional(&format!("SELECT amount {from} orderid > ? AND status = ?"), vec![int(1), text("done")]), "30.0"),
        (positional(&format!("SELECT amount {from} orderid > $2 AND status = $1"), vec![text("done"), int(1)]), "30.0"),
        (
            named(
                &format!("SELECT amount {from} orderid > :low AND status = :s"),
                &[("s", text("done")), ("low", int(1))],
            ),
            "30.0",
        ),
        // By position into names: in the order of their first use.
        (
            positional(&format!("SELECT amount {from} orderid > :low AND status = :s"), vec![int(1), text("done")]),
            "30.0",
        ),
        // Values are cast to what their place asks for.
        (positional(&format!("SELECT amount {from} orderid = ?"), vec![text("2")]), "20.0"),
        (positional(&format!("SELECT amount {from} orderid = ?"), vec![ScalarValue::Int32(Some(2))]), "20.0"),
        (positional(&format!("SELECT count(*) {from} orderid = ?"), vec![ScalarValue::Null]), "0"),
        (positional(&format!("SELECT count(*) {from} orderid IN (?, ?, ?)"), vec![int(1), int(2), int(9)]), "2"),
        (positional(&format!("SELECT count(*) {from} amount BETWEEN ? AND ?"), vec![int(10), int(20)]), "2"),
        (positional("SELECT orderid FROM commerce.orders ORDER BY 1 LIMIT ? OFFSET ?", vec![int(1), int(1)]), "2"),
        (positional("SELECT ?", vec![text("?")]), "?"),
        (positional("SELECT ? + 1, '?'", vec![int(1)]), "2|?"),
        (positional("SELECT $1 + $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 + $10", (1..=10).map(int).collect()), "55"),
        (
            positional(
                "SELECT name FROM crm.customer WHERE id IN (SELECT customerid FROM commerce.orders WHERE orderid = ?)",
                vec![int(2)],
            ),
            "Ada",
        ),
    ];
    for (statement, expected) in cases {
        match mesh.cells_as(&guest(), &statement).await {
            Ok(cells) => assert_eq!(cells, expected, "{}", statement.sql),
            Err(error) => panic!("{}\n{}", statement.sql, error.report()),
        }
    }
}

#[tokio::test]
async fn a_value_that_would_lose_something_compares_as_the_literal_does() {
    let mesh = Mesh::new(shop()).await;
    let half = || ScalarValue::Float64(Some(2.5));
    let ask = "SELECT count(*) FROM commerce.orders WHERE orderid";
    for (condition, value, literal) in [
        ("= ?", half(), "= 2.5"),
        ("< ?", half(), "< 2.5"),
        (">= ?", half(), ">= 2.5"),
        ("< ?", ScalarValue::Float64(Some(1e300)), "< 1e300"),
        ("< ?", ScalarValue::UInt64(Some(u64::MAX)), "< 18446744073709551615"),
        ("< ?", ScalarValue::Decimal128(Some(250), 5, 2), "< 2.50"),
        ("= ?", ScalarValue::Float64(Some(2.0)), "= 2"),
    ] {
        let bound = mesh.cells_as(&guest(), &positional(&format!("{ask} {condition}"), vec![value.clone()])).await;
        let written = mesh.cells_as(&guest(), &Statement::new(format!("{ask} {literal}"))).await;
        assert_eq!(bound.unwrap(), written.unwrap(), "{condition} {value:?}");
    }
    // Where the answer's columns were promised from the type, there is no literal to be equal to.
    let statement = positional("SELECT orderid + ? FROM commerce.orders", vec![half()]);
    let error = mesh.cells_as(&guest(), &statement).await.unwrap_err();
    assert_eq!(error.to_string(), "parameter $1 is 2.5 (Float64), but Int64 is needed");
    let statement = positional("SELECT orderid FROM commerce.orders LIMIT ?", vec![half()]);
    assert_eq!(mesh.cells_as(&guest(), &statement).await.unwrap_err().kind(), Kind::InvalidQuery);
}

#[tokio::test]
async fn wrong_values_are_told() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        (Statement::new("SELECT ?"), "1 parameter, but 0 values were given"),
        (positional("SELECT 1", vec![int(1)]), "0 parameters, but 1 value was given"),
        (positional("SELECT ?, ?", vec![int(1)]), "2 parameters, but 1 value was given"),
        (
            positional("SELECT * FROM commerce.orders WHERE orderid = ?", vec![text("x")]),
            "parameter $1 is Utf8, but Int64 is needed",
        ),
        (named("SELECT :a", &[("b", int(1))]), "no parameter :b"),
        (named("SELECT :a, :b", &[("b", int(1))]), "parameter :a has no value"),
        (named("SELECT ?", &[("b", int(1))]), "no named parameters"),
        (positional("SELECT ?, $1", vec![int(1)]), "mixes styles"),
    ];
    for (statement, expected) in cases {
        let error = mesh.cells_as(&guest(), &statement).await.expect_err(&statement.sql);
        assert_eq!(error.kind(), Kind::InvalidQuery, "{}", error.report());
        assert!(error.to_string().contains(expected), "{}", error.report());
    }
}

#[tokio::test]
async fn parameters_are_told_in_the_order_of_their_numbers() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT $3, $10 FROM commerce.orders WHERE orderid = $1 AND status = $2 AND amount < $9";
    let info = mesh.engine.describe(&guest(), sql).await.unwrap();
    let names: Vec<&str> = info.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10"]);
    let types: Vec<Option<DataType>> = info.parameters.iter().map(|p| p.data_type.clone()).collect();
    let known = |number: usize| types[number - 1].clone();
    assert_eq!((known(1), known(3), known(9)), (Some(DataType::Int64), None, Some(DataType::Float64)));
    let info = mesh.engine.describe(&guest(), "SELECT :b FROM commerce.orders WHERE orderid = :a").await.unwrap();
    let told: Vec<_> = info.parameters.iter().map(|p| (p.name.as_str(), p.data_type.clone())).collect();
    assert_eq!(told, [("b", None), ("a", Some(DataType::Int64))]);
}

/// A driver that binds by type can bind what a statement casts; a parameter that is compared has the type of its column.
#[tokio::test]
async fn a_cast_tells_the_type_of_a_parameter_that_nothing_else_tells() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        ("SELECT CAST($1 AS INT)", Some(DataType::Int32)),
        ("SELECT $1::DATE FROM (SELECT 1) t", Some(DataType::Date32)),
        ("SELECT TRY_CAST($1 AS DOUBLE)", Some(DataType::Float64)),
        (
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM commerce.orders WHERE CAST($1 AS BIGINT) + 1 > 0)",
            Some(DataType::Int64),
        ),
        ("SELECT CAST($1 AS INT) AS a, CAST($1 AS BIGINT) AS b", None),
        ("SELECT $1", None),
    ];
    for (sql, expected) in cases {
        let info = mesh.engine.describe(&guest(), sql).await.unwrap();
        let told: Vec<_> = info.parameters.iter().map(|p| p.data_type.clone()).collect();
        assert_eq!(told, [expected], "{sql}");
    }
}
