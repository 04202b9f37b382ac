//! Where data lives: one room per kind of storage, each behind the engine's [`Connector`] trait.
//!
//! In: a governed port and its location. Out: observed schemas, pinned versions, tables that DataFusion can plan over.
//! Holds always: what was pinned is what is read; no cache is keyed by a path alone.
//!
//! Start reading at [`all`], the only place where connectors are wired.

pub mod common;
pub mod conformance;
pub mod delta;
pub mod parquet;

use std::sync::Arc;

use meshweave_engine::connect::{Connector, Connectors};
use meshweave_engine::settings::Settings;

/// Every connector of this process: one line each.
pub fn all(settings: &Settings) -> Connectors {
    let connectors: Vec<Arc<dyn Connector>> =
        vec![Arc::new(delta::Delta::new(&settings.limits)), Arc::new(parquet::Parquet::new(&settings.limits))];
    Connectors::new(connectors)
}
