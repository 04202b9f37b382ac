//! Files that change under a contract, in formats that are read row by row: what each policy does, and what is told of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use meshweave_connectors::common::find;
use meshweave_connectors::conformance::{Reading, rows_of};
use meshweave_engine::connect::{AsOf, Connector, Port};
use meshweave_engine::drift::DriftPolicy::{NewColumnsIgnored, Refuse, Widen};
use meshweave_engine::drift::{DriftLog, DriftPolicy, Pinned};
use meshweave_engine::{Kind, QueryContext};

use super::support::{avro_connector, avro_file, columns, csv_connector, csv_file, files, json_connector};
use crate::support::context;

/// A format of which a batch becomes a file.
struct Format {
    word: &'static str,
    connector: Arc<dyn Connector>,
    write: fn(&RecordBatch) -> Bytes,
}

fn formats() -> [Format; 3] {
    [
        Format { word: "csv", connector: csv_connector(), write: csv_file },
        Format { word: "json", connector: json_connector(), write: json_lines },
        Format { word: "avro", connector: avro_connector(), write: avro_file },
    ]
}

/// A batch as JSON lines, numbers as numbers.
fn json_lines(batch: &RecordBatch) -> Bytes {
    let lines = arrow::json::WriterBuilder::new().with_explicit_nulls(true);
    let mut lines = lines.build::<_, arrow::json::writer::LineDelimited>(Vec::new());
    lines.write(batch).unwrap();
    lines.finish().unwrap();
    lines.into_inner().into()
}

impl Format {
    async fn port(&self, batches: &[RecordBatch], promised: &SchemaRef) -> Port {
        let named: Vec<(String, Bytes)> =
            batches.iter().enumerate().map(|(i, batch)| (format!("{i}.{}", self.word), (self.write)(batch))).collect();
        let named: Vec<(&str, &[u8])> = named.iter().map(|(name, bytes)| (name.as_str(), bytes.as_ref())).collect();
        files(&named, Some(Arc::clone(promised))).await
    }

    /// Reads all, and checks the rows or the words of the error, and what is told: column, change, promised, stored, done.
    async fn check(&self, policy: DriftPolicy, port: &Port, expected: Result<&[&str], &[&str]>, told: &[&str]) {
        let case = format!("{} {policy}", self.word);
        let ctx = under(policy, port);
        match (read(self.connector.as_ref(), &ctx, port).await, expected) {
            (Ok(mut rows), Ok(expected)) => {
                rows.sort();
                assert_eq!(rows, expected, "{case}");
            }
            (Err(error), Err(words)) => {
                assert_eq!(error.kind(), Kind::ContractBroken, "{case}: {}", error.report());
                for word in words.iter().chain(&["shop.orders"]) {
                    assert!(error.to_string().contains(word), "{case}, {word}: {error}");
                }
            }
            (found, expected) => panic!("{case}: {found:?} instead of {expected:?}"),
        }
        assert_eq!(what_is_told(&ctx.drift), told, "{case}");
    }
}

/// A query over a port whose product has this policy.
fn under(policy: DriftPolicy, port: &Port) -> QueryContext {
    let ctx = context();
    let (product, table) = (port.product.clone(), port.table.clone());
    ctx.drift.pin(&port.key, Pinned { product, table, policy, version: "manifest".to_owned() });
    ctx
}

async fn read(
    connector: &dyn Connector,
    ctx: &QueryContext,
    port: &Port,
) -> Result<Vec<String>, meshweave_engine::Error> {
    let pinned = connector.pin(ctx, port, &AsOf::Latest).await?;
    let reading = Reading::of(connector, ctx, port, &pinned).await?;
    let batches = reading.scan(None, &[], None).await.map_err(|error| find(&error).unwrap().clone())?;
    Ok(rows_of(&batches).unwrap())
}

