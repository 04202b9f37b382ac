//! A small mesh in memory: hand-built catalog, and a connector over batches that notes what it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use meshweave_contract::model::{
    Access, Body, Column, Lifecycle, OutputPort, Owner, Product, ServiceLevels, Status, StorageSpec, Table, Visibility,
};
use meshweave_contract::name::{DomainName, ProductId, ProductName, TableName};
use meshweave_contract::types::LogicalType;
use meshweave_engine::catalog::{Catalog, CatalogSnapshot, Domain, Entry, ResolvedTable};
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Connectors, Observed, Opened, Pinned, Port};
use meshweave_engine::context::{Pushed, ScanReport};
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::storage::{DomainStorage, StorageContext};
use meshweave_engine::version::Version;
use meshweave_engine::{Engine, Error, Failure, Parts, Principal, QueryContext, Result, Statement};
use parking_lot::Mutex;

/// Batches by port key, one entry per version.
pub(crate) type Data = BTreeMap<String, Vec<RecordBatch>>;

/// Reads batches; notes every call.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    data: Data,
    pub(crate) calls: Mutex<Vec<String>>,
    /// Wraps each table before it is handed out.
    pub(crate) wrap: Mutex<Option<Wrap>>,
    pub(crate) scans: AtomicUsize,
}

#[derive(Clone)]
pub(crate) struct Wrap(pub(crate) Arc<dyn Fn(SchemaRef) -> Arc<dyn TableProvider> + Send + Sync>);

impl std::fmt::Debug for Wrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrap")
    }
}

impl Memory {
    fn note(&self, call: &str, port: &Port) {
        self.calls.lock().push(format!("{call} {}", port.key));
    }

    /// How often a port was pinned.
    pub(crate) fn pins(&self, key: &str) -> usize {
        let call = format!("pin {key}");
        self.calls.lock().iter().filter(|c| **c == call).count()
    }
}

#[async_trait]
impl Connector for Memory {
    fn format(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { time_travel: true }
    }

    async fn probe(&self, _ctx: &QueryContext, port: &Port) -> Result<Observed> {
        self.note("probe", port);
        Err(Failure::Unsupported { what: "probing".to_owned(), hint: None }.into())
    }

    async fn pin(&self, _ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        self.note("pin", port);
        let versions = self.data.get(&port.key).map_or(0, Vec::len) as i64;
        let number = match as_of {
            AsOf::Latest => versions - 1,
            AsOf::Number(number) => *number,
            AsOf::Timestamp(micros) => micros / 1_000_000,
            AsOf::Recorded { version: Version::Delta(number), .. } => *number,
            AsOf::Recorded { .. } => -1,
        };
        if !(0..versions).contains(&number) {
            return Err(Failure::Unavailable {
                what: port.key.clone(),
                message: format!("version {number} is gone"),
                cause: None,
            }
            .into());
        }
        Ok(Pinned { version: Version::Delta(number), manifest: None, detail: Arc::new(number) })
    }

    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        self.note("open", port);
        self.scans.fetch_add(1, Ordering::Relaxed);
        let Version::Delta(number) = pinned.version else {
            return Err(Error::invalid_query("not a version of this connector"));
        };
        let batch = self.data[&port.key][usize::try_from(number).unwrap()].clone();
        let provider: Arc<dyn TableProvider> = match &*self.wrap.lock() {
            Some(wrap) => (wrap.0)(batch.schema()),
            None => Arc::new(Reported {
                inner: MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap(),
                port: port.clone(),
                version: format!("delta {number}"),
                ctx: ctx.clone(),
            }),
        };
        Ok(Opened { provider, stores: vec![] })
    }
}

/// A table that reports its scans.
#[derive(Debug)]
struct Reported {
    inner: MemTable,
    port: Port,
    version: String,
    ctx: QueryContext,
}

#[async_trait]
impl TableProvider for Reported {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let schema = self.inner.schema();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all).iter().map(|i| schema.field(*i).name().clone()).collect();
        self.ctx.scans.add(ScanReport {
            product: self.port.key.clone(),
            domain: self.port.product.name.domain.to_string(),
            connector: "memory",
            version: self.version.clone(),
            files_total: 4,
            files_kept: 1,
            bytes_total: 4000,
            bytes_kept: 1000,
            columns,
            columns_total: all.len(),
            predicates: filters.iter().map(|f| (f.to_string(), Pushed::Superset, "by statistics".to_owned())).collect(),
            limit,
        });
        self.inner.scan(state, projection, &[], None).await
    }
}

/// What a test says of one product.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) tables: Vec<(&'static str, Vec<RecordBatch>)>,
    pub(crate) discovery: Visibility,
    pub(crate) read: Visibility,
    pub(crate) view: Option<&'static str>,
}

