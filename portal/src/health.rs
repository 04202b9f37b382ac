//! `/health`: the process is alive. `/ready`: it takes queries.
//!
//! Start reading at [`health`].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use meshweave_engine::Engine;
use serde_json::{Value, json};

/// The routes for those who watch the process.
///
/// - `/health`: 200 as long as the process answers at all; whoever restarts processes asks here.
/// - `/ready`: 200 when the catalog is loaded and the door is open, else 503; whoever sends queries here asks this. A catalog whose
///   database is away stays ready: queries go on with what it held last, and every server would be unready at the same moment.
pub fn health(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/health", get(|| async { told(StatusCode::OK, &json!({"status": "alive"})) }))
        .route("/ready", get(ready))
        .with_state(engine)
}

async fn ready(State(engine): State<Arc<Engine>>) -> Response {
    let snapshot = engine.snapshot();
    let freshness = engine.catalog_freshness();
    let draining = engine.metrics().door.is_draining();
    let body = json!({
        "status": if draining { "draining" } else { "ready" },
        "catalog": {
            "generation": snapshot.version,
            "age_seconds": age_seconds(freshness.loaded_at),
            "stale": freshness.is_stale,
            "problems": snapshot.problems.len(),
        },
    });
    told(if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, &body)
}

/// Seconds since a moment; a clock that was set back gives none.
pub(crate) fn age_seconds(since: Timestamp) -> f64 {
    Timestamp::now().duration_since(since).as_secs_f64().max(0.0)
}

fn told(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{body}\n")).into_response()
}
