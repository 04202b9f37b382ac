//! The server over a real engine: a mesh folder of contracts, and a connector whose tables are in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow_flight::IpcMessage;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetTables,
};
use async_trait::async_trait;
use datafusion::catalog::MemTable;
use meshweave_engine::catalog::Catalog;
use meshweave_engine::connect::{AsOf, Capabilities, Connector, Connectors, Observed, Opened, Pinned, Port};
use meshweave_engine::policy::{AccessBlockPolicy, PolicyEngine};
use meshweave_engine::settings::Settings;
use meshweave_engine::version::Version;
use meshweave_engine::{Engine, Failure, Parts, Principal, QueryContext, Result};
use meshweave_flight_server::{Options, serve};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Code;
use tonic::transport::Channel;

use crate::small::{Client, ada, fetch, rows, show};

/// Tables in memory; every pin has the number of the moment.
#[derive(Debug, Default)]
struct Memory {
    version: AtomicI64,
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn whole(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// The rows of a port, in the columns of its contract.
fn stored(port: &Port, version: i64) -> RecordBatch {
    let columns: Vec<ArrayRef> = match port.key.as_str() {
        "commerce.orders@1" => vec![whole(&[1, 2])],
        "commerce.orders@2" => {
            vec![
                whole(&[1, 2, 3]),
                text(&["ada", "bob", "ada"]),
                Arc::new(Float64Array::from(vec![5.0, 7.0, version as f64])),
            ]
        }
        "crm.customers@1" => vec![text(&["ada", "bob"]), text(&["Oslo", "Rome"])],
        _ => vec![whole(&[0])],
    };
    let schema = port.schema.clone().expect("planned with columns");
    let typed =
        columns.iter().zip(schema.fields()).map(|(c, field)| arrow::compute::cast(c, field.data_type()).unwrap());
    let typed = typed.collect();
    RecordBatch::try_new(schema, typed).unwrap()
}

#[async_trait]
impl Connector for Memory {
    fn format(&self) -> &'static str {
        "parquet"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn probe(&self, _ctx: &QueryContext, port: &Port) -> Result<Observed> {
        Err(Failure::Unavailable {
            what: port.key.clone(),
            message: "listings must not look at storage".into(),
            cause: None,
        }
        .into())
    }

    async fn pin(&self, _ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned> {
        if port.key.starts_with("crm.broken") {
            return Err(Failure::Unavailable {
                what: port.key.clone(),
                message: "the store is down".into(),
                cause: None,
            }
            .into());
        }
        let version = match as_of {
            AsOf::Recorded { version: Version::Delta(version), .. } | AsOf::Number(version) => *version,
            _ => self.version.load(Ordering::SeqCst),
        };
        Ok(Pinned { version: Version::Delta(version), manifest: None, detail: Arc::new(version) })
    }

    async fn open(&self, _ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened> {
        let Version::Delta(version) = pinned.version else { panic!("{pinned:?}") };
        let batch = stored(port, version);
        let provider = Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap());
        Ok(Opened { provider, stores: vec![] })
    }
}

fn write(mesh: &Path, file: &str, text: &str) {
    let path = mesh.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn product(domain: &str, name: &str, version: &str, read: &str, columns: &str) -> String {
    format!(
        "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata:\n  name: {name}\n  domain: {domain}\n  version: {version}\n  \
         description: About {name}\n  owner: {{ team: {domain}-team, contact: {domain}@example.com }}\nspec:\n  \
         storage: {{ format: parquet, location: \"file://./data/{domain}/{name}/v{version}/\" }}\n  schema:\n    columns:\n{columns}  \
         access: {{ discovery: {read}, read: {read} }}\n"
    )
}

/// Two majors of one product, a foreign key across domains, a view, a private product, one whose store is down.
fn mesh(folder: &Path) {
    write(folder, "mesh.yaml", "apiVersion: meshweave/v1\nkind: Mesh\nname: acme\ncatalog: { source: folder }\n");
    for domain in ["commerce", "crm", "analytics"] {
        let text = format!(
            "apiVersion: meshweave/v1\nkind: Domain\nname: {domain}\nowner: {{ team: {domain}-team, contact: {domain}@example.com }}\n\
             storage:\n  - prefix: file://./data/{domain}/\n"
        );
        write(folder, &format!("domains/{domain}/domain.yaml"), &text);
    }
    let old = "      - { name: id, type: long, primary_key: true }\n";
    write(folder, "domains/commerce/orders/1.0.0.yaml", &product("commerce", "orders", "1.0.0", "public", old));
    let new = "      - { name: id, type: long, primary_key: true, description: The number on the bill }\n\
               \x20     - { name: customerId, type: string, references: crm.customers.customerId }\n\
               \x20     - { name: amount, type: double }\n";
    write(folder, "domains/commerce/orders/2.0.0.yaml", &product("commerce", "orders", "2.0.0", "public", new));
    let customers =
        "      - { name: customerId, type: string, primary_key: true }\n      - { name: city, type: string }\n";
    write(folder, "domains/crm/customers/1.0.0.yaml", &product("crm", "customers", "1.0.0", "public", customers));
    let broken = "      - { name: id, type: long }\n";
    write(folder, "domains/crm/broken/1.0.0.yaml", &product("crm", "broken", "1.0.0", "public", broken));
    write(folder, "domains/crm/secrets/1.0.0.yaml", &product("crm", "secrets", "1.0.0", "private", broken));
    let view = "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: by_city\n  domain: analytics\n  version: 1.0.0\n  \
                owner: { team: analytics-team, contact: a@example.com }\nspec:\n  sql: |\n    SELECT c.city, sum(o.amount) AS amount FROM commerce.orders o \
                JOIN crm.customers c ON o.customerId = c.customerId GROUP BY c.city\n  schema:\n    columns:\n      - { name: city, type: string }\n      \
                - { name: amount, type: double }\n  access: { discovery: public, read: public }\n";
    write(folder, "domains/analytics/by_city/1.0.0.yaml", view);
}

/// A running server over the mesh, as one principal sees it.
pub(crate) struct Mesh {
    pub(crate) engine: Arc<Engine>,
    memory: Arc<Memory>,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl Mesh {
    pub(crate) async fn start(teams: &[&str]) -> Self {
        Self::start_with(teams, Settings::default()).await
    }

    async fn start_with(teams: &[&str], settings: Settings) -> Self {
        let principal = Principal { user: "ada".into(), teams: teams.iter().map(|t| (*t).to_owned()).collect() };
        Self::serving(settings, Options::new(principal)).await
    }

    /// Who may read is decided by `policy`.
    pub(crate) async fn deciding(policy: Arc<dyn PolicyEngine>) -> Self {
        Self::whole(Settings::default(), Options::new(ada()), policy).await
    }

    /// The same with options of the server.
    pub(crate) async fn serving(settings: Settings, options: Options) -> Self {
        Self::whole(settings, options, Arc::new(AccessBlockPolicy)).await
    }

    async fn whole(settings: Settings, options: Options, policy: Arc<dyn PolicyEngine>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mesh(folder.path());
        let memory = Arc::new(Memory::default());
        let catalog = Catalog::open(folder.path(), &settings).await.unwrap();
        assert_eq!(catalog.snapshot().problems, []);
        let connector: Arc<dyn Connector> = Arc::clone(&memory) as Arc<dyn Connector>;
        let parts =
            Parts { mesh: folder.path().to_owned(), settings, connectors: Connectors::new([connector]), policy };
        let engine = Engine::with_catalog(parts, catalog).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        let served = Arc::clone(&engine);
        tasks.spawn(async move {
            serve(served, listener, options, std::future::pending()).await.unwrap();
        });
        Self { engine, memory, address, _folder: folder, _tasks: tasks }
    }

    pub(crate) async fn client(&self) -> Client {
        let channel = Channel::from_shared(self.address.clone()).unwrap().connect().await.unwrap();
        FlightSqlServiceClient::new(channel)
    }
}

async fn tables(client: &mut Client, request: CommandGetTables) -> RecordBatch {
    let info = client.get_tables(request).await.unwrap();
    let batches = fetch(client, &info).await.unwrap();
    arrow::compute::concat_batches(&Arc::new(info.try_decode_schema().unwrap()), &batches).unwrap()
}

#[tokio::test]
async fn products_are_listed_under_the_names_that_sql_knows() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let request = CommandGetTables { table_types: vec!["table".into(), "VIEW".into()], ..Default::default() };
    assert_eq!(
        show(&[tables(&mut client, request).await]),
        "mesh analytics by_city VIEW; mesh commerce orders TABLE; mesh commerce orders@1 TABLE; mesh crm broken TABLE; \
         mesh crm customers TABLE"
    );
    assert_eq!(rows(&mut client, "SELECT count(*) FROM commerce.\"orders@1\"").await, "2");
    assert_eq!(rows(&mut client, "SELECT count(*) FROM \"commerce\".\"orders\"").await, "3");
}

#[tokio::test]
async fn what_may_not_be_found_is_not_listed() {
    let secrets = || CommandGetTables { table_name_filter_pattern: Some("secret%".into()), ..Default::default() };
    let stranger = Mesh::start(&[]).await;
    assert_eq!(tables(&mut stranger.client().await, secrets()).await.num_rows(), 0);
    let owner = Mesh::start(&["crm-team"]).await;
    assert_eq!(show(&[tables(&mut owner.client().await, secrets()).await]), "mesh crm secrets TABLE");
}

#[tokio::test]
async fn every_listed_table_can_be_asked_and_sends_the_listed_columns() {
    let mesh = Mesh::start(&["crm-team"]).await;
    let mut client = mesh.client().await;
    let listed = tables(&mut client, CommandGetTables { include_schema: true, ..Default::default() }).await;
    assert!(listed.num_rows() > 10, "{}", listed.num_rows());
    for row in 0..listed.num_rows() {
        let (schema, table) =
            (listed.column(1).as_string::<i32>().value(row), listed.column(2).as_string::<i32>().value(row));
        let columns =
            Schema::try_from(IpcMessage(listed.column(4).as_binary::<i32>().value(row).to_vec().into())).unwrap();
        if table == "broken" {
            continue;
        }
        let info = client.execute(format!("SELECT * FROM \"{schema}\".\"{table}\""), None).await.unwrap();
        let sent = info.clone().try_decode_schema().unwrap();
        let types =
            |s: &Schema| s.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect::<Vec<_>>();
        assert_eq!(types(&sent), types(&columns), "{schema}.{table}");
        fetch(&mut client, &info).await.unwrap();
    }
}

#[tokio::test]
async fn a_product_whose_store_is_down_is_listed_and_only_its_queries_fail() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let FlightError::Tonic(status) = client.execute("SELECT * FROM crm.broken".into(), None).await.unwrap_err() else {
        panic!("not a status")
    };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("crm.broken"), "{}", status.message());
    assert_eq!(rows(&mut client, "SELECT count(*) FROM crm.customers").await, "2");
}

#[tokio::test]
async fn contracts_give_descriptions_and_keys() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let request = CommandGetTables {
        table_name_filter_pattern: Some("orders".into()),
        include_schema: true,
        ..Default::default()
    };
    let listed = tables(&mut client, request).await;
    let columns = Schema::try_from(IpcMessage(listed.column(4).as_binary::<i32>().value(0).to_vec().into())).unwrap();
    assert_eq!(columns.field(0).metadata()["ARROW:FLIGHT:SQL:REMARKS"], "The number on the bill");
    let orders = || ("orders".to_owned(), Some("commerce".to_owned()));
    let customers = || ("customers".to_owned(), Some("crm".to_owned()));
    let (table, db_schema) = orders();
    let info = client.get_primary_keys(CommandGetPrimaryKeys { catalog: None, db_schema, table }).await.unwrap();
    assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "mesh commerce orders id 1 orders_pkey");
    let foreign = "mesh crm customers customerId mesh commerce orders customerId 1 orders_fkey1 customers_pkey 3 3";
    let (table, db_schema) = orders();
    let imported = client.get_imported_keys(CommandGetImportedKeys { catalog: None, db_schema, table }).await.unwrap();
    let (table, db_schema) = customers();
    let exported = client.get_exported_keys(CommandGetExportedKeys { catalog: None, db_schema, table }).await.unwrap();
    let cross =
        CommandGetCrossReference { pk_table: "customers".into(), fk_table: "orders".into(), ..Default::default() };
    let cross = client.get_cross_reference(cross).await.unwrap();
    for info in [imported, exported, cross] {
        assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), foreign);
    }
    let (table, db_schema) = customers();
    let none = client.get_imported_keys(CommandGetImportedKeys { catalog: None, db_schema, table }).await.unwrap();
    assert_eq!(show(&fetch(&mut client, &none).await.unwrap()), "");
}

