//! Packed files: told by their names, whole or refused.

use std::sync::Arc;

use arrow::datatypes::DataType;
use bytes::Bytes;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::Result;
use futures::{StreamExt, TryStreamExt, stream};

use super::support::{broken, columns, csv_connector, files, json_connector};
use crate::support::all_rows;

const PACKINGS: [(&str, FileCompressionType); 4] = [
    ("gz", FileCompressionType::GZIP),
    ("zst", FileCompressionType::ZSTD),
    ("bz2", FileCompressionType::BZIP2),
    ("xz", FileCompressionType::XZ),
];

async fn packed(text: &str, packing: FileCompressionType) -> Vec<u8> {
    let bytes = stream::iter([Ok::<_, datafusion::error::DataFusionError>(Bytes::from(text.to_owned()))]).boxed();
    let pieces: Result<Vec<Bytes>> = packing.convert_to_compress_stream(bytes).unwrap().try_collect().await;
    pieces.unwrap().concat()
}

#[tokio::test]
async fn every_packing_holds_the_rows() {
    let schema = columns(&[("id", DataType::Int64)]);
    let csv: String = "id\n".to_owned() + &(0..5000).map(|id| format!("{id}\n")).collect::<String>();
    let json: String = (0..5000).map(|id| format!("{{\"id\": {id}}}\n")).collect();
    for (ending, packing) in PACKINGS {
        let port =
            files(&[(&format!("a.csv.{ending}"), &packed(&csv, packing).await)], Some(Arc::clone(&schema))).await;
        assert_eq!(all_rows(csv_connector().as_ref(), &port).await.len(), 5000, "{ending}");
        let port =
            files(&[(&format!("a.jsonl.{ending}"), &packed(&json, packing).await)], Some(Arc::clone(&schema))).await;
        assert_eq!(all_rows(json_connector().as_ref(), &port).await.len(), 5000, "{ending}");
    }
}

/// Files that were packed in parts and put together (as `cat a.gz b.gz` does) hold the rows of all parts.
#[tokio::test]
async fn parts_that_were_put_together_are_all_read() {
    let schema = columns(&[("id", DataType::Int64)]);
    for (ending, packing) in PACKINGS {
        let bytes = [packed("id\n1\n", packing).await, packed("2\n3\n", packing).await].concat();
        let port = files(&[(&format!("a.csv.{ending}"), &bytes)], Some(Arc::clone(&schema))).await;
        assert_eq!(all_rows(csv_connector().as_ref(), &port).await.len(), 3, "{ending}");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_or_not_packed_is_refused() {
    let schema = columns(&[("id", DataType::Int64)]);
    let csv: String = "id\n".to_owned() + &(0..5000).map(|id| format!("{id}\n")).collect::<String>();
    for (ending, packing) in PACKINGS {
        let whole = packed(&csv, packing).await;
        for bytes in [&whole[..whole.len() / 2], csv.as_bytes()] {
            let port = files(&[(&format!("a.csv.{ending}"), bytes)], Some(Arc::clone(&schema))).await;
            let said = broken(csv_connector().as_ref(), &port).await;
            assert!(said.contains(&format!("a.csv.{ending}")), "{ending}: {said}");
        }
    }
}
