//! Every format, read back.

use arrow::array::{Float64Array, Int64Array, ListArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::reader::FileReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn batch() -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef, false),
        ("name", Arc::new(StringArray::from(vec![Some("Zoë, \"Z\""), None])) as ArrayRef, true),
        ("x", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(0.5)])) as ArrayRef, true),
        (
            "tags",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None])) as ArrayRef,
            true,
        ),
    ])
    .unwrap()
}

/// What a file holds after `batches` of the schema of [`batch`] were written.
fn written(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer");
    let mut records = Records::open(format, &batch().schema(), Sink::file(&path).unwrap()).unwrap();
    batches.iter().for_each(|batch| records.write(batch).unwrap());
    records.finish().unwrap();
    std::fs::read(path).unwrap()
}

fn text(format: Format, batches: &[RecordBatch]) -> String {
    String::from_utf8(written(format, batches)).unwrap()
}

#[test]
fn csv_has_a_header_and_nested_values_as_json() {
    assert_eq!(text(Format::Csv, &[batch()]), "id,name,x,tags\n1,\"Zoë, \"\"Z\"\"\",NaN,\"[1,null]\"\n2,,0.5,\n");
}

#[test]
fn json_keeps_nulls_and_is_one_array() {
    let value: serde_json::Value = serde_json::from_str(&text(Format::Json, &[batch(), batch()])).unwrap();
    assert_eq!(value.as_array().unwrap().len(), 4);
    assert_eq!(value[0], serde_json::json!({"id": 1, "name": "Zoë, \"Z\"", "x": null, "tags": [1, null]}));
    assert_eq!(value[1], serde_json::json!({"id": 2, "name": null, "x": 0.5, "tags": null}));
}

#[test]
fn ndjson_is_one_object_per_line() {
    let text = text(Format::Ndjson, &[batch()]);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn an_answer_without_rows_is_whole() {
    assert_eq!(text(Format::Csv, &[]), "id,name,x,tags\n");
    assert_eq!(text(Format::Json, &[]), "[]\n");
    assert_eq!(text(Format::Ndjson, &[]), "");
    let parquet = bytes::Bytes::from(written(Format::Parquet, &[]));
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    assert_eq!(reader.schema().fields(), batch().schema().fields());
}

#[test]
fn parquet_and_arrow_files_give_the_same_rows_back() {
    let parquet = bytes::Bytes::from(written(Format::Parquet, &[batch()]));
    let read: Vec<_> =
        ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap().map(Result::unwrap).collect();
    same(&read);
    let arrow = std::io::Cursor::new(written(Format::Arrow, &[batch()]));
    let read: Vec<_> = FileReader::try_new(arrow, None).unwrap().map(Result::unwrap).collect();
    same(&read);
}

fn same(read: &[RecordBatch]) {
    assert_eq!(read.len(), 1);
    // NaN is not equal to itself: compare what the values look like.
    assert_eq!(format!("{:?}", read[0].columns()), format!("{:?}", batch().columns()));
}
