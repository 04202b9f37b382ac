//! `/metrics`: every family as OpenMetrics text, which Prometheus reads.
//!
//! Start reading at [`metrics`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use meshweave_engine::Engine;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::families::{Family, Reading, Shape, families};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route for Prometheus.
pub fn metrics(engine: Arc<Engine>) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Numbers(engine)));
    Router::new().route("/metrics", get(read)).with_state(Arc::new(registry))
}

async fn read(State(registry): State<Arc<Registry>>) -> Response {
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The numbers of an engine, read when they are asked for.
#[derive(Debug)]
struct Numbers(Arc<Engine>);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in families() {
            let shape = match family.shape {
                Shape::Counter => MetricType::Counter,
                Shape::Gauge => MetricType::Gauge,
                Shape::Histogram => MetricType::Histogram,
            };
            let encoder = encoder.encode_descriptor(family.name, family.help, None, shape)?;
            write(&self.0, family, encoder)?;
        }
        Ok(())
    }
}

/// A label's name and its value.
type Label<'a> = (&'a str, &'a str);
type NoLabels = [(&'static str, &'static str); 0];

fn write(engine: &Engine, family: &Family, mut encoder: MetricEncoder<'_>) -> fmt::Result {
    match (family.read)(engine) {
        Reading::Count(rows) => {
            let write =
                |mut row: MetricEncoder<'_>, number: u64| row.encode_counter(&number, None::<&Exemplar<NoLabels, f64>>);
            for (values, number) in rows {
                match labels(family, &values) {
                    // Without labels there are no brackets.
                    none if none.is_empty() => return write(encoder, number),
                    labels => write(encoder.encode_family(&labels)?, number)?,
                }
            }
        }
        Reading::Level(rows) => {
            for (values, number) in rows {
                match labels(family, &values) {
                    none if none.is_empty() => return encoder.encode_gauge(&number),
                    labels => encoder.encode_family(&labels)?.encode_gauge(&number)?,
                }
            }
        }
        Reading::Times(histogram) => {
            let exemplars = None::<&HashMap<usize, Exemplar<NoLabels, f64>>>;
            encoder.encode_histogram(histogram.sum, histogram.count, &histogram.buckets, exemplars)?;
        }
    }
    Ok(())
}

fn labels<'a>(family: &Family, values: &'a [String]) -> Vec<Label<'a>> {
    family.labels.iter().copied().zip(values.iter().map(String::as_str)).collect()
}
