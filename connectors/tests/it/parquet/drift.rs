//! Files of slightly different schemas: what is read as promised, and what breaks the contract.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, MapBuilder,
    RecordBatch, StringArray, StringBuilder, StructArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::{ident, lit};
use meshweave_connectors::conformance::rows_of;
use meshweave_engine::Kind;
use meshweave_engine::connect::{Connector, Port};
use object_store::memory::InMemory;

use crate::support::{all_rows, connector, context, failure, port, put, read};

fn batch(columns: &[(&str, ArrayRef, bool)]) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array, null)| Field::new(*name, array.data_type().clone(), *null)).collect();
    let arrays = columns.iter().map(|(_, array, _)| Arc::clone(array)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

async fn table(batches: &[RecordBatch], schema: Option<SchemaRef>) -> Port {
    let store = Arc::new(InMemory::new());
    for (index, batch) in batches.iter().enumerate() {
        put(store.as_ref(), &format!("orders/part-{index}.parquet"), batch).await;
    }
    port(store, "memory", "orders", schema)
}

fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
    Arc::new(Schema::new(fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect::<Vec<_>>()))
}

fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn decimals(values: &[i128], precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(precision, scale).unwrap())
}

#[tokio::test]
async fn widened_and_added_columns_are_read_as_promised() {
    let older = batch(&[
        ("n", ints(&[1, 2]), false),
        ("x", Arc::new(Float32Array::from(vec![0.5, 1.5])), true),
        ("d", decimals(&[150, 275], 6, 2), true),
        ("t", Arc::new(TimestampMillisecondArray::from(vec![1_000, 2_000]).with_timezone("UTC")), true),
        ("extra", texts(&["not", "promised"]), true),
    ]);
    let newer = batch(&[
        ("added", texts(&["new"]), false),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![3_000_001_000]).with_timezone("UTC")), true),
        ("d", decimals(&[31_250], 12, 4), true),
        ("x", Arc::new(Float64Array::from(vec![2.5])), true),
        ("n", longs(&[3_000_000_000]), false),
    ]);
    let promised = schema(&[
        ("n", DataType::Int64, false),
        ("x", DataType::Float64, true),
        ("d", DataType::Decimal128(12, 4), true),
        ("t", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ("added", DataType::Utf8, true),
    ]);
    let port = table(&[older, newer], Some(promised)).await;
    let expected = [
        r#""1" | "0.5" | "1.5000" | "1970-01-01T00:00:01Z" | "NULL""#,
        r#""2" | "1.5" | "2.7500" | "1970-01-01T00:00:02Z" | "NULL""#,
        r#""3000000000" | "2.5" | "3.1250" | "1970-01-01T00:00:03.000001Z" | "new""#,
    ];
    assert_eq!(all_rows(&connector(), &port).await, expected);

    let reading = read(&connector(), &context(), &port).await;
    for (predicate, rows) in [
        (ident("n").gt(lit(2_i64)), 1),
        (ident("d").lt(lit(datafusion::common::ScalarValue::Decimal128(Some(20_000), 12, 4))), 1),
        (ident("added").is_null(), 2),
        (ident("added").eq(lit("new")), 1),
        (
            ident("t")
                .gt(lit(datafusion::common::ScalarValue::TimestampMicrosecond(Some(3_000_000), Some("UTC".into())))),
            1,
        ),
    ] {
        let found = rows_of(&reading.query(|plan| plan.filter(predicate.clone())).await.unwrap()).unwrap();
        assert_eq!(found.len(), rows, "{predicate}: {found:?}");
    }
}

