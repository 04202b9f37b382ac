//! What the scan tells beforehand is true: answers from statistics are equal to answers from rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};
use datafusion::physical_plan::displayable;
use meshweave_connectors::conformance::{Fixture, WatchedStore, facts, rows_of};
use object_store::memory::InMemory;
use parquet::file::properties::WriterProperties;

use crate::support::{FileFixture, Place, connector, context, file, port, put_bytes, read};

const COLUMNS: [&str; 7] = ["id", "Name", "region", "amount", "price", "day", "at"];

fn summary(plan: LogicalPlanBuilder) -> datafusion::error::Result<LogicalPlanBuilder> {
    let each = COLUMNS.iter().flat_map(|name| [min(ident(*name)), max(ident(*name)), count(ident(*name))]);
    plan.aggregate(Vec::<Expr>::new(), each.chain([count(lit(1))]).collect::<Vec<_>>())
}

async fn check(predicate: Option<Expr>) {
    let table = facts(6, 50).unwrap();
    let fixture = FileFixture::new(Place::Store(Arc::new(InMemory::new())));
    let port = fixture.create("facts", &table, &Arc::new(WatchedStore::default())).await.unwrap();
    let reading = read(&connector(), &context(), &port).await;
    let shape = |plan: LogicalPlanBuilder| match predicate.clone() {
        Some(predicate) => summary(plan.filter(predicate)?),
        None => summary(plan),
    };
    let given = rows_of(&reading.query(shape).await.unwrap()).unwrap();

    let memory =
        datafusion::catalog::MemTable::try_new(Arc::clone(&table.schema), vec![table.batches.clone()]).unwrap();
    let mut oracle = read(&connector(), &context(), &port).await;
    oracle.opened.provider = Arc::new(memory);
    let expected = rows_of(&oracle.query(shape).await.unwrap()).unwrap();
    assert_eq!(given, expected, "{predicate:?}");
}

#[tokio::test]
async fn without_a_predicate() {
    check(None).await;
}

#[tokio::test]
async fn with_predicates_of_every_kind() {
    for predicate in [
        ident("region").eq(lit("north")),
        ident("region").is_null(),
        ident("id").gt(lit(120_i64)),
        ident("id").gt(lit(120_i64)).and(ident("region").eq(lit("south"))),
        ident("id").lt(lit(-1_i64)),
        ident("amount").gt(lit(60.0)),
        ident("open").is_true(),
    ] {
        check(Some(predicate)).await;
    }
}

#[tokio::test]
async fn counts_and_bounds_need_no_scan() {
    let table = facts(6, 50).unwrap();
    let fixture = FileFixture::new(Place::Store(Arc::new(InMemory::new())));
    let port = fixture.create("facts", &table, &Arc::new(WatchedStore::default())).await.unwrap();
    let reading = read(&connector(), &context(), &port).await;
    let cases: [(Vec<Expr>, bool); 3] = [
        (vec![count(lit(1_i64)), min(ident("id")), max(ident("day")), count(ident("price"))], true),
        (vec![max(ident("amount"))], false),
        (vec![count(ident("tags"))], false),
    ];
    for (aggregates, is_known) in cases {
        let plan = reading.plan(|plan| plan.aggregate(Vec::<Expr>::new(), aggregates.clone())).await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        assert_eq!(!text.contains("DataSourceExec"), is_known, "{aggregates:?}\n{text}");
    }
}

/// Long texts are cut in statistics: their bounds prune, and are never an answer.
#[tokio::test]
async fn cut_bounds_are_no_answers() {
    let schema = Arc::new(Schema::new(vec![Field::new("s", DataType::Utf8, false)]));
    let texts = ["a".repeat(100), "m".repeat(100), "z".repeat(100)];
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
    let properties = WriterProperties::builder().set_statistics_truncate_length(Some(8));
    let store = Arc::new(InMemory::new());
    put_bytes(store.as_ref(), "orders/a.parquet", file(&batch, properties)).await;
    let port = port(store, "memory", "orders", Some(schema));
    let reading = read(&connector(), &context(), &port).await;
    let bounds = |plan: LogicalPlanBuilder| plan.aggregate(Vec::<Expr>::new(), vec![min(ident("s")), max(ident("s"))]);
    let rows = rows_of(&reading.query(bounds).await.unwrap()).unwrap();
    assert_eq!(rows, [format!("\"{}\" | \"{}\"", texts[0], texts[2])]);
    let last = |plan: LogicalPlanBuilder| plan.filter(ident("s").gt_eq(lit(texts[2].as_str())));
    assert_eq!(rows_of(&reading.query(last).await.unwrap()).unwrap().len(), 1);
}
