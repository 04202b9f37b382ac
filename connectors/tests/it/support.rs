//! Ports, stores and files for the tests.

use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use meshweave_connectors::conformance::{Fixture, NewTable, Reading, WatchedStore, rows_of};
use meshweave_connectors::parquet::Parquet;
use meshweave_contract::model::StorageSpec;
use meshweave_contract::name::{DomainName, ProductId, ProductName, TableName};
use meshweave_engine::connect::{AsOf, Connector, Port};
use meshweave_engine::settings::Settings;
use meshweave_engine::storage::{DomainStorage, Location, StorageContext, StoreId};
use meshweave_engine::{Failure, QueryContext};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use url::Url;

pub(crate) use meshweave_connectors::conformance::context;

/// A connector with the default settings.
pub(crate) fn connector() -> Parquet {
    Parquet::new(&Settings::default().limits)
}

/// A local folder as its domain reaches it; paths begin in the folder.
pub(crate) fn local_store(folder: &FilePath) -> Arc<dyn ObjectStore> {
    let context = StorageContext::new(folder.canonicalize().unwrap(), &Settings::default());
    let domain = DomainName::new("shop").unwrap();
    let storage = DomainStorage::local(domain, &["file://./"], &context).unwrap();
    let root = storage.locate("file://./").unwrap();
    Arc::new(PrefixStore::new(root.store, root.path))
}

/// The identity of a store behind a server; real ones have 16 digits.
const SERVER: &str = "server";

/// A port of `shop.orders@1` at `path` of a store.
pub(crate) fn port(store: Arc<dyn ObjectStore>, id: &str, path: &str, schema: Option<SchemaRef>) -> Port {
    let is_served = id == SERVER || id.len() == 16;
    let scheme = match (id.starts_with("local"), is_served) {
        (true, _) => "file:///",
        (_, true) => "s3://bucket/",
        _ => "memory:///",
    };
    let (folder, pattern) = match path.find(['*', '?', '[']) {
        None => (path, None),
        Some(at) => {
            let folder = path[..at].rfind('/').map_or("", |slash| &path[..slash]);
            (folder, Some(path[folder.len()..].trim_start_matches('/').to_owned()))
        }
    };
    Port {
        product: ProductId { name: ProductName::new("shop", "orders").unwrap(), version: "1.0.0".parse().unwrap() },
        table: TableName::new("orders").unwrap(),
        key: "shop.orders@1".to_owned(),
        location: Location {
            store_id: StoreId(id.to_owned()),
            store,
            path: Path::from(folder),
            pattern,
            url: Url::parse(&format!("{scheme}{path}")).unwrap(),
        },
        spec: StorageSpec::new("parquet"),
        schema,
    }
}

/// A batch as a Parquet file.
pub(crate) fn file(batch: &RecordBatch, properties: WriterPropertiesBuilder) -> Bytes {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

/// Uncompressed, row groups of `rows` rows.
pub(crate) fn row_groups_of(rows: usize) -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).set_max_row_group_row_count(Some(rows))
}

/// Puts a batch as one Parquet file with one row group.
pub(crate) async fn put(store: &dyn ObjectStore, path: &str, batch: &RecordBatch) {
    put_bytes(store, path, file(batch, WriterProperties::builder())).await;
}

/// Puts bytes.
pub(crate) async fn put_bytes(store: &dyn ObjectStore, path: &str, bytes: Bytes) {
    store.put(&Path::parse(path).unwrap(), bytes.into()).await.unwrap();
}

/// One column `n` of whole numbers.
pub(crate) fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let array = Int64Array::from(values.into_iter().collect::<Vec<_>>());
    RecordBatch::try_new(schema, vec![Arc::new(array)]).unwrap()
}

/// Pins the newest version and opens it.
pub(crate) async fn read(connector: &dyn Connector, ctx: &QueryContext, port: &Port) -> Reading {
    Reading::latest(connector, ctx, port).await.unwrap()
}

/// Every row of a port, sorted, as text.
pub(crate) async fn all_rows(connector: &dyn Connector, port: &Port) -> Vec<String> {
    let batches = read(connector, &context(), port).await.scan(None, &[], None).await.unwrap();
    rows_of(&batches).unwrap()
}

