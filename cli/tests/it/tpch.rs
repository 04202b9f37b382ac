//! The 22 TPC-H statements at scale 0.1 over the mesh, through the binary, against the answers that DuckDB gave.

use std::fs::File;
use std::sync::OnceLock;

use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use meshweave_testdata::demo::Options;
use meshweave_testdata::golden::{self, Golden};

use crate::mesh::path;
use crate::places::Made;

/// One mesh for all statements: Parquet and Delta, four files for each large table.
fn mesh() -> &'static Made {
    static MESH: OnceLock<Made> = OnceLock::new();
    MESH.get_or_init(|| {
        let options = Options { scale: Some(golden::SCALE), orders: None, ..Options::default() };
        Made::new(&options, Vec::new())
    })
}

/// Runs one statement and tells how its answer differs from the golden one.
fn difference(number: usize, suffix: &str) -> Option<String> {
    let mesh = mesh();
    let file = mesh.scratch().join(format!("q{number:02}{suffix}.arrow"));
    let sql = golden::query(number, suffix).unwrap();
    mesh.run(&["sql", &sql, "--output", "arrow", "--out", path(&file)]).ok();
    let reader = FileReader::try_new(File::open(&file).unwrap(), None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let golden = Golden::of(number).unwrap();
    golden::compare(&schema, &batches, &golden).err().map(|difference| format!("q{number:02}{suffix}: {difference}"))
}

fn check(suffix: &str) {
    let differences: Vec<String> = (1..=22).filter_map(|number| difference(number, suffix)).collect();
    assert!(differences.is_empty(), "{} of 22 differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn all_22_over_parquet_equal_duckdb() {
    check("");
}

#[test]
fn all_22_over_delta_equal_duckdb() {
    check("_delta");
}
