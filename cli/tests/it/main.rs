//! The `meshweave` command, driven as users drive it: the built binary, a real mesh, real files and pipes.
//!
//! Start reading at [`meshweave`], which runs the binary, and [`mesh`], which makes the mesh the tests share.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod adbc;
mod captures;
mod check;
mod costs;
mod demo;
mod differential;
mod drift;
mod formats;
mod ingest;
mod init;
mod limits;
mod mesh;
mod meshweave;
mod names;
mod places;
mod plan;
mod plans;
mod ports;
mod processes;
mod progress;
mod register;
mod rows;
mod screen;
mod search;
mod serve;
mod server;
mod session;
mod slt;
mod sql;
mod stores;
mod tpch;
mod usage;
