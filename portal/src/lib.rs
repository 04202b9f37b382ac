//! The HTTP door: health, readiness and metrics.
//!
//! In: GET requests of supervisors, load balancers and Prometheus. Out: a few words of JSON, and the process's numbers as text.
//! Holds always:
//! - nothing here runs a query, touches storage or waits for a database: it answers when everything else does not;
//! - no data and no name but those of domains leaves through here.
//!
//! Start reading at [`health`] and [`metrics`].

mod families;
mod health;
mod metrics;
mod server;

pub use families::{Family, Shape, families};
pub use health::health;
pub use metrics::metrics;
pub use server::{Limits, serve};
