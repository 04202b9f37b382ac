//! CSV files: headers, marks, nulls, types, and everything that files of strangers hold.

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use meshweave_connectors::csv;
use meshweave_contract::model::CsvStyle;
use meshweave_engine::connect::Port;
use meshweave_engine::types::logical_type;
use meshweave_engine::{Failure, Kind};

use super::support::{broken, columns, csv_connector, files, rows_of_at_most};
use crate::support::{all_rows, context, failure};

fn two() -> SchemaRef {
    columns(&[("id!", DataType::Int64), ("label", DataType::Utf8View)])
}

async fn csv_port(text: &str, style: Option<CsvStyle>, schema: Option<SchemaRef>) -> Port {
    let mut port = files(&[("a.csv", text.as_bytes())], schema).await;
    port.spec.csv = style;
    port
}

async fn check(text: &str, style: Option<CsvStyle>, expected: &[&str]) {
    let port = csv_port(text, style, Some(two())).await;
    assert_eq!(all_rows(csv_connector().as_ref(), &port).await, expected, "{text:?}");
}

async fn refused(text: &str, style: Option<CsvStyle>, expected: &str) {
    let port = csv_port(text, style, Some(two())).await;
    assert_eq!(broken(csv_connector().as_ref(), &port).await, format!("\"orders/a.csv\" {expected}"), "{text:?}");
}

const ONE: &str = r#""1" | "one""#;

