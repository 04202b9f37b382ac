//! A server over two small tables, and a client of it.
//!
//! The backend plans with DataFusion, knows two versions of one table, counts what runs, and can be told to refuse.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySchemaProvider;
use datafusion::catalog::{CatalogProvider, MemTable, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::{StreamExt, TryStreamExt};
use meshweave_contract::model::Product;
use meshweave_engine::catalog::CatalogSnapshot;
use meshweave_engine::engine::ParameterInfo;
use meshweave_engine::version::{Version, VersionVector};
use meshweave_engine::{Answer, Error, Failure, Parameters, Principal, QueryContext, Result, Statement, StatementInfo};
use meshweave_flight_server::{Backend, FlightServer, Options, Plan, SystemTable};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// The client of every test.
pub(crate) type Client = FlightSqlServiceClient<Channel>;

/// What the backend was asked, and what it does next.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) planned: AtomicUsize,
    pub(crate) started: AtomicUsize,
    /// Answers that were dropped, read to their end or not.
    pub(crate) dropped: AtomicUsize,
    /// The newest version of `shop.orders`.
    pub(crate) newest: AtomicUsize,
    /// What the next call of `plan` answers instead of a plan.
    pub(crate) refuse: parking_lot::Mutex<Option<Failure>>,
    /// Whether planning takes for ever.
    pub(crate) hangs: AtomicBool,
    /// Whether planning keeps its thread from anything else, as long as this is so.
    pub(crate) blocks: AtomicBool,
    /// Plans that keep their threads now.
    pub(crate) blocked: AtomicUsize,
    /// Plans that took for ever and were given up.
    pub(crate) given_up: AtomicUsize,
    /// Every context that was planned with.
    pub(crate) contexts: parking_lot::Mutex<Vec<QueryContext>>,
}

/// Two versions of `shop.orders`, and whatever DataFusion computes.
pub(crate) struct Small {
    pub(crate) probe: Arc<Probe>,
    versions: Vec<SessionContext>,
}

impl fmt::Debug for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Small")
    }
}

fn orders(version: i64) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("city", DataType::Utf8, true),
        Field::new("version", DataType::Int64, false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3])),
        Arc::new(StringArray::from(vec![Some("Oslo"), None, Some("Rome")])),
        Arc::new(Int64Array::from(vec![version; 3])),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn session(version: i64) -> SessionContext {
    let config = SessionConfig::new().with_default_catalog_and_schema("mesh", "shop").with_target_partitions(2);
    let session = SessionContext::new_with_config(config);
    let batch = orders(version);
    let shop = MemorySchemaProvider::new();
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
    shop.register_table("orders".to_owned(), Arc::new(table)).unwrap();
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("shop", Arc::new(shop)).unwrap();
    session.register_catalog("mesh", Arc::new(catalog));
    session
}

impl Small {
    pub(crate) fn new() -> Self {
        Self { probe: Arc::default(), versions: vec![session(0), session(1)] }
    }

    async fn logical(&self, version: usize, statement: &Statement) -> Result<LogicalPlan> {
        let plan = self.versions[version].state().create_logical_plan(&statement.sql).await.map_err(Error::from)?;
        if matches!(plan, LogicalPlan::Dml(_) | LogicalPlan::Ddl(_)) {
            return Err(Failure::Unsupported { what: "writing to a data product".into(), hint: None }.into());
        }
        let values = match statement.parameters.clone() {
            Parameters::None => return Ok(plan),
            Parameters::Positional(values) => ParamValues::from(values),
            Parameters::Named(values) => {
                ParamValues::from(values.into_iter().collect::<HashMap<String, ScalarValue>>())
            }
        };
        plan.with_param_values(values).map_err(Error::from)
    }
}

