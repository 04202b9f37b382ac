//! Avro files: columns by name, types that keep their promise, files that are cut.

use std::sync::Arc;

use arrow::array::{FixedSizeBinaryArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use datafusion::arrow_avro::compression::CompressionCodec;
use datafusion::arrow_avro::writer::WriterBuilder;
use datafusion::arrow_avro::writer::format::AvroOcfFormat;
use meshweave_connectors::avro;
use meshweave_engine::Kind;
use meshweave_engine::settings::{ByteSize, Limits};

use super::support::{avro_connector, avro_file, broken, columns, files, limits};
use crate::support::{all_rows, context, failure, read};

fn batch(rows: i32) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("label", DataType::Utf8, true)]);
    let labels: StringArray = (0..rows).map(|id| (id % 3 != 1).then(|| format!("label {id}"))).collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new((0..rows).collect::<Int32Array>()), Arc::new(labels)]).unwrap()
}

#[tokio::test]
async fn columns_are_found_by_name_and_widened() {
    let promised = columns(&[("more", DataType::Utf8), ("label", DataType::Utf8), ("id!", DataType::Int64)]);
    let newer = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("more", DataType::Utf8, true)]);
    let (id, more) = (Int32Array::from(vec![7]), StringArray::from(vec!["new"]));
    let newer = RecordBatch::try_new(Arc::new(newer), vec![Arc::new(id), Arc::new(more)]).unwrap();
    let two = [("a.avro", &avro_file(&batch(2))[..]), ("b.avro", &avro_file(&newer))];
    let port = files(&two, Some(promised)).await;
    let expected = [r#""NULL" | "NULL" | "1""#, r#""NULL" | "label 0" | "0""#, r#""new" | "NULL" | "7""#];
    assert_eq!(all_rows(avro_connector().as_ref(), &port).await, expected);
    let reading = read(avro_connector().as_ref(), &context(), &port).await;
    let none = reading.scan(Some(&vec![]), &[], None).await.unwrap();
    assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
}

#[tokio::test]
async fn what_does_not_keep_the_promise_is_refused() {
    let file = avro_file(&batch(2));
    let check = async |promised, expected: &str| {
        let port = files(&[("a.avro", &file)], Some(promised)).await;
        assert_eq!(broken(avro_connector().as_ref(), &port).await, format!("\"orders/a.avro\" {expected}"));
    };
    check(columns(&[("id", DataType::Int16)]), "holds column \"id\" as int32, promised is int16").await;
    check(columns(&[("n!", DataType::Int16)]), "lacks column \"n\" (int16), which may not be null").await;
    check(columns(&[("label!", DataType::Utf8)]), "row 2: column \"label\" is null, which it may not be").await;
}

/// Every cut of a file is an error, never a shorter table.
#[tokio::test]
async fn a_file_that_is_cut_is_refused() {
    let file = avro_file(&batch(50));
    let promised = columns(&[("id!", DataType::Int32), ("label", DataType::Utf8)]);
    let whole = files(&[("a.avro", &file)], Some(Arc::clone(&promised))).await;
    assert_eq!(all_rows(avro_connector().as_ref(), &whole).await.len(), 50);
    for cut in [1, 3, 20, file.len() / 2, file.len() - 17, file.len() - 16, file.len() - 1] {
        let port = files(&[("a.avro", &file[..cut])], Some(Arc::clone(&promised))).await;
        let said = broken(avro_connector().as_ref(), &port).await;
        assert!(said.contains("orders/a.avro"), "cut at {cut}: {said}");
    }
}

