//! The routes, one by one.

use std::collections::BTreeMap;

use meshweave_portal::families;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::door::Door;
use crate::openmetrics::{self, Family};

async fn numbers(door: &Door) -> BTreeMap<String, Family> {
    let (status, headers, body) = door.get(door.metrics, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(headers.contains("content-type: application/openmetrics-text; version=1.0.0"), "{headers}");
    openmetrics::read(&body)
}

/// The number of a family's sample with these label values, in the order of their names.
fn number(families: &BTreeMap<String, Family>, name: &str, labels: &[&str]) -> f64 {
    let samples = &families[name].samples;
    let mut fitting =
        samples.iter().filter(|sample| sample.labels.values().map(String::as_str).eq(labels.iter().copied()));
    fitting.next().unwrap_or_else(|| panic!("{name} {labels:?}: {samples:?}")).value
}

#[tokio::test]
async fn alive_and_ready_until_it_drains() {
    let door = Door::start().await;
    let (status, headers, body) = door.get(door.http, "/health").await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", "{\"status\":\"alive\"}\n"));
    assert!(headers.contains("content-type: application/json"), "{headers}");
    let (status, _, body) = door.get(door.http, "/ready").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("\"status\":\"ready\"") && body.contains("\"age_seconds\""), "{body}");

    door.engine.metrics().door.drain();
    let (status, _, body) = door.get(door.http, "/ready").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains("\"status\":\"draining\""), "{body}");
    assert_eq!(door.get(door.http, "/health").await.0, "HTTP/1.1 200 OK");
    assert_eq!(number(&numbers(&door).await, "meshweave_draining", &[]), 1.0);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_each_listener_has_its_own() {
    let door = Door::start().await;
    assert_eq!(door.get(door.http, "/metrics").await.0, "HTTP/1.1 404 Not Found");
    assert_eq!(door.get(door.metrics, "/health").await.0, "HTTP/1.1 404 Not Found");
    assert_eq!(door.get(door.http, "/").await.0, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn queries_are_counted_by_how_they_ended() {
    let door = Door::start().await;
    let before = numbers(&door).await;
    assert_eq!(number(&before, "meshweave_queries", &["none", "finished"]), 0.0);
    assert_eq!(door.run("SELECT n FROM sales.numbers").await.unwrap(), 2);
    assert_eq!(door.run("SELECT 1").await.unwrap(), 1);
    door.run("SELECT x FROM sales.nothing").await.unwrap_err();
    door.run("SELEC 1").await.unwrap_err();
    let after = numbers(&door).await;
    assert_eq!(number(&after, "meshweave_queries", &["none", "finished"]), 2.0);
    assert_eq!(number(&after, "meshweave_queries", &["not_found", "failed"]), 1.0);
    assert_eq!(number(&after, "meshweave_queries", &["invalid_query", "failed"]), 1.0);
    assert_eq!(number(&after, "meshweave_answer_rows", &[]), 3.0);
    assert_eq!(number(&after, "meshweave_queries_running", &[]), 0.0);
    assert_eq!(number(&after, "meshweave_products", &["sales"]), 1.0);
    let count = |name: &str| after[name].samples.iter().find(|s| s.name.ends_with("_count")).unwrap().value;
    assert_eq!(count("meshweave_query_duration_seconds"), 4.0, "failed ones too");
    assert_eq!(count("meshweave_query_planning_seconds"), 2.0);
    assert_eq!(count("meshweave_query_waiting_seconds"), 2.0);
}

#[tokio::test]
async fn a_query_that_runs_is_seen_and_its_end_too() {
    let door = Door::start().await;
    let ctx = meshweave_engine::QueryContext::new(meshweave_engine::Principal { user: "ada".into(), teams: vec![] });
    let statement = meshweave_engine::Statement::new("SELECT n FROM sales.numbers");
    let answer = door.engine.query(&ctx, &statement).await.unwrap();
    assert_eq!(number(&numbers(&door).await, "meshweave_queries_running", &[]), 1.0);
    drop(answer);
    // The watch beside the stream lets go a moment later.
    while door.engine.metrics().running.get() > 0 {
        tokio::task::yield_now().await;
    }
    let after = numbers(&door).await;
    assert_eq!(number(&after, "meshweave_queries", &["none", "dropped"]), 1.0);
}

/// A family's name, type, labels and meaning.
type Told = (String, String, String, String);

#[tokio::test]
async fn the_page_of_the_book_lists_exactly_what_the_endpoint_gives() {
    let door = Door::start().await;
    let given = numbers(&door).await;
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src/metrics.md")).unwrap();
    let (table, _) = page.split_once("## What to watch").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `meshweave_"));
    let told: Vec<Told> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [name, shape, labels, help] = cells[..] else { panic!("{row}") };
            (name.to_owned(), shape.to_owned(), labels.replace('`', ""), help.to_owned())
        })
        .collect();
    let expected: Vec<Told> = families()
        .iter()
        .map(|family| {
            let shown = &given[family.name];
            assert_eq!((shown.shape.as_str(), shown.help.as_str()), (family.shape.word(), family.help));
            let ending = if family.shape.word() == "counter" { "_total" } else { "" };
            let name = format!("{}{ending}", family.name);
            (name, family.shape.word().to_owned(), family.labels.join(", "), family.help.to_owned())
        })
        .collect();
    assert_eq!(given.len(), expected.len());
    let as_page = |rows: &[Told]| {
        let row = |(name, shape, labels, help): &Told| format!("| `{name}` | {shape} | {labels} | {help} |\n");
        rows.iter().map(row).collect::<String>()
    };
    assert_eq!(as_page(&told), as_page(&expected), "the rows of docs/src/metrics.md must be:\n{}", as_page(&expected));
}

#[tokio::test]
async fn whoever_says_nothing_is_given_up_and_others_are_served() {
    let door = Door::start().await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(door.http).await.unwrap());
    }
    silent[0].write_all(b"GET /health HTTP/1.1\r\nhost").await.unwrap();
    // More connections than places: the answer comes when the first silent ones were given up.
    assert_eq!(door.get(door.http, "/health").await.0, "HTTP/1.1 200 OK");
    let mut rest = Vec::new();
    let _ended = silent[0].read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn it_stops_when_it_is_asked_to_even_with_idle_connections() {
    let mut door = Door::start().await;
    let idle = TcpStream::connect(door.http).await.unwrap();
    door.stop.cancel();
    while let Some(ended) = door.tasks.join_next().await {
        ended.unwrap();
    }
    drop(idle);
    TcpStream::connect(door.http).await.unwrap_err();
}
