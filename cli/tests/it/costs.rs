//! What `EXPLAIN ANALYZE` tells of a statement over real stores, against what a proxy before them has counted.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stores::{JOIN, Stores, stores};

/// The facts of each row that `EXPLAIN ANALYZE` gives before the plan, by the row's title and the fact's name.
type Facts = BTreeMap<String, BTreeMap<String, String>>;

fn analyzed(stores: &Stores, sql: &str) -> Facts {
    let rows = stores.mesh.run(&["sql", sql, "--explain", "--analyze", "--output", "json"]).json();
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    let facts = |row: &Value| -> BTreeMap<String, String> {
        let facts = text(row, "plan");
        let facts = facts.lines().filter_map(|line| line.split_once(": "));
        facts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let mut all = Facts::new();
    for row in rows.as_array().unwrap().iter().filter(|row| row["plan_type"] != "Plan with Metrics") {
        // A product that is scanned twice has two rows, and what was measured stands in the first.
        all.entry(text(row, "plan_type")).or_insert_with(|| facts(row));
    }
    all
}

fn number(facts: &Facts, row: &str, name: &str) -> u64 {
    let told = facts.get(row).and_then(|facts| facts.get(name));
    told.unwrap_or_else(|| panic!("{row} tells no {name}: {facts:#?}")).parse().unwrap()
}

#[test]
fn an_analyzed_statement_tells_what_the_stores_have_sent() {
    let stores = stores();
    let rows = stores.mesh.run(&["sql", JOIN, "--output", "json"]).json().as_array().unwrap().len() as u64;
    stores.proxy.reset();
    let facts = analyzed(&stores, JOIN);
    let counted = stores.proxy.counts();

    let remote = ["commerce.orders@1", "logistics.shipments@1"];
    let sum = |name: &str| remote.iter().map(|product| number(&facts, product, name)).sum::<u64>();
    assert_eq!(sum("requests"), counted.total(), "{counted:?} {facts:#?}");
    assert_eq!(sum("bytes read"), counted.sent_bytes - counted.other_bytes, "{counted:?} {facts:#?}");
    let local = "identity.customers@1";
    for name in ["requests", "bytes read"] {
        assert_eq!(number(&facts, "totals", name), sum(name) + number(&facts, local, name), "{facts:#?}");
    }
    assert_eq!(number(&facts, "totals", "rows"), rows, "{facts:#?}");
    assert!(number(&facts, "totals", "peak memory") > 0, "a join holds one of its sides: {facts:#?}");
    assert_eq!(number(&facts, "totals", "spilled bytes"), 0, "{facts:#?}");
    for product in ["commerce.orders@1", "logistics.shipments@1", local] {
        let kept: u64 = facts[product]["files"].split(' ').next().unwrap().parse().unwrap();
        assert!((1..=kept).contains(&number(&facts, product, "files opened")), "{product}: {facts:#?}");
        assert!(number(&facts, product, "rows produced") > 0, "{product}: {facts:#?}");
        assert!(facts[product]["seconds"].parse::<f64>().unwrap() > 0.0, "{product}: {facts:#?}");
    }
    drop(stores.proxy);
    drop(stores.runtime);
}

#[test]
fn every_row_and_every_file_of_a_product_is_told() {
    let stores = stores();
    for (product, table) in
        [("commerce.orders@1", "commerce.\"orders@1\""), ("logistics.shipments@1", "logistics.shipments")]
    {
        let counted =
            stores.mesh.run(&["sql", &format!("SELECT count(*) AS n FROM {table}"), "--output", "json"]).json();
        stores.proxy.reset();
        let facts = analyzed(&stores, &format!("SELECT * FROM {table}"));
        let proxy = stores.proxy.counts();
        assert_eq!(number(&facts, product, "rows produced"), counted[0]["n"].as_u64().unwrap(), "{facts:#?}");
        assert_eq!(number(&facts, product, "files opened"), 16, "{facts:#?}");
        assert_eq!(number(&facts, product, "requests"), proxy.total(), "{proxy:?} {facts:#?}");
        assert_eq!(number(&facts, product, "bytes read"), proxy.sent_bytes - proxy.other_bytes, "{facts:#?}");
        // A table read twice has one meter, and its scans are told together.
        let key = if product.starts_with("commerce") { "orderId" } else { "order_id" };
        let twice = analyzed(&stores, &format!("SELECT count(*) FROM {table} a JOIN {table} b USING ({key})"));
        assert_eq!(number(&twice, product, "scans"), 2, "{twice:#?}");
    }
    drop(stores.proxy);
    drop(stores.runtime);
}