#[async_trait]
impl Backend for Small {
    fn statement_timeout(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn catalog(&self) -> Arc<CatalogSnapshot> {
        Arc::new(CatalogSnapshot::new(1, "mesh", vec![], vec![], vec![]))
    }

    fn discovers(&self, _ctx: &QueryContext, _product: &Product) -> bool {
        true
    }

    fn system_tables(&self) -> Vec<SystemTable> {
        let table = |schema: &str, name: &str, columns: &[(&'static str, DataType)]| SystemTable {
            schema: schema.into(),
            name: name.into(),
            columns: columns.iter().map(|(name, data_type)| (*name, data_type.clone(), "what it means")).collect(),
        };
        vec![
            table("mesh", "products", &[("name", DataType::Utf8View), ("rows", DataType::Float16)]),
            table("mesh", "product_x", &[("name", DataType::Utf8)]),
            table("information_schema", "tables", &[("table_name", DataType::Utf8)]),
        ]
    }

    async fn describe(&self, _ctx: &QueryContext, sql: &str) -> Result<StatementInfo> {
        let plan = self.logical(1, &Statement::new(sql)).await?;
        let schema = Arc::clone(plan.schema().inner());
        let types = plan.get_parameter_types().map_err(Error::from)?;
        let mut parameters: Vec<ParameterInfo> =
            types.into_iter().map(|(name, data_type)| ParameterInfo { name, data_type }).collect();
        parameters.sort_by_key(|p| p.name.trim_start_matches('$').parse::<u32>().unwrap_or(u32::MAX));
        Ok(StatementInfo { schema, parameters, writes: false })
    }

    async fn plan(
        &self,
        ctx: &QueryContext,
        statement: &Statement,
        pins: Option<&VersionVector>,
    ) -> Result<Box<dyn Plan>> {
        self.probe.planned.fetch_add(1, Ordering::SeqCst);
        self.probe.contexts.lock().push(ctx.clone());
        if let Some(failure) = self.probe.refuse.lock().take() {
            return Err(failure.into());
        }
        if self.probe.hangs.load(Ordering::SeqCst) {
            let _given_up = GivenUp(Arc::clone(&self.probe));
            std::future::pending::<()>().await;
        }
        if self.probe.blocks.load(Ordering::SeqCst) {
            self.probe.blocked.fetch_add(1, Ordering::SeqCst);
            while self.probe.blocks.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.probe.blocked.fetch_sub(1, Ordering::SeqCst);
        }
        let pinned = pins.and_then(|v| v.products.get("shop.orders@1"));
        let version = match pinned {
            Some(Version::Delta(version)) => usize::try_from(*version).unwrap(),
            _ => self.probe.newest.load(Ordering::SeqCst),
        };
        Ok(Box::new(SmallPlan {
            plan: self.logical(version, statement).await?,
            session: self.versions[version].clone(),
            version: i64::try_from(version).unwrap(),
            ctx: ctx.clone(),
            probe: Arc::clone(&self.probe),
        }))
    }
}

/// Counts a plan that is dropped before it was made.
struct GivenUp(Arc<Probe>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, Ordering::SeqCst);
    }
}

struct SmallPlan {
    plan: LogicalPlan,
    session: SessionContext,
    version: i64,
    ctx: QueryContext,
    probe: Arc<Probe>,
}

/// Counts the end of an answer.
struct Watched(SendableRecordBatchStream, Arc<Probe>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Plan for SmallPlan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.plan.schema().inner())
    }

    fn versions(&self) -> VersionVector {
        let products = [("shop.orders@1".to_owned(), Version::Delta(self.version))];
        VersionVector { v: 1, products: products.into() }
    }

    async fn run(self: Box<Self>) -> Result<Answer> {
        self.probe.started.fetch_add(1, Ordering::SeqCst);
        let schema = Plan::schema(&*self);
        let versions = Plan::versions(&*self);
        let frame = self.session.execute_logical_plan(self.plan).await.map_err(Error::from)?;
        let stream = frame.execute_stream().await.map_err(Error::from)?;
        let physical = stream.schema();
        let watched = Watched(stream, self.probe);
        let stream = futures::stream::unfold(watched, |mut watched| async move {
            let next = watched.0.next().await?;
            Some((next, watched))
        });
        let stream: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(physical, stream));
        Ok(Answer { schema, stream, versions, usage: Arc::clone(&self.ctx.usage), context: self.ctx })
    }
}

/// A running server; it stops when this is dropped.
pub(crate) struct Server {
    pub(crate) probe: Arc<Probe>,
    pub(crate) address: String,
    stop: oneshot::Sender<()>,
    tasks: JoinSet<()>,
}

/// Everybody of these tests.
pub(crate) fn ada() -> Principal {
    Principal { user: "ada".into(), teams: vec!["shop".into()] }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Options::new(ada())).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let backend = Small::new();
        let probe = Arc::clone(&backend.probe);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = FlightServer::new(Arc::new(backend), options).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let shutdown = async {
                let _stopped = stopped.await;
            };
            server.serve(listener, shutdown).await.unwrap();
        });
        Self { probe, address, stop, tasks }
    }

    /// Asks the server to end; its task is given back, to be waited for.
    pub(crate) fn stop(self) -> JoinSet<()> {
        self.stop.send(()).unwrap();
        self.tasks
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(self.address.clone()).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        FlightSqlServiceClient::new(self.channel().await)
    }
}

/// The ticket of an answer's only endpoint.
pub(crate) fn ticket(info: &FlightInfo) -> Ticket {
    let [endpoint] = info.endpoint.as_slice() else { panic!("{} endpoints", info.endpoint.len()) };
    assert!(endpoint.location.is_empty());
    endpoint.ticket.clone().unwrap()
}

/// All batches behind an answer.
pub(crate) async fn fetch(client: &mut Client, info: &FlightInfo) -> arrow_flight::error::Result<Vec<RecordBatch>> {
    client.do_get(ticket(info)).await?.try_collect().await
}

/// The rows of a statement, as text.
pub(crate) async fn rows(client: &mut Client, sql: &str) -> String {
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    show(&fetch(client, &info).await.unwrap())
}

/// Batches as lines of values.
pub(crate) fn show(batches: &[RecordBatch]) -> String {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::new().with_null("null");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" "));
        }
    }
    lines.join("; ")
}
