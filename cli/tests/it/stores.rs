//! One statement over domains that lie in different stores: `commerce` (Parquet) and `logistics` (Delta) in one S3 bucket with
//! different keys, behind a proxy that counts; `identity` (Parquet) in a local folder.

mod bucket;
mod dead;
mod faults;
mod kinds;
mod page;
mod small;

use std::collections::BTreeMap;
use std::sync::Arc;

use meshweave_test_peers::{Proxy, S3Server};
use meshweave_testdata::demo::{Options, Place};
use object_store::path::Path as ObjectPath;

use crate::places::Made;

/// Files of each table.
const FILES: u16 = 16;

/// Orders in the shop: enough that a file is larger than what is read of its end for the footer.
const ORDERS: u64 = 160_000;

/// Orders of two days, who placed them, and the parcels of one carrier.
pub(crate) const JOIN: &str = "SELECT c.country, count(*) AS parcels, sum(o.amount) AS amount \
     FROM commerce.\"orders@1\" o \
     JOIN identity.customers c ON o.customerId = c.customer_id \
     JOIN logistics.shipments s ON s.order_id = o.orderId \
     WHERE o.timestamp < TIMESTAMP '2026-10-03T00:00:00Z' AND s.carrier = 'Brieftaube' \
     GROUP BY c.country ORDER BY c.country";

/// Every column of every row of the same three tables.
const EVERYTHING: [&str; 3] =
    ["SELECT * FROM commerce.\"orders@1\"", "SELECT * FROM identity.customers", "SELECT * FROM logistics.shipments"];

/// A server, the proxy before it, and a mesh with two domains in its bucket. Fields are dropped in this order.
pub(crate) struct Stores {
    pub(crate) mesh: Made,
    pub(crate) proxy: Proxy,
    _server: S3Server,
    pub(crate) runtime: tokio::runtime::Runtime,
}

/// Starts the server and the proxy, and makes the mesh.
pub(crate) fn stores() -> Stores {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, proxy, places, variables) = runtime.block_on(async {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("data").unwrap();
        let commerce = server.add_account("commerce-key").unwrap();
        let logistics = server.add_account("logistics-key").unwrap();
        server.allow("data", &[(&commerce, "commerce/"), (&logistics, "logistics/")]).await.unwrap();
        let proxy = Proxy::start(&server.url()).await.unwrap();
        let mut places = BTreeMap::new();
        let mut variables = Vec::new();
        for (domain, account) in [("commerce", &commerce), ("logistics", &logistics)] {
            let (id, secret) = (format!("{domain}_KEY_ID").to_uppercase(), format!("{domain}_SECRET").to_uppercase());
            variables.push((id.clone(), account.key.clone()));
            variables.push((secret.clone(), account.secret.clone()));
            let place = Place {
                url: format!("s3://data/{domain}"),
                store: Arc::new(account.store(&server.url(), "data").unwrap()),
                prefix: ObjectPath::from(domain),
                endpoint: Some(proxy.url()),
                credentials: Some((id, secret)),
            };
            places.insert(domain.to_owned(), place);
        }
        (server, proxy, places, variables)
    });
    let options = Options { scale: None, orders: Some(ORDERS), delta: true, files_per_table: FILES, places };
    let mesh = Made::new(&options, variables);
    Stores { mesh, proxy, _server: server, runtime }
}

/// Bytes that the server sent for one statement.
fn sent_bytes(stores: &Stores, sql: &str) -> u64 {
    stores.proxy.reset();
    stores.mesh.run(&["sql", sql, "--output", "ndjson"]).ok();
    stores.proxy.counts().sent_bytes
}

#[test]
fn a_join_over_two_stores_reads_a_fraction_and_says_so() {
    let stores = stores();
    let explained = stores.mesh.run(&["sql", JOIN, "--explain"]).ok();
    assert!(explained.contains("domain: commerce"), "{explained}");
    assert!(explained.contains("domain: logistics"), "{explained}");
    assert!(explained.contains("domain: identity"), "{explained}");
    let files: Vec<&str> = explained.lines().filter(|line| line.trim_start().starts_with("files:")).collect();
    assert_eq!(files.len(), 3, "{explained}");
    assert!(files.iter().all(|line| line.trim_end().ends_with(" of 16")), "each table has 16 files: {files:?}");
    assert!(explained.contains("pushed as a superset: ") || explained.contains("pushed exactly: "), "{explained}");

    let joined = sent_bytes(&stores, JOIN);
    let everything: u64 = EVERYTHING.iter().map(|sql| sent_bytes(&stores, sql)).sum();
    assert!(joined > 0, "the join reads from the server");
    assert!(joined * 5 <= everything, "the join took {joined} bytes, everything {everything}");
    drop(stores.proxy);
    drop(stores.runtime);
}

#[test]
fn a_domain_cannot_use_the_key_of_another() {
    let stores = stores();
    let ran = crate::meshweave::finish(
        stores
            .mesh
            .command(&["sql", "SELECT count(*) FROM commerce.\"orders@1\"", "--output", "json"])
            .envs([("COMMERCE_KEY_ID", "logistics-key"), ("COMMERCE_SECRET", "not the secret of that key")]),
    );
    let error = ran.error(8);
    assert_eq!(error["kind"], "unavailable", "{error}");
    assert!(error["message"].as_str().unwrap().contains("commerce.orders"), "{error}");
    stores.mesh.run(&["sql", "SELECT count(*) FROM logistics.shipments"]).ok();
}
