//! Ten domains, one of them dead in each of three ways, through a real server process and Flight SQL.
//!
//! Each domain's store answers through a proxy of its own, which counts. What the other nine answer, and what that costs in requests,
//! is compared with a run in which nobody is dead.
//!
//! Start reading at [`one_dead_domain_leaves_the_other_nine_as_they_are`].

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt as _;
use meshweave_test_peers::{Action, Proxy, Refusing, S3Server};
use tonic::transport::{Channel, Endpoint};

use super::page;
use super::small::{Small, put_delta, put_parquet, sum_of};

/// Domains, the last of which dies.
const DOMAINS: usize = 10;
/// Queries that wait on the dead domain at a time: many more than may run.
const WAITING: usize = 40;

/// What the server is told.
const SETTINGS: [(&str, &str); 9] = [
    // The catalog may still change when the first statements come; a plan that holds no longer is made again, with a request more.
    ("MESHWEAVE_LIMITS__PLANS_AHEAD", "0"),
    ("MESHWEAVE_LISTEN__HTTP", "off"),
    ("MESHWEAVE_LISTEN__METRICS", "off"),
    ("MESHWEAVE_STORAGE__STALL_TIMEOUT", "3s"),
    ("MESHWEAVE_STORAGE__CONNECT_TIMEOUT", "2s"),
    ("MESHWEAVE_STORAGE__RETRIES", "2"),
    ("MESHWEAVE_STORAGE__RETRY_TIMEOUT", "60s"),
    ("MESHWEAVE_LIMITS__CONCURRENT_QUERIES", "2"),
    ("MESHWEAVE_LIMITS__PARTITIONS", "1"),
];

/// Listings: what a person and a driver look at first.
const LISTINGS: [&str; 3] = [
    "SELECT * FROM mesh.products ORDER BY 1, 2, 3",
    "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2",
    "SELECT table_schema, table_name, column_name FROM information_schema.columns ORDER BY 1, 2, 3",
];

fn name(index: usize) -> String {
    format!("d{index}")
}

/// Every second domain keeps a Delta table; the last one does.
fn format_of(index: usize) -> &'static str {
    if index.is_multiple_of(2) { "parquet" } else { "delta" }
}

/// Ten domains, each behind its proxy.
struct Ten {
    mesh: Small,
    proxies: Vec<Proxy>,
    _server: S3Server,
    runtime: tokio::runtime::Runtime,
}

impl Ten {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (server, proxies) = runtime.block_on(async {
            let server = S3Server::start().await.unwrap();
            server.create_bucket("data").unwrap();
            let store = server.root().store(&server.url(), "data").unwrap();
            let mut proxies = Vec::new();
            for index in 0..DOMAINS {
                let first = i64::try_from(index).unwrap() * 1_000_000;
                match format_of(index) {
                    "delta" => put_delta(&store, &name(index), first).await,
                    _ => put_parquet(&store, &name(index), first).await,
                }
                proxies.push(Proxy::start(&server.url()).await.unwrap());
            }
            (server, proxies)
        });
        let mut mesh = Small::new();
        let root = server.root();
        mesh.variables = [("KEY", root.key.as_str()), ("SECRET", root.secret.as_str())]
            .into_iter()
            .chain(SETTINGS)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let ten = Self { mesh, proxies, _server: server, runtime };
        for index in 0..DOMAINS {
            ten.reach(index, &ten.proxies[index].url());
            let location = format!("s3://data/{}/", name(index));
            ten.mesh.register(&name(index), "numbers", &location, format_of(index));
        }
        ten
    }

    /// Says where a domain's store answers.
    fn reach(&self, index: usize, endpoint: &str) {
        let keys = "{ access_key_id_env: KEY, secret_access_key_env: SECRET }";
        let prefix = format!("s3://data/{}/", name(index));
        let storage = format!("{{ prefix: '{prefix}', endpoint: '{endpoint}', credentials: {keys} }}");
        self.mesh.domain(&name(index), &storage);
    }

    fn requests(&self) -> Vec<u64> {
        self.proxies.iter().map(|proxy| proxy.counts().total()).collect()
    }
}

/// A running `meshweave serve`; it ends when this is dropped.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start(mesh: &Small) -> Self {
        let mut process = mesh.command(&["serve", "--listen", "127.0.0.1:0", "--output", "json"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Whatever it logs must not fill a pipe that nobody reads.
        let mut stderr = process.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = told["flight_sql"].as_str().unwrap().strip_prefix("grpc://").unwrap().to_owned();
        Self { process, address }
    }

    async fn client(&self) -> FlightSqlServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        FlightSqlServiceClient::new(endpoint.connect().await.unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _sent = Command::new("kill").args(["-KILL", &self.process.id().to_string()]).status();
        let _status = self.process.wait();
    }
}

