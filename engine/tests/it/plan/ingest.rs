//! Rows for products: who may send them, what is refused, and that it is all of them or none.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{FutureExt, StreamExt, stream};
use meshweave_engine::catalog::Catalog;
use meshweave_engine::connect::{Connectors, Inflow, Intake, Landed, Port};
use meshweave_engine::ingest::{Offer, Taken};
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::{ByteSize, Settings};
use meshweave_engine::temp::IngestMode;
use meshweave_engine::version::Version;
use meshweave_engine::{Engine, Error, Failure, Kind, Parts, Principal, QueryContext, Result, Statement};
use parking_lot::Mutex;

const COLUMNS: &str = "      - { name: orderId, type: long, nullable: false, primary_key: true }
      - { name: state, type: string, nullable: false, enum: [new, paid] }
      - { name: amount, type: \"decimal(10,2)\", min: 0 }
      - { name: day, type: date }
";

/// What the intake was asked, and the rows that are visible.
#[derive(Debug, Default)]
struct Seen {
    calls: Vec<String>,
    landed: Vec<RecordBatch>,
}

/// Takes rows into memory.
#[derive(Debug, Default)]
struct Vat {
    seen: Arc<Mutex<Seen>>,
    /// Columns as they are stored, where they are others than the promised ones.
    stored: Option<SchemaRef>,
    /// Cancelled in the middle of a commit.
    cut: Option<QueryContext>,
}

#[derive(Debug)]
struct Vessel {
    seen: Arc<Mutex<Seen>>,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
    cut: Option<QueryContext>,
    is_done: bool,
}

impl Vessel {
    fn note(&self, call: impl Into<String>) {
        self.seen.lock().calls.push(call.into());
    }
}

impl Drop for Vessel {
    fn drop(&mut self) {
        if !self.is_done {
            self.note("dropped");
        }
    }
}

#[async_trait]
impl Intake for Vat {
    fn format(&self) -> &'static str {
        "delta"
    }

    async fn open(&self, _ctx: &QueryContext, port: &Port) -> Result<Box<dyn Inflow>> {
        self.seen.lock().calls.push(format!("open {}", port.key));
        let schema = self.stored.clone().or_else(|| port.schema.clone()).unwrap();
        let (seen, cut) = (Arc::clone(&self.seen), self.cut.clone());
        Ok(Box::new(Vessel { seen, schema, rows: vec![], cut, is_done: false }))
    }
}

#[async_trait]
impl Inflow for Vessel {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        assert_eq!(batch.schema(), self.schema);
        self.note(format!("write {}", batch.num_rows()));
        self.rows.push(batch.clone());
        Ok(())
    }

    async fn seal(&mut self) -> Result<()> {
        self.note("seal");
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Landed> {
        self.is_done = true;
        if let Some(ctx) = &self.cut {
            ctx.cancel.cancel();
            tokio::task::yield_now().await;
        }
        self.note("commit");
        let rows = std::mem::take(&mut self.rows);
        self.seen.lock().landed.extend(rows);
        Ok(Landed { version: Version::Delta(7), files: 1, bytes: 10 })
    }

    async fn abandon(mut self: Box<Self>) {
        self.is_done = true;
        self.note("abandoned");
    }
}

