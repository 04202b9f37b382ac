//! What EXPLAIN shows of each scan: five claims about pushdown, as snapshots.
//!
//! A snapshot holds our own rows of EXPLAIN (one per product), not DataFusion's plan, which changes with its versions.
//! What differs from machine to machine or with the encoder's version is replaced: hashes, sizes, folders.
//!
//! After a change that is right, `INSTA_UPDATE=always cargo test -p meshweave --test it plans::` writes them anew.

use crate::mesh::on_shared;

/// The rows of EXPLAIN that speak of products.
fn explain(sql: &str) -> String {
    let rows = on_shared(&["sql", "--explain", "-o", "json", sql]).json();
    let mut text = String::new();
    for row in rows.as_array().unwrap() {
        let (title, plan) = (row["plan_type"].as_str().unwrap(), row["plan"].as_str().unwrap());
        if title.contains('.') {
            text.push_str(&format!("{title}\n{}\n\n", plan.trim_end()));
        }
    }
    assert!(!text.is_empty(), "{rows:#}");
    text
}

fn check(name: &str, sql: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_description(sql);
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"sha256:[0-9a-f]+…?", "sha256:[hash]");
    settings.add_filter(r"bytes: \d+ of \d+", "bytes: [kept] of [total]");
    settings.bind(|| insta::assert_snapshot!(name, explain(sql)));
}

#[test]
fn a_filter_and_a_projection_reach_parquet() {
    check("plan_parquet_filter", "SELECT c_name FROM crm.customer WHERE c_custkey = 42");
}

#[test]
fn files_are_pruned_by_their_statistics() {
    check("plan_parquet_files", "SELECT count(*) FROM sales.orders WHERE o_orderkey < 100");
}

#[test]
fn partitions_of_delta_are_pruned() {
    check("plan_delta_partition", "SELECT order_id FROM logistics.shipments WHERE carrier = 'Ruckzuck'");
}

#[test]
fn each_side_of_a_join_gets_its_own_filters() {
    check(
        "plan_join",
        "SELECT c.country, count(*) FROM commerce.orders o \
         JOIN identity.customers c ON c.customer_id = o.customer_id \
         JOIN logistics.shipments s ON s.order_id = o.order_id \
         WHERE o.currency = 'EUR' AND c.newsletter AND s.carrier = 'Ruckzuck' GROUP BY c.country",
    );
}

#[test]
fn a_limit_reaches_the_scan() {
    check("plan_limit", "SELECT order_id FROM commerce.orders LIMIT 3");
}

#[test]
fn a_view_is_pushed_through() {
    check("plan_view", "SELECT order_id FROM analytics.order_facts WHERE status = 'shipped' AND carrier = 'Ruckzuck'");
}