#[tokio::test]
async fn the_observed_schema_holds_every_file() {
    let port = table(
        &[
            batch(&[("n", ints(&[1]), false), ("d", decimals(&[150], 6, 2), false)]),
            batch(&[("n", longs(&[2]), false), ("d", decimals(&[1], 10, 4), false), ("s", texts(&["a"]), false)]),
        ],
        None,
    )
    .await;
    let observed = connector().probe(&context(), &port).await.unwrap();
    let expected = schema(&[
        ("n", DataType::Int64, false),
        ("d", DataType::Decimal128(10, 4), false),
        ("s", DataType::Utf8, true),
    ]);
    assert_eq!(observed.schema, expected);
    assert_eq!(all_rows(&connector(), &port).await, [r#""1" | "1.5000" | "NULL""#, r#""2" | "0.0001" | "a""#]);
}

#[tokio::test]
async fn columns_that_cannot_be_one_name_both_files() {
    let port = table(&[batch(&[("n", longs(&[1]), true)]), batch(&[("n", texts(&["x"]), true)])], None).await;
    let error = connector().probe(&context(), &port).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ContractBroken);
    for word in ["\"n\"", "part-0.parquet", "part-1.parquet", "int64", "string", "shop.orders"] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

async fn breaks(stored: RecordBatch, promised: &[(&str, DataType, bool)], words: &[&str]) {
    let error = failure(&connector(), &table(&[stored], Some(schema(promised))).await).await;
    assert_eq!(error.kind(), Kind::ContractBroken, "{}", error.report());
    for word in words.iter().chain(&["part-0.parquet", "shop.orders"]) {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[tokio::test]
async fn what_is_stored_otherwise_breaks_the_contract() {
    breaks(batch(&[("n", texts(&["1"]), true)]), &[("n", DataType::Int64, true)], &["\"n\"", "string", "int64"]).await;
    breaks(batch(&[("n", longs(&[1]), true)]), &[("n", DataType::Int32, true)], &["\"n\"", "int64", "int32"]).await;
    breaks(batch(&[("n", longs(&[1]), true)]), &[("N", DataType::Int64, false)], &["\"N\"", "is not stored", "int64"])
        .await;
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    breaks(batch(&[("n", nulls, true)]), &[("n", DataType::Int64, false)], &["\"n\"", "holds 1", "int64"]).await;
    let local = Arc::new(TimestampMillisecondArray::from(vec![1]));
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    breaks(batch(&[("t", local, true)]), &[("t", instant, true)], &["\"t\"", "timestamp"]).await;
}

#[tokio::test]
async fn a_nullable_column_without_nulls_keeps_a_promise_of_none() {
    let port = table(&[batch(&[("n", longs(&[1, 2]), true)])], Some(schema(&[("n", DataType::Int64, false)]))).await;
    assert_eq!(all_rows(&connector(), &port).await, ["\"1\"", "\"2\""]);
}

fn structs(fields: Fields, arrays: Vec<ArrayRef>) -> ArrayRef {
    Arc::new(StructArray::new(fields, arrays, None))
}

#[tokio::test]
async fn nested_columns_widen_and_grow() {
    let older = Fields::from(vec![Field::new("a", DataType::Int32, true)]);
    let newer = Fields::from(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]);
    let list = |values: Vec<Option<i32>>| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(values)]))
    };
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    let map: ArrayRef = Arc::new(map.finish());
    let files = [
        batch(&[
            ("s", structs(older, vec![ints(&[1])]), true),
            ("l", list(vec![Some(1), None]), true),
            ("m", Arc::clone(&map), true),
        ]),
        batch(&[
            ("s", structs(newer.clone(), vec![longs(&[2]), texts(&["b"])]), true),
            ("l", list(vec![]), true),
            ("m", Arc::clone(&map), true),
        ]),
    ];
    let promised = schema(&[
        ("s", DataType::Struct(newer), true),
        ("l", DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))), true),
        ("m", map.data_type().clone(), true),
    ]);
    let port = table(&files, Some(promised)).await;
    let expected = [r#""{a: 1, b: NULL}" | "[1, NULL]" | "{k: v}""#, r#""{a: 2, b: b}" | "[]" | "{k: v}""#];
    assert_eq!(all_rows(&connector(), &port).await, expected);
}
