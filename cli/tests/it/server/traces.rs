//! Traces: a small collector receives the steps of one query, each below the right one, in the trace that the caller began.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::server::{Server, rows};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What was sent.
#[derive(Debug, Default, Clone)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(self.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        (address, tasks)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|of| &of.scope_spans).flat_map(|of| of.spans.clone()).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of an attribute.
fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    })
}

/// Every span with the names of those above it, the outermost first: `caller/…/query/parse`.
fn ways(spans: &[Span]) -> Vec<String> {
    let by_id: BTreeMap<String, &Span> = spans.iter().map(|span| (hex(&span.span_id), span)).collect();
    let mut ways: Vec<String> = spans
        .iter()
        .map(|span| {
            let (mut way, mut at) = (span.name.clone(), span);
            loop {
                let above = hex(&at.parent_span_id);
                if above == CALLER {
                    return format!("caller/{way}");
                }
                at = by_id.get(&above).unwrap_or_else(|| panic!("{way} has an unknown parent {above:?}"));
                way = format!("{}/{way}", at.name);
            }
        })
        .collect();
    ways.sort();
    ways
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_query_reach_the_collector_below_the_callers_span() {
    let collector = Collector::default();
    let (address, _tasks) = collector.start().await;
    let server = Server::start(&[
        ("MESHWEAVE_TELEMETRY__OTLP_ENDPOINT", &format!("http://{address}")),
        ("MESHWEAVE_TELEMETRY__SERVICE_NAME", "mesh-of-tests"),
        ("MESHWEAVE_TELEMETRY__TIMEOUT", "5m"),
        // The fetch plans by itself, so that both calls have their steps.
        ("MESHWEAVE_LIMITS__PLANS_AHEAD", "0"),
        // No trace begins here: what comes belongs to the caller's.
        ("MESHWEAVE_TELEMETRY__SAMPLE", "0"),
    ]);
    let sql = "SELECT count(*) FROM commerce.orders";
    rows(&mut server.client().await, sql).await.unwrap();
    let mut client = server.client().await;
    client.set_header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    assert_eq!(rows(&mut client, sql).await.unwrap(), 1);
    drop(client);
    server.signal("TERM");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");

    let spans = collector.spans();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "only the caller's trace is kept");
    let planned = ["", "/parse", "/pin", "/plan", "/resolve", "/resolve/decide"];
    let ran = ["/admission", "/execute"];
    let flight = "caller/arrow.flight.protocol.FlightService";
    let steps = |call: &str, steps: &[&str]| -> Vec<String> {
        steps.iter().map(|step| format!("{flight}/{call}/query{step}")).collect()
    };
    let mut expected = vec![format!("{flight}/GetFlightInfo"), format!("{flight}/DoGet")];
    expected.extend(steps("GetFlightInfo", &planned));
    expected.extend(steps("DoGet", &planned));
    expected.extend(steps("DoGet", &ran));
    expected.sort();
    assert_eq!(ways(&spans), expected);

    let queries: Vec<&Span> = spans.iter().filter(|span| span.name == "query").collect();
    let ids: Vec<_> = queries.iter().map(|span| attribute(&span.attributes, "query_id").unwrap()).collect();
    assert_eq!(ids[0], ids[1], "planned and fetched under one id");
    for query in &queries {
        assert_eq!(attribute(&query.attributes, "products").as_deref(), Some("commerce.orders"));
    }
    let outcomes: Vec<_> = queries.iter().filter_map(|span| attribute(&span.attributes, "outcome")).collect();
    assert_eq!(outcomes, ["finished"]);
    let resource = collector.0.lock()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name").as_deref(), Some("mesh-of-tests"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_disturbs_nobody_and_is_told() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&[
        ("MESHWEAVE_TELEMETRY__OTLP_ENDPOINT", &format!("http://{away}")),
        ("MESHWEAVE_TELEMETRY__TIMEOUT", "500ms"),
    ]);
    assert_eq!(rows(&mut server.client().await, "SELECT 1").await.unwrap(), 1);
    server.logged("traces are lost").await;
    assert_eq!(rows(&mut server.client().await, "SELECT 1").await.unwrap(), 1);
    server.signal("TERM");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn what_is_no_collector_is_refused() {
    for (name, value, place) in [
        ("MESHWEAVE_TELEMETRY__OTLP_ENDPOINT", "https://collector:4317", "telemetry.otlp_endpoint"),
        ("MESHWEAVE_TELEMETRY__OTLP_ENDPOINT", "http://not an address", "telemetry.otlp_endpoint"),
        ("MESHWEAVE_TELEMETRY__SAMPLE", "2", "telemetry.sample"),
    ] {
        let mut command =
            Server::command(&[("MESHWEAVE_TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:1"), (name, value)]);
        let refused = crate::meshweave::finish(&mut command);
        assert!(refused.stderr.contains(place), "{}", refused.stderr);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    }
}