#[tokio::test]
async fn a_join_across_domains_with_a_bound_parameter() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let sql = "SELECT c.city, o.id FROM commerce.orders o JOIN crm.customers c ON o.customerId = c.customerId \
               WHERE c.city = $1 ORDER BY o.id";
    let mut statement = client.prepare(sql.into(), None).await.unwrap();
    assert_eq!(statement.parameter_schema().unwrap().fields().len(), 1);
    let cities = RecordBatch::try_from_iter([("city", text(&["Rome", "Oslo"]))]).unwrap();
    statement.set_parameters(cities).unwrap();
    let info = statement.execute().await.unwrap();
    assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "Rome 2; Oslo 1; Oslo 3");
}

#[tokio::test]
async fn the_fetch_reads_the_versions_of_the_plan() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let info = client.execute("SELECT amount FROM commerce.orders WHERE id = 3".into(), None).await.unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&info.app_metadata).unwrap();
    assert_eq!(metadata["versions"]["products"], serde_json::json!({"commerce.orders@2": {"delta": 0}}));
    mesh.memory.version.store(9, Ordering::SeqCst);
    assert_eq!(show(&fetch(&mut client, &info).await.unwrap()), "0.0");
    assert_eq!(rows(&mut client, "SELECT amount FROM commerce.orders WHERE id = 3").await, "9.0");
}

