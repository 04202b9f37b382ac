//! The server over the wire: every command, driven by arrow-flight's client and by raw messages.
//!
//! `small` is a server over fixed tables, for what is about the protocol; `mesh` is one over a real engine, for what is about products.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what tests share fails by panicking, as the tests themselves do"
)]

mod ahead;
mod authenticated;
mod busy;
mod cancel;
mod commands;
mod drain;
mod errors;
mod flights;
mod fuzz;
mod mesh;
mod metadata;
mod prepared;
mod readers;
mod registering;
mod schemas;
mod sessions;
mod small;
mod temp;
mod tickets;
mod tls;
