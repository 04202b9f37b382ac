//! Real servers beside the tests: S3, GCS, Azure and web servers on loopback, a proxy before them that counts and does damage,
//! servers that are dead in one way or another, PostgreSQL, and the tests' Python.
//!
//! In: nothing but what `cargo xtask test` installs. Out: addresses and keys.
//! Holds always:
//! - every server listens on loopback, on a port of its own, in a temporary folder of its own;
//! - a server ends with the value that stands for it; nothing is left behind;
//! - a part that is missing is an error that names the command which installs it, never a test that is skipped.
//!
//! Start reading at [`S3Server::start`], [`Proxy::start`] and [`PostgresServer::start`].

mod azure;
mod damage;
mod dead;
mod find;
mod gcs;
mod metadata;
mod policy;
mod postgres;
mod processes;
mod proxy;
mod s3;
mod started;
mod web;

pub use azure::{AzureAccount, AzureServer};
pub use damage::Damage;
pub use dead::{Deaf, Refusing};
pub use find::{azurite, flight_scenarios_program, gcs_program, postgres_folder, python, s3_program};
pub use gcs::{GcsBucket, GcsServer, SERVICE_ACCOUNT};
pub use metadata::MetadataServer;
pub use postgres::{Database, PostgresServer};
pub use proxy::{Action, Counts, Proxy, Seen};
pub use s3::{Account, S3Server};
pub use web::WebServer;
