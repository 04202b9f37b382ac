//! Large results: how fast they come through Flight SQL and in process, and what the wire types cost.
//!
//! Start reading at [`results`].

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use meshweave_engine::Engine;

use super::client::Client;
use super::numbers::gigabytes;
use super::server::Server;
use super::{Choice, data};
use crate::{mesh, usage};

/// One way of taking a result, measured several times.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) title: &'static str,
    /// Wall-clock seconds of each round.
    pub(super) seconds: Vec<f64>,
    /// CPU seconds of each round: of the server, or of this process where the engine runs in it.
    pub(super) cpu: Vec<f64>,
}

/// One result, taken in several ways.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) title: String,
    /// 10⁹ bytes of its messages, as the first way through Flight SQL sends them.
    pub(super) gigabytes: f64,
    pub(super) ways: Vec<Taken>,
}

/// A way of taking a result.
#[derive(Debug, Clone, Copy)]
enum Way {
    InProcess,
    /// Through Flight SQL, with the wire types of a profile.
    Flight(&'static str),
}

/// What the ways of one result share.
struct Bench<'a> {
    engine: &'a Engine,
    server: &'a Server,
    sql: &'a str,
    rows: usize,
}

/// A wide and a narrow result: in process, through Flight SQL, and in process again.
///
/// # Errors
/// When a way gives another number of rows than were written.
pub(super) async fn results(choice: &Choice, dir: &Path) -> Result<Vec<Compared>> {
    let ways =
        [("in process", Way::InProcess), ("Flight SQL", Way::Flight("compat")), ("in process again", Way::InProcess)];
    let engine = mesh::open(dir, choice.threads).await?;
    let server = Server::start(dir, choice.threads).await?;
    let mut compared = Vec::new();
    let wide = ("wide: 100 columns", data::WIDE, data::wide_rows(choice.mebibytes));
    let narrow = ("narrow: 3 columns", data::NARROW, data::narrow_rows(choice.mebibytes));
    for (title, sql, rows) in [wide, narrow] {
        let bench = Bench { engine: &engine, server: &server, sql, rows };
        compared.push(bench.compare(title, &ways, choice.rounds).await?);
    }
    Ok(compared)
}

/// Views and dictionaries: in process, and with the wire types of two profiles, the first of them twice.
///
/// # Errors
/// As [`results`].
pub(super) async fn profiles(choice: &Choice, dir: &Path) -> Result<Compared> {
    let ways = [
        ("compat", Way::Flight("compat")),
        ("arrow", Way::Flight("arrow")),
        ("compat again", Way::Flight("compat")),
        ("in process", Way::InProcess),
    ];
    let engine = mesh::open(dir, choice.threads).await?;
    let server = Server::start(dir, choice.threads).await?;
    let bench = Bench { engine: &engine, server: &server, sql: data::WORDS, rows: data::words_rows(choice.mebibytes) };
    bench.compare("2 columns of views, 2 of dictionaries, 1 of numbers", &ways, choice.rounds).await
}

impl Bench<'_> {
    /// Takes the result in every way, in turns; each round begins with another way, and a first one only warms the files.
    async fn compare(&self, title: &str, ways: &[(&'static str, Way)], rounds: usize) -> Result<Compared> {
        let mut taken: Vec<Taken> = ways.iter().map(|(title, _)| Taken { title, ..Taken::default() }).collect();
        let mut bytes = 0;
        for round in 0..=rounds.max(1) {
            for turn in 0..ways.len() {
                let at = (round + turn) % ways.len();
                let (seconds, cpu, sent) = self.take(ways[at].1).await?;
                if bytes == 0 {
                    bytes = sent;
                }
                if round > 0 {
                    taken[at].seconds.push(seconds.as_secs_f64());
                    taken[at].cpu.push(cpu);
                }
            }
        }
        Ok(Compared { title: title.to_owned(), gigabytes: gigabytes(bytes), ways: taken })
    }

    /// Time, CPU seconds, and bytes of the messages; 0 where there are none.
    async fn take(&self, way: Way) -> Result<(Duration, f64, u64)> {
        let (rows, took, cpu, bytes) = match way {
            Way::InProcess => {
                let before = (Instant::now(), usage::cpu());
                let rows = mesh::rows(self.engine, self.sql).await?;
                let took = before.0.elapsed();
                (rows, took, usage::cpu().saturating_sub(before.1).as_secs_f64(), 0)
            }
            Way::Flight(profile) => {
                let mut client = Client::connect(&self.server.address).await?.with_profile(profile);
                let before = self.server.used().await?;
                let fetched = client.query(self.sql).await?;
                let used = self.server.used().await?;
                (fetched.rows, fetched.took, used.cpu_seconds - before.cpu_seconds, fetched.bytes)
            }
        };
        ensure!(rows == self.rows as u64, "{}: {rows} rows instead of {}", self.sql, self.rows);
        Ok((took, cpu, bytes))
    }
}
