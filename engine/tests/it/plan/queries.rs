//! The query log: one record per query, whichever way it ended, for those who may see it.

use futures::StreamExt;
use meshweave_engine::Statement;

use super::mesh::{Mesh, context, guest, shop};

const LOG: &str = "SELECT principal, statement, products, rows, outcome, error_kind, error FROM mesh.queries \
                   WHERE products <> '' OR error_kind IS NOT NULL ORDER BY query_id";

#[tokio::test]
async fn every_end_of_a_query_leaves_one_record() {
    let mesh = Mesh::new(shop()).await;
    mesh.cells("SELECT orderid FROM commerce.orders WHERE orderid > 1").await.unwrap();
    mesh.cells("SELECT * FROM hr.salaries").await.unwrap_err();
    let mut dropped =
        mesh.engine.query(&guest(), &Statement::new("SELECT name FROM crm.customer ORDER BY 1")).await.unwrap();
    dropped.stream.next().await.unwrap().unwrap();
    drop(dropped);
    let ctx = guest();
    let mut cancelled = mesh
        .engine
        .query(&ctx, &Statement::new("SELECT o.orderid FROM commerce.orders o, commerce.orders p"))
        .await
        .unwrap();
    ctx.cancel.cancel();
    // The watch hears of it before anything is read.
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    while cancelled.stream.next().await.is_some() {}
    // Planned and not run: nothing to tell.
    drop(mesh.engine.plan(&guest(), &Statement::new("SELECT 1 FROM commerce.orders"), None).await.unwrap());

    let told = mesh.cells(LOG).await.unwrap();
    let lines: Vec<&str> = told.split(';').collect();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(
        lines[0].starts_with("guest|SELECT orderid FROM commerce.orders WHERE orderid > 1|commerce.orders@"),
        "{told}"
    );
    assert!(lines[0].contains("|2|finished|"), "{told}");
    assert!(lines[1].contains("|failed|denied|guest may not read hr.salaries"), "{told}");
    assert!(lines[2].contains("crm.customer@") && lines[2].contains("|dropped|"), "{told}");
    assert!(lines[3].contains("|0|cancelled|cancelled|"), "{told}");
}

#[tokio::test]
async fn others_see_what_is_theirs() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT c.name FROM commerce.orders o JOIN crm.customer c ON c.id = o.customerid WHERE c.name = 'Ada'";
    mesh.cells(sql).await.unwrap();
    assert_eq!(mesh.rows(&context("stranger"), LOG).await.unwrap().lines().filter(|l| l.contains("guest")).count(), 0);
    let owner = mesh.rows(&context("olga@crm-team"), LOG).await.unwrap();
    let told: Vec<&str> = owner.lines().filter(|line| line.contains("guest")).collect();
    assert_eq!(told.len(), 1, "{owner}");
    assert!(told[0].contains("crm.customer@") && !told[0].contains("commerce"), "only the owner's product: {owner}");
    assert!(!told[0].contains("Ada"), "no statement of others: {owner}");
    let consumers = mesh.engine.state().consumers("crm.customer", 1).await.unwrap();
    assert_eq!(consumers.iter().map(|c| (c.principal.as_str(), c.queries)).collect::<Vec<_>>(), [("guest", 1)]);
}

#[tokio::test]
async fn a_read_of_the_log_sees_what_just_ended_and_filters_it() {
    let mesh = Mesh::new(shop()).await;
    for n in 0..20 {
        mesh.cells(&format!("SELECT {n}")).await.unwrap();
    }
    let count = "SELECT count(*) FROM mesh.queries WHERE outcome = 'finished' AND statement LIKE 'SELECT 1%'";
    assert_eq!(mesh.cells(count).await.unwrap(), "11");
    let newest = "SELECT statement, started_at <= now(), duration_ms >= 0 FROM mesh.queries \
                  WHERE statement NOT LIKE '%mesh.queries%' ORDER BY started_at DESC LIMIT 1";
    assert_eq!(mesh.cells(newest).await.unwrap(), "SELECT 19|true|true");
}
