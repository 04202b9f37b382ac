//! Prepared statements: what is announced, what is bound, what comes back.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, NullArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Int32Type, Schema};
use arrow_flight::sql::client::PreparedStatement;
use tonic::transport::Channel;

use crate::small::{Client, Server, fetch, show};

fn row(columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(i, c)| (format!("c{i}"), c))).unwrap()
}

async fn run(client: &mut Client, statement: &mut PreparedStatement<Channel>, batch: RecordBatch) -> String {
    statement.set_parameters(batch).unwrap();
    let info = statement.execute().await.unwrap();
    show(&fetch(client, &info).await.unwrap())
}

#[tokio::test]
async fn parameters_are_announced_in_numeric_order() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let sql = "SELECT id FROM orders WHERE id IN ($10, $2, $1, $3, $4, $5, $6, $7, $8, $9) AND city = $11";
    let statement = client.prepare(sql.into(), None).await.unwrap();
    let parameters = statement.parameter_schema().unwrap();
    let names: Vec<_> = parameters.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11"]);
    assert!(parameters.fields().iter().all(|f| f.is_nullable()));
    assert_eq!(parameters.field(0).data_type(), &DataType::Int64);
    assert_eq!(parameters.field(10).data_type(), &DataType::Utf8);
}

#[tokio::test]
async fn a_parameter_without_a_type_is_what_the_driver_can_bind() {
    let server = Server::start().await;
    // JDBC says nothing of itself: what it sends is the name of the library below it.
    for (agent, expected) in [
        ("ADBC Flight SQL Driver v1.13", DataType::Null),
        ("grpc-java-netty/1.71.0", DataType::Utf8),
        ("JDBC Flight SQL Driver v20", DataType::Utf8),
    ] {
        let channel = Channel::from_shared(server.address.clone()).unwrap().user_agent(agent).unwrap();
        let mut client = Client::new(channel.connect().await.unwrap());
        let statement = client.prepare("SELECT $1".into(), None).await.unwrap();
        assert_eq!(statement.parameter_schema().unwrap().field(0).data_type(), &expected, "{agent}");
    }
}

#[tokio::test]
async fn one_row_is_bound_again_and_again() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT city FROM orders WHERE id = $1".into(), None).await.unwrap();
    for (id, city) in [(1, "Oslo"), (3, "Rome"), (2, "null"), (9, "")] {
        assert_eq!(run(&mut client, &mut statement, row(vec![Arc::new(Int64Array::from(vec![id]))])).await, city);
    }
    statement.close().await.unwrap();
}

#[tokio::test]
async fn rows_are_run_in_order_and_joined() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement =
        client.prepare("SELECT id, version FROM orders WHERE id >= $1 ORDER BY id".into(), None).await.unwrap();
    let ids = row(vec![Arc::new(Int64Array::from(vec![Some(3), None, Some(2), Some(99)]))]);
    assert_eq!(run(&mut client, &mut statement, ids).await, "3 0; 2 0; 3 0");
    let none = row(vec![Arc::new(Int64Array::from(Vec::<i64>::new()))]);
    assert_eq!(run(&mut client, &mut statement, none).await, "");
}

#[tokio::test]
async fn dictionaries_nulls_and_texts_are_bound() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT id FROM orders WHERE city = $1".into(), None).await.unwrap();
    let coded: DictionaryArray<Int32Type> = vec!["Rome"].into_iter().collect();
    assert_eq!(run(&mut client, &mut statement, row(vec![Arc::new(coded)])).await, "3");
    assert_eq!(run(&mut client, &mut statement, row(vec![Arc::new(NullArray::new(1))])).await, "");
    let mut statement = client.prepare("SELECT id FROM orders WHERE id = $1".into(), None).await.unwrap();
    assert_eq!(run(&mut client, &mut statement, row(vec![Arc::new(StringArray::from(vec!["2"]))])).await, "2");
}

#[tokio::test]
async fn after_binding_the_announced_type_is_that_of_the_value() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT $1 AS x".into(), None).await.unwrap();
    for (value, data_type) in [
        (Arc::new(Int64Array::from(vec![7])) as ArrayRef, DataType::Int64),
        (Arc::new(StringArray::from(vec!["t"])), DataType::Utf8),
    ] {
        statement.set_parameters(row(vec![value])).unwrap();
        let info = statement.execute().await.unwrap();
        let batches = fetch(&mut client, &info).await.unwrap();
        let announced = info.try_decode_schema().unwrap();
        assert_eq!(announced.field(0).data_type(), &data_type);
        assert_eq!(batches[0].schema().as_ref(), &announced);
    }
}

#[tokio::test]
async fn an_empty_batch_means_no_parameters() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT 5".into(), None).await.unwrap();
    for rows in [0, 1] {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        assert_eq!(run(&mut client, &mut statement, batch).await, "5");
    }
}

#[tokio::test]
async fn a_wrong_number_of_parameters_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT id FROM orders WHERE id = $1".into(), None).await.unwrap();
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    statement.set_parameters(row(vec![Arc::clone(&one), one])).unwrap();
    let error = statement.execute().await.unwrap_err().to_string();
    assert!(error.contains("the statement has 1 parameter, and 2 were bound"), "{error}");
}

#[tokio::test]
async fn too_many_parameter_bytes_are_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.prepare("SELECT id FROM orders WHERE city = $1".into(), None).await.unwrap();
    statement.set_parameters(row(vec![Arc::new(StringArray::from(vec!["x".repeat(3 << 20)]))])).unwrap();
    let error = statement.execute().await.unwrap_err().to_string();
    assert!(error.contains("parameter rows take more than"), "{error}");
}

#[tokio::test]
async fn closing_always_succeeds() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let statement = client.prepare("SELECT 1".into(), None).await.unwrap();
    statement.clone().close().await.unwrap();
    statement.close().await.unwrap();
}
