//! SQL text and a principal in, record batches out.
//!
//! One query goes one way: parse, resolve names against one snapshot, decide, pin, open, plan, run, stream.
//! Holds always: no gRPC and no HTTP here; no storage is touched before the policy has decided.
//!
//! # Example
//!
//! The engine as a library; `meshweave_connectors::all(&settings)` gives the connectors, and `meshweave_embed` does all of it.
//!
//! ```
//! use std::{path::PathBuf, sync::Arc};
//!
//! use meshweave_engine::engine::Parts;
//! use meshweave_engine::policy::AccessBlockPolicy;
//! use meshweave_engine::settings::Settings;
//! use meshweave_engine::{Engine, Principal, QueryContext, Result, Statement};
//!
//! async fn orders_by_status(mesh: PathBuf, user: &str, settings: Settings) -> Result<usize> {
//!     let connectors = meshweave_engine::connect::Connectors::default();
//!     let parts = Parts { mesh, settings, connectors, policy: Arc::new(AccessBlockPolicy) };
//!     let engine = Engine::open(parts).await?;
//!     let principal = Principal { user: user.to_owned(), teams: vec!["analytics".to_owned()] };
//!     let context = QueryContext::new(principal);
//!     let statement = Statement::new("SELECT status, count(*) AS n FROM commerce.orders GROUP BY status");
//!     let answer = engine.query(&context, &statement).await?;
//!     println!("computed from {:?}", answer.versions);
//!     let rows = answer.collect().await?.iter().map(|batch| batch.num_rows()).sum();
//!     engine.flush().await;
//!     Ok(rows)
//! }
//! ```
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
pub mod ingest;
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
