//! Partition folders: typed as promised, null and encoded values, and what does not fit.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, ident, lit};
use meshweave_connectors::conformance::rows_of;
use meshweave_engine::connect::{Connector, Port};
use meshweave_engine::context::Pushed;
use meshweave_engine::{Kind, QueryContext};
use object_store::memory::InMemory;

use crate::support::{all_rows, connector, context, failure, numbers, port, put, read};

const FOLDERS: [(&str, i64); 4] = [
    ("year=2023/place=a%3Db%20c", 1),
    ("year=2024/place=__HIVE_DEFAULT_PARTITION__", 2),
    ("year=2024/place=north", 3),
    ("year=2025/place=%C3%BC", 4),
];

async fn table(folders: &[(&str, i64)], schema: Option<SchemaRef>) -> Port {
    let store = Arc::new(InMemory::new());
    for (folder, n) in folders {
        put(store.as_ref(), &format!("orders/{folder}/part-0.parquet"), &numbers([*n])).await;
    }
    port(store, "memory", "orders", schema)
}

fn promised(year: DataType) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("place", DataType::Utf8, true),
        Field::new("n", DataType::Int64, true),
        Field::new("year", year, false),
    ]))
}

#[tokio::test]
async fn columns_stand_where_the_contract_has_them() {
    let port = table(&FOLDERS, Some(promised(DataType::Int16))).await;
    let expected =
        [r#""NULL" | "2" | "2024""#, r#""a=b c" | "1" | "2023""#, r#""north" | "3" | "2024""#, r#""ü" | "4" | "2025""#];
    assert_eq!(all_rows(&connector(), &port).await, expected);
}

#[tokio::test]
async fn types_are_inferred_where_nothing_is_promised() {
    let folders = [("year=2023/day=2024-02-29/place=7a", 1), ("year=2024/day=__HIVE_DEFAULT_PARTITION__/place=8", 2)];
    let port = table(&folders, None).await;
    let observed = connector().probe(&context(), &port).await.unwrap();
    let columns: Vec<_> =
        observed.schema.fields().iter().map(|f| (f.name().as_str(), f.data_type().clone(), f.is_nullable())).collect();
    let expected = [
        ("n", DataType::Int64, true),
        ("year", DataType::Int64, false),
        ("day", DataType::Date32, true),
        ("place", DataType::Utf8, false),
    ];
    assert_eq!(columns, expected);
    assert_eq!((observed.files, observed.rows), (2, Some(2)));
    assert_eq!(all_rows(&connector(), &port).await[0], r#""1" | "2023" | "2024-02-29" | "7a""#);
}

/// Files kept by a scan alone, how its predicate was used, and its rows; a query over it gives the same rows.
async fn kept(port: &Port, predicate: Expr) -> (u64, Pushed, Vec<String>) {
    let ctx: QueryContext = context();
    let reading = read(&connector(), &ctx, port).await;
    let alone = rows_of(&reading.scan(None, std::slice::from_ref(&predicate), None).await.unwrap()).unwrap();
    let report = ctx.scans.reports().pop().unwrap();
    let queried = rows_of(&reading.query(|plan| plan.filter(predicate.clone())).await.unwrap()).unwrap();
    assert_eq!(alone, queried, "{predicate}");
    (report.files_kept, report.predicates[0].1, alone)
}

#[tokio::test]
async fn folders_are_pruned_exactly() {
    let port = table(&FOLDERS, Some(promised(DataType::Int32))).await;
    let cases: [(Expr, u64); 7] = [
        (ident("year").eq(lit(2024)), 2),
        (ident("place").is_null(), 1),
        (ident("place").eq(lit("a=b c")), 1),
        (ident("place").not_eq(lit("north")), 2),
        (ident("place").in_list(vec![lit("a"), lit(datafusion::common::ScalarValue::Utf8(None))], true), 0),
        (ident("year").gt(lit(2023)).and(ident("place").eq(lit("ü"))), 1),
        (ident("year").gt(lit(3000)), 0),
    ];
    for (predicate, files) in cases {
        let (kept, pushed, rows) = kept(&port, predicate.clone()).await;
        assert_eq!((kept, pushed, rows.len() as u64), (files, Pushed::Exact, files), "{predicate}");
    }
}

/// Folders with the number in their file, the promised type of `year`, and words of the error.
type Case<'a> = (&'a [(&'a str, i64)], DataType, &'a [&'a str]);

#[tokio::test]
async fn what_does_not_fit_breaks_the_contract() {
    let cases: [Case<'_>; 3] = [
        (&[("year=soon/place=a", 1)], DataType::Int32, &["soon", "year", "Int32", "part-0.parquet"]),
        (&[("year=__HIVE_DEFAULT_PARTITION__/place=a", 1)], DataType::Int32, &["null", "year"]),
        (&[("year=1/place=a", 1), ("place=b", 2)], DataType::Int32, &["no folder", "year", "place=b"]),
    ];
    for (folders, year, words) in cases {
        let error = failure(&connector(), &table(folders, Some(promised(year))).await).await;
        assert_eq!(error.kind(), Kind::ContractBroken, "{}", error.report());
        for word in words {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
    }
}

#[tokio::test]
async fn folders_that_nothing_is_promised_of_are_passed_over() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let port = table(&FOLDERS, Some(schema)).await;
    assert_eq!(all_rows(&connector(), &port).await, ["\"1\"", "\"2\"", "\"3\"", "\"4\""]);
}