#[tokio::test]
async fn the_schema_header_completes_names() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    client.set_header("schema", "crm");
    assert_eq!(rows(&mut client, "SELECT count(*) FROM customers").await, "2");
}

#[tokio::test]
async fn refusals_come_as_their_codes() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let cases = BTreeMap::from([
        ("SELECT * FROM commerce.order", Code::NotFound),
        ("SELECT * FROM crm.secrets", Code::NotFound),
        ("SELECT nothing FROM commerce.orders", Code::NotFound),
        ("SELEC 1", Code::InvalidArgument),
        ("DELETE FROM commerce.orders", Code::Unimplemented),
        ("CREATE TABLE commerce.x (a INT)", Code::Unimplemented),
    ]);
    for (sql, code) in cases {
        let error = client.execute(sql.into(), None).await.unwrap_err();
        let FlightError::Tonic(status) = error else { panic!("{sql}: {error}") };
        assert_eq!(status.code(), code, "{sql}: {}", status.message());
    }
}

/// The status that fetching a statement's rows ends with.
async fn ended(client: &mut Client, sql: &str) -> tonic::Status {
    let info = client.execute(sql.into(), None).await.unwrap();
    match fetch(client, &info).await.unwrap_err() {
        FlightError::Tonic(status) => *status,
        other => panic!("{sql}: {other}"),
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_ends_with_a_limit_and_never_looks_whole() {
    let mut settings = Settings::default();
    settings.limits.result_rows = Some(2);
    let mesh = Mesh::start_with(&[], settings).await;
    let mut client = mesh.client().await;
    assert_eq!(rows(&mut client, "SELECT city FROM crm.customers ORDER BY city").await, "Oslo; Rome");
    let status = ended(&mut client, "SELECT id FROM commerce.orders").await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("more than 2 rows, the limit of limits.result_rows"), "{}", status.message());
}

#[tokio::test]
async fn an_analyzed_statement_tells_what_it_cost() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    let told = rows(&mut client, "EXPLAIN ANALYZE SELECT id FROM commerce.orders WHERE id > 1").await;
    assert!(told.starts_with("commerce.orders@2 domain: commerce\n"), "{told}");
    assert!(told.contains("\nbytes read: 0\nrequests: 0; totals rows: 2\n"), "{told}");
    assert!(told.contains("; Plan with Metrics "), "{told}");
}