fn write(mesh: &Path, file: &str, text: &str) {
    let path = mesh.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn contract(name: &str, format: &str, ports: &str) -> String {
    format!(
        "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata:\n  name: {name}\n  domain: shop\n  version: 1.0.0\n  \
         owner: {{ team: shop-team, contact: shop@example.com }}\nspec:\n  \
         storage: {{ format: {format}, location: \"file://./data/shop/{name}/\" }}\n  schema:\n    columns:\n{COLUMNS}  {ports}\n  \
         access: {{ discovery: public, read: public }}\n"
    )
}

/// Products that take rows (`orders`, from the tills too), and such as do not.
fn mesh(folder: &Path) {
    write(folder, "mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: acme\ncatalog: { source: folder }\n");
    let domain = "apiVersion: meshweave/v1\nkind: Domain\nname: shop\nowner: { team: shop-team, contact: s@example.com }\n\
                  storage:\n  - prefix: file://./data/shop/\n";
    write(folder, "domains/shop/domain.yaml", domain);
    let ingest = "input_ports: [{ name: tills, type: ingest, writers: [tills] }, { name: night, type: batch }]";
    for (name, format, ports) in [
        ("orders", "delta", ingest),
        ("night", "delta", "input_ports: [{ name: night, type: batch, writers: [tills] }]"),
        ("plain", "delta", "quota: { concurrent_queries: 4 }"),
        ("files", "parquet", ingest),
    ] {
        write(folder, &format!("domains/shop/{name}/1.0.0.yaml"), &contract(name, format, ports));
    }
    let hidden = contract("hidden", "delta", ingest).replace("discovery: public", "discovery: private");
    write(folder, "domains/shop/hidden/1.0.0.yaml", &hidden);
    let view = "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: seen\n  domain: shop\n  version: 1.0.0\n  \
                owner: { team: shop-team, contact: a@example.com }\nspec:\n  sql: SELECT state FROM shop.orders\n  \
                input_ports: [{ name: in, type: ingest }]\n  schema:\n    columns:\n      - { name: state, type: string }\n  \
                access: { discovery: public, read: public }\n";
    write(folder, "domains/shop/seen/1.0.0.yaml", view);
}

struct Shop {
    engine: Arc<Engine>,
    seen: Arc<Mutex<Seen>>,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn new(settings: Settings, vat: Vat) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mesh(folder.path());
        let catalog = Catalog::open(folder.path(), &settings).await.unwrap();
        assert_eq!(catalog.snapshot().problems, []);
        let seen = Arc::clone(&vat.seen);
        let connectors = Connectors::default().taking_rows([Arc::new(vat) as Arc<dyn Intake>]);
        let parts = Parts { mesh: folder.path().to_owned(), settings, connectors, policy: Arc::new(AccessBlockPolicy) };
        let engine = Engine::with_catalog(parts, catalog).await.unwrap();
        Self { engine, seen, _folder: folder }
    }

    async fn open() -> Self {
        Self::new(Settings::default(), Vat::default()).await
    }

    async fn send(&self, who: &str, table: &str, mode: IngestMode, batches: Vec<RecordBatch>) -> Result<Taken> {
        let offer = Offer { schema: "shop".to_owned(), table: table.to_owned(), mode };
        self.engine.append(&context(who), offer, rows(batches)).await
    }

    async fn append(&self, batches: Vec<RecordBatch>) -> Result<Taken> {
        self.send("eve@shop-team", "orders", IngestMode::Append, batches).await
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().calls)
    }
}

fn context(who: &str) -> QueryContext {
    QueryContext::new(Principal::parse(who).unwrap())
}

fn rows(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches[0].schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches.into_iter().map(Ok))))
}