fn what_is_told(log: &DriftLog) -> Vec<String> {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut told: Vec<String> = log
        .found()
        .iter()
        .map(|d| {
            format!("{} {} {} {} {}", d.column, d.change.word(), word(&d.promised), word(&d.stored), d.done.word())
        })
        .collect();
    told.sort();
    told
}

fn batch(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.iter().map(|(_, a)| Arc::clone(a)).collect()).unwrap()
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

fn promised() -> SchemaRef {
    columns(&[("id", DataType::Int32), ("label", DataType::Utf8)])
}

fn old() -> RecordBatch {
    batch(&[("id", ints(&[1])), ("label", texts(&["one"]))])
}

const BOTH: [&str; 2] = [r#""1" | "one""#, r#""2" | "two""#];

#[tokio::test]
async fn a_new_column_is_left_out_or_refused() {
    let new =
        batch(&[("id", ints(&[2])), ("label", texts(&["two"])), ("more", Arc::new(BooleanArray::from(vec![true])))]);
    for format in formats() {
        let port = format.port(&[old(), new.clone()], &promised()).await;
        for policy in [NewColumnsIgnored, Widen] {
            format.check(policy, &port, Ok(&BOTH), &["more new column - boolean ignored"]).await;
        }
        let path = format!("orders/1.{}", format.word);
        let words = [path.as_str(), "\"more\"", "boolean"];
        format.check(Refuse, &port, Err(&words), &["more new column - boolean refused"]).await;
    }
}

#[tokio::test]
async fn a_column_that_some_files_lack_is_null_or_refused_and_one_that_all_lack_is_an_error() {
    let new = batch(&[("id", ints(&[2]))]);
    for format in formats() {
        let port = format.port(&[old(), new.clone()], &promised()).await;
        let rows = [r#""1" | "one""#, r#""2" | "NULL""#];
        for policy in [NewColumnsIgnored, Widen] {
            format.check(policy, &port, Ok(&rows), &["label missing column string - read as null"]).await;
        }
        let path = format!("orders/1.{}", format.word);
        let told = ["label missing column string - refused"];
        format.check(Refuse, &port, Err(&[&path, "\"label\"", "string"]), &told).await;

        let renamed = batch(&[("id", ints(&[2])), ("Label2", texts(&["two"]))]);
        let port = format.port(&[renamed], &promised()).await;
        let ctx = under(NewColumnsIgnored, &port);
        let error = read(format.connector.as_ref(), &ctx, &port).await.unwrap_err().to_string();
        assert!(error.contains("\"label\"") && error.contains("no file holds"), "{}: {error}", format.word);
        assert!(what_is_told(&ctx.drift).contains(&told[0].to_owned()), "{:?}", what_is_told(&ctx.drift));
    }
}

#[tokio::test]
async fn whoever_widens_reads_the_stored_type() {
    let many = batch(&[("id", longs(&[3_000_000_000])), ("label", texts(&["many"]))]);
    for format in formats() {
        let port = format.port(&[old(), many.clone()], &promised()).await;
        for policy in [Refuse, NewColumnsIgnored] {
            let path = format!("orders/1.{}", format.word);
            format.check(policy, &port, Err(&[&path, "\"id\"", "int32"]), &["id other type int32 int64 refused"]).await;
        }
        let rows = [r#""1" | "one""#, r#""3000000000" | "many""#];
        format.check(Widen, &port, Ok(&rows), &["id other type int32 int64 widened"]).await;

        let half = batch(&[("id", Arc::new(Float64Array::from(vec![0.5]))), ("label", texts(&["half"]))]);
        let port = format.port(&[old(), half], &promised()).await;
        let rows = [r#""0.5" | "half""#, r#""1.0" | "one""#];
        format.check(Widen, &port, Ok(&rows), &["id other type int32 float64 widened"]).await;
        let text = batch(&[("id", texts(&["x"])), ("label", texts(&["text"]))]);
        let port = format.port(&[text], &promised()).await;
        format.check(Widen, &port, Err(&["\"id\"", "int32"]), &["id other type int32 string refused"]).await;
    }
}

#[tokio::test]
async fn nulls_where_none_may_be_are_told() {
    let promised = columns(&[("id!", DataType::Int32), ("label", DataType::Utf8)]);
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let nulls = batch(&[("id", ids), ("label", texts(&["one", "none"]))]);
    for format in formats() {
        let port = format.port(std::slice::from_ref(&nulls), &promised).await;
        let told = ["id nulls int32 without nulls int32 with nulls refused"];
        format.check(Widen, &port, Err(&["\"id\"", "null"]), &told).await;
    }
}

/// What nobody promised may differ from file to file, also where types are looked at beforehand.
#[tokio::test]
async fn new_columns_of_several_types_do_not_stop_whoever_widens() {
    let one = batch(&[("id", ints(&[1])), ("label", texts(&["one"])), ("more", ints(&[1]))]);
    let two = batch(&[("id", ints(&[2])), ("label", texts(&["two"])), ("more", texts(&["x"]))]);
    for format in formats() {
        let port = format.port(&[one.clone(), two.clone()], &promised()).await;
        let of_one = if format.word == "avro" { "int32" } else { "int64" };
        let told = [format!("more new column - {of_one} ignored"), "more new column - string ignored".to_owned()];
        format.check(Widen, &port, Ok(&BOTH), &told.each_ref().map(String::as_str)).await;
    }
}

/// Columns that folders hold may stand in the files as well; a file without rows says nothing of its columns.
#[tokio::test]
async fn folders_and_empty_files_are_no_drift() {
    let promised = columns(&[("id", DataType::Int32), ("label", DataType::Utf8), ("region", DataType::Utf8)]);
    let one = ("region=n/1.csv", &b"id,label,Region\n1,one,elsewhere\n"[..]);
    let csv = files(&[one, ("region=n/0.csv", b"\n")], Some(Arc::clone(&promised))).await;
    let json = [("region=n/1.json", &br#"{"id": 1, "label": "one", "region": 7}"#[..]), ("region=n/0.json", b"\n")];
    let json = files(&json, Some(promised)).await;
    for (format, port) in formats().iter().zip([csv, json]) {
        for policy in DriftPolicy::ALL {
            format.check(policy, &port, Ok(&[r#""1" | "one" | "n""#]), &[]).await;
        }
    }
}

#[tokio::test]
async fn a_column_that_is_only_lacking_beside_empty_files_is_lacking_everywhere() {
    let port = files(&[("0.csv", b"id\n1\n"), ("1.csv", b"\n")], Some(promised())).await;
    let ctx = under(NewColumnsIgnored, &port);
    let error = read(csv_connector().as_ref(), &ctx, &port).await.unwrap_err().to_string();
    assert!(error.contains("no file holds"), "{error}");
}

/// A member is looked for in every line, and told with a type that all its values have; a name of any length is told in short.
#[tokio::test]
async fn members_of_json_are_told_wherever_they_stand() {
    let long = "x\\u0000".repeat(5_000);
    let lines = format!(
        "{{\"id\": 1, \"label\": null, \"void\": null}}\n{{\"id\": 2, \"n\": 1}}\n{{\"id\": 3, \"n\": 1.5, \"{long}\": [1]}}\n"
    );
    let port = files(&[("a.json", lines.as_bytes())], Some(promised())).await;
    let ctx = under(NewColumnsIgnored, &port);
    assert_eq!(read(json_connector().as_ref(), &ctx, &port).await.unwrap().len(), 3);
    let told = what_is_told(&ctx.drift);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[..2], ["n new column - float64 ignored", "void new column - string ignored"]);
    assert!(told[2].starts_with("x\u{fffd}x") && told[2].len() < 600 && !told[2].contains('\0'), "{}", told[2].len());
    let error = read(json_connector().as_ref(), &under(Refuse, &port), &port).await.unwrap_err().to_string();
    assert!(error.contains("\"n\"") && error.len() < 2000, "{error}");
}
