//! One schema for one statement, bit for bit, whatever RPC tells it; and every batch has it.

use arrow::array::RecordBatch;
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, CommandPreparedStatementQuery,
    CommandStatementQuery, ProstMessageExt,
};
use arrow_flight::{Action, FlightDescriptor, IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use futures::TryStreamExt;
use prost::Message;
use tonic::Request;
use tonic::transport::Channel;

use crate::small::Server;

/// Statements whose logical and physical types like to differ, and every kind of type.
const CORPUS: &[&str] = &[
    "SELECT 1",
    "SELECT 1 AS a, NULL AS b, 'x' AS c",
    "SELECT * FROM orders",
    "SELECT * FROM orders WHERE false",
    "SELECT count(*) FROM orders",
    "SELECT count(*) FROM orders WHERE id > 100",
    "SELECT min(id), max(id), sum(id), avg(id) FROM orders",
    "SELECT min(city), max(city) FROM orders",
    "SELECT city, count(*) AS n FROM orders GROUP BY city",
    "SELECT city, count(*) FROM orders GROUP BY ROLLUP(city)",
    "SELECT id, city FROM orders GROUP BY GROUPING SETS ((id), (city))",
    "SELECT a.id, b.id FROM orders a LEFT JOIN orders b ON a.id = b.id + 1",
    "SELECT a.id, b.id FROM orders a FULL JOIN orders b ON a.id = b.id + 1",
    "SELECT a.id FROM orders a RIGHT JOIN orders b ON a.id = b.id",
    "SELECT id FROM orders UNION ALL SELECT NULL",
    "SELECT id FROM orders UNION SELECT version FROM orders",
    "SELECT id FROM orders INTERSECT SELECT 1",
    "SELECT id FROM orders EXCEPT SELECT 1",
    "SELECT id, row_number() OVER (ORDER BY id) FROM orders",
    "SELECT id, lag(id) OVER (ORDER BY id), sum(id) OVER (PARTITION BY city) FROM orders",
    "SELECT CASE WHEN id > 1 THEN id END FROM orders",
    "SELECT CASE WHEN id > 1 THEN 'a' ELSE city END FROM orders",
    "SELECT coalesce(city, 'none') FROM orders",
    "SELECT id FROM orders ORDER BY city LIMIT 1",
    "SELECT DISTINCT city FROM orders",
    "WITH o AS (SELECT id FROM orders) SELECT * FROM o",
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
    "SELECT (SELECT max(id) FROM orders) AS m",
    "SELECT id FROM orders WHERE id IN (SELECT id FROM orders WHERE city IS NULL)",
    "SELECT id FROM orders a WHERE EXISTS (SELECT 1 FROM orders b WHERE b.id = a.id + 1)",
    "SELECT array_agg(id) FROM orders",
    "SELECT array_agg(city) FROM orders",
    "SELECT make_array(1, 2, NULL)",
    "SELECT make_array(make_array('a'), make_array('b', NULL))",
    "SELECT unnest(make_array(1, 2))",
    "SELECT named_struct('a', 1, 'b', 'x')",
    "SELECT map(make_array('k'), make_array(1))",
    "SELECT CAST(1 AS TINYINT) AS a, CAST(1 AS SMALLINT) AS b, CAST(1 AS INT) AS c, CAST(1 AS BIGINT) AS d",
    "SELECT CAST(1 AS TINYINT UNSIGNED) AS a, CAST(1 AS BIGINT UNSIGNED) AS b",
    "SELECT CAST(1 AS FLOAT) AS a, CAST(1 AS DOUBLE) AS b, CAST(1.5 AS DECIMAL(10, 2)) AS c, CAST(1.5 AS DECIMAL(50, 2)) AS d",
    "SELECT true, CAST('x' AS VARCHAR), X'00ff'",
    "SELECT DATE '2020-01-01', TIME '01:02:03', TIMESTAMP '2020-01-01 01:02:03'",
    "SELECT TIMESTAMP '2020-01-01T00:00:00' AT TIME ZONE 'UTC', TIMESTAMP '2020-01-01' AT TIME ZONE 'Europe/Oslo'",
    "SELECT INTERVAL '1' MONTH, INTERVAL '1' DAY",
    "SELECT arrow_cast(1, 'Float16'), arrow_cast('x', 'Utf8View'), arrow_cast('x', 'LargeUtf8')",
    "SELECT arrow_cast('x', 'Dictionary(Int32, Utf8)'), arrow_cast('x', 'BinaryView'), arrow_cast('x', 'LargeBinary')",
    "SELECT arrow_cast(make_array('x'), 'LargeList(Utf8View)'), arrow_cast(make_array(1), 'FixedSizeList(1, Int64)')",
    "SELECT arrow_cast(1, 'Decimal32(5, 1)'), arrow_cast(1, 'Decimal64(5, 1)')",
    "SELECT arrow_cast(1, 'Duration(Second)'), arrow_cast(1, 'Timestamp(Nanosecond, Some(\"+00:00\"))')",
    "SELECT make_array(arrow_cast('x', 'Utf8View')), named_struct('v', arrow_cast('x', 'Utf8View'))",
    "VALUES (1, 'a'), (2, NULL)",
    "EXPLAIN SELECT 1",
];

struct Told {
    prepared: Bytes,
    schemas: Vec<Bytes>,
    infos: Vec<Bytes>,
    batches: Vec<Vec<RecordBatch>>,
    first_messages: Vec<Bytes>,
}

fn with<T>(wire: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-meshweave-wire", wire.parse().unwrap());
    request
}

async fn ask(raw: &mut FlightServiceClient<Channel>, wire: &str, sql: &str) -> Told {
    let request = ActionCreatePreparedStatementRequest { query: sql.into(), transaction_id: None };
    let action = Action { r#type: "CreatePreparedStatement".into(), body: request.as_any().encode_to_vec().into() };
    let mut results = raw.do_action(with(wire, action)).await.unwrap().into_inner();
    let body = results.message().await.unwrap().unwrap().body;
    let created: ActionCreatePreparedStatementResult = Any::decode(body).unwrap().unpack().unwrap().unwrap();
    let commands = [
        CommandStatementQuery { query: sql.into(), transaction_id: None }.as_any().encode_to_vec(),
        CommandPreparedStatementQuery { prepared_statement_handle: created.prepared_statement_handle.clone() }
            .as_any()
            .encode_to_vec(),
    ];
    let mut told = Told {
        prepared: created.dataset_schema,
        schemas: vec![],
        infos: vec![],
        batches: vec![],
        first_messages: vec![],
    };
    for command in commands {
        let descriptor = FlightDescriptor::new_cmd(command);
        told.schemas.push(raw.get_schema(with(wire, descriptor.clone())).await.unwrap().into_inner().schema);
        let info = raw.get_flight_info(with(wire, descriptor)).await.unwrap().into_inner();
        let ticket = info.endpoint[0].ticket.clone().unwrap();
        told.infos.push(info.schema);
        let messages: Vec<_> = raw.do_get(ticket).await.unwrap().into_inner().try_collect().await.unwrap();
        told.first_messages.push(messages[0].data_header.clone());
        told.batches.push(arrow_flight::utils::flight_data_to_batches(&messages).unwrap());
    }
    told
}

async fn check(wire: &str) {
    let server = Server::start().await;
    let mut raw = FlightServiceClient::new(server.channel().await);
    for sql in CORPUS {
        let told = ask(&mut raw, wire, sql).await;
        for other in told.schemas.iter().chain(&told.infos) {
            assert_eq!(other, &told.prepared, "{sql}");
        }
        let schema: arrow::datatypes::Schema = IpcMessage(told.prepared.clone()).try_into().unwrap();
        let options = IpcWriteOptions::default();
        let header = arrow_flight::FlightData::from(SchemaAsIpc::new(&schema, &options)).data_header;
        for first in &told.first_messages {
            assert_eq!(first, &header, "{sql}");
        }
        for batch in told.batches.iter().flatten() {
            assert_eq!(batch.schema().as_ref(), &schema, "{sql}");
        }
        let counts: Vec<usize> = told.batches.iter().map(|b| b.iter().map(RecordBatch::num_rows).sum()).collect();
        assert_eq!(counts[0], counts[1], "{sql}");
    }
}

#[tokio::test]
async fn every_rpc_tells_the_same_schema_in_compat() {
    check("compat").await;
}

#[tokio::test]
async fn every_rpc_tells_the_same_schema_in_native() {
    check("native").await;
}
