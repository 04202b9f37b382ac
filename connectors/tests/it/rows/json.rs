//! JSON lines: members, nulls, nested values, and lines that are none.

use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use meshweave_connectors::json;
use meshweave_engine::Kind;
use meshweave_engine::connect::Connector;

use super::support::{broken, columns, files, json_connector, limits, rows_of_at_most};
use crate::support::{all_rows, context, failure};

fn two() -> SchemaRef {
    columns(&[("id!", DataType::Int64), ("label", DataType::Utf8)])
}

async fn check(text: &str, expected: &[&str]) {
    let port = files(&[("a.jsonl", text.as_bytes())], Some(two())).await;
    assert_eq!(all_rows(json_connector().as_ref(), &port).await, expected, "{text:?}");
}

async fn refused(text: &str, expected: &str) {
    let port = files(&[("a.jsonl", text.as_bytes())], Some(two())).await;
    let said = broken(json_connector().as_ref(), &port).await;
    assert_eq!(said, format!("\"orders/a.jsonl\" line {expected}"), "{text:?}");
}

const ONE: &str = r#""1" | "one""#;

#[tokio::test]
async fn members_are_found_by_name() {
    check("{\"id\": 1, \"label\": \"one\"}\n", &[ONE]).await;
    check("{\"more\": [1], \"label\": \"o\\u006ee\", \"i\\u0064\": 1}", &[ONE]).await;
    check("{\"id\": 1}\n{\"id\": \"2\", \"label\": null}\n", &[r#""1" | "NULL""#, r#""2" | "NULL""#]).await;
}

#[tokio::test]
async fn line_ends_marks_and_blank_lines_do_not_matter() {
    check("\u{feff}{\"id\": 1, \"label\": \"one\"}\r\n\r\n  \n", &[ONE]).await;
    check("\n\n", &[]).await;
}

#[tokio::test]
async fn lines_that_do_not_keep_the_contract_are_refused() {
    refused("{\"id\": 1}\n{\"label\": \"x\"}\n", "2: lacks column \"id\", which may not be null").await;
    refused("{\"id\": null}\n", "1: column \"id\" is null, which it may not be").await;
    refused("\n{\"id\": 1.5}\n", "2: column \"id\" is no int64").await;
    refused("{\"id\": true}\n", "1: column \"id\" is no int64").await;
    refused("{\"id\": 1, \"label\": 7}\n", "1: column \"label\" is no string").await;
    refused("{\"id\": 1, \"id\": 2}\n", "1: has the member \"id\" twice").await;
    refused("{\"id\": 1}\n{\"id\": 1\n", "2: is no JSON object").await;
    refused("{\"id\": 1} {\"id\": 2}\n", "1: is no JSON object").await;
    refused("[{\"id\": 1}]\n", "1: is a list, and no object").await;
    refused("17\n", "1: is no JSON object").await;
    let port = files(&[("a.jsonl", b"{\"id\": 1, \"label\": \"\xe9\"}\n")], Some(two())).await;
    assert_eq!(broken(json_connector().as_ref(), &port).await, "\"orders/a.jsonl\" line 1: is not UTF-8");
}

#[tokio::test]
async fn numbers_keep_every_digit() {
    let schema = columns(&[("d", DataType::Decimal128(38, 2)), ("u", DataType::UInt64), ("f", DataType::Float64)]);
    let text = "{\"d\": 123456789012345678901234567890123456.78, \"u\": 18446744073709551615, \"f\": \"NaN\"}\n";
    let port = files(&[("a.jsonl", text.as_bytes())], Some(schema)).await;
    let rows = all_rows(json_connector().as_ref(), &port).await;
    assert_eq!(rows, [r#""123456789012345678901234567890123456.78" | "18446744073709551615" | "NaN""#]);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_within_bounds() {
    let text = format!("{{\"id\": 1}}\n{{\"id\": 2, \"label\": \"{}\"}}\n", "x".repeat(5000));
    let port = files(&[("a.jsonl", text.as_bytes())], Some(two())).await;
    let strict = json::connectors(&rows_of_at_most(4000)).next().unwrap();
    let error = failure(&strict, &port).await;
    assert_eq!(error.kind(), Kind::Exhausted);
    assert!(error.to_string().contains("line 2"), "{error}");
    assert_eq!(all_rows(json_connector().as_ref(), &port).await.len(), 2);
}

#[tokio::test]
async fn deep_nesting_is_no_danger() {
    let deep = format!("{{\"id\": 1, \"label\": \"one\", \"deep\": {}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let port = files(&[("a.jsonl", deep.as_bytes())], Some(two())).await;
    let read = failure_or_rows(&port).await;
    assert!(read == "1 rows" || read.contains("line 1"), "{read}");
    let port = files(&[("a.jsonl", deep.as_bytes())], None).await;
    let _bounded = json_connector().probe(&context(), &port).await;
}

async fn failure_or_rows(port: &meshweave_engine::connect::Port) -> String {
    let reading = crate::support::read(json_connector().as_ref(), &context(), port).await;
    match reading.scan(None, &[], None).await {
        Ok(batches) => format!("{} rows", batches.iter().map(|batch| batch.num_rows()).sum::<usize>()),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn columns_are_learnt_from_the_first_lines() {
    let text =
        "{\"id\": 1, \"x\": 1, \"p\": {\"a\": 1}}\n{\"id\": 2, \"x\": 1.5, \"p\": {\"b\": [\"t\"]}, \"n\": null}\n";
    let port = files(&[("a.jsonl", text.as_bytes())], None).await;
    let observed = json_connector().probe(&context(), &port).await.unwrap();
    let place = Fields::from(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::new_list(DataType::Utf8, true), true),
    ]);
    let expected = columns(&[
        ("id", DataType::Int64),
        ("x", DataType::Float64),
        ("p", DataType::Struct(place)),
        ("n", DataType::Utf8),
    ]);
    assert_eq!(observed.schema, expected);
    let clash = files(&[("a.jsonl", b"{\"a\": 1}\n{\"a\": \"x\"}\n")], None).await;
    let said = json_connector().probe(&context(), &clash).await.unwrap_err().to_string();
    assert!(said.contains("line 2") && said.contains("line 1"), "{said}");
}

#[tokio::test]
async fn a_promise_that_is_kept_is_what_is_observed() {
    let promised =
        columns(&[("id!", DataType::Int32), ("price", DataType::Decimal128(10, 2)), ("day", DataType::Date32)]);
    let text = "{\"id\": 1, \"price\": 2.50, \"day\": \"2024-01-01\", \"more\": true}\n";
    let port = files(&[("a.jsonl", text.as_bytes())], Some(promised)).await;
    let observed = json_connector().probe(&context(), &port).await.unwrap();
    let seen: Vec<_> = observed.schema.fields().iter().map(|f| (f.name().as_str(), f.is_nullable())).collect();
    assert_eq!(seen, [("id", false), ("price", true), ("day", true), ("more", true)]);
    assert_eq!(observed.schema.field(0).data_type(), &DataType::Int32);
}

#[test]
fn every_word_of_contracts_has_its_connector() {
    let words: Vec<_> = json::connectors(&limits()).map(|connector| connector.format()).collect();
    assert_eq!(words, ["json", "jsonl", "ndjson"]);
}
