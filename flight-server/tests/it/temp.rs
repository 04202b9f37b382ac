//! Temporary tables over the wire: every road that writes, exactly once, and who sees what was written.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, CommandGetTables,
    CommandPreparedStatementUpdate, CommandStatementIngest, DoPutUpdateResult, ProstMessageExt, TableDefinitionOptions,
};
use arrow_flight::{Action, FlightData, FlightDescriptor};
use futures::{StreamExt, TryStreamExt, stream};
use meshweave_engine::settings::{ByteSize, Settings};
use meshweave_flight_server::Options;
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::mesh::Mesh;
use crate::small::{Client, ada, fetch, rows, show};

async fn login(mesh: &Mesh) -> Client {
    let mut client = mesh.client().await;
    client.handshake("ada", "anything").await.unwrap();
    client
}

fn status(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("{other}"),
    }
}

/// Create, append, replace, create and append: the two numbers that a driver sends for each.
const CREATE: (i32, i32) = (1, 1);
const APPEND: (i32, i32) = (2, 2);
const REPLACE: (i32, i32) = (1, 3);
const CREATE_APPEND: (i32, i32) = (1, 2);

fn ingest(table: &str, (if_not_exist, if_exists): (i32, i32)) -> CommandStatementIngest {
    let options = TableDefinitionOptions { if_not_exist, if_exists };
    CommandStatementIngest { table_definition_options: Some(options), table: table.to_owned(), ..Default::default() }
}

async fn send(client: &Client, command: CommandStatementIngest, batches: Vec<RecordBatch>) -> Result<i64, Status> {
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let messages = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor))
        .build(stream::iter(batches.into_iter().map(Ok)))
        .map(|message| message.unwrap());
    let mut request = Request::new(messages);
    let bearer = format!("Bearer {}", client.token().unwrap());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let mut raw: FlightServiceClient<Channel> = client.inner().clone();
    let answers: Vec<_> = raw.do_put(request).await?.into_inner().try_collect().await?;
    Ok(DoPutUpdateResult::decode(&*answers[0].app_metadata).unwrap().record_count)
}

fn people(names: &[&str]) -> RecordBatch {
    let ids = Int64Array::from_iter_values(1..=names.len() as i64);
    let coded: DictionaryArray<Int32Type> = names.iter().copied().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(ids)), ("name", Arc::new(coded))];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test]
async fn statements_that_write_run_on_the_update_road() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    for (sql, count) in [
        ("CREATE TABLE temp.t (id BIGINT, name VARCHAR)", 0),
        ("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", 3),
        ("UPDATE t SET name = 'z' WHERE id > 1", 2),
        ("DELETE FROM t WHERE id = 1", 1),
    ] {
        assert_eq!(client.execute_update(sql.into(), None).await.unwrap(), count, "{sql}");
    }
    assert_eq!(rows(&mut client, "SELECT * FROM t ORDER BY id").await, "2 z; 3 z");
    assert_eq!(client.execute_update("DROP TABLE t".into(), None).await.unwrap(), 0);
    let gone = status(client.execute("SELECT * FROM temp.t".into(), None).await.unwrap_err());
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn on_the_query_road_they_run_once_and_only_when_fetched() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    assert_eq!(rows(&mut client, "CREATE TABLE t AS SELECT customerId FROM crm.customers").await, "2");
    let info = client.execute("INSERT INTO t VALUES ('cy')".into(), None).await.unwrap();
    let announced = info.clone().try_decode_schema().unwrap();
    assert_eq!((announced.field(0).name().as_str(), announced.field(0).data_type()), ("count", &DataType::Int64));
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t").await, "2", "nothing runs before it is fetched");
    let batches = fetch(&mut client, &info).await.unwrap();
    assert_eq!(batches[0].schema().as_ref(), &announced);
    assert_eq!(show(&batches), "1");
    let again = status(fetch(&mut client, &info).await.unwrap_err());
    assert_eq!(again.code(), Code::FailedPrecondition, "{}", again.message());
    assert_eq!(rows(&mut client, "SELECT count(*) FROM t").await, "3");
    let joined = "SELECT c.city FROM crm.customers c JOIN temp.t ON t.customerId = c.customerId ORDER BY 1";
    assert_eq!(rows(&mut client, joined).await, "Oslo; Rome");
}

