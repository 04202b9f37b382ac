//! Flight SQL: the door that drivers come through.
//!
//! In: Flight RPCs from JDBC, ADBC, ODBC and raw clients. Out: schemas, tickets and rows, from an [`meshweave_engine::Engine`].
//! Layers: transport (`server`) -> RPCs (`service`), on the threads of `work` -> identity and session (`identity`, `session`, `caller`)
//! -> protocol (`protocol`; statements, prepared statements, metadata, wire types, messages) -> [`Backend`].
//! Holds always:
//! - no planning here, and no gRPC below here;
//! - GetFlightInfo runs nothing; a ticket carries all state, is signed, ends, and is no permission;
//! - one function makes every announced schema, and every batch is cast to it;
//! - dropping a stream stops its work.
//!
//! Start reading at [`serve`].

mod actions;
mod ahead;
mod backend;
mod caller;
mod catalog;
mod encode;
mod flights;
mod gate;
mod identity;
mod incoming;
mod metadata;
mod options;
mod parameters;
mod prepared;
mod protocol;
mod put;
mod running;
#[cfg(test)]
mod scenarios;
mod sent;
mod server;
mod service;
mod session;
mod statement;
mod status;
mod stream;
mod ticket;
mod tls;
mod wire;
mod work;

pub use backend::{Backend, Plan, SystemTable};
pub use options::{Options, TraceParent};
pub use server::{FlightServer, check_address, serve};
pub use session::SessionLimits;
pub use ticket::TicketKey;
pub use tls::{Pem, Tls};
