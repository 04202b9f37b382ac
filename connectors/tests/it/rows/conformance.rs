//! The conformance suite over each format: in memory, in local files, on S3.

use std::sync::Arc;

use meshweave_connectors::conformance::{CHECKS, run};
use meshweave_engine::connect::Connector;
use meshweave_test_peers::S3Server;
use object_store::memory::InMemory;

use super::support::{avro_connector, avro_file, csv_connector, csv_file, json_connector, json_file};
use crate::support::{FileFixture, Place, Write};

async fn check(connector: Arc<dyn Connector>, ending: &'static str, write: Write) {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("conformance").unwrap();
    let s3 = server.root().store(&server.url(), "conformance").unwrap();
    let places = [
        ("memory", Place::Store(Arc::new(InMemory::new()))),
        ("local", Place::Local(tempfile::tempdir().unwrap())),
        ("s3", Place::Store(Arc::new(s3))),
    ];
    for (name, place) in places {
        let verdicts = run(&FileFixture::of(place, Arc::clone(&connector), ending, write)).await;
        assert_eq!(verdicts.len(), CHECKS.len());
        let failed: Vec<_> = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).collect();
        assert!(failed.is_empty(), "{name}: {failed:#?}");
    }
}

#[tokio::test]
async fn csv_passes() {
    check(csv_connector(), ".csv", csv_file).await;
}

#[tokio::test]
async fn json_passes() {
    check(json_connector(), ".jsonl", json_file).await;
}

#[tokio::test]
async fn avro_passes() {
    check(avro_connector(), ".avro", avro_file).await;
}