#[tokio::test]
async fn a_prepared_statement_that_writes_takes_many_rows() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    client.execute_update("CREATE TABLE t (id BIGINT, name VARCHAR)".into(), None).await.unwrap();
    let mut insert = client.prepare("INSERT INTO t VALUES (?, ?)".into(), None).await.unwrap();
    let parameters = insert.parameter_schema().unwrap();
    let types: Vec<_> = parameters.fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int64, DataType::Utf8]);
    insert.set_parameters(people(&["a", "b", "c"])).unwrap();
    assert_eq!(insert.execute_update().await.unwrap(), 3);
    let mut delete = client.prepare("DELETE FROM t WHERE id = $1".into(), None).await.unwrap();
    let ids = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1, 3, 9])) as ArrayRef)]).unwrap();
    delete.set_parameters(ids).unwrap();
    assert_eq!(delete.execute_update().await.unwrap(), 2);
    assert_eq!(rows(&mut client, "SELECT * FROM t").await, "2 b");
}

/// The fields of the answer to CreatePreparedStatement, as a driver of tomorrow reads them.
#[derive(Clone, PartialEq, Message)]
struct Prepared {
    #[prost(bytes, tag = "2")]
    dataset_schema: Vec<u8>,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

#[tokio::test]
async fn a_driver_is_told_which_road_a_prepared_statement_takes() {
    let mesh = Mesh::start(&[]).await;
    for (agent, columns_of_updates) in [("ADBC Flight SQL Driver v1.13", true), ("JDBC Flight SQL Driver v18", false)] {
        let channel = Channel::from_shared(mesh.address.clone()).unwrap().user_agent(agent).unwrap();
        let mut raw = FlightServiceClient::new(channel.connect().await.unwrap());
        for (sql, is_update) in [("CREATE TABLE t (a INT)", true), ("SELECT 1", false)] {
            let request = ActionCreatePreparedStatementRequest { query: sql.into(), transaction_id: None };
            let body = request.as_any().encode_to_vec().into();
            let mut request = Request::new(Action { r#type: "CreatePreparedStatement".into(), body });
            request.metadata_mut().insert("authorization", "Bearer mine".parse().unwrap());
            let answers: Vec<_> = raw.do_action(request).await.unwrap().into_inner().try_collect().await.unwrap();
            let any = Any::decode(&*answers[0].body).unwrap();
            assert!(any.type_url.ends_with(".ActionCreatePreparedStatementResult"), "{}", any.type_url);
            let prepared = Prepared::decode(&*any.value).unwrap();
            assert_eq!(prepared.is_update, Some(is_update), "{agent} {sql}");
            assert_eq!(prepared.dataset_schema.is_empty(), is_update && !columns_of_updates, "{agent} {sql}");
        }
    }
}

#[tokio::test]
async fn rows_are_taken_in_by_every_mode() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    let code = |sent: Result<i64, Status>| sent.unwrap_err().code();
    assert_eq!(code(send(&client, ingest("people", APPEND), vec![people(&["a"])]).await), Code::NotFound);
    assert_eq!(send(&client, ingest("people", CREATE), vec![people(&["a", "b"]), people(&["c"])]).await.unwrap(), 3);
    assert_eq!(code(send(&client, ingest("people", CREATE), vec![people(&["a"])]).await), Code::AlreadyExists);
    assert_eq!(send(&client, ingest("people", APPEND), vec![people(&["d"])]).await.unwrap(), 1);
    assert_eq!(send(&client, ingest("people", CREATE_APPEND), vec![people(&["e"])]).await.unwrap(), 1);
    assert_eq!(rows(&mut client, "SELECT name FROM people ORDER BY name").await, "a; b; c; d; e");
    assert_eq!(send(&client, ingest("people", REPLACE), vec![people(&["z"])]).await.unwrap(), 1);
    assert_eq!(rows(&mut client, "SELECT id, name FROM temp.people").await, "1 z");
    let places = [(None, Some("temp"), true), (Some("mesh"), Some(""), false), (Some("mesh"), Some("temp"), false)];
    for (catalog, schema, temporary) in places {
        let (catalog, schema) = (catalog.map(str::to_owned), schema.map(str::to_owned));
        let command = CommandStatementIngest { catalog, schema, temporary, ..ingest("people", APPEND) };
        assert_eq!(send(&client, command, vec![people(&["y"])]).await.unwrap(), 1);
    }
    for (catalog, schema, expected) in
        [(Some("other"), None, Code::NotFound), (None, Some("commerce"), Code::PermissionDenied)]
    {
        let (catalog, schema) = (catalog.map(str::to_owned), schema.map(str::to_owned));
        let command = CommandStatementIngest { catalog, schema, ..ingest("orders", APPEND) };
        assert_eq!(code(send(&client, command, vec![people(&["y"])]).await), expected);
    }
    let unsaid = CommandStatementIngest { table_definition_options: None, ..ingest("people", APPEND) };
    assert_eq!(code(send(&client, unsaid, vec![people(&["y"])]).await), Code::InvalidArgument);
    let many = CommandStatementIngest { transaction_id: Some("tx".into()), ..ingest("people", APPEND) };
    assert_eq!(code(send(&client, many, vec![people(&["y"])]).await), Code::Unimplemented);
    let options = HashMap::from([("anything".to_owned(), "goes".to_owned())]);
    let with_options = CommandStatementIngest { options, ..ingest("people", APPEND) };
    assert_eq!(send(&client, with_options, vec![people(&[])]).await.unwrap(), 0);
}

#[tokio::test]
async fn rows_that_break_off_leave_nothing_behind() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    let descriptor = FlightDescriptor::new_cmd(ingest("people", CREATE).as_any().encode_to_vec());
    let mut messages: Vec<_> = FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(descriptor))
        .build(stream::iter([Ok(people(&["a", "b"])), Ok(people(&["c"]))]))
        .try_collect()
        .await
        .unwrap();
    let last = messages.last_mut().unwrap();
    last.data_body = last.data_body.slice(..last.data_body.len() / 2);
    let mut request = Request::new(stream::iter(messages));
    let bearer = format!("Bearer {}", client.token().unwrap());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let answer = client.inner().clone().do_put(request).await;
    let refused = match answer {
        Err(status) => status,
        Ok(answer) => answer.into_inner().message().await.unwrap_err(),
    };
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert_eq!(status(client.execute("SELECT * FROM people".into(), None).await.unwrap_err()).code(), Code::NotFound);
    assert_eq!(mesh.engine.reserved_bytes(), 0);
}

