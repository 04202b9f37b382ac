//! Where data lives: one room per kind of storage, each behind the engine's [`Connector`] trait.
//!
//! In: a governed port and its location. Out: observed schemas, pinned versions, tables that DataFusion can plan over.
//! Holds always: what was pinned is what is read; no cache is keyed by a path alone.
//!
//! Start reading at [`all`], the only place where connectors are wired.

pub mod avro;
pub mod common;
pub mod conformance;
pub mod csv;
pub mod delta;
pub mod json;
pub mod offered;
pub mod parquet;
pub mod rows;

use std::sync::Arc;

use meshweave_engine::connect::{Connector, Connectors, Intake};
use meshweave_engine::settings::Settings;

/// Every connector of this process: one line each.
pub fn all(settings: &Settings) -> Connectors {
    let limits = &settings.limits;
    let delta = Arc::new(delta::Delta::new(limits));
    let mut connectors: Vec<Arc<dyn Connector>> = vec![
        Arc::clone(&delta) as Arc<dyn Connector>,
        Arc::new(parquet::Parquet::new(limits)),
        Arc::new(csv::connector(limits)),
        Arc::new(avro::connector(limits)),
    ];
    connectors.extend(json::connectors(limits).map(|lines| Arc::new(lines) as Arc<dyn Connector>));
    Connectors::new(connectors).taking_rows([delta as Arc<dyn Intake>])
}