/// Orders as a client may send them: other names, types and places than the contract's, a column less.
fn orders(ids: &[i32], states: &[Option<&str>]) -> RecordBatch {
    let amounts = Float64Array::from_iter_values(ids.iter().map(|id| f64::from(*id) + 0.25));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("amount", Arc::new(amounts)),
        ("ORDERID", Arc::new(Int32Array::from(ids.to_vec()))),
        ("state", Arc::new(StringArray::from(states.to_vec()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn new(ids: &[i32]) -> RecordBatch {
    orders(ids, &vec![Some("new"); ids.len()])
}

#[tokio::test]
async fn rows_come_in_by_name_and_in_the_columns_types() {
    let shop = Shop::open().await;
    let taken = shop.append(vec![new(&[1, 2]), new(&[]), new(&[3])]).await.unwrap();
    let expected =
        Taken { key: "shop.orders@1".into(), rows: 3, version: Some(Version::Delta(7)), files: 1, bytes: 10 };
    assert_eq!(taken, expected);
    assert_eq!(shop.calls(), ["open shop.orders@1", "write 2", "write 1", "seal", "commit"]);
    let told = arrow::util::pretty::pretty_format_batches(&shop.seen.lock().landed).unwrap().to_string();
    let told: Vec<&str> = told.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(
        told,
        [
            "| orderId | state | amount | day |",
            "| 1       | new   | 1.25   |     |",
            "| 2       | new   | 2.25   |     |",
            "| 3       | new   | 3.25   |     |",
        ]
    );
}

#[tokio::test]
async fn no_row_makes_no_version() {
    let shop = Shop::open().await;
    let taken = shop.append(vec![new(&[])]).await.unwrap();
    assert_eq!((taken.rows, taken.version), (0, None));
    assert_eq!(shop.calls(), ["open shop.orders@1", "seal", "abandoned"]);
}

#[tokio::test]
async fn writing_is_a_right_of_its_own() {
    let shop = Shop::open().await;
    for (who, expected) in [
        ("eve@shop-team", None),
        ("till7@tills", None),
        ("guest", Some("guest may not add rows to shop.orders: it is open to the teams shop-team, tills")),
    ] {
        let outcome = shop.send(who, "orders", IngestMode::Append, vec![new(&[1])]).await;
        assert_eq!(outcome.as_ref().err().map(ToString::to_string).as_deref(), expected, "{who}");
        let opened = shop.calls().iter().any(|call| call.starts_with("open"));
        assert_eq!(opened, expected.is_none(), "nothing is touched before the decision");
    }
    // A port of another kind makes nobody a writer, and a product that cannot be found does not exist.
    for (who, table, kind) in [
        ("till7@tills", "night", Kind::Denied),
        ("guest", "plain", Kind::Denied),
        ("guest", "seen", Kind::Denied),
        ("guest", "hidden", Kind::NotFound),
        ("till7@tills", "hidden", Kind::NotFound),
        ("eve@shop-team", "nothing", Kind::NotFound),
    ] {
        let error = shop.send(who, table, IngestMode::Append, vec![new(&[1])]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{who} {table}: {error}");
    }
    assert_eq!(shop.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_takes_no_rows_says_why_and_what_to_do() {
    let shop = Shop::open().await;
    let port = "its contract has no input port of the type `ingest`";
    for (table, mode, reason) in [
        ("plain", IngestMode::Append, port),
        ("night", IngestMode::Append, port),
        ("seen", IngestMode::Append, "it is a view, a query over other products"),
        ("files", IngestMode::Append, "it is stored as parquet, and rows are taken into delta tables only"),
        ("orders", IngestMode::Create, "rows cannot create it: a product is made by registering its contract"),
        ("orders", IngestMode::Replace, "rows cannot replace it: others rely on its rows and its versions"),
        (
            "orders",
            IngestMode::CreateAppend,
            "rows cannot create it where it is missing: a product is made by registering its contract",
        ),
    ] {
        let error = shop.send("eve@shop-team", table, mode, vec![new(&[1])]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("shop.{table} does not take these rows: {reason}"));
        let product = format!("shop.{table}");
        assert_eq!((error.kind(), error.product()), (Kind::InvalidQuery, Some(product.as_str())));
        assert!(error.hint().is_some_and(|hint| hint.ends_with('.')), "{error}");
    }
    for (schema, table) in [("mesh", "products"), ("information_schema", "tables")] {
        let offer = Offer { schema: schema.to_owned(), table: table.to_owned(), mode: IngestMode::Append };
        let error = shop.engine.append(&context("eve@shop-team"), offer, rows(vec![new(&[1])])).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{schema}.{table} is a table of the engine itself and takes no rows"));
    }
    assert_eq!(shop.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_columns_are_told_all_at_once_before_anything_is_touched() {
    let shop = Shop::open().await;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stat", Arc::new(StringArray::from(vec!["new"]))),
        ("amount", Arc::new(Date32Array::from(vec![1]))),
        ("day", Arc::new(Date32Array::from(vec![1]))),
    ];
    let error = shop.append(vec![RecordBatch::try_from_iter(columns).unwrap()]).await.unwrap_err();
    let Failure::RowsRefused { product, problems } = error.failure() else { panic!("{error}") };
    assert_eq!(product, "shop.orders");
    assert_eq!(
        *problems,
        [
            "the contract has no column \"stat\" (did you mean \"state\"?)",
            "the column \"amount\" comes as date and is decimal(10,2)",
            "the column \"orderId\" is missing, and is never null",
            "the column \"state\" is missing, and is never null",
        ]
    );
    assert_eq!(shop.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_rows_are_counted_and_none_is_added() {
    let shop = Shop::open().await;
    let good = new(&[1, 2, 3]);
    let bad = orders(&[4, 1, -5, -6], &[None, Some("lost"), Some("paid"), None]);
    let lossy: Vec<(&str, ArrayRef)> = vec![
        ("orderId", Arc::new(Int64Array::from(vec![Some(7), None]))),
        ("state", Arc::new(StringArray::from(vec!["new", "lost"]))),
        ("amount", Arc::new(Float64Array::from(vec![0.125, 1.0]))),
    ];
    let lossy = RecordBatch::try_from_iter(lossy).unwrap();
    let error = shop.append(vec![good, bad]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidQuery);
    assert_eq!(
        error.to_string(),
        "the rows do not keep the contract of shop.orders, and none was added: \"state\" is null (2 rows, the first is row 4); \
         \"state\" is none of the allowed values (row 5); \"amount\" is below 0 (2 rows, the first is row 6); \
         \"orderId\" comes more than once (row 5)"
    );
    assert_eq!(shop.calls(), ["open shop.orders@1", "write 3", "abandoned"]);
    let error = shop.append(vec![lossy]).await.unwrap_err();
    let Failure::RowsRefused { problems, .. } = error.failure() else { panic!("{error}") };
    assert_eq!(
        *problems,
        [
            "\"orderId\" is null (row 2)",
            "\"amount\" does not fit decimal(10,2) without loss (row 1)",
            "\"state\" is none of the allowed values (row 2)",
        ]
    );
    assert_eq!(shop.calls(), ["open shop.orders@1", "abandoned"]);
    assert!(shop.seen.lock().landed.is_empty());
}

#[tokio::test]
async fn values_fit_the_stored_types_too() {
    let stored = Arc::new(Schema::new(vec![
        Field::new("orderId", DataType::Int8, true),
        Field::new("state", DataType::Utf8, true),
        Field::new("amount", DataType::Decimal128(10, 2), false),
        Field::new("day", DataType::Date32, true),
    ]));
    let shop = Shop::new(Settings::default(), Vat { stored: Some(stored), ..Vat::default() }).await;
    assert_eq!(shop.append(vec![new(&[1, 127])]).await.unwrap().rows, 2);
    let error = shop.append(vec![new(&[127, 128])]).await.unwrap_err();
    assert!(
        error.to_string().ends_with("\"orderId\" does not fit int8, as which it is stored, without loss (row 2)"),
        "{error}"
    );
    let columns: Vec<(&str, ArrayRef)> =
        vec![("orderId", Arc::new(Int64Array::from(vec![1]))), ("state", Arc::new(StringArray::from(vec!["new"])))];
    let error = shop.append(vec![RecordBatch::try_from_iter(columns).unwrap()]).await.unwrap_err();
    assert!(error.to_string().ends_with("\"amount\" is null, which the stored table refuses (row 1)"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_into_memory_is_sealed_before_more_is_taken() {
    let mut settings = Settings::default();
    settings.limits.ingest_memory = ByteSize(6000);
    let shop = Shop::new(settings, Vat::default()).await;
    let batches = (0..4).map(|n| new(&(n * 100..n * 100 + 100).collect::<Vec<_>>())).collect();
    assert_eq!(shop.append(batches).await.unwrap().rows, 400);
    let calls = shop.calls();
    let seals = calls.iter().filter(|call| *call == "seal").count();
    assert!((2..=4).contains(&seals), "{calls:?}");
    assert_eq!(calls[calls.len() - 2..], ["seal", "commit"]);
    assert_eq!(shop.engine.reserved_bytes(), 0);
}

/// Rows that never end after the first.
fn endless() -> SendableRecordBatchStream {
    let batch = new(&[1]);
    let schema = batch.schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([Ok(batch)]).chain(stream::pending())))
}

fn offer() -> Offer {
    Offer { schema: "shop".to_owned(), table: "orders".to_owned(), mode: IngestMode::Append }
}

#[tokio::test]
async fn whatever_ends_it_before_the_commit_leaves_nothing() {
    let mut settings = Settings::default();
    settings.limits.statement_timeout.0 = Duration::from_millis(50);
    let shop = Shop::new(settings, Vat::default()).await;
    let begun = ["open shop.orders@1", "write 1", "abandoned"];

    let error = shop.engine.append(&context("eve@shop-team"), offer(), endless()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    assert_eq!(shop.calls(), begun);

    let broken = || Err(DataFusionError::from(Error::invalid_query("the call broke off")));
    let batch = new(&[1]);
    let schema = batch.schema();
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter([Ok(batch), broken()])));
    let error = shop.engine.append(&context("eve@shop-team"), offer(), rows).await.unwrap_err();
    assert_eq!(error.to_string(), "the call broke off");
    assert_eq!(shop.calls(), begun);

    let shop = Shop::open().await;
    let ctx = context("eve@shop-team");
    let mut work = Box::pin(shop.engine.append(&ctx, offer(), endless()));
    while shop.seen.lock().calls.len() < 2 {
        assert!((&mut work).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(work);
    assert_eq!(shop.calls(), ["open shop.orders@1", "write 1", "dropped"]);

    let work = shop.engine.append(&ctx, offer(), endless());
    let stop = async {
        while shop.seen.lock().calls.len() < 2 {
            tokio::task::yield_now().await;
        }
        ctx.cancel.cancel();
    };
    let (outcome, ()) = futures::join!(work, stop);
    assert_eq!(outcome.unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(shop.calls(), begun);
    assert!(shop.seen.lock().landed.is_empty());
    assert_eq!(shop.engine.running_queries(), 0);
}

#[tokio::test]
async fn a_commit_that_has_begun_is_told_as_it_ended() {
    let ctx = context("eve@shop-team");
    let shop = Shop::new(Settings::default(), Vat { cut: Some(ctx.clone()), ..Vat::default() }).await;
    let taken = shop.engine.append(&ctx, offer(), rows(vec![new(&[1])])).await.unwrap();
    assert!(ctx.cancel.is_cancelled());
    assert_eq!(taken.version, Some(Version::Delta(7)));
}

#[tokio::test]
async fn it_is_told_in_the_query_log_with_the_version_that_it_made() {
    let shop = Shop::open().await;
    shop.send("till7@tills", "orders", IngestMode::Append, vec![new(&[1])]).await.unwrap();
    shop.append(vec![orders(&[1], &[None])]).await.unwrap_err();
    shop.engine.flush().await;
    let told = async |who: &str| {
        let sql = "SELECT principal, statement, products, outcome FROM mesh.queries ORDER BY outcome DESC";
        let answer = shop.engine.query(&context(who), &Statement::new(sql)).await.unwrap();
        let batches = answer.collect().await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let writer = told("till7@tills").await;
    assert!(writer.contains("| till7 | INGEST INTO shop.orders | shop.orders@1 | finished |"), "{writer}");
    let owner = told("eve@shop-team").await;
    assert!(owner.contains("| till7 | | shop.orders@1 | finished |"), "the owner sees who added rows: {owner}");
    assert!(owner.contains("| eve | INGEST INTO shop.orders | | failed |"), "{owner}");
}
