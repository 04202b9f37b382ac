//! Makes Delta tables, ports over them, and rows that can be compared.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Schema, SchemaRef, TimestampMicrosecondType,
};
use datafusion::physical_plan::collect;
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{StructField, StructType};
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::protocol::SaveMode;
use meshweave_connectors::conformance::{Reading, context, rows_of};
use meshweave_connectors::delta::Delta;
use meshweave_contract::model::StorageSpec;
use meshweave_contract::name::{ProductId, ProductName, TableName};
use meshweave_engine::QueryContext;
use meshweave_engine::connect::{AsOf, Connector, Port};
use meshweave_engine::settings::Limits;
use meshweave_engine::storage::{Location, StoreId};
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::support::local_store;
use serde_json::{Map, Value, json};
use url::Url;

/// The connector as a process has it.
pub(crate) fn connector() -> Delta {
    Delta::new(&Limits::default())
}

/// A port over the folder `path` of `store`, known as `store_id`.
pub(crate) fn port(store_id: &str, store: &Arc<dyn ObjectStore>, path: &str, schema: Option<SchemaRef>) -> Port {
    let name = ProductName::new("sales", "facts").unwrap();
    Port {
        product: ProductId { name, version: "1.0.0".parse().unwrap() },
        table: TableName::new("facts").unwrap(),
        key: "sales.facts@1".to_owned(),
        location: Location {
            store_id: StoreId(store_id.to_owned()),
            store: Arc::clone(store),
            path: Path::from(path),
            pattern: None,
            url: Url::parse(&format!("s3://bucket/{path}")).unwrap(),
        },
        spec: StorageSpec::new("delta"),
        schema,
    }
}

/// A port over a table in a local folder.
pub(crate) fn local_port(folder: &FilePath, schema: Option<SchemaRef>) -> Port {
    let store = local_store(folder);
    port("local", &store, "", schema)
}

/// The table at `path` of `store` as deltalake sees it.
pub(crate) fn table(store: &Arc<dyn ObjectStore>, path: &str) -> DeltaTable {
    let rooted: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(store), path));
    // Of a `file:` root alone the kernel sorts listings itself; local folders list in any order.
    let root = Url::parse("file:///").unwrap();
    DeltaTable::new(default_logstore(Arc::clone(&rooted), rooted, &root, &StorageConfig::default()))
}

/// Makes an empty table.
pub(crate) async fn create(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    schema: &Schema,
    partition_by: &[&str],
) -> DeltaTable {
    create_with(store, path, schema, partition_by, HashMap::new()).await
}

/// Makes an empty table with properties.
pub(crate) async fn create_with(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    schema: &Schema,
    partition_by: &[&str],
    properties: HashMap<String, Option<String>>,
) -> DeltaTable {
    let fields: StructType = schema.try_into_kernel().unwrap();
    let fields: Vec<StructField> = fields.fields().cloned().collect();
    table(store, path)
        .create()
        .with_columns(fields)
        .with_partition_columns(partition_by.iter().copied())
        .with_configuration(properties)
        .await
        .unwrap()
}

/// Adds one commit with `batch`.
pub(crate) async fn append(table: DeltaTable, batch: RecordBatch) -> DeltaTable {
    table.write([batch]).with_save_mode(SaveMode::Append).await.unwrap()
}

/// Two columns: `id` counts from `first`, `name` says so.
pub(crate) fn numbered(first: i64, rows: i64) -> RecordBatch {
    let ids: Vec<i64> = (first..first + rows).collect();
    let names: StringArray = ids.iter().map(|id| Some(format!("n{id}"))).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids)), Arc::new(names)];
    RecordBatch::try_new(numbered_schema(), columns).unwrap()
}

/// The columns of [`numbered`].
pub(crate) fn numbered_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]))
}

/// Everything of one version, through the connector.
pub(crate) async fn read(delta: &Delta, port: &Port, as_of: &AsOf) -> Vec<RecordBatch> {
    let ctx = context();
    read_with(delta, &ctx, port, as_of).await.unwrap()
}

/// The same, with a context and its errors.
pub(crate) async fn read_with(
    delta: &Delta,
    ctx: &QueryContext,
    port: &Port,
    as_of: &AsOf,
) -> Result<Vec<RecordBatch>, meshweave_engine::Error> {
    let pinned = delta.pin(ctx, port, as_of).await?;
    let reading = Reading::of(delta, ctx, port, &pinned).await?;
    let plan = reading.plan(Ok).await.map_err(say)?;
    collect(plan, reading.task()).await.map_err(say)
}

/// The failure inside an error of DataFusion; there must be one of ours.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn say(error: datafusion::error::DataFusionError) -> meshweave_engine::Error {
    match meshweave_connectors::common::find(&error) {
        Some(ours) => ours.clone(),
        None => panic!("a raw error: {error}"),
    }
}

/// Rows as sorted text.
pub(crate) fn text(batches: &[RecordBatch]) -> Vec<String> {
    rows_of(batches).unwrap()
}

/// Rows in the form of `testdata/delta-spark/*/expected.json`, sorted by their text.
pub(crate) fn plain_rows(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let columns = batch.schema();
            let members = columns.fields().iter().zip(batch.columns());
            let row: Map<String, Value> = members.map(|(f, c)| (f.name().clone(), plain(c, row))).collect();
            rows.push(Value::Object(row).to_string());
        }
    }
    rows.sort_unstable();
    rows
}

/// One value in that form.
fn plain(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let list = |items: ArrayRef| Value::Array((0..items.len()).map(|i| plain(&items, i)).collect());
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => json!(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => json!(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Utf8View => json!(column.as_string_view().value(row)),
        DataType::Binary => json!(hex::encode(column.as_binary::<i32>().value(row))),
        DataType::BinaryView => json!(hex::encode(column.as_binary_view().value(row))),
        DataType::Date32 => json!(column.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string()),
        DataType::Timestamp(_, _) => json!(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::List(_) => list(column.as_list::<i32>().value(row)),
        DataType::Struct(fields) => {
            let members = fields.iter().zip(column.as_struct().columns());
            Value::Object(members.map(|(f, c)| (f.name().clone(), plain(c, row))).collect())
        }
        DataType::Map(_, _) => {
            let entries = column.as_map().value(row);
            let mut pairs: Vec<Value> =
                (0..entries.len()).map(|i| json!([plain(entries.column(0), i), plain(entries.column(1), i)])).collect();
            pairs.sort_by_key(Value::to_string);
            Value::Array(pairs)
        }
        other => panic!("no plain form for {other}"),
    }
}
