//! No rule, no access; and nothing is asked of storage before everything is granted.

use meshweave_engine::Kind;

use super::mesh::{Mesh, context, guest, shop};

#[tokio::test]
async fn a_refused_product_is_never_touched() {
    let mesh = Mesh::new(shop()).await;
    let statements = [
        "SELECT * FROM hr.salaries",
        "SELECT * FROM commerce.orders, hr.salaries",
        "SELECT * FROM commerce.orders WHERE orderid IN (SELECT id FROM hr.salaries)",
        "EXPLAIN SELECT * FROM hr.salaries",
        "DESCRIBE hr.salaries",
        "SELECT * FROM sales.pay",
        "WITH x AS (SELECT * FROM hr.salaries) SELECT 1",
    ];
    for sql in statements {
        let error = mesh.cells(sql).await.expect_err(sql);
        assert_eq!(error.kind(), Kind::Denied, "{sql}: {}", error.report());
        assert_eq!(error.to_string(), "guest may not read hr.salaries: it is open to its owner's team hr-team only");
        assert_eq!(error.hint().as_deref(), Some("Ask the owner, hr-team (hr@example.com)."));
        assert_eq!(error.product(), Some("hr.salaries"));
    }
    for sql in &statements[..3] {
        assert_eq!(mesh.engine.describe(&guest(), sql).await.unwrap_err().kind(), Kind::Denied, "{sql}");
    }
    assert_eq!(*mesh.memory.calls.lock(), Vec::<String>::new());
}

#[tokio::test]
async fn the_owners_team_reads() {
    let mesh = Mesh::new(shop()).await;
    let ctx = context("eve@hr-team");
    assert!(mesh.rows(&ctx, "SELECT name FROM hr.salaries ORDER BY 1").await.unwrap().contains("Ada"));
    assert!(mesh.rows(&ctx, "SELECT name FROM hr.secret").await.is_ok());
    assert!(mesh.rows(&ctx, "SELECT name FROM sales.pay").await.is_ok());
}

#[tokio::test]
async fn what_may_not_be_found_does_not_exist() {
    let mesh = Mesh::new(shop()).await;
    let hidden = mesh.cells("SELECT * FROM hr.secret").await.unwrap_err();
    let absent = mesh.cells("SELECT * FROM hr.secreT2").await.unwrap_err();
    assert_eq!((hidden.kind(), absent.kind()), (Kind::NotFound, Kind::NotFound));
    assert!(!absent.hint().unwrap_or_default().contains("secret"), "{:?}", absent.hint());
}
