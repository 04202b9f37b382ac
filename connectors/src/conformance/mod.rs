//! The suite that every connector passes: one fixture in, one verdict per named check out.
//!
//! In: a [`Fixture`], which makes, replaces and hands out tables of one connector. Out: `(name, verdict)` of every check.
//! Holds always: a check compares with rows computed from the same batches in memory, never with what the connector says of itself.
//!
//! Start reading at [`run`].

mod checks;
mod pins;
pub mod predicates;
mod reading;
mod storage;
mod table;

pub use predicates::Dice;
pub use reading::{Reading, rows_of, rows_where};
pub use storage::WatchedStore;
pub use table::{NewTable, facts, facts_changed};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use meshweave_engine::QueryContext;
use meshweave_engine::connect::{Connector, Port};
use meshweave_engine::principal::Principal;

/// Why a check failed, in words.
pub type Verdict = Result<(), String>;

/// Makes tables of one connector for the checks to look at.
#[async_trait]
pub trait Fixture: fmt::Debug + Send + Sync {
    /// The connector under test.
    fn connector(&self) -> Arc<dyn Connector>;

    /// Makes a table in a place of its own: one file (or commit) per batch, in order.
    ///
    /// The port's location must reach its store through `watch` (see [`WatchedStore::wrap`]), and `port.schema` must be
    /// `table.schema`.
    async fn create(&self, name: &str, table: &NewTable, watch: &Arc<WatchedStore>) -> Result<Port, String>;

    /// Replaces all rows of the table behind `port`; what was there before must be gone or superseded.
    async fn replace(&self, port: &Port, table: &NewTable) -> Result<(), String>;
}

/// Names of all checks, in the order in which they run.
pub const CHECKS: [&str; 10] = [
    "schema",
    "rows",
    "projection",
    "filter exactness",
    "no lost row",
    "limit",
    "empty table",
    "missing storage",
    "cancellation",
    "pinned version",
];

/// Runs every check and tells how each went, in the order of [`CHECKS`].
pub async fn run(fixture: &dyn Fixture) -> Vec<(&'static str, Verdict)> {
    let mut verdicts = Vec::with_capacity(CHECKS.len());
    for name in CHECKS {
        verdicts.push((name, check(fixture, name).await));
    }
    verdicts
}

/// Runs the check called `name`.
///
/// # Errors
/// What the connector did wrong; or that there is no such check.
pub async fn check(fixture: &dyn Fixture, name: &str) -> Verdict {
    match name {
        "schema" => Box::pin(checks::schema(fixture)).await,
        "rows" => Box::pin(checks::rows(fixture)).await,
        "projection" => Box::pin(checks::projection(fixture)).await,
        "filter exactness" => Box::pin(checks::filter_exactness(fixture)).await,
        "no lost row" => Box::pin(checks::no_lost_row(fixture)).await,
        "limit" => Box::pin(checks::limit(fixture)).await,
        "empty table" => Box::pin(checks::empty_table(fixture)).await,
        "missing storage" => Box::pin(checks::missing_storage(fixture)).await,
        "cancellation" => Box::pin(checks::cancellation(fixture)).await,
        "pinned version" => Box::pin(pins::pinned_version(fixture)).await,
        other => Err(format!("there is no check called \"{other}\"")),
    }
}

/// A context for one query of a check.
pub fn context() -> QueryContext {
    QueryContext::new(Principal { user: "conformance".to_owned(), teams: Vec::new() })
}

/// Whether `condition` holds, else `message`.
fn ensure(condition: bool, message: impl FnOnce() -> String) -> Verdict {
    if condition { Ok(()) } else { Err(message()) }
}