/// The failure of pinning, opening and reading everything.
pub(crate) async fn failure(connector: &dyn Connector, port: &Port) -> meshweave_engine::Error {
    let ctx = context();
    let pinned = match connector.pin(&ctx, port, &AsOf::Latest).await {
        Ok(pinned) => pinned,
        Err(error) => return error,
    };
    let reading = match Reading::of(connector, &ctx, port, &pinned).await {
        Ok(reading) => reading,
        Err(error) => return error,
    };
    let error = reading.scan(None, &[], None).await.expect_err("reading must fail");
    meshweave_connectors::common::find(&error).unwrap_or_else(|| panic!("no error of ours: {error}")).clone()
}

/// Whether an error says that a pinned object changed.
pub(crate) fn is_changed(error: &meshweave_engine::Error) -> bool {
    matches!(error.failure(), Failure::PinnedObjectChanged { product, .. } if product == "shop.orders")
}

/// Where the fixture keeps its tables.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a store with ETags and conditions.
    Store(Arc<dyn ObjectStore>),
    /// In a real server's store: written through the first, read through the second.
    Remote(Arc<dyn ObjectStore>, Arc<dyn ObjectStore>),
    /// In a temporary folder.
    Local(tempfile::TempDir),
}

/// How a batch becomes a file.
pub(crate) type Write = fn(&RecordBatch) -> Bytes;

/// Tables of files with Hive partitions.
#[derive(Debug)]
pub(crate) struct FileFixture {
    place: Place,
    connector: Arc<dyn Connector>,
    ending: &'static str,
    write: Write,
}

impl FileFixture {
    /// Parquet files.
    pub(crate) fn new(place: Place) -> Self {
        Self::of(place, Arc::new(connector()), ".parquet", |batch| file(batch, WriterProperties::builder()))
    }

    /// Files of any format.
    pub(crate) fn of(place: Place, connector: Arc<dyn Connector>, ending: &'static str, write: Write) -> Self {
        Self { place, connector, ending, write }
    }

    pub(crate) fn with(self, connector: Arc<dyn Connector>) -> Self {
        Self { connector, ..self }
    }

    fn store(&self) -> (Arc<dyn ObjectStore>, &'static str) {
        match &self.place {
            Place::Store(store) => (Arc::clone(store), "remote"),
            Place::Remote(_, store) => (Arc::clone(store), SERVER),
            Place::Local(folder) => (local_store(folder.path()), "local"),
        }
    }

    async fn write(&self, name: &str, table: &NewTable) {
        let store = match &self.place {
            Place::Remote(write, _) => Arc::clone(write),
            Place::Store(_) | Place::Local(_) => self.store().0,
        };
        for (index, batch) in table.batches.iter().enumerate() {
            let (folders, stored) = split(table, batch);
            let path = format!("{name}/{folders}part-{index}{}", self.ending);
            put_bytes(store.as_ref(), &path, (self.write)(&stored)).await;
        }
        if let Place::Local(folder) = &self.place {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
    }
}

/// The partition folders of a batch, and what is left for the file.
fn split(table: &NewTable, batch: &RecordBatch) -> (String, RecordBatch) {
    let mut folders = String::new();
    for column in &table.partition_by {
        let array = batch.column_by_name(column).unwrap();
        let value = datafusion::common::ScalarValue::try_from_array(array, 0).unwrap();
        let text = if value.is_null() { "__HIVE_DEFAULT_PARTITION__".to_owned() } else { encoded(&value.to_string()) };
        folders.push_str(&format!("{column}={text}/"));
    }
    let kept: Vec<usize> =
        (0..batch.num_columns()).filter(|i| !table.partition_by.contains(batch.schema().field(*i).name())).collect();
    (folders, batch.project(&kept).unwrap())
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[async_trait]
impl Fixture for FileFixture {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.connector)
    }

    async fn create(&self, name: &str, table: &NewTable, watch: &Arc<WatchedStore>) -> Result<Port, String> {
        self.write(name, table).await;
        let (store, id) = self.store();
        let mut port = port(watch.wrap(store), id, name, Some(Arc::clone(&table.schema)));
        self.connector.format().clone_into(&mut port.spec.format);
        Ok(port)
    }

    async fn replace(&self, port: &Port, table: &NewTable) -> Result<(), String> {
        self.write(port.location.path.as_ref(), table).await;
        Ok(())
    }
}