async fn temporary(client: &mut Client, words: &[&str]) -> String {
    let table_types = words.iter().map(|word| (*word).to_owned()).collect();
    let request = CommandGetTables { table_types, ..Default::default() };
    let info = client.get_tables(request).await.unwrap();
    show(&fetch(client, &info).await.unwrap())
}

#[tokio::test]
async fn only_the_session_lists_and_reads_its_tables() {
    let mesh = Mesh::start(&[]).await;
    let (mut client, mut stranger) = (login(&mesh).await, login(&mesh).await);
    client.execute_update("CREATE TABLE mine AS SELECT 1 AS x".into(), None).await.unwrap();
    for words in [["TEMPORARY TABLE"], ["local temporary"]] {
        assert_eq!(temporary(&mut client, &words).await, "mesh temp mine TEMPORARY TABLE");
        assert_eq!(temporary(&mut stranger, &words).await, "");
    }
    assert!(!temporary(&mut client, &["TABLE", "VIEW", "SYSTEM TABLE"]).await.contains("mine"));
    let schemas = "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'temp'";
    assert_eq!((rows(&mut client, schemas).await, rows(&mut stranger, schemas).await), ("temp".into(), String::new()));
    assert_eq!(
        status(stranger.execute("SELECT * FROM temp.mine".into(), None).await.unwrap_err()).code(),
        Code::NotFound
    );
    // What the session asks for can be fetched on a connection without it: the ticket knows the session.
    let info = client.execute("SELECT * FROM mine".into(), None).await.unwrap();
    assert_eq!(show(&fetch(&mut mesh.client().await, &info).await.unwrap()), "1");
}

