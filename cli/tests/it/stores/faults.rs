//! Every fault of a store, for Parquet and for Delta, through the real binary: what the caller sees, and what it cost in requests.
//!
//! A fault either passes (it hits two requests and is gone) or lasts. What passes is tried again and gives the right rows; what lasts
//! is an error that names product, domain, fault and what to do. Requests are counted by a proxy before a real S3 server.
//!
//! Start reading at [`measure`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use meshweave_test_peers::{Action, Damage, Deaf, Proxy, Refusing, S3Server, Seen};

use super::page;
use super::small::{Small, put_delta, put_parquet, sum, sum_of};
use crate::meshweave::{Ran, finish};

/// Requests that a passing fault hits.
const PASSING: u64 = 2;
/// How often a request is tried again.
const RETRIES: u64 = 3;

/// What the process is told about time: short enough for a test, long enough for a slow machine.
const SETTINGS: [(&str, &str); 6] = [
    ("MESHWEAVE_STORAGE__STALL_TIMEOUT", "3s"),
    ("MESHWEAVE_STORAGE__CONNECT_TIMEOUT", "2s"),
    ("MESHWEAVE_STORAGE__REQUEST_TIMEOUT", "60s"),
    ("MESHWEAVE_STORAGE__RETRIES", "3"),
    ("MESHWEAVE_STORAGE__RETRY_TIMEOUT", "60s"),
    ("MESHWEAVE_LIMITS__PARTITIONS", "1"),
];

/// The two products: name, connector, first number.
const PRODUCTS: [(&str, &str, i64); 2] = [("sales.plain", "Parquet", 0), ("sales.ledger", "Delta", 1_000_000)];

/// One fault.
struct Fault {
    name: &'static str,
    /// What happens to a request that it hits.
    action: Action,
    /// Whether only requests for objects are hit, and not listings: those faults need a body.
    objects: bool,
    /// Whether connections end with a reset.
    resets: bool,
    /// Whether a request that it hit is tried again.
    retried: bool,
    /// What the error says the storage does.
    words: &'static str,
}

const fn fault(name: &'static str, action: Action, words: &'static str) -> Fault {
    Fault { name, action, objects: false, resets: false, retried: true, words }
}

const FAULTS: [Fault; 9] = [
    fault("503 Service Unavailable", Action::Answer(503), "reports an error of its own"),
    fault("503 SlowDown", Action::Refuse(503, "SlowDown"), "asks to slow down"),
    fault("500 InternalError", Action::Refuse(500, "InternalError"), "reports an error of its own"),
    Fault {
        resets: true,
        objects: true,
        ..fault("connection reset mid-body", Action::Damage(Damage::CutOff), "broke the connection off")
    },
    fault("accepts, never answers", Action::Hold, "does not answer"),
    Fault {
        objects: true,
        ..fault("stalls mid-body", Action::Damage(Damage::Stall), "stopped in the middle of an answer")
    },
    Fault {
        objects: true,
        ..fault("wrong length", Action::Damage(Damage::Shorten), "sends answers of the wrong length")
    },
    Fault {
        retried: false,
        ..fault("403 ExpiredToken", Action::Refuse(403, "ExpiredToken"), "says that the credentials have expired")
    },
    Fault {
        retried: false,
        ..fault(
            "403 RequestTimeTooSkewed",
            Action::Refuse(403, "RequestTimeTooSkewed"),
            "refuses the time of this machine's clock",
        )
    },
];

/// A server, a proxy before it, and a mesh with both products.
struct Bench {
    mesh: Small,
    proxy: Proxy,
    _server: S3Server,
    runtime: tokio::runtime::Runtime,
}

fn bench() -> Bench {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, proxy) = runtime.block_on(async {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("data").unwrap();
        let store = server.root().store(&server.url(), "data").unwrap();
        put_parquet(&store, "plain", PRODUCTS[0].2).await;
        put_delta(&store, "ledger", PRODUCTS[1].2).await;
        let proxy = Proxy::start(&server.url()).await.unwrap();
        (server, proxy)
    });
    let mut mesh = Small::new();
    let root = server.root();
    mesh.variables = [("SALES_KEY", root.key.as_str()), ("SALES_SECRET", root.secret.as_str())]
        .into_iter()
        .chain(SETTINGS)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    reach(&mesh, &proxy.url());
    mesh.register("sales", "plain", "s3://data/plain/", "parquet");
    mesh.register("sales", "ledger", "s3://data/ledger/", "delta");
    Bench { mesh, proxy, _server: server, runtime }
}

/// Says where the domain's store answers.
fn reach(mesh: &Small, endpoint: &str) {
    let keys = "{ access_key_id_env: SALES_KEY, secret_access_key_env: SALES_SECRET }";
    mesh.domain("sales", &format!("{{ prefix: 's3://data/', endpoint: '{endpoint}', credentials: {keys} }}"));
}

/// Whether a request hit by the fault would notice: an answer that says "not there" has nothing to shorten.
fn is_hit(fault: &Fault, seen: &Seen) -> bool {
    let shortens = matches!(fault.action, Action::Damage(Damage::Shorten));
    (!fault.objects || is_object(seen)) && !(shortens && seen.target.contains("_last_checkpoint"))
}

fn is_object(seen: &Seen) -> bool {
    seen.method == "GET" && !seen.target.contains("list-type=")
}

/// What one run showed.
struct Measured {
    ran: Ran,
    requests: u64,
    seconds: f64,
}

