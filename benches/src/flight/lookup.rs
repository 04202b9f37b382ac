//! One row by its key: through Flight SQL against the same engine in process.
//!
//! Start reading at [`run`].

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Choice;
use super::client::Client;
use super::numbers::milliseconds;
use super::server::Server;
use crate::{mesh, usage};

/// Times of single lookups, milliseconds.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    pub(super) flight: Vec<f64>,
    pub(super) in_process: Vec<f64>,
    /// The same measured a second time.
    pub(super) again: Vec<f64>,
    /// CPU time of one lookup: the server's, and in process; on average, milliseconds.
    pub(super) flight_cpu: f64,
    pub(super) in_process_cpu: f64,
}

/// Looks up as many keys as there are statements, each three times: in process, through Flight SQL, in process.
///
/// # Errors
/// When a lookup does not find exactly one row.
pub(super) async fn run(choice: &Choice, dir: &Path) -> Result<Lookups> {
    let engine = mesh::open(dir, choice.threads).await?;
    let server = Server::start(dir, choice.threads).await?;
    let mut client = Client::connect(&server.address).await?;
    let mut lookups = Lookups::default();
    let statements = choice.statements.max(1);
    let warm = statements.div_ceil(10).min(20);
    let (mut served, mut computed) = (0.0, 0.0);
    for number in 0..warm + statements {
        // Another key each time, spread over the files.
        let key = number.wrapping_mul(7_919) % choice.points.max(1);
        let sql = format!("SELECT id, x, word FROM bench.points WHERE id = {key}");
        if number == warm {
            lookups = Lookups::default();
            (served, computed) = (server.used().await?.cpu_seconds, 0.0);
        }
        let before = (Instant::now(), usage::cpu());
        ensure!(mesh::rows(&engine, &sql).await? == 1, "key {key} is not there in process");
        computed += usage::cpu().saturating_sub(before.1).as_secs_f64();
        lookups.in_process.push(milliseconds(before.0.elapsed()));
        let fetched = client.query(&sql).await?;
        ensure!(fetched.rows == 1, "key {key} is not there through Flight SQL");
        lookups.flight.push(milliseconds(fetched.took));
        let before = Instant::now();
        ensure!(mesh::rows(&engine, &sql).await? == 1, "key {key} is not there the second time");
        lookups.again.push(milliseconds(before.elapsed()));
    }
    let each = 1e3 / f64::from(u32::try_from(statements)?);
    lookups.flight_cpu = (server.used().await?.cpu_seconds - served) * each;
    lookups.in_process_cpu = computed * each;
    Ok(lookups)
}
