//! Which version is read: the newest, the one that the statement names, the one that was recorded.

use meshweave_engine::version::Version;
use meshweave_engine::{Kind, Statement};

use super::mesh::{Mesh, guest, shop};

#[tokio::test]
async fn time_travel_reads_other_rows() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        ("SELECT sum(amount) FROM commerce.orders", "60.0"),
        ("SELECT sum(amount) FROM commerce.orders VERSION AS OF 0", "1.0"),
        ("SELECT sum(amount) FROM commerce.orders FOR VERSION AS OF 1", "3.0"),
        ("SELECT sum(amount) FROM commerce.orders TIMESTAMP AS OF '1970-01-01T00:00:01Z'", "3.0"),
        ("SELECT sum(amount) FROM commerce.orders FOR SYSTEM_TIME AS OF '1970-01-01 00:00:00'", "1.0"),
        ("SELECT sum(amount) FROM commerce.orders FOR TIMESTAMP AS OF TIMESTAMP '1970-01-01 00:00:01'", "3.0"),
        ("SELECT sum(o.amount) FROM commerce.orders VERSION AS OF 0 AS o", "1.0"),
        ("SELECT sum(orders.amount) FROM commerce.orders VERSION AS OF 0", "1.0"),
        (
            "SELECT sum(a.amount), sum(b.amount), sum(c.amount) FROM commerce.orders VERSION AS OF 0 a \
             JOIN commerce.orders VERSION AS OF 1 b ON a.orderid = b.orderid JOIN commerce.orders c ON c.orderid = a.orderid",
            "1.0|1.0|10.0",
        ),
        ("SELECT (SELECT sum(amount) FROM commerce.orders VERSION AS OF 0) - sum(amount) FROM commerce.orders", "-59.0"),
    ];
    for (sql, expected) in cases {
        match mesh.cells(sql).await {
            Ok(cells) => assert_eq!(cells, expected, "{sql}"),
            Err(error) => panic!("{sql}\n{}", error.report()),
        }
    }
}

#[tokio::test]
async fn every_clause_is_used_or_refused() {
    let mesh = Mesh::new(shop()).await;
    let cases = [
        ("SELECT * FROM commerce.orders VERSION AS OF 9", Kind::Unavailable),
        ("SELECT * FROM commerce.orders o VERSION AS OF 1", Kind::InvalidQuery),
        ("SELECT * FROM (SELECT * FROM commerce.orders) VERSION AS OF 1", Kind::InvalidQuery),
        ("WITH t AS (SELECT 1) SELECT * FROM t VERSION AS OF 1", Kind::InvalidQuery),
        ("SELECT * FROM sales.facts VERSION AS OF 1", Kind::Unsupported),
        ("SELECT * FROM mesh.products VERSION AS OF 1", Kind::Unsupported),
        ("SELECT * FROM generate_series(1, 2) VERSION AS OF 1", Kind::InvalidQuery),
        ("SELECT * FROM commerce.orders VERSION AS OF yesterday", Kind::InvalidQuery),
        ("SELECT amount VERSION AS OF 1 FROM commerce.orders", Kind::NotFound),
    ];
    for (sql, kind) in cases {
        let error = mesh.cells(sql).await.expect_err(sql);
        assert_eq!(error.kind(), kind, "{sql}: {}", error.report());
        assert!(!error.report().contains('\u{1}'), "{}", error.report());
    }
}

#[tokio::test]
async fn a_table_is_pinned_once_and_views_pin_what_they_stand_on() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT count(*) FROM commerce.orders a, commerce.orders b, sales.facts, sales.big WHERE a.orderid IN (SELECT orderid FROM commerce.orders)";
    let planned = mesh.engine.plan(&guest(), &Statement::new(sql), None).await.unwrap();
    let keys: Vec<&str> = planned.versions().products.keys().map(String::as_str).collect();
    assert_eq!(keys, ["commerce.orders@2", "crm.customer@1"]);
    assert_eq!((mesh.memory.pins("commerce.orders@2"), mesh.memory.pins("crm.customer@1")), (1, 1));
}

#[tokio::test]
async fn recorded_versions_are_honoured() {
    let mesh = Mesh::new(shop()).await;
    let statement = Statement::new("SELECT sum(amount) FROM sales.facts");
    let planned = mesh.engine.plan(&guest(), &statement, None).await.unwrap();
    let mut versions = planned.versions().clone();
    assert_eq!(versions.products["commerce.orders@2"], Version::Delta(2));
    versions.products.insert("commerce.orders@2".to_owned(), Version::Delta(1));
    let replayed = mesh.engine.plan(&guest(), &statement, Some(&versions)).await.unwrap();
    assert_eq!(replayed.versions(), &versions);
    let batches = replayed.run().await.unwrap().collect().await.unwrap();
    assert_eq!(super::mesh::cells(&batches), ["3.0"]);
}

#[tokio::test]
async fn several_versions_of_a_product_have_their_own_keys() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT 1 FROM commerce.orders VERSION AS OF 0 a, commerce.orders VERSION AS OF 1 b, commerce.orders c";
    let planned = mesh.engine.plan(&guest(), &Statement::new(sql), None).await.unwrap();
    let keys: Vec<&str> = planned.versions().products.keys().map(String::as_str).collect();
    assert_eq!(keys, ["commerce.orders@2", "commerce.orders@2 version as of 0", "commerce.orders@2 version as of 1"]);
    let one = "SELECT 1 FROM commerce.orders VERSION AS OF 0";
    let planned = mesh.engine.plan(&guest(), &Statement::new(one), None).await.unwrap();
    assert_eq!(planned.versions().products["commerce.orders@2"], Version::Delta(0));
}
