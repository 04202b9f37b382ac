//! Many files are read at a time: however few threads wait for the disk, each is read to its end.

use std::time::Duration;

use arrow::datatypes::DataType;
use futures::future::join_all;
use meshweave_engine::connect::Port;

use super::support::{columns, csv_connector};
use crate::support::{context, local_store, port, read};

/// Guards against hanging; nothing is measured.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn readers_never_wait_for_the_threads_that_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orders")).unwrap();
    for file in 0..4 {
        // Larger than what is read ahead of the parser.
        let lines: String = (0..60_000).map(|row| format!("{row},text {row} of {file}\n")).collect();
        std::fs::write(folder.path().join(format!("orders/{file}.csv")), format!("id,label\n{lines}")).unwrap();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(2).enable_all().build();
    let runtime = runtime.unwrap();
    let read = runtime.block_on(async {
        let schema = columns(&[("id", DataType::Int64), ("label", DataType::Utf8)]);
        let port: Port = port(local_store(folder.path()), "local", "orders", Some(schema));
        let connector = csv_connector();
        let rows = async || {
            let batches = read(connector.as_ref(), &context(), &port).await.scan(None, &[], None).await.unwrap();
            batches.iter().map(|batch| batch.num_rows()).sum::<usize>()
        };
        tokio::time::timeout(LONG, join_all((0..4).map(|_| rows()))).await
    });
    // What hangs must not keep the test from telling.
    runtime.shutdown_background();
    assert_eq!(read.expect("the readers wait for each other"), [4 * 60_000; 4]);
}