impl Bench {
    /// Runs the statement on a product while `fault` hits at most `most` requests.
    fn measure(&self, product: &str, fault: Option<&'static Fault>, most: u64) -> Measured {
        let hits = Arc::new(AtomicU64::new(0));
        self.proxy.end_with_reset(fault.is_some_and(|fault| fault.resets));
        self.proxy.on_request(move |seen| {
            let hit = fault.filter(|fault| is_hit(fault, &seen));
            let hit = hit.filter(|_| hits.fetch_add(1, Ordering::SeqCst) < most);
            let action = hit.map_or(Action::Forward, |fault| fault.action);
            async move { action }
        });
        self.proxy.reset();
        let started = Instant::now();
        let ran = self.mesh.run(&["sql", &sum_of(product), "--output", "json"]);
        let seconds = started.elapsed().as_secs_f64();
        Measured { ran, requests: self.proxy.counts().total(), seconds }
    }
}

/// The error of a run: its kind is right, and it names product, domain, fault and what to do.
fn told(ran: &Ran, product: &str, words: &str) -> String {
    let error = ran.error(8);
    assert_eq!(error["kind"], "unavailable", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(product), "{error}");
    assert!(error["product"].as_str().is_some_and(|named| named.starts_with(product)), "{error}");
    assert!(message.contains(&format!("the storage of domain sales {words}")), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.ends_with('.')), "{error}");
    format!("error `unavailable`: the storage of domain sales {words}")
}

fn line(fault: &str, lasts: &str, connector: &str, saw: &str, requests: &str, seconds: f64) -> String {
    format!("| {fault} | {lasts} | {connector} | {saw} | {requests} | {seconds:.1} |")
}

#[test]
fn every_fault_is_survived_or_told_and_never_gives_a_wrong_row() {
    let bench = bench();
    let mut lines = vec![
        "| fault | how long | connector | what the caller saw | requests | seconds |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for (product, connector, first) in PRODUCTS {
        let well = bench.measure(product, None, 0);
        assert_eq!(well.ran.json(), sum(first), "{product}");
        assert_eq!(
            bench.measure(product, None, 0).requests,
            well.requests,
            "without a fault requests are always the same"
        );
        lines.push(line("none", "", connector, "the rows", &well.requests.to_string(), well.seconds));
        for fault in &FAULTS {
            let passing = bench.measure(product, Some(fault), PASSING);
            let saw = if fault.retried {
                assert_eq!(passing.ran.json(), sum(first), "{} on {product}", fault.name);
                assert_eq!(passing.requests, well.requests + PASSING, "{} on {product}", fault.name);
                "the rows".to_owned()
            } else {
                told(&passing.ran, product, fault.words)
            };
            lines.push(line(fault.name, "twice", connector, &saw, &passing.requests.to_string(), passing.seconds));
            let lasting = bench.measure(product, Some(fault), u64::MAX);
            let saw = told(&lasting.ran, product, fault.words);
            // Requests before the first one that is hit, that one, and its retries.
            let tries = if fault.retried { 1 + RETRIES } else { 1 };
            assert!(
                (tries..=well.requests + tries).contains(&lasting.requests),
                "{} on {product}: {} requests",
                fault.name,
                lasting.requests
            );
            if !fault.objects {
                assert_eq!(lasting.requests, tries, "{} on {product}", fault.name);
            }
            lines.push(line(fault.name, "for ever", connector, &saw, &lasting.requests.to_string(), lasting.seconds));
        }
    }
    bench.proxy.clear_hook();
    unreachable(&bench, &mut lines);
    page::keep("faults", &lines);
}

/// Stores that no request comes to.
fn unreachable(bench: &Bench, lines: &mut Vec<String>) {
    let refusing = Refusing::start().unwrap();
    let deaf = bench.runtime.block_on(Deaf::start()).unwrap();
    for (name, url) in [("refuses connections", refusing.url().unwrap()), ("never accepts", deaf.url().unwrap())] {
        reach(&bench.mesh, &url);
        for (product, connector, _) in PRODUCTS {
            bench.proxy.reset();
            let started = Instant::now();
            let ran = bench.mesh.run(&["sql", &sum_of(product), "--output", "json"]);
            let saw = told(&ran, product, "cannot be reached");
            assert_eq!(bench.proxy.counts().total(), 0);
            lines.push(line(name, "for ever", connector, &saw, "0", started.elapsed().as_secs_f64()));
        }
    }
    reach(&bench.mesh, &bench.proxy.url());
}

#[test]
fn a_damaged_listing_is_never_a_smaller_table() {
    let bench = bench();
    for (product, ..) in PRODUCTS {
        for damage in [Damage::CutOff, Damage::Shorten] {
            bench.proxy.reset();
            bench.proxy.on_request(move |seen| {
                let action = if is_object(&seen) { Action::Forward } else { Action::Damage(damage) };
                async move { action }
            });
            let error = bench.mesh.run(&["sql", &sum_of(product), "--output", "json"]).error(8);
            assert_eq!(error["kind"], "unavailable", "{damage:?}: {error}");
            assert!(error["message"].as_str().unwrap().contains(product), "{damage:?}: {error}");
        }
    }
}

#[test]
fn the_statements_own_time_ends_first() {
    let bench = bench();
    bench.proxy.on_request(|_| async { Action::Hold });
    for (product, ..) in PRODUCTS {
        let mut command = bench.mesh.command(&["sql", &sum_of(product), "--output", "json"]);
        command.env("MESHWEAVE_STORAGE__STALL_TIMEOUT", "1h").env("MESHWEAVE_STORAGE__REQUEST_TIMEOUT", "1h");
        let error = finish(command.env("MESHWEAVE_LIMITS__STATEMENT_TIMEOUT", "2s")).error(8);
        assert_eq!(error["kind"], "timed_out", "{error}");
    }
}
