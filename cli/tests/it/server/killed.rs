//! Clients that are killed in the middle: their process gets SIGKILL, and the server is looked at from outside. What runs ends, what is
//! asked of storage after that is counted by a proxy before a real S3 server, and nothing stays reserved.
//!
//! Holds always: storage answers nothing while the client is killed, so that what comes after it cannot have been asked before.
//!
//! Start reading at [`Bench`].

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshweave_test_peers::Action;
use tokio::sync::watch;

use super::{Server, get};
use crate::stores::{Stores, stores};

/// Requests that may still come when the client is gone.
const HANDFUL: u64 = 4;

/// Every column of every row of sixteen files.
const SCAN: &str = "SELECT * FROM commerce.\"orders@1\"";

/// Runs a statement and says how many rows have come, batch by batch.
const READER: &str = "
import sys
import adbc_driver_flightsql.dbapi as flightsql
with flightsql.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute(sys.argv[2])
    for batch in cursor.fetch_record_batch():
        print(batch.num_rows, flush=True)
";

/// Sends rows, and then nothing: neither more nor an end.
const WRITER: &str = "
import sys, time
import adbc_driver_flightsql.dbapi as flightsql
import pyarrow as pa

schema = pa.schema([('n', pa.int64())])

def batches():
    for _ in range(4):
        yield pa.record_batch([pa.array(range(100_000))], schema=schema)
    print('sent', flush=True)
    time.sleep(3600)

options = {'adbc.flight.sql.authorization_header': 'Bearer a session'}
with flightsql.connect(sys.argv[1], db_kwargs=options) as connection, connection.cursor() as cursor:
    cursor.adbc_ingest('t', pa.RecordBatchReader.from_batches(schema, batches()), mode='create')
";

/// A server over stores behind a proxy.
struct Bench {
    stores: Stores,
    server: Server,
}

/// A client process; it is killed when it is dropped.
struct Client(Child);

impl Client {
    /// Runs a program of Python with these words.
    fn start(program: &str, words: &[&str]) -> Self {
        let mut command = Command::new(meshweave_test_peers::python().unwrap());
        command.args(["-B", "-W", "ignore", "-c", program]).args(words);
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap())
    }

    /// Waits until it says something.
    fn says(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    }

    /// Kills it, as the kernel does when memory is short.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    fn start() -> Self {
        let stores = stores();
        let args = ["serve", "--listen", "127.0.0.1:0", "--output", "json"];
        let mut command = stores.mesh.command(&args);
        command.envs([("MESHWEAVE_LISTEN__METRICS", "127.0.0.1:0"), ("MESHWEAVE_LIMITS__PARTITIONS", "2")]);
        let mut server = Server::unread(&mut command);
        server.read_log();
        Self { stores, server }
    }

    /// A number of the server's metrics; 0 when it is not told yet.
    fn number(&self, name: &str) -> f64 {
        let (_, numbers) = get(self.server.told("metrics"));
        let line = numbers.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.map_or(0.0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    /// Waits until the server has noticed that its client is gone, and holds nothing any more.
    fn settle(&self) {
        for name in ["meshweave_flight_streams", "meshweave_queries_running", "meshweave_memory_used_bytes"] {
            self.until(|| self.number(name) == 0.0);
        }
        self.until(|| self.stores.proxy.counts().in_flight == 0);
    }

    /// Waits for something that happens; what never does is ended by the harness's limit.
    fn until(&self, what: impl Fn() -> bool) {
        while !what() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets so many requests for objects through and holds all further ones; what is given lets everything through again.
    fn hold_after(&self, most: u64) -> (Arc<AtomicU64>, watch::Sender<bool>) {
        let (open, opened) = watch::channel(false);
        let held = Arc::new(AtomicU64::new(0));
        let (counted, passed) = (Arc::clone(&held), AtomicU64::new(0));
        self.stores.proxy.on_request(move |_| {
            let passes = passed.fetch_add(1, Ordering::SeqCst) < most;
            let (counted, mut opened) = (Arc::clone(&counted), opened.clone());
            async move {
                if !passes && !*opened.borrow() {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _gone = opened.wait_for(|open| *open).await;
                }
                Action::Forward
            }
        });
        (held, open)
    }

    /// Lets requests through again, and counts those that come: as many as it takes to be sure that no more do, by asking the same
    /// server for something of its own.
    fn requests_after(&self, open: &watch::Sender<bool>) -> u64 {
        let before = self.stores.proxy.counts().total();
        open.send_replace(true);
        let mut client = Client::start(READER, &[self.server.told("flight_sql"), "SELECT count(*) FROM mesh.products"]);
        assert_eq!(client.says(), "1\n");
        client.0.wait().unwrap();
        self.stores.proxy.counts().total() - before
    }

    /// Requests of the whole scan, when it is read to its end.
    fn requests_of_all(&self) -> u64 {
        let before = self.stores.proxy.counts().total();
        let mut client = Client::start(READER, &[self.server.told("flight_sql"), SCAN]);
        while !client.says().is_empty() {}
        assert!(client.0.wait().unwrap().success());
        self.stores.proxy.counts().total() - before
    }

    fn end(self) {
        drop(self.server);
        drop(self.stores.proxy);
        drop(self.stores.runtime);
    }
}

#[test]
fn a_client_that_is_killed_while_it_reads_ends_the_scan() {
    let bench = Bench::start();
    bench.requests_of_all();
    // The second time, when the ends of the files are known.
    let whole = bench.requests_of_all();
    assert!(whole > 3 * HANDFUL, "{whole} requests for all rows");
    // What is planned is asked for again; then some of the rows, and no more.
    let (held, open) = bench.hold_after(whole / 2);
    let client = Client::start(READER, &[bench.server.told("flight_sql"), SCAN]);
    bench.until(|| held.load(Ordering::SeqCst) > 0);
    assert_eq!(bench.number("meshweave_queries_running"), 1.0);
    client.kill();
    bench.settle();
    let after = bench.requests_after(&open);
    assert!(after <= HANDFUL, "{after} requests after the client was killed");
    assert_eq!(bench.number("meshweave_memory_used_bytes"), 0.0);
    bench.end();
}

#[test]
fn a_client_that_is_killed_while_its_statement_is_planned_ends_the_planning() {
    let bench = Bench::start();
    let (held, open) = bench.hold_after(0);
    let client = Client::start(READER, &[bench.server.told("flight_sql"), SCAN]);
    bench.until(|| held.load(Ordering::SeqCst) > 0);
    client.kill();
    bench.settle();
    let after = bench.requests_after(&open);
    assert!(after <= HANDFUL, "{after} requests after the client was killed");
    bench.end();
}

#[test]
fn a_client_that_is_killed_while_it_sends_rows_leaves_none_of_them() {
    let bench = Bench::start();
    let mut client = Client::start(WRITER, &[bench.server.told("flight_sql")]);
    assert_eq!(client.says(), "sent\n");
    bench.until(|| bench.number("meshweave_memory_used_bytes") > 0.0);
    client.kill();
    bench.settle();
    bench.end();
}
