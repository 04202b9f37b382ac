//! The suite that every connector passes, over Delta.

use std::sync::Arc;

use async_trait::async_trait;
use deltalake::protocol::SaveMode;
use meshweave_connectors::conformance::{CHECKS, Fixture, NewTable, WatchedStore, run};
use meshweave_connectors::delta::Delta;
use meshweave_engine::connect::{Connector, Port};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::support;
use crate::support::local_store;

#[derive(Debug)]
struct DeltaFixture {
    store: Arc<dyn ObjectStore>,
    read: Arc<dyn ObjectStore>,
    delta: Arc<Delta>,
}

impl DeltaFixture {
    fn new(store: Arc<dyn ObjectStore>, read: Arc<dyn ObjectStore>) -> Self {
        Self { store, read, delta: Arc::new(support::connector()) }
    }
}

#[async_trait]
impl Fixture for DeltaFixture {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.delta) as Arc<dyn Connector>
    }

    async fn create(&self, name: &str, table: &NewTable, watch: &Arc<WatchedStore>) -> Result<Port, String> {
        let path = format!("tables/{name}");
        let partition_by: Vec<&str> = table.partition_by.iter().map(String::as_str).collect();
        let mut made = support::create(&self.store, &path, &table.schema, &partition_by).await;
        for batch in &table.batches {
            made = support::append(made, batch.clone()).await;
        }
        let watched = watch.wrap(Arc::clone(&self.read));
        Ok(support::port("fixture", &watched, &path, Some(Arc::clone(&table.schema))))
    }

    async fn replace(&self, port: &Port, table: &NewTable) -> Result<(), String> {
        let mut found = support::table(&self.store, port.location.path.as_ref());
        found.load().await.map_err(|e| e.to_string())?;
        let written = found.write(table.batches.clone()).with_save_mode(SaveMode::Overwrite).await;
        written.map(|_| ()).map_err(|e| e.to_string())
    }
}

async fn check(store: Arc<dyn ObjectStore>) {
    check_both(Arc::clone(&store), store).await;
}

/// Tables that are written through one store and read through another over the same objects.
pub(crate) async fn check_both(write: Arc<dyn ObjectStore>, read: Arc<dyn ObjectStore>) {
    let verdicts = run(&DeltaFixture::new(write, read)).await;
    assert_eq!(verdicts.len(), CHECKS.len());
    let failed: Vec<_> = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_in_memory_passes() {
    check(Arc::new(InMemory::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delta_in_local_files_passes() {
    let folder = tempfile::tempdir().unwrap();
    check(local_store(folder.path())).await;
}
