//! Random statements over random Parquet and Delta tables: the built server, through the real ADBC driver, against DuckDB over the
//! same rows in memory. The tables and statements are made by `testdata/differential`.
//!
//! `MESHWEAVE_DIFFERENTIAL=SEED:TABLE:QUERY` runs one pair again and shows both answers; `MESHWEAVE_DIFFERENTIAL=SEED` runs all
//! pairs of another seed. `MESHWEAVE_TEST_SHARE` makes more tables.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::adbc::Server;
use crate::mesh::path;
use crate::meshweave::{command, run, variable};

/// The seed of the pairs that every change is tested with.
const SEED: u64 = 20_261_121;
/// Random tables of one share; three tables that Spark wrote come with them.
const TABLES: u64 = 25;
/// Statements over each table.
const QUERIES: u64 = 20;
/// The most shares: what a night holds on a small machine.
const SHARES: u64 = 20;

/// The seed, and the one pair when only one is wanted.
fn wanted() -> (u64, Option<String>) {
    let Some(text) = variable("MESHWEAVE_DIFFERENTIAL") else { return (SEED, None) };
    let (seed, pair) = text.split_once(':').map_or((text.as_str(), None), |(seed, pair)| (seed, Some(pair.to_owned())));
    (seed.parse().expect("MESHWEAVE_DIFFERENTIAL is SEED or SEED:TABLE:QUERY"), pair)
}

fn script(args: &[&str]) -> std::process::Output {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/differential/run.py");
    let python = meshweave_test_peers::python().unwrap();
    Command::new(python).arg("-B").arg(script).args(args).output().unwrap()
}

#[test]
fn random_statements_over_random_tables_equal_duckdb() {
    let (seed, pair) = wanted();
    let share = variable("MESHWEAVE_TEST_SHARE").and_then(|share| share.parse().ok()).unwrap_or(1);
    let (seed, tables) = (seed.to_string(), (TABLES * u64::min(share, SHARES)).to_string());
    let folder = tempfile::tempdir().unwrap();
    let mesh = folder.path().join("mesh");
    let made = script(&["make", path(&mesh), &seed, &tables]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    run(&["--mesh", path(&mesh), "register", path(&mesh.join("contracts"))]).ok();

    let args = ["--mesh", path(&mesh), "serve", "--listen", "127.0.0.1:0", "--output", "json"];
    // Nobody reads what the server logs, and a full pipe would hold it up.
    let mut server = Server(command(&args).stderr(Stdio::null()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let uri = told["flight_sql"].as_str().unwrap();

    let queries = QUERIES.to_string();
    let mut args = vec!["compare", uri, &seed, &tables, &queries];
    args.extend(pair.as_deref());
    let compared = script(&args);
    let text = String::from_utf8_lossy(&compared.stdout);
    println!("{text}");
    let how = "one pair again: MESHWEAVE_DIFFERENTIAL=SEED:TABLE:QUERY cargo test -p meshweave --test it -- differential:: --nocapture";
    assert!(compared.status.success(), "{text}\n{}\n{how}", String::from_utf8_lossy(&compared.stderr));
    let pairs = |text: &str| text.lines().last()?.split(' ').next()?.parse::<u64>().ok();
    assert!(pair.is_some() || pairs(&text).is_some_and(|pairs| pairs >= 500), "{text}");
}
