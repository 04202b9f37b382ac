//! Malformed commands, tickets, actions, rows and frames into every RPC, without sockets: no panic, a clear code.
//!
//! The inputs are made from valid ones by a generator with a fixed seed; `MESHWEAVE_FUZZ_INPUTS` makes more of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate,
    ProstMessageExt,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, Criteria, FlightData, FlightDescriptor, RenewFlightEndpointRequest, Ticket,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Full};
use meshweave_flight_server::{FlightServer, Options};
use prost::Message;
use tonic::codegen::Service;
use tonic::{Code, Request, Status};

use crate::small::{Small, ada};

/// Inputs that every run of the tests tries.
const INPUTS: usize = 20_000;
/// Messages that are read of one answer.
const READ: usize = 16;

/// A generator that gives the same numbers every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.roll().to_le_bytes()[7]).collect()
    }

    /// The bytes with something wrong with them, mostly.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len() + 1);
            match self.below(7) {
                0 => return self.bytes(64),
                1 => out.truncate(at),
                2 => {
                    let more = self.bytes(8);
                    out.splice(at..at, more);
                }
                3 => {
                    let end = (at + self.below(16)).min(out.len());
                    let part = out[at..end].to_vec();
                    out.splice(at..at, part);
                }
                4 if at < out.len() => out[at] = *self.pick(&[0, 1, 0x7F, 0x80, 0xFF]),
                _ if at < out.len() => out[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        out
    }
}

/// Valid inputs to begin with.
struct Seeds {
    commands: Vec<Vec<u8>>,
    tickets: Vec<Vec<u8>>,
    actions: Vec<(&'static str, Vec<u8>)>,
    puts: Vec<Vec<FlightData>>,
}

const SQL: [&str; 4] = [
    "SELECT id, city FROM shop.orders WHERE id > $1 ORDER BY 1",
    "SELECT 1 AS x",
    "INSERT INTO orders VALUES (1, 'x', 2)",
    "SELECT count(*) FROM \"shop\".\"orders\" o JOIN orders p ON o.id = p.id",
];

async fn seeds<S: FlightService>(client: &mut FlightServiceClient<FlightServiceServer<S>>) -> Seeds {
    let handle = {
        let request = ActionCreatePreparedStatementRequest { query: SQL[0].into(), transaction_id: None };
        let body = request.as_any().encode_to_vec().into();
        let action = Action { r#type: "CreatePreparedStatement".into(), body };
        let answers: Vec<_> = client.do_action(action).await.unwrap().into_inner().try_collect().await.unwrap();
        let any = Any::decode(&*answers[0].body).unwrap();
        any.unpack::<ActionCreatePreparedStatementResult>().unwrap().unwrap().prepared_statement_handle
    };
    let text = |text: &str| Some(text.to_owned());
    let mut commands: Vec<Vec<u8>> = vec![
        CommandGetCatalogs {}.as_any().encode_to_vec(),
        CommandGetDbSchemas { catalog: text("mesh"), db_schema_filter_pattern: text("%\\_x") }.as_any().encode_to_vec(),
        CommandGetTables {
            catalog: None,
            db_schema_filter_pattern: text("%"),
            table_name_filter_pattern: text("o_d%"),
            table_types: vec!["TABLE".into()],
            include_schema: true,
        }
        .as_any()
        .encode_to_vec(),
        CommandGetSqlInfo { info: vec![0, 3, 508, 9999] }.as_any().encode_to_vec(),
        CommandGetXdbcTypeInfo { data_type: Some(-5) }.as_any().encode_to_vec(),
        CommandGetPrimaryKeys { catalog: None, db_schema: text("shop"), table: "orders".into() }
            .as_any()
            .encode_to_vec(),
        CommandGetCrossReference { pk_table: "a".into(), fk_table: "b".into(), ..Default::default() }
            .as_any()
            .encode_to_vec(),
        CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() }.as_any().encode_to_vec(),
    ];
    for sql in SQL {
        let command = CommandStatementQuery { query: sql.into(), transaction_id: None };
        commands.push(command.as_any().encode_to_vec());
    }
    let descriptor = FlightDescriptor::new_cmd(commands[9].clone());
    let info = client.get_flight_info(descriptor).await.unwrap().into_inner();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut tickets: Vec<Vec<u8>> = commands[..7].to_vec();
    tickets.extend(std::iter::repeat_n(ticket.ticket.to_vec(), 4));
    let prepare = ActionCreatePreparedStatementRequest { query: SQL[0].into(), transaction_id: None };
    let close = ActionClosePreparedStatementRequest { prepared_statement_handle: handle.clone() };
    let actions = vec![
        ("CreatePreparedStatement", prepare.as_any().encode_to_vec()),
        ("ClosePreparedStatement", close.as_any().encode_to_vec()),
        ("CancelFlightInfo", CancelFlightInfoRequest::new(info.clone()).encode_to_vec()),
        ("CancelQuery", ActionCancelQueryRequest { info: info.encode_to_vec().into() }.as_any().encode_to_vec()),
        ("RenewFlightEndpoint", RenewFlightEndpointRequest::new(info.endpoint[0].clone()).encode_to_vec()),
        ("SetSessionOptions", b"\x0a\x0f\x0a\x06schema\x12\x05\x0a\x03crm".to_vec()),
        ("GetSessionOptions", vec![]),
        ("CloseSession", vec![]),
        ("Nonsense", vec![1, 2, 3]),
    ];
    let puts = vec![
        CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() }.as_any().encode_to_vec(),
        CommandPreparedStatementUpdate { prepared_statement_handle: handle }.as_any().encode_to_vec(),
        CommandStatementUpdate { query: SQL[2].into(), transaction_id: None }.as_any().encode_to_vec(),
        CommandStatementIngest { table: "t".into(), ..Default::default() }.as_any().encode_to_vec(),
    ];
    let mut sent = Vec::new();
    for command in puts {
        sent.push(rows(command).await);
    }
    Seeds { commands, tickets, actions, puts: sent }
}

