//! Every output format holds the same rows, on stdout and in a file.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::json::ArrayWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::mesh::{on_shared, path};

/// Text, numbers, decimals, instants, a struct, a list, a map, nulls.
const SQL: &str = "SELECT order_id, placed_at, total, shipping_address, tags, attributes, note \
    FROM commerce.orders ORDER BY order_id LIMIT 50";

fn rows_of(batches: &[RecordBatch]) -> serde_json::Value {
    let mut writer = arrow::json::WriterBuilder::new().with_explicit_nulls(true).build::<_, arrow::json::writer::JsonArray>(Vec::new());
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

fn expected() -> serde_json::Value {
    let rows = on_shared(&["sql", SQL, "-o", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 50);
    rows
}

fn parquet_rows(file: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

#[test]
fn files_hold_the_rows_and_their_ending_chooses_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected();
    let out = |name: &str| {
        let file = folder.path().join(name);
        assert_eq!(on_shared(&["sql", SQL, "--out", path(&file)]).ok(), "");
        file
    };
    assert_eq!(rows_of(&parquet_rows(&out("a.parquet"))), expected);
    let arrow = FileReader::try_new(File::open(out("a.arrow")).unwrap(), None).unwrap();
    assert_eq!(rows_of(&arrow.map(Result::unwrap).collect::<Vec<_>>()), expected);
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(out("a.json")).unwrap()).unwrap();
    assert_eq!(json, expected);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing else stays behind: {names:?}");
}

#[test]
fn pipes_hold_the_rows() {
    let expected = expected();
    let ndjson = on_shared(&["sql", SQL, "-o", "ndjson"]).ok();
    let lines: serde_json::Value = ndjson.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert_eq!(lines, expected);
    let stream = on_shared(&["sql", SQL, "-o", "arrow"]);
    let reader = StreamReader::try_new(Cursor::new(stream.stdout), None).unwrap();
    assert_eq!(rows_of(&reader.map(Result::unwrap).collect::<Vec<_>>()), expected);
    let parquet = bytes::Bytes::from(on_shared(&["sql", SQL, "-o", "parquet"]).stdout);
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    assert_eq!(rows_of(&reader.map(Result::unwrap).collect::<Vec<_>>()), expected);
    let csv = on_shared(&["sql", SQL, "-o", "csv"]).ok();
    assert!(csv.starts_with("order_id,placed_at,total,shipping_address,tags,attributes,note\n"), "{csv}");
    assert!(csv.lines().count() >= 51, "{csv}");
}

#[test]
fn an_answer_without_rows_has_its_columns() {
    let sql = "SELECT r_name FROM reference.region WHERE r_regionkey < 0";
    assert_eq!(on_shared(&["sql", sql, "-o", "csv"]).ok(), "r_name\n");
    assert_eq!(on_shared(&["sql", sql, "-o", "json"]).ok(), "[]\n");
    assert_eq!(on_shared(&["sql", sql]).ok(), "r_name\n──────\n(0 rows)\n");
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "old").unwrap();
    // Fails while rows are already coming: the cast meets its first text that is no number.
    let sql = "SELECT CAST(r_name AS BIGINT) AS n FROM reference.region";
    let ran = on_shared(&["sql", sql, "--out", path(&file)]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    on_shared(&["sql", "SELECT 1 AS n", "--out", path(&folder.path().join("missing/a.csv"))]).failed(2);
}

#[test]
fn an_exported_file_is_the_same_table_as_in_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("regions.parquet");
    on_shared(&["sql", "SELECT * FROM reference.region ORDER BY r_regionkey", "--out", path(&file)]).ok();
    let batches = parquet_rows(&file);
    let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(whole.num_rows(), 5);
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(&whole).unwrap();
    writer.finish().unwrap();
    assert!(String::from_utf8(writer.into_inner()).unwrap().contains("MIDDLE EAST"));
}