impl Spec {
    /// A public product with one table.
    pub(crate) fn table(name: &'static str, version: &'static str, versions: Vec<RecordBatch>) -> Self {
        let table = name.split('.').nth(1).unwrap();
        Self {
            name,
            version,
            tables: vec![(table, versions)],
            discovery: Visibility::Public,
            read: Visibility::Public,
            view: None,
        }
    }

    /// A public view.
    pub(crate) fn view(name: &'static str, sql: &'static str) -> Self {
        let mut spec = Self::table(name, "1.0.0", vec![]);
        spec.tables.clear();
        spec.view = Some(sql);
        spec
    }

    pub(crate) fn access(mut self, discovery: Visibility, read: Visibility) -> Self {
        (self.discovery, self.read) = (discovery, read);
        self
    }
}

fn product(spec: &Spec) -> Product {
    let (domain, local) = spec.name.split_once('.').unwrap();
    let name = ProductName::new(domain, local).unwrap();
    let storage = |table: &str| StorageSpec {
        location: Some(format!("file://./data/{domain}/{local}/{table}/")),
        ..StorageSpec::new("memory")
    };
    let tables = spec.tables.iter().map(|(table, _)| Table {
        name: TableName::new(table).unwrap(),
        description: None,
        columns: vec![],
        storage: Some(storage(table)),
        relationships: vec![],
        custom: BTreeMap::new(),
    });
    Product {
        id: ProductId { name, version: spec.version.parse().unwrap() },
        status: Status::Active,
        description: None,
        owner: Owner {
            team: Some(format!("{domain}-team")),
            contact: Some(format!("{domain}@example.com")),
            support: vec![],
        },
        tags: vec![],
        glossary: vec![],
        sample_queries: vec![],
        lifecycle: Lifecycle::default(),
        input_ports: vec![],
        output_ports: vec![OutputPort {
            name: "main".to_owned(),
            tables: tables.collect(),
            schema_source: None,
            quality: vec![],
            service_levels: ServiceLevels::default(),
            protocols: vec![],
            custom: BTreeMap::new(),
        }],
        upstream: vec![],
        access: Access { discovery: spec.discovery, read: spec.read, readers: vec![], row_policy_required: false },
        retention: None,
        encryption: None,
        quota: None,
        body: match spec.view {
            Some(sql) => Body::View { sql: sql.to_owned() },
            None => Body::Stored,
        },
        custom: BTreeMap::new(),
    }
}

fn resolved(spec: &Spec) -> Vec<ResolvedTable> {
    let table = |(name, versions): &(&str, Vec<RecordBatch>)| {
        let schema = versions[0].schema();
        ResolvedTable {
            name: TableName::new(name).unwrap(),
            columns: schema.fields().iter().map(|f| Column::new(f.name(), LogicalType::Any)).collect(),
            schema: Some(schema),
        }
    };
    let mut tables: Vec<ResolvedTable> = spec.tables.iter().map(table).collect();
    if tables.is_empty() {
        let local = spec.name.split('.').nth(1).unwrap();
        tables.push(ResolvedTable { name: TableName::new(local).unwrap(), schema: None, columns: vec![] });
    }
    tables
}

/// An engine over a few products.
pub(crate) struct Mesh {
    pub(crate) engine: Arc<Engine>,
    pub(crate) memory: Arc<Memory>,
    _folder: tempfile::TempDir,
}

impl Mesh {
    pub(crate) async fn new(specs: Vec<Spec>) -> Self {
        Self::with(specs, Settings::default()).await
    }

    pub(crate) async fn with(specs: Vec<Spec>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = StorageContext::new(folder.path(), &settings);
        let mut domains: BTreeMap<String, Arc<Domain>> = BTreeMap::new();
        let mut data = Data::new();
        let mut entries = vec![];
        for spec in &specs {
            let name = spec.name.split('.').next().unwrap();
            let domain = domains.entry(name.to_owned()).or_insert_with(|| {
                let domain = DomainName::new(name).unwrap();
                let prefix = format!("file://./data/{name}/");
                let storage = DomainStorage::local(domain.clone(), &[&prefix], &context).unwrap();
                Arc::new(Domain {
                    name: domain,
                    owner_team: None,
                    contact: None,
                    storage,
                    location_template: None,
                    drift: Default::default(),
                })
            });
            let product = product(spec);
            for (index, (table, versions)) in spec.tables.iter().enumerate() {
                let major = product.id.version.major;
                let key = match index {
                    0 => format!("{}@{major}", spec.name),
                    _ => format!("{}.{table}@{major}", spec.name),
                };
                data.insert(key, versions.clone());
            }
            entries.push(Arc::new(Entry {
                tables: resolved(spec),
                product,
                domain: Arc::clone(domain),
                text: Arc::from(Vec::new()),
                contracts: Vec::new(),
                schema_file: None,
                form: "test".to_owned(),
                hash: String::new(),
                registered_at: None,
                registered_by: None,
                drift_policy: Default::default(),
            }));
        }
        let memory = Arc::new(Memory { data, ..Memory::default() });
        let snapshot = CatalogSnapshot::new(1, "mesh", domains.into_values().collect(), entries, vec![]);
        let parts = Parts {
            mesh: folder.path().to_path_buf(),
            settings,
            connectors: Connectors::new([Arc::clone(&memory) as Arc<dyn Connector>]),
            policy: Arc::new(AccessBlockPolicy),
        };
        let engine = Engine::with_catalog(parts, Catalog::fixed(snapshot)).await.unwrap();
        Self { engine, memory, _folder: folder }
    }

