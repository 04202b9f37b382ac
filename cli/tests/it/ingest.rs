//! Rows for a product: from files by the command, over the wire by clients, and by a real driver.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow_flight::error::FlightError;
use arrow_flight::sql::CommandStatementIngest;
use arrow_flight::sql::TableDefinitionOptions;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::{StreamExt as _, stream};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::Channel;

use crate::mesh::{Mesh, contract, path};
use crate::meshweave::{command, run_with_input};

/// `shop.things`, a Delta table that takes rows from its owner and from `tills`; and `shop.others`, which takes none.
fn shop() -> Mesh {
    let mesh = Mesh::empty();
    let text = |name: &str, ports: &str| {
        format!(
            "apiVersion: datamesh.io/v1\nkind: DataProduct\nmetadata:\n  name: {name}\n  domain: shop\n  version: 1.0.0\nspec:\n  \
             storage: {{ format: delta, location: \"file://./data/shop/{name}/\" }}\n  schema:\n    columns:\n      \
             - {{ name: id, type: long, nullable: false, primary_key: true }}\n      \
             - {{ name: label, type: string, enum: [one, two, three] }}\n      - {{ name: day, type: date }}\n  \
             {ports}\n  access: {{ discovery: public, read: public }}\n"
        )
    };
    let ingest = "input_ports: [{ name: till, type: ingest, writers: [tills] }]";
    mesh.run(&["register", &mesh.file("things.yaml", &text("things", ingest))]).ok();
    mesh.run(&["register", &mesh.file("others.yaml", &text("others", "quota: { concurrent_queries: 4 }"))]).ok();
    mesh
}

const ROWS: &str = "SELECT id, label, CAST(day AS VARCHAR) AS day FROM shop.things ORDER BY id";

fn batch(first: i64, rows: i64) -> RecordBatch {
    let labels: StringArray = (0..rows).map(|_| Some("one")).collect();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("ID", Arc::new(Int64Array::from_iter_values(first..first + rows))), ("label", Arc::new(labels))];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Every file of the product beside its log.
fn files(mesh: &Mesh) -> Vec<PathBuf> {
    let folder = mesh.0.path().join("data/shop/things");
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let all = found.map(|entry| entry.unwrap().path());
    all.filter(|path| path.is_file()).collect()
}

/// The newest entry of the product's log.
fn version(mesh: &Mesh) -> usize {
    let log = std::fs::read_dir(mesh.0.path().join("data/shop/things/_delta_log")).unwrap();
    log.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "json")).count() - 1
}

#[test]
fn files_of_every_format_are_added() {
    let mesh = shop();
    let csv = mesh.file("a.csv", "day,ID,label\n2024-01-31,1,one\n,2,\n");
    let added = mesh.run(&["ingest", "shop.things", &csv]).ok();
    assert_eq!(added, "2 rows added to shop.things@1, which has them since version 0\n");
    let lines = mesh.file("b.ndjson", "{\"id\": 3}\n{\"id\": 4, \"label\": \"two\", \"day\": \"2024-02-01\"}\n");
    let told = mesh.run(&["ingest", "shop.things", &lines, "-o", "json"]).json();
    assert_eq!((&told["rows"], &told["version"], &told["files"]), (&json!(2), &json!(1), &json!(1)), "{told}");
    let made = |name: &str| mesh.0.path().join(name);
    let mut parquet =
        ArrowWriter::try_new(File::create(made("c.parquet")).unwrap(), batch(5, 2).schema(), None).unwrap();
    parquet.write(&batch(5, 2)).unwrap();
    parquet.close().unwrap();
    let mut file = FileWriter::try_new(File::create(made("d.arrow")).unwrap(), &batch(7, 1).schema()).unwrap();
    file.write(&batch(7, 1)).unwrap();
    file.finish().unwrap();
    let mut stream = StreamWriter::try_new(File::create(made("e.rows")).unwrap(), &batch(8, 1).schema()).unwrap();
    stream.write(&batch(8, 1)).unwrap();
    stream.finish().unwrap();
    mesh.run(&["ingest", "shop.things", path(&made("c.parquet"))]).ok();
    mesh.run(&["ingest", "shop.things@1", path(&made("d.arrow"))]).ok();
    mesh.run(&["ingest", "SHOP.Things", path(&made("e.rows")), "--format", "arrow"]).ok();
    let piped = ["--mesh", path(mesh.0.path()), "ingest", "shop.things", "--format", "csv"];
    run_with_input(&piped, "id\n9\n").ok();
    let none = mesh.file("none.csv", "id\n");
    assert_eq!(mesh.run(&["ingest", "shop.things", &none]).ok(), "0 rows added to shop.things@1\n");
    assert_eq!(version(&mesh), 5);
    assert_eq!(
        mesh.rows(ROWS),
        json!([
            { "id": 1, "label": "one", "day": "2024-01-31" }, { "id": 2, "label": null, "day": null },
            { "id": 3, "label": null, "day": null }, { "id": 4, "label": "two", "day": "2024-02-01" },
            { "id": 5, "label": "one", "day": null }, { "id": 6, "label": "one", "day": null },
            { "id": 7, "label": "one", "day": null }, { "id": 8, "label": "one", "day": null },
            { "id": 9, "label": null, "day": null },
        ])
    );
    let queries = mesh.rows(
        "SELECT count(*) AS n FROM mesh.queries WHERE statement = 'INGEST INTO shop.things' AND outcome = 'finished'",
    );
    assert_eq!(queries, json!([{ "n": 5 }]), "as they were typed: two named the product in other words");
}