#[tokio::test]
async fn without_a_session_there_is_no_temporary_table() {
    let mesh = Mesh::start(&[]).await;
    let mut client = mesh.client().await;
    for refused in [
        client.execute_update("CREATE TABLE t (a INT)".into(), None).await.unwrap_err().to_string(),
        client.execute("CREATE TABLE t (a INT)".into(), None).await.unwrap_err().to_string(),
    ] {
        assert!(refused.contains("without a session"), "{refused}");
    }
    assert_eq!(rows(&mut client, "SELECT count(*) FROM crm.customers").await, "2");
}

/// The JDBC driver logs in only when it is told to, keeps every cookie, and may begin with a statement that writes.
#[tokio::test]
async fn a_client_that_keeps_cookies_has_a_session_from_its_first_call_on() {
    let mesh = Mesh::start(&[]).await;
    let channel = Channel::from_shared(mesh.address.clone()).unwrap().user_agent("grpc-java-netty/1.63.0").unwrap();
    let mut raw = FlightServiceClient::new(channel.connect().await.unwrap());
    let request =
        ActionCreatePreparedStatementRequest { query: "CREATE TABLE t AS SELECT 7 AS x".into(), transaction_id: None };
    let body = request.as_any().encode_to_vec().into();
    let answer = raw.do_action(Action { r#type: "CreatePreparedStatement".into(), body }).await.unwrap();
    let cookie = answer.metadata().get("set-cookie").unwrap().to_str().unwrap().to_owned();
    let answers: Vec<_> = answer.into_inner().try_collect().await.unwrap();
    let any = Any::decode(&*answers[0].body).unwrap();
    let created: ActionCreatePreparedStatementResult = any.unpack().unwrap().unwrap();
    let command = CommandPreparedStatementUpdate { prepared_statement_handle: created.prepared_statement_handle };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let first = FlightData { flight_descriptor: Some(descriptor), ..FlightData::default() };
    let mut update = Request::new(stream::iter([first]));
    update.metadata_mut().insert("cookie", cookie.parse().unwrap());
    let answers: Vec<_> = raw.do_put(update).await.unwrap().into_inner().try_collect().await.unwrap();
    assert_eq!(DoPutUpdateResult::decode(&*answers[0].app_metadata).unwrap().record_count, 1);
    let mut client = mesh.client().await;
    client.set_header("cookie", &cookie);
    assert_eq!(rows(&mut client, "SELECT x FROM temp.t").await, "7");
}

#[tokio::test]
async fn the_end_of_a_session_frees_what_it_held() {
    let mesh = Mesh::start(&[]).await;
    let mut client = login(&mesh).await;
    let sql = "CREATE TABLE t AS SELECT * FROM generate_series(1, 100000) AS s(i)";
    assert_eq!(client.execute_update(sql.into(), None).await.unwrap(), 100_000);
    assert!(mesh.engine.reserved_bytes() >= 800_000, "{}", mesh.engine.reserved_bytes());
    let mut request = Request::new(Action { r#type: "CloseSession".into(), body: Default::default() });
    let bearer = format!("Bearer {}", client.token().unwrap());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    client.inner().clone().do_action(request).await.unwrap();
    assert_eq!(mesh.engine.reserved_bytes(), 0);
    assert_eq!(status(client.execute("SELECT * FROM temp.t".into(), None).await.unwrap_err()).code(), Code::NotFound);
}

#[tokio::test]
async fn a_session_holds_no_more_than_its_quota() {
    let mut settings = Settings::default();
    settings.sessions.temp_memory = ByteSize(100_000);
    let mesh = Mesh::serving(settings, Options::new(ada())).await;
    let mut client = login(&mesh).await;
    let sql = "CREATE TABLE t AS SELECT * FROM generate_series(1, 100000) AS s(i)";
    let refused = status(client.execute_update(sql.into(), None).await.unwrap_err());
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("sessions.temp_memory"), "{}", refused.message());
    let names: Vec<String> = (0..20_000).map(|i| format!("somebody called {i}")).collect();
    let column: ArrayRef = Arc::new(StringArray::from(names));
    let batch = RecordBatch::try_from_iter([("name", column)]).unwrap();
    let refused = send(&client, ingest("t", CREATE), vec![batch]).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(mesh.engine.reserved_bytes(), 0, "what was refused is not held");
}
