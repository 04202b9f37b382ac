//! Hundreds of readers that take their time: they hold little, keep nobody from reading, and lend their places.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use meshweave_engine::settings::{Settings, Timeout};
use meshweave_flight_server::Options;
use tokio::runtime::{Builder, Runtime};
use tonic::Streaming;

use crate::mesh::Mesh;
use crate::small::{ada, fetch, ticket};

/// Rows of 100 bytes, more than anybody reads.
const ENDLESS: &str = "SELECT i, repeat('x', 92) AS t FROM generate_series(1, 1000000000000) AS s(i)";
/// Rows of 1 kB, more than anybody reads.
const WIDE: &str = "SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 1000000000000) AS s(i)";
/// What is read by whoever reads fast.
const FAST: &str = "SELECT i, repeat('y', 100) AS t FROM generate_series(1, 100000) AS s(i)";
/// What a reader may hold of the server's memory, bytes.
const MOST_OF_A_READER: usize = 16 << 20;

/// A server that computes on threads of its own, as the command line starts it.
struct Served {
    mesh: Mesh,
    threads: Runtime,
}

impl Served {
    async fn start() -> Self {
        let threads = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let mut settings = Settings::default();
        // Looks at its readers often, so that nobody waits for a place for long.
        settings.limits.reader_pause = Timeout(Duration::from_millis(1));
        let mut options = Options::new(ada());
        options.work = Some(threads.handle().clone());
        Self { mesh: Mesh::serving(settings, options).await, threads }
    }

    /// Begins an answer and takes its first rows.
    async fn begin(&self, sql: &str) -> Streaming<FlightData> {
        let mut client = self.mesh.client().await;
        let info = client.execute(sql.into(), None).await.unwrap();
        let mut stream = client.into_inner().do_get(ticket(&info)).await.unwrap().into_inner();
        for _ in 0..2 {
            stream.message().await.unwrap().unwrap();
        }
        stream
    }

    /// Reads a whole answer.
    async fn read_fast(&self) {
        let mut client = self.mesh.client().await;
        let info = client.execute(FAST.into(), None).await.unwrap();
        let batches = fetch(&mut client, &info).await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 100_000);
    }

    /// Waits until nothing is held any more, and ends.
    async fn end(self) {
        let engine = &self.mesh.engine;
        while engine.reserved_bytes() + engine.running_queries() + engine.paused_queries() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.threads.shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slow_reader_holds_little_from_its_first_row_on() {
    let served = Served::start().await;
    let mut slow = served.begin(WIDE).await;
    let mut most = 0;
    for _ in 0..40 {
        slow.message().await.unwrap().unwrap();
        let held = served.mesh.engine.reserved_bytes();
        assert!(held < MOST_OF_A_READER, "{held} bytes");
        most = most.max(held);
    }
    assert!(most > 1 << 20, "what waits for the reader is counted: {most} bytes at most");
    drop(slow);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_slow_readers_keep_nobody_from_reading() {
    const READERS: usize = 200;
    let served = Served::start().await;
    let places = Settings::default().limits.concurrent_queries;
    let mut slow = Vec::new();
    for _ in 0..READERS {
        slow.push(served.begin(ENDLESS).await);
    }
    let engine = &served.mesh.engine;
    assert!(engine.paused_queries() >= READERS - places, "{} have lent their places", engine.paused_queries());
    served.read_fast().await;
    // All of them take one message more, and the fast one reads beside them.
    let reading = async {
        for stream in &mut slow {
            stream.message().await.unwrap().unwrap();
        }
    };
    tokio::join!(reading, served.read_fast());
    let held = engine.reserved_bytes();
    assert!((READERS..READERS * MOST_OF_A_READER).contains(&held), "{held} bytes for {READERS} readers");
    assert_eq!(engine.waiting_queries(), 0);
    drop(slow);
    served.end().await;
}