/// A command with rows behind it.
async fn rows(command: Vec<u8>) -> Vec<FlightData> {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("ccc")]));
    let nested = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    let one = RecordBatch::try_from_iter([("id", Arc::clone(&ids))]).unwrap();
    let many = [("id", ids), ("name", names), ("list", Arc::new(nested) as ArrayRef)];
    let batch = if command.len().is_multiple_of(2) { one } else { RecordBatch::try_from_iter(many).unwrap() };
    FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(FlightDescriptor::new_cmd(command)))
        .build(stream::iter([Ok(batch)]))
        .try_collect()
        .await
        .unwrap()
}

/// Reads the beginning of an answer.
async fn drained<T>(answer: Result<tonic::Response<tonic::Streaming<T>>, Status>) -> Result<(), Status> {
    let mut answer = answer?.into_inner();
    for _ in 0..READ {
        if answer.message().await?.is_none() {
            break;
        }
    }
    Ok(())
}

/// One spoiled input into one RPC.
async fn one<S: FlightService>(
    client: &mut FlightServiceClient<FlightServiceServer<S>>,
    seeds: &Seeds,
    dice: &mut Dice,
) -> (String, Result<(), Status>) {
    match dice.below(8) {
        rpc @ 0..=2 => {
            let seed = dice.pick(&seeds.commands);
            let command = dice.spoil(seed);
            let path = vec![String::from_utf8_lossy(&command).into_owned(), "orders".into()];
            let descriptor =
                if dice.below(10) == 0 { FlightDescriptor::new_path(path) } else { FlightDescriptor::new_cmd(command) };
            let told = format!("rpc {rpc} {descriptor:?}");
            let result = match rpc {
                0 => client.get_flight_info(descriptor).await.map(drop),
                1 => client.get_schema(descriptor).await.map(drop),
                _ => client.poll_flight_info(descriptor).await.map(drop),
            };
            (told, result)
        }
        3 => {
            let seed = dice.pick(&seeds.tickets);
            let ticket = Ticket { ticket: dice.spoil(seed).into() };
            (format!("{ticket:?}"), drained(client.do_get(ticket).await).await)
        }
        4 => {
            let (name, body) = dice.pick(&seeds.actions);
            let body: Bytes = dice.spoil(body).into();
            let mut request = Request::new(Action { r#type: (*name).to_owned(), body });
            request.metadata_mut().insert("authorization", "Bearer fuzz".parse().unwrap());
            let told = format!("{request:?}");
            (told, drained(client.do_action(request).await).await)
        }
        5 | 6 => {
            let mut messages = dice.pick(&seeds.puts).clone();
            for _ in 0..=dice.below(2) {
                let at = dice.below(messages.len());
                let message = &mut messages[at];
                match dice.below(4) {
                    0 => message.data_header = dice.spoil(&message.data_header).into(),
                    1 => message.data_body = dice.spoil(&message.data_body).into(),
                    2 => {
                        if let Some(descriptor) = &mut message.flight_descriptor {
                            descriptor.cmd = dice.spoil(&descriptor.cmd).into();
                        }
                    }
                    _ => drop(messages.remove(at)),
                }
                if messages.is_empty() {
                    break;
                }
            }
            let told = format!("{messages:?}");
            let mut request = Request::new(stream::iter(messages));
            request.metadata_mut().insert("authorization", "Bearer fuzz".parse().unwrap());
            (told, drained(client.do_put(request).await).await)
        }
        _ => {
            let expression = dice.bytes(32).into();
            let criteria = Criteria { expression };
            (format!("{criteria:?}"), drained(client.list_flights(criteria).await).await)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how much is tested is the environment's to say")]
fn inputs() -> usize {
    std::env::var("MESHWEAVE_FUZZ_INPUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(INPUTS)
}

#[tokio::test]
async fn spoiled_messages_are_refused_with_a_clear_code() {
    let service = FlightServer::new(Arc::new(Small::new()), Options::new(ada())).unwrap().into_service();
    let mut client = FlightServiceClient::new(service);
    let seeds = seeds(&mut client).await;
    let mut dice = Dice(0x5EED);
    let (mut refused, mut answered) = (0, 0);
    for number in 0..inputs() {
        let (input, result) = one(&mut client, &seeds, &mut dice).await;
        match result {
            Ok(()) => answered += 1,
            Err(status) => {
                let is_clear = !matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
                assert!(is_clear && !status.message().is_empty(), "input {number}: {status:?}\n{input}");
                refused += 1;
            }
        }
    }
    assert!(refused > answered && answered > 0, "{refused} refused, {answered} answered");
}

#[tokio::test]
async fn spoiled_frames_end_the_call_and_nothing_else() {
    let mut service = FlightServer::new(Arc::new(Small::new()), Options::new(ada())).unwrap().into_service();
    let mut client = FlightServiceClient::new(service.clone());
    let seeds = seeds(&mut client).await;
    let mut dice = Dice(0xF4A3E);
    let rpcs =
        ["GetFlightInfo", "GetSchema", "PollFlightInfo", "DoGet", "DoPut", "DoAction", "DoExchange", "Handshake"];
    for _ in 0..inputs() / 10 {
        let seed = dice.pick(&seeds.commands);
        let message = FlightDescriptor::new_cmd(seed.clone()).encode_to_vec();
        let mut frame = vec![0];
        frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend(message);
        let frame = dice.spoil(&frame);
        let request = http::Request::post(format!("/arrow.flight.protocol.FlightService/{}", dice.pick(&rpcs)))
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::from(frame)))
            .unwrap();
        let (parts, body) = service.call(request).await.unwrap().into_parts();
        let ended = body.collect().await.unwrap();
        let status = parts.headers.get("grpc-status").or_else(|| ended.trailers()?.get("grpc-status"));
        assert!(status.is_some(), "the call did not end with a status");
    }
    let flights = client.list_flights(Criteria::default()).await.unwrap().into_inner();
    assert_eq!(flights.collect::<Vec<_>>().await.len(), 0, "the server still answers");
}
