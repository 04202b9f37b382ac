//! Every family of metrics: its name, what it means, and how it is read.
//!
//! Holds always:
//! - a name, once published, keeps its meaning; counters end in `_total`, units are base units (seconds, bytes);
//! - labels take few values: outcomes, kinds of errors, domains.
//!
//! Start reading at [`families`].

use std::collections::{BTreeMap, BTreeSet};

use meshweave_engine::Engine;
use meshweave_engine::metrics::HistogramReading;

use crate::health::age_seconds;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It only grows; its samples end in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
}

impl Shape {
    /// The word of the format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One family of metrics.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name, without the `_total` of counters.
    pub name: &'static str,
    /// What its numbers are.
    pub shape: Shape,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
    pub(crate) read: fn(&Engine) -> Reading,
}

/// The values of a family at one moment: those of the labels, and the number.
#[derive(Debug)]
pub(crate) enum Reading {
    Count(Vec<(Vec<String>, u64)>),
    Level(Vec<(Vec<String>, f64)>),
    Times(HistogramReading),
}

/// Every family, in the order in which it is shown.
pub fn families() -> &'static [Family] {
    FAMILIES
}

const FAMILIES: &[Family] = &[
    Family {
        name: "meshweave_build_info",
        shape: Shape::Gauge,
        labels: &["version"],
        help: "Always 1; the label tells which version runs.",
        read: |_| Reading::Level(vec![(vec![env!("CARGO_PKG_VERSION").to_owned()], 1.0)]),
    },
    Family {
        name: "meshweave_queries",
        shape: Shape::Counter,
        labels: &["outcome", "error"],
        help: "Queries that ended: finished, failed (by kind of error), cancelled, or dropped by a client that stopped reading.",
        read: |engine| {
            let rows = engine.metrics().queries().into_iter();
            Reading::Count(rows.map(|(outcome, error, n)| (vec![outcome.to_owned(), error.to_owned()], n)).collect())
        },
    },
    Family {
        name: "meshweave_domain_queries",
        shape: Shape::Counter,
        labels: &["domain"],
        help: "Queries that ended, counted in each domain whose products they read.",
        read: |engine| {
            let rows = engine.metrics().queries_by_domain().into_iter();
            Reading::Count(rows.map(|(domain, n)| (vec![domain], n)).collect())
        },
    },
    Family {
        name: "meshweave_query_duration_seconds",
        shape: Shape::Histogram,
        labels: &[],
        help: "Time from a statement's arrival to the end of its answer.",
        read: |engine| Reading::Times(engine.metrics().durations.read()),
    },
    Family {
        name: "meshweave_query_planning_seconds",
        shape: Shape::Histogram,
        labels: &[],
        help: "Time that planning took: names, policy, pinned versions, the plan. A driver's query is planned when it is announced, and once more when it is fetched if that plan holds no longer.",
        read: |engine| Reading::Times(engine.metrics().planning.read()),
    },
    Family {
        name: "meshweave_query_waiting_seconds",
        shape: Shape::Histogram,
        labels: &[],
        help: "Time that admitted queries waited for a place.",
        read: |engine| Reading::Times(engine.metrics().waiting.read()),
    },
    Family {
        name: "meshweave_queries_running",
        shape: Shape::Gauge,
        labels: &[],
        help: "Queries that run now.",
        read: |engine| level(engine.metrics().running.get()),
    },
    Family {
        name: "meshweave_queries_running_limit",
        shape: Shape::Gauge,
        labels: &[],
        help: "Queries that may run at a time (limits.concurrent_queries).",
        read: |engine| level(engine.settings().limits.concurrent_queries as u64),
    },
    Family {
        name: "meshweave_queries_paused",
        shape: Shape::Gauge,
        labels: &[],
        help: "Queries that have lent their places to others while their readers pause (limits.reader_pause).",
        read: |engine| level(engine.paused_queries() as u64),
    },
    Family {
        name: "meshweave_queries_waiting",
        shape: Shape::Gauge,
        labels: &[],
        help: "Queries that wait for a place now.",
        read: |engine| level(engine.waiting_queries() as u64),
    },
    Family {
        name: "meshweave_queries_waiting_limit",
        shape: Shape::Gauge,
        labels: &[],
        help: "Queries that may wait (limits.queued_queries); one more is refused.",
        read: |engine| level(engine.settings().limits.queued_queries as u64),
    },
    Family {
        name: "meshweave_answer_rows",
        shape: Shape::Counter,
        labels: &[],
        help: "Rows of answers that were taken, counted when a query ends.",
        read: |engine| count(engine.metrics().rows.get()),
    },
    Family {
        name: "meshweave_scan_rows",
        shape: Shape::Counter,
        labels: &[],
        help: "Rows that scans of products produced, counted when a query ends.",
        read: |engine| count(engine.metrics().rows_read.get()),
    },
    Family {
        name: "meshweave_storage_requests",
        shape: Shape::Counter,
        labels: &["domain"],
        help: "Requests that queries made to the storage of each domain.",
        read: |engine| {
            let domains = engine.metrics().traffic.by_domain().into_iter();
            Reading::Count(domains.map(|(domain, requests, _)| (vec![domain], requests)).collect())
        },
    },
    Family {
        name: "meshweave_storage_read_bytes",
        shape: Shape::Counter,
        labels: &["domain"],
        help: "Bytes that the storage of each domain sent to queries.",
        read: |engine| {
            let domains = engine.metrics().traffic.by_domain().into_iter();
            Reading::Count(domains.map(|(domain, _, bytes)| (vec![domain], bytes)).collect())
        },
    },
    Family {
        name: "meshweave_memory_used_bytes",
        shape: Shape::Gauge,
        labels: &[],
        help: "Memory that running queries have reserved.",
        read: |engine| level(engine.reserved_bytes() as u64),
    },
    Family {
        name: "meshweave_memory_limit_bytes",
        shape: Shape::Gauge,
        labels: &[],
        help: "Memory that all queries may reserve together (limits.memory).",
        read: |engine| level(engine.settings().limits.memory.0),
    },
    Family {
        name: "meshweave_spill_used_bytes",
        shape: Shape::Gauge,
        labels: &[],
        help: "Disk that running queries have filled with spilled data.",
        read: |engine| level(engine.spilled_bytes()),
    },
    Family {
        name: "meshweave_spill_limit_bytes",
        shape: Shape::Gauge,
        labels: &[],
        help: "Disk that all queries may fill together (limits.spill).",
        read: |engine| level(engine.settings().limits.spill.0),
    },
    Family {
        name: "meshweave_catalog_age_seconds",
        shape: Shape::Gauge,
        labels: &[],
        help: "Time since the catalog's store was read last; it grows beyond catalog.refresh while the store does not answer.",
        read: |engine| Reading::Level(vec![(vec![], age_seconds(engine.catalog_freshness().loaded_at))]),
    },
    Family {
        name: "meshweave_catalog_stale",
        shape: Shape::Gauge,
        labels: &[],
        help: "1 while the catalog's store does not answer and queries go on with what it held last, else 0.",
        read: |engine| level(u64::from(engine.catalog_freshness().is_stale)),
    },
    Family {
        name: "meshweave_catalog_generation",
        shape: Shape::Gauge,
        labels: &[],
        help: "The number of the catalog's snapshot; it grows with every change. Two servers with different numbers see different catalogs.",
        read: |engine| level(engine.snapshot().version),
    },
    Family {
        name: "meshweave_catalog_problems",
        shape: Shape::Gauge,
        labels: &[],
        help: "Rows of mesh.problems: documents and contracts that cannot be used as they are.",
        read: |engine| level(engine.snapshot().problems.len() as u64),
    },
    Family {
        name: "meshweave_products",
        shape: Shape::Gauge,
        labels: &["domain"],
        help: "Data products in the catalog, of each domain.",
        read: products,
    },
    Family {
        name: "meshweave_query_records_lost",
        shape: Shape::Counter,
        labels: &[],
        help: "Records of queries that did not get into the query log.",
        read: |engine| count(engine.metrics().records_lost.get()),
    },
    Family {
        name: "meshweave_log_lines_lost",
        shape: Shape::Counter,
        labels: &[],
        help: "Log lines that were lost because standard error was not read as fast as they came.",
        read: |engine| count(engine.metrics().log_lines_lost.get().map_or(0, |lost| lost.get())),
    },
    Family {
        name: "meshweave_flight_connections",
        shape: Shape::Gauge,
        labels: &[],
        help: "Connections to Flight SQL that are open now.",
        read: |engine| level(engine.metrics().door.connections.get()),
    },
    Family {
        name: "meshweave_flight_streams",
        shape: Shape::Gauge,
        labels: &[],
        help: "Answers that Flight SQL is sending now.",
        read: |engine| level(engine.metrics().door.streams.get()),
    },
    Family {
        name: "meshweave_flight_handshakes_failed",
        shape: Shape::Counter,
        labels: &[],
        help: "Connections to Flight SQL that could not be secured.",
        read: |engine| count(engine.metrics().door.handshakes_failed.get()),
    },
    Family {
        name: "meshweave_certificate_reloads",
        shape: Shape::Counter,
        labels: &["outcome"],
        help: "New certificates that were found while the server ran: taken, or refused.",
        read: |engine| {
            let door = &engine.metrics().door;
            let row = |outcome: &str, n| (vec![outcome.to_owned()], n);
            Reading::Count(vec![
                row("taken", door.certificates_taken.get()),
                row("refused", door.certificates_refused.get()),
            ])
        },
    },
    Family {
        name: "meshweave_draining",
        shape: Shape::Gauge,
        labels: &[],
        help: "1 when the server was asked to stop and lets nothing new in, else 0.",
        read: |engine| level(u64::from(engine.metrics().door.is_draining())),
    },
];

/// One number without labels that only grows.
fn count(number: u64) -> Reading {
    Reading::Count(vec![(vec![], number)])
}

/// One number without labels.
fn level(number: u64) -> Reading {
    Reading::Level(vec![(vec![], float(number))])
}

/// The format has floating point numbers; above 2^53 the last digits do not matter.
fn float(number: u64) -> f64 {
    number as f64
}

/// Product names, not versions: of each domain.
fn products(engine: &Engine) -> Reading {
    let snapshot = engine.snapshot();
    let mut domains: BTreeMap<String, BTreeSet<String>> =
        snapshot.domains.iter().map(|domain| (domain.name.to_string(), BTreeSet::new())).collect();
    for entry in &snapshot.entries {
        let name = &entry.id().name;
        domains.entry(name.domain.to_string()).or_default().insert(name.product.folded());
    }
    Reading::Level(domains.into_iter().map(|(domain, names)| (vec![domain], float(names.len() as u64))).collect())
}