#[test]
fn what_is_wrong_is_told_with_its_row_and_nothing_is_added() {
    let mesh = shop();
    mesh.run(&["ingest", "shop.things", &mesh.file("a.csv", "id,label\n1,one\n")]).ok();
    let before = (files(&mesh), version(&mesh));
    for (name, text, code, expected) in [
        (
            "b.csv",
            "id,label\n2,one\n3,four\n3,two\n",
            2,
            "\"label\" is none of the allowed values (row 2); \"id\" comes more than once (row 3)",
        ),
        ("c.csv", "id,labl\n2,one\n", 2, "the contract has no column \"labl\" (did you mean \"label\"?)"),
        ("d.csv", "label\none\n", 2, "the column \"id\" is missing, and is never null"),
        ("e.csv", "id,label\n2,one\nx,two\n", 6, "e.csv\" line 3: column \"id\" is no int64"),
        ("f.json", "{\"id\": 2}\n{\"id\": null}\n", 2, "\"id\" is null (row 2)"),
        ("g.txt", "id\n", 2, "does not tell its format"),
        ("h.parquet", "no parquet", 6, "h.parquet"),
        ("i.arrow", "no arrow", 2, "is no file of the format arrow"),
    ] {
        let ran = mesh.run(&["ingest", "shop.things", &mesh.file(name, text)]);
        assert!(ran.failed(code).contains(expected), "{name}: {}", ran.stderr);
    }
    let late: String = (2..5000).map(|id| format!("{{\"id\": {id}}}\n")).collect();
    let late = mesh.file("late.json", &format!("{late}{{\"id\": 1, \"more\": 1}}\n"));
    let mut small = command(&["--mesh", path(mesh.0.path()), "ingest", "shop.things", &late]);
    let ran = crate::meshweave::finish(small.env("MESHWEAVE_LIMITS__SCHEMA_SAMPLE", "1KiB"));
    assert!(ran.failed(2).contains("the contract has no column \"more\""), "{}", ran.stderr);
    let missing = mesh.run(&["ingest", "shop.things", "nowhere.csv"]);
    assert!(missing.failed(2).contains("nowhere.csv cannot be read"), "{}", missing.stderr);
    assert_eq!((files(&mesh), version(&mesh)), before);
}

#[test]
fn who_may_not_and_what_takes_none() {
    let mesh = shop();
    let rows = mesh.file("a.csv", "id\n1\n");
    let denied = mesh.run(&["ingest", "shop.things", &rows, "--as", "guest", "-o", "json"]).error(4);
    assert_eq!(denied["message"], "guest may not add rows to shop.things: it is open to the teams shop-team, tills");
    let unopened = mesh.run(&["ingest", "shop.things", "nowhere.csv", "--as", "guest"]);
    assert!(unopened.failed(4).contains("may not add rows"), "the file is not looked at before: {}", unopened.stderr);
    mesh.run(&["ingest", "shop.things", &rows, "--as", "till7@tills"]).ok();
    let refused = mesh.run(&["ingest", "shop.others", &rows, "-o", "json"]).error(2);
    assert_eq!(
        refused["message"],
        "shop.others does not take these rows: its contract has no input port of the type `ingest`"
    );
    assert_eq!(refused["product"], "shop.others");
    assert!(refused["hint"].as_str().unwrap().contains("input_ports"), "{refused}");
    mesh.run(&["register", &mesh.file("plain.yaml", &contract("plain", "1.0.0"))]).ok();
    mesh.run(&["ingest", "shop.plain", &rows]).failed(2);
    mesh.run(&["ingest", "shop.nothing", &rows]).failed(7);
    mesh.run(&["ingest", "mesh.products", &rows]).failed(2);
    mesh.run(&["ingest", "things", &rows]).failed(2);
    assert_eq!(version(&mesh), 0);
    let told = mesh.run(&["describe", "shop.things"]).ok();
    assert!(told.contains("till") && told.contains("ingest") && told.contains("tills"), "{told}");
}

