//! Health, readiness, metrics, the word to systemd, and logs, of the running binary.

use std::os::unix::net::UnixDatagram;

use crate::mesh::{on_shared, path, shared};
use crate::meshweave;
use crate::server::{Server, get, rows};

#[tokio::test(flavor = "multi_thread")]
async fn numbers_grow_with_queries() {
    let server = Server::start(&[]);
    let http = server.told("http").to_owned();
    let (status, body) = get(&format!("{http}/ready"));
    assert_eq!(status, "HTTP/1.1 200 OK");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["status"], &body["catalog"]["stale"]), (&"ready".into(), &false.into()));
    assert!(body["catalog"]["age_seconds"].as_f64().is_some(), "{body}");

    let mut client = server.client().await;
    assert_eq!(rows(&mut client, "SELECT * FROM commerce.orders LIMIT 5").await.unwrap(), 5);
    rows(&mut client, "SELECT * FROM commerce.nothing").await.unwrap_err();
    let (_, numbers) = get(server.told("metrics"));
    let number = |name: &str| -> f64 {
        let line = numbers.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {numbers}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert_eq!(number("meshweave_queries_total{outcome=\"finished\""), 1.0);
    assert_eq!(number("meshweave_queries_total{outcome=\"failed\",error=\"not_found\"}"), 1.0);
    assert_eq!(number("meshweave_domain_queries_total{domain=\"commerce\"}"), 1.0);
    assert_eq!(number("meshweave_answer_rows_total"), 5.0);
    for name in ["storage_requests_total", "storage_read_bytes_total"] {
        assert!(number(&format!("meshweave_{name}{{domain=\"commerce\"}}")) > 0.0, "{name}");
    }
    for name in ["scan_rows_total", "catalog_generation"] {
        assert!(number(&format!("meshweave_{name}")) > 0.0, "{name}");
    }
    assert!(number("meshweave_products{domain=\"commerce\"}") >= 1.0);
    assert_eq!(number("meshweave_flight_connections"), 1.0);
    assert_eq!(number("meshweave_queries_running "), 0.0);
    assert!(!numbers.contains("somebody"), "no user is named");
}

#[test]
fn a_supervisor_is_told_and_can_ask() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    let server = Server::of(Server::command(&[]).env("NOTIFY_SOCKET", &socket));
    let mut text = [0; 64];
    let mut next = || {
        let length = supervisor.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(next(), "READY=1");

    let address = server.told("http").strip_prefix("http://").unwrap().to_owned();
    let ask = |address: &str| {
        let args = ["--mesh", path(shared()), "serve", "--health"];
        meshweave::finish(meshweave::command(&args).env("MESHWEAVE_LISTEN__HTTP", address))
    };
    let alive = ask(&address);
    alive.ok();
    assert!(alive.stderr.contains("alive"), "{}", alive.stderr);
    let off = ask("off");
    assert!(off.failed(2).contains("HTTP is off"), "{}", off.stderr);
    server.signal("HUP");
    assert!(get(&format!("http://{address}/health")).0.ends_with("200 OK"), "SIGHUP does not end it");

    server.signal("TERM");
    assert_eq!(next(), "STOPPING=1");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    let gone = ask(&address);
    assert!(gone.failed(8).contains("/health"), "{}", gone.stderr);
}

#[test]
fn http_and_metrics_can_be_off() {
    let server = Server::start(&[("MESHWEAVE_LISTEN__HTTP", "off"), ("MESHWEAVE_LISTEN__METRICS", "off")]);
    assert!(server.told["http"].is_null() && server.told["metrics"].is_null(), "{}", server.told);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let args = ["--mesh", path(shared()), "serve", "--listen", "127.0.0.1:0"];
    let refused = meshweave::finish(meshweave::command(&args).env("MESHWEAVE_LISTEN__METRICS", &address));
    assert!(refused.failed(2).contains("listen.metrics"), "{}", refused.stderr);
}

#[test]
fn the_settings_say_how_a_server_logs() {
    let mut command = Server::command(&[("MESHWEAVE_LOGS__FORMAT", "json")]);
    let server = Server::of(&mut command);
    server.signal("TERM");
    let (_, log) = server.ended();
    let lines = log.lines().filter(|line| line.starts_with('{')).map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        object["fields"]["message"].as_str().unwrap().to_owned()
    });
    let lines: Vec<String> = lines.collect();
    assert!(lines.iter().any(|line| line.starts_with("draining")), "{log}");
    let wrong = on_shared(&["serve", "--log-format", "xml"]);
    assert_eq!(wrong.code, Some(2));
}

/// Nobody reads what the server logs: it answers all the same, counts what is lost, and says so when somebody reads again.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_stops_nothing() {
    let mut command = Server::command(&[("MESHWEAVE_LOGS__QUEUED_LINES", "50"), ("MESHWEAVE_LOG", "trace")]);
    let mut server = Server::unread(&mut command);
    let mut client = server.client().await;
    let lost = async |server: &Server| -> f64 {
        let (_, numbers) = get(server.told("metrics"));
        let line = numbers.lines().find(|line| line.starts_with("meshweave_log_lines_lost_total")).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    // Far more than a pipe and the queue hold.
    while lost(&server).await < 1000.0 {
        assert_eq!(rows(&mut client, "SELECT * FROM commerce.orders LIMIT 5").await.unwrap(), 5);
    }
    server.read_log();
    server.logged("log lines were lost").await;
    server.signal("TERM");
    let (status, log) = server.ended();
    assert!(status.success() && log.ends_with("stopped\n"), "{status}: {}", &log[log.len().saturating_sub(2000)..]);
}

/// A server that is asked to stop does not wait for a reader either.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_is_left_behind_at_the_end() {
    let mut server = Server::unread(&mut Server::command(&[("MESHWEAVE_LOG", "trace")]));
    let mut client = server.client().await;
    for _ in 0..20 {
        assert_eq!(rows(&mut client, "SELECT * FROM commerce.orders LIMIT 5").await.unwrap(), 5);
    }
    drop(client);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
