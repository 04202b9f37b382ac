//! A large mesh: how long a start, a listing and the news of a registration take.
//!
//! In: a number of products. Out: a Markdown table of seconds, best of several, and of what was counted.
//! Holds always: what is timed is what a server does: the real engine over a real folder, nothing warmed up that a server would not.
//!
//! Start reading at [`run`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use meshweave_engine::Engine;
use meshweave_engine::catalog::register::Registration;
use meshweave_engine::settings::Settings;

use crate::{mesh, micro, report};

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Products in the mesh.
    #[arg(long, default_value_t = 10_000)]
    products: usize,
    /// Where the mesh lies; made when it is not there yet.
    #[arg(long, default_value = "target/bench-mesh/catalog")]
    dir: PathBuf,
    /// Times that each figure is taken; the best counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Pause between two looks for the news of a registration.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the news is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures, and prints the table.
///
/// # Errors
/// When the mesh cannot be made, or holds something else than it should.
pub(crate) fn run(choice: &Choice) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let dir = choice.dir.join(choice.products.to_string());
    micro::write_catalog(&dir, choice.products)?;
    let mut best = [Duration::MAX; 4];
    for round in 0..choice.rounds.max(1) {
        let measured = runtime.block_on(one(&dir, choice.products, round))?;
        for (best, new) in best.iter_mut().zip(measured) {
            *best = (*best).min(new);
        }
    }
    report::write(None, &table(choice, &best))
}

/// The best figures, as a table.
fn table(choice: &Choice, best: &[Duration; 4]) -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let head = format!("{} products, {profile} build, best of {}", choice.products, choice.rounds.max(1));
    let figures = [("start", 2), ("listing through SQL", 1), ("listing for drivers", 1), ("a registration noticed", 2)];
    let row =
        |((what, aim), time): (&(&str, u32), &Duration)| format!("| {what} | {:.3} | {aim} |\n", time.as_secs_f64());
    let rows: String = figures.iter().zip(best).map(row).collect();
    format!("| {head} | seconds | aim |\n|---|---:|---:|\n{rows}")
}

/// One round: start, two listings, news.
async fn one(dir: &Path, products: usize, round: usize) -> Result<[Duration; 4]> {
    let before = Instant::now();
    let engine = mesh::open(dir, 2).await?;
    let start = before.elapsed();
    ensure!(engine.snapshot().problems.is_empty(), "{:?}", engine.snapshot().problems.first());
    let before = Instant::now();
    let listed = mesh::rows(&engine, "SELECT * FROM mesh.products").await?;
    let sql = before.elapsed();
    ensure!(listed >= products as u64, "{listed} products are listed");
    let before = Instant::now();
    let tables = engine.snapshot().listing(&|_| true).len();
    let drivers = before.elapsed();
    ensure!(tables >= products, "{tables} tables are listed");
    let noticed = noticed(dir, &engine, round).await?;
    Ok([start, sql, drivers, noticed])
}

/// The time from the end of a registration by one process until a server that only listens knows it.
async fn noticed(dir: &Path, writer: &Arc<Engine>, round: usize) -> Result<Duration> {
    let mut settings = Settings::default();
    settings.catalog.refresh.0 = Duration::from_secs(3600);
    let server = mesh::open_with(dir, settings).await?;
    let mut tasks = tokio::task::JoinSet::new();
    let kept = Arc::clone(&server);
    let ctx = mesh::analyst()?;
    tasks.spawn(async move { kept.keep_current(&ctx).await });
    // The first look after the watches are there.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let name = format!("news-{}-{round}", std::process::id());
    let text = micro::contract(0, &name).replace("status: active", "status: draft").into_bytes();
    let bundle =
        Registration { text, file: "news.yaml".to_owned(), contracts: Vec::new(), storage: None, dry_run: false };
    let done = writer.register(&mesh::context("bench@t")?, &bundle).await?;
    let before = Instant::now();
    while server.snapshot().entry(&done.id).is_none() {
        ensure!(before.elapsed() < PATIENCE, "{} was not noticed", done.id);
        tokio::time::sleep(PAUSE).await;
    }
    let time = before.elapsed();
    // The next round begins with what this one found.
    std::fs::remove_dir_all(dir.join(format!("domains/domain-0/{name}")))?;
    Ok(time)
}
