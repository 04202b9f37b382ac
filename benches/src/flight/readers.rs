//! Readers that take one message a second of a large answer, and what they cost a fast one beside them.
//!
//! Start reading at [`run`].

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::Choice;
use super::client::{Client, next};
use super::data::{NARROW, narrow_rows};
use super::server::Server;

/// More rows than anybody reads, made as they are asked for: 1 kB each.
const ENDLESS: &str = "SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 1000000000000) AS s(i)";
/// Slow readers that begin at a time: the server's queue holds no more of one caller by default (`limits.queued_per_principal`).
const BEGINNING: usize = 64;
/// How long the slow readers are waited for until each has its first rows.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Bytes per second of the fast reader, by itself and beside the slow ones, a figure for each round.
    pub(super) alone: Vec<f64>,
    pub(super) beside: Vec<f64>,
    /// The most that the server had reserved for queries and messages while the slow ones read, bytes.
    pub(super) reserved_bytes: u64,
    /// The most that the server ever held in RAM, bytes: before the slow ones came, and at the end.
    pub(super) before_bytes: u64,
    pub(super) after_bytes: u64,
}

/// Lets a fast reader read by itself, then beside slow ones, and by itself again.
///
/// # Errors
/// When a reader is refused, or the fast one does not get all rows.
pub(super) async fn run(choice: &Choice, dir: &Path) -> Result<Beside> {
    let server = Server::start(dir, choice.threads).await?;
    let mut fast = Client::connect(&server.address).await?;
    let mut beside = Beside::default();
    let rounds = choice.rounds.max(1);
    // The first one warms the files.
    throughput(choice, &mut fast).await?;
    for _ in 0..rounds {
        beside.alone.push(throughput(choice, &mut fast).await?);
    }
    beside.before_bytes = server.used().await?.peak_bytes;
    let (stop, stopped) = watch::channel(false);
    let (mut slow, begun) = start(choice, &server.address, &stopped);
    let until = Instant::now() + PATIENCE;
    while begun.len() < choice.readers {
        if let Some(ended) = slow.try_join_next() {
            ended??;
            bail!("a slow reader has ended before it began");
        }
        ensure!(Instant::now() < until, "{} of {} slow readers have begun", begun.len(), choice.readers);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while beside.beside.len() < rounds {
        beside.beside.push(throughput(choice, &mut fast).await?);
        beside.reserved_bytes = beside.reserved_bytes.max(server.used().await?.reserved_bytes);
    }
    stop.send_replace(true);
    while let Some(ended) = slow.join_next().await {
        ended??;
        beside.reserved_bytes = beside.reserved_bytes.max(server.used().await?.reserved_bytes);
    }
    beside.after_bytes = server.used().await?.peak_bytes;
    for _ in 0..rounds {
        beside.alone.push(throughput(choice, &mut fast).await?);
    }
    Ok(beside)
}

/// Counts the slow readers that have their first rows.
#[derive(Debug, Clone, Default)]
struct Begun(Arc<AtomicUsize>);

impl Begun {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn len(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Slow readers, each on a connection of its own; they read on until they are stopped.
fn start(choice: &Choice, address: &str, stopped: &watch::Receiver<bool>) -> (JoinSet<Result<()>>, Begun) {
    let (mut slow, begun) = (JoinSet::new(), Begun::default());
    let beginning = Arc::new(Semaphore::new(BEGINNING));
    for _ in 0..choice.readers {
        let (address, stopped) = (address.to_owned(), stopped.clone());
        slow.spawn(read_slowly(address, choice.seconds, Arc::clone(&beginning), begun.clone(), stopped));
    }
    (slow, begun)
}

/// One message a second, at least for so many seconds.
async fn read_slowly(
    address: String,
    seconds: usize,
    beginning: Arc<Semaphore>,
    begun: Begun,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let turn = beginning.acquire_owned().await?;
    let mut client = Client::connect(&address).await?;
    let mut answer = client.begin(ENDLESS).await?;
    // The schema, and the first rows.
    for _ in 0..2 {
        ensure!(next(&mut answer).await?.is_some(), "the rows of a slow reader ended");
    }
    drop(turn);
    begun.one_more();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = 0;
    while taken < seconds || !*stopped.borrow() {
        tick.tick().await;
        taken += 1;
        ensure!(next(&mut answer).await?.is_some(), "the rows of a slow reader ended");
    }
    Ok(())
}

/// Bytes per second of one whole result.
async fn throughput(choice: &Choice, client: &mut Client) -> Result<f64> {
    let fetched = client.query(NARROW).await?;
    let expected = narrow_rows(choice.mebibytes) as u64;
    ensure!(fetched.rows == expected, "{} rows instead of {expected}", fetched.rows);
    Ok(super::numbers::gigabytes(fetched.bytes) * 1e9 / fetched.took.as_secs_f64())
}