#[tokio::test]
async fn damaged_files_are_errors() {
    let file = avro_file(&batch(50));
    let promised = columns(&[("id!", DataType::Int32), ("label", DataType::Utf8)]);
    let expected = {
        let port = files(&[("a.avro", &file)], Some(Arc::clone(&promised))).await;
        all_rows(avro_connector().as_ref(), &port).await
    };
    let nonsense = files(&[("a.avro", b"no avro at all")], Some(Arc::clone(&promised))).await;
    assert!(broken(avro_connector().as_ref(), &nonsense).await.contains("no Avro file"));
    for at in (0..file.len()).step_by(7) {
        let mut damaged = file.to_vec();
        damaged[at] ^= 0xff;
        let port = files(&[("a.avro", &damaged)], Some(Arc::clone(&promised))).await;
        let reading = read(avro_connector().as_ref(), &context(), &port).await;
        // Damage inside a value cannot be known; the number of rows can.
        if let Ok(batches) = reading.scan(None, &[], None).await {
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), expected.len(), "byte {at}");
        }
    }
}

#[tokio::test]
async fn a_uuid_is_text() {
    let label = Field::new("key", DataType::FixedSizeBinary(16), false)
        .with_metadata([("logicalType".to_owned(), "uuid".to_owned())].into());
    let bytes: Vec<u8> = (0..16).collect();
    let keys = FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![label])), vec![Arc::new(keys)]).unwrap();
    let file: Bytes = avro_file(&batch);
    let port = files(&[("a.avro", &file)], None).await;
    let observed = avro_connector().probe(&context(), &port).await.unwrap();
    assert_eq!(observed.schema.field(0).data_type(), &DataType::Utf8);
    let rows = all_rows(avro_connector().as_ref(), &port).await;
    assert_eq!(rows, [r#""00010203-0405-0607-0809-0a0b0c0d0e0f""#]);
}

/// A file whose one block of rows is packed.
fn packed(rows: i32, codec: CompressionCodec) -> Bytes {
    let batch = batch(rows);
    let writer = WriterBuilder::new(batch.schema().as_ref().clone()).with_compression(Some(codec));
    let mut writer = writer.build::<_, AvroOcfFormat>(Vec::new()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().into()
}

const CODECS: [CompressionCodec; 5] = [
    CompressionCodec::Deflate,
    CompressionCodec::Snappy,
    CompressionCodec::ZStandard,
    CompressionCodec::Bzip2,
    CompressionCodec::Xz,
];

#[tokio::test]
async fn every_packing_is_read() {
    let promised = columns(&[("id!", DataType::Int32), ("label", DataType::Utf8)]);
    let plain = files(&[("a.avro", &avro_file(&batch(3000)))], Some(Arc::clone(&promised))).await;
    let expected = all_rows(avro_connector().as_ref(), &plain).await;
    assert_eq!(expected.len(), 3000);
    for codec in CODECS {
        let port = files(&[("a.avro", &packed(3000, codec))], Some(Arc::clone(&promised))).await;
        assert_eq!(all_rows(avro_connector().as_ref(), &port).await, expected, "{codec:?}");
    }
}

/// A block that is small in the file and large in memory is refused before it is there.
#[tokio::test]
async fn a_block_that_becomes_too_large_is_refused() {
    let promised = columns(&[("id!", DataType::Int32), ("label", DataType::Utf8)]);
    let limits = Limits { avro_block: ByteSize(10_000), ..limits() };
    for codec in CODECS {
        let file = packed(5000, codec);
        let port = files(&[("a.avro", &file)], Some(Arc::clone(&promised))).await;
        let error = failure(&avro::connector(&limits), &port).await;
        assert_eq!(error.kind(), Kind::Exhausted, "{codec:?}: {}", error.report());
        for word in ["orders/a.avro", "shop.orders", "10000 bytes"] {
            assert!(error.to_string().contains(word), "{codec:?} {word}: {error}");
        }
        assert!(error.hint().is_some_and(|hint| hint.contains("limits.avro_block")), "{codec:?}");
    }
    // As large as a file says, without a byte of it there.
    let mut announced = packed(10, CompressionCodec::Deflate).to_vec();
    announced.extend([2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    let port = files(&[("a.avro", &announced)], Some(promised)).await;
    assert_eq!(failure(avro_connector().as_ref(), &port).await.kind(), Kind::Exhausted);
}
