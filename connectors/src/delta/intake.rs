//! The way into a Delta table: the newest version that rows are added to, or the table that is made for them.
//!
//! In: a port of a product that takes rows. Out: an inflow. Holds always: nothing is written before the first row.
//!
//! Start reading at [`open`].

use std::sync::Arc;

use arrow::datatypes::Schema;
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{StructField, StructType};
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::table::state::DeltaTableState;
use meshweave_engine::connect::{Inflow, Port};
use meshweave_engine::{Error, Failure, QueryContext, Result};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use url::Url;

use super::commit::Base;
use super::failure;
use super::history;
use super::inflow::{Place, Worker, Workers};
use super::snapshots::Snapshots;
use super::storable::{Columns, for_new_table};
use super::store::TableFolder;

/// Opens a way into the table at `port`.
pub(super) async fn open(
    workers: &Workers,
    snapshots: &Arc<Snapshots>,
    ctx: &QueryContext,
    port: &Port,
) -> Result<Box<dyn Inflow>> {
    let (folder, writes) = TableFolder::for_writing(ctx, port)?;
    let base = base(snapshots, &folder, port).await?;
    let columns = Columns::of(port, promised(port)?, base.state())?;
    let place = Place { port: port.clone(), folder, writes, snapshots: Arc::clone(snapshots) };
    Ok(Box::new(Worker::new(ctx, place, base, columns).start(workers)))
}

fn promised(port: &Port) -> Result<&Schema> {
    let unknown = || Failure::ContractBroken {
        product: port.key.clone(),
        message: "its columns are not known yet".to_owned(),
        hint: Some("Register a version of the contract that names them.".to_owned()),
    };
    Ok(port.schema.as_ref().ok_or_else(unknown)?)
}

/// The newest version of the table, or the table that its contract would make.
///
/// # Errors
/// Those of the storage and of the log; columns that no Delta table holds.
pub(super) async fn base(snapshots: &Snapshots, folder: &TableFolder, port: &Port) -> Result<Base> {
    match history::readable(folder).await? {
        None => new_table(folder, port).await.map(Base::New),
        Some(_) => Ok(Base::Table(snapshots.newest(folder).await?.state.clone())),
    }
}

/// Schema, properties and protocol of a table for this contract; made in memory, since deltalake makes a table by writing it.
async fn new_table(folder: &TableFolder, port: &Port) -> Result<DeltaTableState> {
    let schema = for_new_table(port, promised(port)?)?;
    let of_table = |error| failure::of_table(folder, error);
    let columns: StructType =
        (&schema).try_into_kernel().map_err(|error| of_table(deltalake::DeltaTableError::from(error)))?;
    let fields: Vec<StructField> = columns.fields().cloned().collect();
    // A partition with a granularity is one of folders, which a Delta table does not have.
    let by_value = port.spec.partitioning.iter().filter(|one| one.granularity.is_none());
    let partitions: Vec<&str> = by_value.map(|one| one.field.as_str()).collect();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let root = Url::parse("memory:///").map_err(|error| Error::internal("memory has no URL", error))?;
    let log = default_logstore(Arc::clone(&memory), memory, &root, &StorageConfig::default());
    let made = DeltaTable::new(log).create().with_columns(fields).with_partition_columns(partitions).await;
    let table = made.map_err(of_table)?;
    table.snapshot().map_err(of_table).cloned()
}