/// A server over a mesh; it is killed by its pid in the end.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(mesh: &Mesh, variables: &[(&str, &str)]) -> Self {
        let args = ["--mesh", path(mesh.0.path()), "serve", "--listen", "127.0.0.1:0", "--output", "json"];
        let mut child = command(&args).envs(variables.iter().copied()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["flight_sql"].as_str().unwrap().split_once("://").unwrap().1.to_owned();
        Self { child, address }
    }

    async fn client(&self) -> FlightSqlServiceClient<Channel> {
        let channel = Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap();
        FlightSqlServiceClient::new(channel)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn into(schema: &str, table: &str, (if_not_exist, if_exists): (i32, i32)) -> CommandStatementIngest {
    let table_definition_options = Some(TableDefinitionOptions { if_not_exist, if_exists });
    let (schema, table) = (Some(schema.to_owned()), table.to_owned());
    CommandStatementIngest { table_definition_options, schema, table, ..Default::default() }
}

const APPEND: (i32, i32) = (2, 2);

fn code(outcome: Result<i64, FlightError>) -> (Code, String) {
    match outcome {
        Err(FlightError::Tonic(status)) => (status.code(), status.message().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_append_over_the_wire() {
    let mesh = shop();
    let server = Server::start(&mesh, &[]);
    let mut client = server.client().await;
    let send = async |client: &mut FlightSqlServiceClient<Channel>, command, batches: Vec<RecordBatch>| {
        client.execute_ingest(command, stream::iter(batches.into_iter().map(Ok))).await
    };
    let things = || into("shop", "things", APPEND);
    assert_eq!(send(&mut client, things(), vec![batch(1, 3), batch(4, 2)]).await.unwrap(), 5);
    assert_eq!(
        crate::server::rows(&mut client, "SELECT * FROM shop.things").await.unwrap(),
        5,
        "the next query sees them"
    );
    let in_catalog = CommandStatementIngest { catalog: Some("mesh".to_owned()), ..things() };
    assert_eq!(send(&mut client, in_catalog, vec![batch(6, 1)]).await.unwrap(), 1);
    assert_eq!(send(&mut client, things(), vec![batch(1, 0)]).await.unwrap(), 0);
    let before = (files(&mesh), version(&mesh));
    assert_eq!(before.1, 1);

    let (denied, message) = code(send(&mut client, things(), vec![batch(7, 2), batch(7, 1)]).await);
    assert_eq!(denied, Code::InvalidArgument);
    assert!(message.contains("\"id\" comes more than once (row 3)"), "{message}");
    for (command, expected) in [
        (into("shop", "things", (1, 1)), Code::InvalidArgument),
        (into("shop", "things", (1, 3)), Code::InvalidArgument),
        (into("shop", "things", (1, 2)), Code::InvalidArgument),
        (into("shop", "others", APPEND), Code::InvalidArgument),
        (into("shop", "nothing", APPEND), Code::NotFound),
        (into("mesh", "products", APPEND), Code::InvalidArgument),
        (CommandStatementIngest { temporary: true, ..things() }, Code::InvalidArgument),
        (CommandStatementIngest { transaction_id: Some("t".into()), ..things() }, Code::Unimplemented),
        (CommandStatementIngest { catalog: Some("other".to_owned()), ..things() }, Code::NotFound),
    ] {
        assert_eq!(code(send(&mut client, command.clone(), vec![batch(8, 1)]).await).0, expected, "{command:?}");
    }
    assert_eq!((files(&mesh), version(&mesh)), before);

    let mut others = (server.client().await, server.client().await);
    let both = futures::join!(
        others.0.execute_ingest(things(), stream::iter([Ok(batch(10, 3))])),
        others.1.execute_ingest(things(), stream::iter([Ok(batch(20, 4))])),
    );
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (3, 4));
    assert_eq!(crate::server::rows(&mut client, "SELECT * FROM shop.things").await.unwrap(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_the_right_is_refused_over_the_wire() {
    let mesh = shop();
    mesh.file("meshweave.yaml", "principal:\n  user: guest\n  teams: [guests]\n");
    let server = Server::start(&mesh, &[]);
    let mut client = server.client().await;
    let outcome = client.execute_ingest(into("shop", "things", APPEND), stream::iter([Ok(batch(1, 1))])).await;
    let (code, message) = code(outcome);
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.starts_with("guest may not add rows to shop.things"), "{message}");
    assert!(files(&mesh).is_empty() && !mesh.0.path().join("data/shop/things/_delta_log").exists());
}

/// Waits for what a server does by itself; the clock only guards.
async fn until(holds: impl Fn() -> bool + Send + Sync) {
    let waits = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waits).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_while_it_sends_leaves_nothing() {
    let mesh = shop();
    // Little memory makes files of the rows as they come.
    let server = Server::start(&mesh, &[("MESHWEAVE_LIMITS__INGEST_MEMORY", "1KiB")]);
    let mut client = server.client().await;
    client.execute_ingest(into("shop", "things", APPEND), stream::iter([Ok(batch(0, 1))])).await.unwrap();
    let before = files(&mesh);
    assert_eq!(before.len(), 1);
    let address = format!("http://{}", server.address);
    // A process that is killed closes its connections: here a runtime that ends.
    let killed = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.spawn(async move {
            let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
            let rows = stream::iter((1..20).map(|n| Ok(batch(n * 100, 100)))).chain(stream::pending());
            let _ = FlightSqlServiceClient::new(channel).execute_ingest(into("shop", "things", APPEND), rows).await;
        });
        runtime
    });
    let runtime = killed.join().unwrap();
    until(|| files(&mesh).len() > 5).await;
    runtime.shutdown_background();
    until(|| files(&mesh) == before).await;
    assert_eq!(version(&mesh), 0);
    assert_eq!(crate::server::rows(&mut client, "SELECT * FROM shop.things").await.unwrap(), 1);
}

#[test]
fn an_interrupted_command_leaves_nothing() {
    let mesh = shop();
    let rows: String = (0..200_000).map(|id| format!("{id},one\n")).collect();
    let rows = mesh.file("many.csv", &format!("id,label\n{rows}"));
    let args = ["--mesh", path(mesh.0.path()), "ingest", "shop.things", &rows];
    let mut child = command(&args).env("MESHWEAVE_LIMITS__INGEST_MEMORY", "1KiB").spawn().unwrap();
    while files(&mesh).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its first file");
        std::thread::yield_now();
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(files(&mesh), Vec::<PathBuf>::new());
    assert!(!Path::new(&mesh.0.path().join("data/shop/things/_delta_log")).exists());
}

/// What the driver is told to do: append, read, and meet refusals.
const DRIVER: &str = r#"
import sys
import pyarrow
import adbc_driver_flightsql.dbapi as flight

table = pyarrow.table({"id": pyarrow.array(range(1000), pyarrow.int32()), "label": ["two"] * 1000})
with flight.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    print(cursor.adbc_ingest("things", table, mode="append", db_schema_name="shop"))
    cursor.execute("SELECT count(*), max(label) FROM shop.things")
    print(cursor.fetchall())
    for mode in ["create", "replace", "create_append"]:
        try:
            cursor.adbc_ingest("things", table, mode=mode, db_schema_name="shop")
            print("taken")
        except connection.ProgrammingError as error:
            print(mode, "INVALID_ARGUMENT" in str(error) or "InvalidArgument" in str(error))
"#;

#[test]
fn a_real_driver_ingests() {
    let mesh = shop();
    let server = Server::start(&mesh, &[]);
    let script = mesh.file("ingest.py", DRIVER);
    let python = meshweave_test_peers::python().unwrap();
    let ran = Command::new(python).arg(&script).arg(format!("grpc://{}", server.address)).output().unwrap();
    let (told, complaints) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        ["1000", "[(1000, 'two')]", "create True", "replace True", "create_append True"],
        "{complaints}"
    );
}