#[tokio::test]
async fn columns_are_found_by_the_name_of_the_header() {
    for header in ["id,label", "label,id", "ID,Label", "more, id ,x-y,label"] {
        let values: Vec<&str> = header
            .split(',')
            .map(|name| match name.trim().to_lowercase().as_str() {
                "id" => "1",
                "label" => "one",
                _ => "?",
            })
            .collect();
        check(&format!("{header}\n{}\n", values.join(",")), None, &[ONE]).await;
    }
    let older = [("a.csv", &b"id\n1\n"[..]), ("b.csv", b"id,label\n2,two\n")];
    let port = files(&older, Some(two())).await;
    assert_eq!(all_rows(csv_connector().as_ref(), &port).await, [r#""1" | "NULL""#, r#""2" | "two""#]);
    refused("id\n1\n", None, "lacks column \"label\" (string), which no file holds").await;
    refused("label\none\n", None, "lacks column \"id\" (int64), which may not be null").await;
    refused("ID,Id,label\n1,1,x\n", None, "line 1: names column \"id\" more than once").await;
}

#[tokio::test]
async fn an_exact_name_goes_before_one_that_folds_alike() {
    check("ID,id,label\n7,1,one\n", None, &[ONE]).await;
}

#[tokio::test]
async fn without_a_header_columns_are_found_by_position() {
    let style = CsvStyle { header: false, ..CsvStyle::default() };
    check("1,one\n2,two\n", Some(style.clone()), &[ONE, r#""2" | "two""#]).await;
    refused("1,one,more\n", Some(style), "line 1: has 3 fields, the contract has 2").await;
}

#[tokio::test]
async fn marks_are_as_the_contract_says() {
    let style =
        CsvStyle { delimiter: ';', quote: '\'', escape: Some('\\'), null: "NA".to_owned(), ..CsvStyle::default() };
    let text = "id;label\n1;'o\\'n;e\\\\'\n2;NA\n3;'NA'\n4;\n";
    let expected = [r#""1" | "o'n;e\\""#, r#""2" | "NULL""#, r#""3" | "NA""#, r#""4" | """#];
    check(text, Some(style), &expected).await;
    let tabs = CsvStyle { delimiter: '\t', ..CsvStyle::default() };
    check("id\tlabel\n1\tone\n", Some(tabs), &[ONE]).await;
}

#[tokio::test]
async fn line_ends_marks_and_blank_lines_do_not_matter() {
    for text in [
        "id,label\n1,one\n",
        "id,label\n1,one",
        "id,label\r\n1,one\r\n",
        "id,label\r1,one\r",
        "\u{feff}id,label\n1,one\n",
        "\n\nid,label\r\n\r\n1,one\r\n\r\n",
        "\"id\",\"label\"\n\"1\",\"one\"\n",
    ] {
        check(text, None, &[ONE]).await;
    }
}

#[tokio::test]
async fn quotes_hold_everything() {
    let text = "id,label\n1,\"a,b\"\n2,\"say \"\"hi\"\"\"\n3,\"two\r\nlines\"\n4,\"\"\n5,\n6,5\" pipe\n";
    let expected = [
        r#""1" | "a,b""#,
        r#""2" | "say \"hi\"""#,
        r#""3" | "two\r\nlines""#,
        r#""4" | """#,
        r#""5" | "NULL""#,
        r#""6" | "5\" pipe""#,
    ];
    check(text, None, &expected).await;
}

#[tokio::test]
async fn what_is_no_csv_is_refused_with_its_line() {
    refused("id,label\n1,one\n2\n", None, "line 3: has 1 fields, the header has 2").await;
    refused("id,label\n1,one,more\n", None, "line 2: has 3 fields, the header has 2").await;
    refused("id,label\n1,\"one\n2,two\n", None, "line 2: opens a quote that is never closed").await;
    refused("id,label\n1,\"a\nb\"\n2,\"x\"y\n", None, "line 4: has text behind a closing quote").await;
    refused("id,label\n1,\"a\nb\"\nx,y\n", None, "line 4: column \"id\" is no int64").await;
    refused("id,label\n,one\n", None, "line 2: column \"id\" is null, which it may not be").await;
    let port = files(&[("a.csv", b"id,label\n1,caf\xe9\n")], Some(two())).await;
    assert_eq!(broken(csv_connector().as_ref(), &port).await, "\"orders/a.csv\" line 2: is not UTF-8");
    let wide: Vec<u8> = "id,label\n1,one\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let port = files(&[("a.csv", &wide)], Some(two())).await;
    assert!(broken(csv_connector().as_ref(), &port).await.contains("a.csv"));
}

#[tokio::test]
async fn files_without_rows_have_none() {
    for text in ["id,label\n", "id,label", "\u{feff}", "\n\n", "\u{feff}id,label\r\n"] {
        check(text, None, &[]).await;
    }
    let port = files(&[("a.csv", b""), ("b.csv", b"id,label\n1,one\n")], Some(two())).await;
    assert_eq!(all_rows(csv_connector().as_ref(), &port).await, [ONE]);
}

/// A wrong value is never null, never rounded, and never quoted in the error.
#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error() {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let cases = [
        (DataType::Int32, "2147483648"),
        (DataType::Int64, "1.5"),
        (DataType::UInt8, "-1"),
        (DataType::Float64, "1,5"),
        (DataType::Float64, "1e999"),
        (DataType::Decimal128(10, 2), "1.005"),
        (DataType::Boolean, "maybe"),
        (DataType::Date32, "2024-02-30"),
        (micros.clone(), "2024-01-01T00:00:00Z"),
        (micros, "2024-01-01T00:00:00.0000001"),
        (DataType::Binary, "xyz"),
        (DataType::BinaryView, "abc"),
    ];
    for (data_type, value) in cases {
        let schema = columns(&[("v", data_type.clone())]);
        let port = csv_port(&format!("v\n\"{value}\"\n"), None, Some(schema)).await;
        let said = broken(csv_connector().as_ref(), &port).await;
        assert_eq!(said, format!("\"orders/a.csv\" line 2: column \"v\" is no {}", logical_type(&data_type)));
    }
}

#[tokio::test]
async fn only_wanted_columns_are_parsed_and_every_row_is_counted() {
    let port = csv_port("id,label\n1,one\nx,two\n", None, Some(two())).await;
    let reading = crate::support::read(csv_connector().as_ref(), &context(), &port).await;
    let labels = reading.scan(Some(&vec![1]), &[], None).await.unwrap();
    assert_eq!(labels.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    let none = reading.scan(Some(&vec![]), &[], None).await.unwrap();
    assert_eq!(none.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
}

#[tokio::test]
async fn a_row_of_fifty_megabytes_is_refused_within_bounds() {
    let mut text = b"id,label\n1,".to_vec();
    text.resize(50 << 20, b'x');
    let port = files(&[("a.csv", &text)], Some(two())).await;
    let error = failure(csv_connector().as_ref(), &port).await;
    assert_eq!(error.kind(), Kind::Exhausted);
    let said = error.to_string();
    assert!(said.contains("a.csv") && said.contains("line 2") && said.contains("16777216"), "{said}");

    let generous = csv::connector(&rows_of_at_most(64 << 20));
    assert_eq!(all_rows(&generous, &port).await.len(), 1);
}

#[tokio::test]
async fn an_open_quote_does_not_swallow_a_large_file() {
    let mut text = b"id,label\n1,\"open\n".to_vec();
    text.extend(b"2,two\n".repeat(1000));
    let port = files(&[("a.csv", &text)], Some(two())).await;
    let strict = csv::connector(&rows_of_at_most(1000));
    let error = failure(&strict, &port).await;
    assert!(matches!(error.failure(), Failure::Exhausted { .. }), "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
    let fields = files(&[("a.csv", ("id,label\n".to_owned() + &",".repeat(2000)).as_bytes())], Some(two())).await;
    let error = failure(&strict, &fields).await;
    assert!(matches!(error.failure(), Failure::Exhausted { .. }), "fields without text are part of a row too: {error}");
}

#[tokio::test]
async fn what_is_observed_is_what_the_contract_promises_when_it_is_kept() {
    let promised = columns(&[
        ("order_id!", DataType::Int32),
        ("price", DataType::Decimal128(10, 2)),
        ("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        ("wrong", DataType::Int64),
    ]);
    let text = "Order-ID,price,at,wrong,more\n1,2.50,2024-01-01T00:00:00Z,x,1\n";
    let port = csv_port(text, None, Some(promised)).await;
    let observed = csv_connector().probe(&context(), &port).await.unwrap();
    let seen: Vec<String> = observed
        .schema
        .fields()
        .iter()
        .map(|f| format!("{} {} {}", f.name(), f.data_type(), f.is_nullable()))
        .collect();
    let expected = [
        "order_id Int32 false",
        "price Decimal128(10, 2) true",
        "at Timestamp(ms, \"UTC\") true",
        "wrong Utf8 true",
        "more Int64 true",
    ];
    assert_eq!(seen, expected);
    assert_eq!(observed.files, 1);
    assert_eq!(observed.rows, None);
}

#[tokio::test]
async fn columns_are_learnt_where_nothing_is_promised() {
    let first = ("a.csv", &b"id,day,label\n1,2024-01-01,x\n"[..]);
    let clash = files(&[first, ("b.csv", b"id,day\nx,2024-01-02\n")], None).await;
    let said = csv_connector().probe(&context(), &clash).await.unwrap_err().to_string();
    assert!(said.contains("id") && said.contains("a.csv") && said.contains("b.csv"), "{said}");
    let port = files(&[first, ("b.csv", b"id,day,no\n2.5,,\n")], None).await;
    let observed = csv_connector().probe(&context(), &port).await.unwrap();
    let types: Vec<_> = observed.schema.fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Float64", "Date32", "Utf8", "Utf8"]);
    let given = all_rows(csv_connector().as_ref(), &port).await;
    assert_eq!(given, [r#""1.0" | "2024-01-01" | "x" | "NULL""#, r#""2.5" | "NULL" | "NULL" | "NULL""#]);
}
