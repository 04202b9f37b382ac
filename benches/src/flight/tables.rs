//! GetTables with the columns of every product of a large mesh.
//!
//! Start reading at [`run`].

use std::path::Path;

use anyhow::{Result, ensure};

use super::client::{Client, Fetched};
use super::server::Server;
use super::{Choice, data};

/// What listing took.
#[derive(Debug)]
pub(super) struct Listed {
    /// The first listing after the start, and the best of the following ones.
    pub(super) first: Fetched,
    pub(super) repeated: Fetched,
    /// CPU seconds of the server for each of the two.
    pub(super) first_cpu: f64,
    pub(super) repeated_cpu: f64,
    /// What the server held in RAM at most, before the first listing and after the last, bytes.
    pub(super) before_bytes: u64,
    pub(super) after_bytes: u64,
}

/// Lists all tables, once and again.
///
/// # Errors
/// When the mesh cannot be made, or a product is missing in the list.
pub(super) async fn run(choice: &Choice, dir: &Path) -> Result<Listed> {
    let dir = data::prepare_tables(dir, choice.products, choice.columns)?;
    let server = Server::start(&dir, choice.threads).await?;
    let mut client = Client::connect(&server.address).await?;
    let before = server.used().await?;
    let first = one(choice, &mut client).await?;
    let mut used = server.used().await?;
    let first_cpu = used.cpu_seconds - before.cpu_seconds;
    let (mut repeated, mut repeated_cpu) = (None::<Fetched>, f64::INFINITY);
    for _ in 0..choice.rounds.max(1) {
        let listed = one(choice, &mut client).await?;
        let now = server.used().await?;
        repeated_cpu = repeated_cpu.min(now.cpu_seconds - used.cpu_seconds);
        used = now;
        repeated = Some(repeated.filter(|best| best.took <= listed.took).unwrap_or(listed));
    }
    let repeated = repeated.unwrap_or(first);
    let (before_bytes, after_bytes) = (before.peak_bytes, used.peak_bytes);
    Ok(Listed { first, repeated, first_cpu, repeated_cpu, before_bytes, after_bytes })
}

async fn one(choice: &Choice, client: &mut Client) -> Result<Fetched> {
    let listed = client.tables().await?;
    ensure!(listed.rows >= choice.products as u64, "{} tables are listed", listed.rows);
    Ok(listed)
}
