//! SQL text and a principal in, record batches out.
//!
//! One query goes one way: parse, resolve names against one snapshot, decide, pin, open, plan, run, stream.
//! Holds always: no gRPC and no HTTP here; no storage is touched before the policy has decided.
//!
//! Start reading at [`Engine::query`].

pub mod catalog;
pub mod connect;
pub mod context;
pub mod discover;
mod document;
pub mod drift;
pub mod engine;
pub mod error;
pub mod identity;
mod observe;
mod plan;
pub mod policy;
mod postgres;
pub mod principal;
pub mod run;
pub mod settings;
pub mod state;
pub mod storage;
pub mod temp;
pub mod types;
mod usage;
pub mod version;

pub use context::QueryContext;
pub use engine::{Answer, Engine, Parameters, Parts, Planned, Statement, StatementInfo};
pub use error::{Error, Failure, Kind, Result};
pub use observe::metrics;
pub use principal::Principal;