/// The rows of a statement as text, or what the server said instead.
async fn ask(client: &mut FlightSqlServiceClient<Channel>, sql: String) -> Result<String, String> {
    let info = client.execute(sql, None).await.map_err(|error| error.to_string())?;
    let mut batches: Vec<RecordBatch> = Vec::new();
    for endpoint in info.endpoint {
        let stream = client.do_get(endpoint.ticket.unwrap()).await.map_err(|error| error.to_string())?;
        batches.extend(stream.try_collect::<Vec<_>>().await.map_err(|error| error.to_string())?);
    }
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

/// What a server showed of the listings and of the first nine domains.
#[derive(Debug, PartialEq)]
struct Shown {
    listings: Vec<String>,
    rows: Vec<String>,
    /// Requests to each of the first nine stores.
    requests: Vec<u64>,
}

/// Seconds of the nine queries, together.
async fn show(ten: &Ten, client: &mut FlightSqlServiceClient<Channel>) -> (Shown, f64) {
    ten.proxies.iter().for_each(Proxy::reset);
    let mut listings = Vec::new();
    for sql in LISTINGS {
        listings.push(ask(client, sql.to_owned()).await.unwrap());
    }
    assert_eq!(ten.requests(), [0; DOMAINS], "listings never read storage");
    let started = Instant::now();
    let mut rows = Vec::new();
    for index in 0..DOMAINS - 1 {
        rows.push(ask(client, sum_of(&format!("{}.numbers", name(index)))).await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    let mut requests = ten.requests();
    requests.truncate(DOMAINS - 1);
    (Shown { listings, rows, requests }, seconds)
}

/// Many queries wait on the dead domain; the other nine answer all the while; each of the many fails by name.
async fn crowded(served: &Served, expected: &Shown, words: &str) -> f64 {
    let dead = format!("{}.numbers", name(DOMAINS - 1));
    let mut waiting = tokio::task::JoinSet::new();
    let started = Instant::now();
    for _ in 0..WAITING {
        let (mut client, sql) = (served.client().await, sum_of(&dead));
        waiting.spawn(async move { ask(&mut client, sql).await });
    }
    let mut client = served.client().await;
    for (index, rows) in expected.rows.iter().enumerate() {
        let answer = ask(&mut client, sum_of(&format!("{}.numbers", name(index)))).await;
        assert_eq!(answer.as_ref(), Ok(rows), "{} while others wait", name(index));
    }
    for sql in LISTINGS {
        ask(&mut client, sql.to_owned()).await.unwrap();
    }
    while let Some(ended) = waiting.join_next().await {
        let error = ended.unwrap().unwrap_err();
        assert!(error.contains(&dead), "{error}");
        assert!(error.contains(&format!("the storage of domain {} {words}", name(DOMAINS - 1))), "{error}");
    }
    started.elapsed().as_secs_f64()
}

#[test]
fn one_dead_domain_leaves_the_other_nine_as_they_are() {
    let ten = Ten::new();
    let last = DOMAINS - 1;
    let (expected, well) = {
        let served = Served::start(&ten.mesh);
        ten.runtime.block_on(async { show(&ten, &mut served.client().await).await })
    };
    assert!(expected.requests.iter().all(|requests| *requests > 0), "{expected:?}");
    let mut lines = vec![
        "| the tenth domain | the other nine: rows | their requests | seconds for all nine | one query on the dead one | seconds | \
         40 at a time on the dead one, and the nine again: seconds |"
            .to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
        format!("| answers | | {} | {well:.1} | | | |", expected.requests.iter().sum::<u64>()),
    ];
    let refusing = Refusing::start().unwrap();
    let ways = [
        ("refuses connections", None, "cannot be reached"),
        ("accepts and never answers", Some(Action::Hold), "does not answer"),
        ("answers 503 for ever", Some(Action::Answer(503)), "reports an error of its own"),
    ];
    for (way, action, words) in ways {
        match action {
            None => ten.reach(last, &refusing.url().unwrap()),
            Some(action) => {
                ten.reach(last, &ten.proxies[last].url());
                ten.proxies[last].on_request(move |_| async move { action });
            }
        }
        let served = Served::start(&ten.mesh);
        let line = ten.runtime.block_on(async {
            let mut client = served.client().await;
            let (shown, seconds) = show(&ten, &mut client).await;
            assert_eq!(shown, expected, "{way}");
            let started = Instant::now();
            let error = ask(&mut client, sum_of(&format!("{}.numbers", name(last)))).await.unwrap_err();
            let alone = started.elapsed().as_secs_f64();
            assert!(
                error.contains("d9.numbers") && error.contains(&format!("the storage of domain d9 {words}")),
                "{error}"
            );
            let crowd = crowded(&served, &expected, words).await;
            let requests: u64 = shown.requests.iter().sum();
            format!(
                "| {way} | the same | {requests} | {seconds:.1} | `unavailable`: {words} | {alone:.1} | {crowd:.1} |"
            )
        });
        lines.push(line);
    }
    page::keep("dead", &lines);
}
