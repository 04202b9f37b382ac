//! Real servers beside the tests: an S3 server on loopback, a counting proxy before it, PostgreSQL, and the tests' Python.
//!
//! In: nothing but what `cargo xtask test` installs. Out: addresses and keys.
//! Holds always:
//! - every server listens on loopback, on a port of its own, in a temporary folder of its own;
//! - a server ends with the value that stands for it; nothing is left behind;
//! - a part that is missing is an error that names the command which installs it, never a test that is skipped.
//!
//! Start reading at [`S3Server::start`] and [`PostgresServer::start`].

mod find;
mod policy;
mod postgres;
mod processes;
mod proxy;
mod s3;

pub use find::{postgres_folder, python, s3_program};
pub use postgres::{Database, PostgresServer};
pub use proxy::{Action, Counts, Proxy, Seen};
pub use s3::{Account, S3Server};
