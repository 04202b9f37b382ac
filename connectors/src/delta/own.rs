//! A version that is nothing but plain data files, read by the scan that reads our Parquet products.
//!
//! In: a loaded version and its data files. Out: a table over exactly those files; none when a partition column needs deltalake.
//! Holds always:
//! - which files there are, and the values of partition columns, come from the log alone, never from folders;
//! - a footer is kept under the table's folder, its store and the table's own identity, never under a path alone.
//!
//! Start reading at [`table`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::ScalarValue;
use meshweave_engine::connect::Port;
use meshweave_engine::storage::StoreId;
use meshweave_engine::{Failure, QueryContext, Result};
use object_store::ObjectMeta;

use super::log::{DataFile, DataFiles};
use super::snapshots::Loaded;
use super::store::TableFolder;
use crate::common::columns::{Columns, Identity, TableFile};
use crate::common::hive;
use crate::common::source::Source;
use crate::parquet::confirmed::Confirmed;
use crate::parquet::footer::Footers;
use crate::parquet::known::FileStatistics;
use crate::parquet::table::{Log, ParquetTable};

/// The table over the data files of `loaded`, with the columns `schema`, which [`super::columns::check`] has allowed.
///
/// # Errors
/// [`Failure::ContractBroken`] when a partition value does not fit its column.
pub(super) fn table(
    ctx: &QueryContext,
    port: &Port,
    loaded: &Loaded,
    data: &DataFiles,
    schema: SchemaRef,
    folder: &TableFolder,
    footers: &Arc<Footers>,
) -> Result<Option<ParquetTable>> {
    let columns = Columns::new(schema, loaded.state.metadata().partition_columns());
    if columns.partitions.iter().any(|field| is_bytes(field.data_type())) {
        return Ok(None);
    }
    let files = data.files.iter().map(|file| of_file(port, file, &columns)).collect::<Result<_>>()?;
    let url = folder.url();
    let store_id = StoreId(format!("{} table {}", url.as_str(), loaded.table_id));
    Ok(Some(ParquetTable {
        ctx: ctx.clone(),
        identity: Identity {
            connector: "delta",
            key: port.key.clone(),
            domain: port.product.name.domain.to_string(),
            version: format!("delta {}", loaded.version),
        },
        columns,
        files,
        source: Source::named_once(&port.key, store_id, folder.store(), port.location.is_local()),
        footers: Arc::clone(footers),
        confirmed: Arc::new(Confirmed::new(0)),
        url,
        log: Some(Log {
            statistics: Arc::clone(&data.statistics) as Arc<dyn FileStatistics>,
            rows: loaded.rows,
            bytes: loaded.bytes,
        }),
    }))
}

/// Bytes are written into partition values in a way of their own.
fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn of_file(port: &Port, file: &DataFile, columns: &Columns) -> Result<TableFile> {
    let meta = ObjectMeta {
        location: file.path.clone(),
        last_modified: file.modified,
        size: file.size,
        e_tag: None,
        version: None,
    };
    let values = columns.partitions.iter().map(|field| value(port, file, field)).collect::<Result<_>>()?;
    Ok(TableFile { meta, values, hidden: Vec::new() })
}

/// The value of a partition column; an empty text stands for null, whatever the column's type is.
fn value(port: &Port, file: &DataFile, field: &Field) -> Result<ScalarValue> {
    let text = file.values.get(field.name()).and_then(Option::as_deref).filter(|text| !text.is_empty());
    hive::typed(text, field.data_type()).map_err(|_| {
        let (text, name) = (text.unwrap_or_default(), field.name());
        let logical = meshweave_engine::types::logical_type(field.data_type());
        let message = format!(
            "the delta log has \"{text}\" in partition column \"{name}\" of \"{}\", promised is {logical}",
            file.path
        );
        Failure::ContractBroken { product: port.key.clone(), message, hint: None }.into()
    })
}
