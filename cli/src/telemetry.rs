//! Traces of queries, sent to an OpenTelemetry collector over OTLP/gRPC.
//!
//! In: spans of the engine and of the Flight door. Out: the same to a collector, each with its parent.
//! Holds always:
//! - without a collector in the settings nothing is made and nothing is sent;
//! - a query never waits for the collector: what it does not take in time is lost, and the log says so.
//!
//! Start reading at [`start`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meshweave_engine::settings::TelemetrySettings;
use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;

use crate::failure::{self, Outcome};
use crate::logs::Listener;

/// Pause between two sendings.
const PAUSE: Duration = Duration::from_secs(1);
/// The crates whose spans are the steps of a query's way.
const TRACED: [&str; 2] = ["meshweave_engine", "meshweave_flight_server"];

/// Traces that are being sent.
#[derive(Debug)]
pub(crate) struct Telemetry(SdkTracerProvider);

/// Begins to send traces, when the settings name a collector; inside the runtime that sends them.
///
/// # Errors
/// An address that is none, a share that is none.
pub(crate) fn start(settings: &TelemetrySettings) -> Outcome<Option<Telemetry>> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    if !endpoint.starts_with("http://") {
        let hint = "Write http://HOST:PORT; a collector on this machine takes the traces further, over TLS if need be.";
        return Err(failure::unusable(
            "telemetry.otlp_endpoint",
            format!("traces cannot be sent to {endpoint:?}"),
            hint,
        ));
    }
    if !(0.0..=1.0).contains(&settings.sample) {
        let hint = "Write a number from 0 (no trace) to 1 (every trace).";
        return Err(failure::unusable("telemetry.sample", format!("{} is no share", settings.sample), hint));
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(settings.timeout.0)
        .build()
        .map_err(|error| {
            failure::unusable("telemetry.otlp_endpoint", error.to_string(), "Write http://HOST:PORT of a collector.")
        })?;
    let queue = BatchConfigBuilder::default()
        .with_max_queue_size(settings.queued_spans.max(1))
        .with_max_export_batch_size(settings.queued_spans.clamp(1, 512))
        .with_scheduled_delay(PAUSE)
        .build();
    let processor = BatchSpanProcessor::builder(Telling::new(exporter)).with_batch_config(queue).build();
    let resource = Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(Telemetry(provider)))
}

impl Telemetry {
    /// Hears the spans that are sent.
    pub(crate) fn listener(&self) -> Listener {
        let traced = TRACED.iter().map(|target| (*target, LevelFilter::INFO));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("meshweave"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(Targets::new().with_targets(traced))
            .boxed()
    }

    /// Sends what is left, for as long as the settings allow.
    pub(crate) async fn end(self, limit: Duration) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(limit)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::warn!(%error, "the last traces were not sent"),
        }
    }
}

/// Makes a call's span a child of the one that its W3C `traceparent` names.
pub(crate) fn follow(span: &Span, headers: &http::HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    if context.span().span_context().is_valid()
        && let Err(error) = span.set_parent(context)
    {
        tracing::debug!(%error, "a call's trace does not go on here");
    }
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// An exporter that says in the log when traces are lost, once per outage.
#[derive(Debug)]
struct Telling<E> {
    exporter: E,
    is_out: AtomicBool,
}

impl<E> Telling<E> {
    fn new(exporter: E) -> Self {
        Self { exporter, is_out: AtomicBool::new(false) }
    }

    fn tell(&self, sent: &OTelSdkResult) {
        let was_out = self.is_out.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !was_out => tracing::warn!(%error, "traces are lost: the collector does not take them"),
            Ok(()) if was_out => tracing::info!("the collector takes traces again"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Telling<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.tell(&sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