    /// Rows of a statement as a table of text.
    pub(crate) async fn rows(&self, ctx: &QueryContext, sql: &str) -> Result<String> {
        let answer = self.engine.query(ctx, &Statement::new(sql)).await?;
        let batches = answer.collect().await?;
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    }

    /// The cells of a statement's rows, joined: `1|a;2|b`.
    pub(crate) async fn cells(&self, sql: &str) -> Result<String> {
        self.cells_as(&guest(), &Statement::new(sql)).await
    }

    pub(crate) async fn cells_as(&self, ctx: &QueryContext, statement: &Statement) -> Result<String> {
        let batches = self.engine.query(ctx, statement).await?.collect().await?;
        Ok(cells(&batches).join(";"))
    }
}

/// One text per row.
pub(crate) fn cells(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| arrow::util::display::array_value_to_string(column, row).unwrap();
            rows.push(batch.columns().iter().map(cell).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// Somebody without teams.
pub(crate) fn guest() -> QueryContext {
    context("guest")
}

/// `user@team,team`.
pub(crate) fn context(principal: &str) -> QueryContext {
    QueryContext::new(Principal::parse(principal).unwrap())
}

/// A column of a test table.
pub(crate) fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A batch of nullable columns.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The mesh that most tests use.
pub(crate) fn shop() -> Vec<Spec> {
    let orders = |ids: &[i64], amounts: &[f64]| {
        let customers: Vec<i64> = ids.iter().map(|id| id % 2 + 1).collect();
        let status: Vec<&str> = ids.iter().map(|id| if id % 2 == 0 { "open" } else { "done" }).collect();
        batch(vec![
            ("orderId", ints(ids)),
            ("customerId", ints(&customers)),
            ("amount", floats(amounts)),
            ("status", texts(&status)),
        ])
    };
    let mut commerce = Spec::table(
        "commerce.orders",
        "2.0.0",
        vec![orders(&[1], &[1.0]), orders(&[1, 2], &[1.0, 2.0]), orders(&[1, 2, 3], &[10.0, 20.0, 30.0])],
    );
    let items = batch(vec![("orderId", ints(&[1, 1, 3])), ("sku", texts(&["a", "b", "a"])), ("Qty", ints(&[5, 6, 7]))]);
    commerce.tables.push(("items", vec![items]));
    let customers =
        batch(vec![("id", ints(&[1, 2])), ("name", texts(&["Ada", "Bob"])), ("region", texts(&["eu", "us"]))]);
    let value = batch(vec![("customer-id", ints(&[1, 2])), ("clv", floats(&[0.5, 1.5]))]);
    let events = batch(vec![("id", ints(&[1, 2])), ("payload", texts(&[r#"{"a":1}"#, r#"{"a":2,"b":[3]}"#]))]);
    vec![
        Spec::table("commerce.orders", "1.0.0", vec![orders(&[7], &[7.0])]),
        commerce,
        Spec::table("crm.customer", "1.0.0", vec![customers.clone()]),
        Spec::table("customer.customer-lifetime-value", "1.0.0", vec![value]),
        Spec::table("events.raw", "1.0.0", vec![events]),
        Spec::table("odd.upper", "1.0.0", vec![batch(vec![("ORDERID", ints(&[9])), ("Total", ints(&[1]))])]),
        Spec::table("hr.salaries", "1.0.0", vec![customers.clone()]).access(Visibility::Public, Visibility::Private),
        Spec::table("hr.secret", "1.0.0", vec![customers]).access(Visibility::Private, Visibility::Private),
        Spec::view(
            "sales.facts",
            "SELECT o.orderid, c.name AS Customer, o.AMOUNT FROM commerce.orders o JOIN crm.customer c ON o.customerid = c.id",
        ),
        Spec::view("sales.big", "SELECT * FROM facts WHERE amount >= 20"),
        Spec::view("sales.pay", "SELECT name FROM hr.salaries"),
        Spec::view("sales.loop_a", "SELECT * FROM loop_b"),
        Spec::view("sales.loop_b", "SELECT * FROM sales.loop_a"),
        Spec::view("sales.writes", "DELETE FROM commerce.orders"),
    ]
}
