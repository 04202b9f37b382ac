//! `EXPLAIN`: what each product's storage was asked for, then the plans.

use meshweave_engine::Statement;

use super::mesh::{Mesh, guest, shop};

const SQL: &str =
    "SELECT o.amount, c.name FROM commerce.orders o JOIN crm.customer c ON o.customerid = c.id WHERE o.orderid > 1";

#[tokio::test]
async fn products_come_first_then_the_plans() {
    let mesh = Mesh::new(shop()).await;
    let answer = mesh.engine.query(&guest(), &Statement::new(format!("EXPLAIN {SQL}"))).await.unwrap();
    let names: Vec<String> = answer.schema.fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["plan_type", "plan"]);
    let rows = super::mesh::cells(&answer.collect().await.unwrap());
    let kinds: Vec<&str> = rows.iter().map(|row| row.split('|').next().unwrap()).collect();
    assert_eq!(kinds, ["commerce.orders@2", "crm.customer@1", "logical_plan", "physical_plan"]);
    let expected = "commerce.orders@2|domain: commerce\nconnector: memory\nversion: delta 2\nfiles: 1 of 4\n\
                    bytes: 1000 of 4000\ncolumns: 3 of 4 (orderId, customerId, amount)\n\
                    pushed as a superset: orderId > Int64(1) (by statistics)";
    assert_eq!(rows[0], expected);
    assert!(rows[2].contains("TableScan: commerce.orders"), "{}", rows[2]);
}

#[tokio::test]
async fn analyze_and_verbose_work_and_show_names_that_readers_know() {
    let mesh = Mesh::new(shop()).await;
    for prefix in ["EXPLAIN ANALYZE", "EXPLAIN VERBOSE", "EXPLAIN ANALYZE VERBOSE"] {
        let text = mesh.cells(&format!("{prefix} {SQL}")).await.unwrap();
        assert!(text.starts_with("commerce.orders@2|domain: commerce"), "{prefix}: {text}");
        assert!(!text.contains('\u{1}'), "{prefix}: {text}");
    }
    let text = mesh.cells(&format!("EXPLAIN ANALYZE {SQL}")).await.unwrap();
    assert!(text.contains("output_rows"), "{text}");
    let kinds: Vec<&str> = text.split(';').filter_map(|row| row.split('|').next()).collect();
    assert_eq!(kinds, ["commerce.orders@2", "crm.customer@1", "totals", "Plan with Metrics"], "{text}");
    assert!(text.contains("by statistics)\nbytes read: 0\nrequests: 0"), "what is in memory is not read: {text}");
    assert!(text.contains("totals|rows: 2\nbytes read: 0\nrequests: 0\npeak memory: "), "{text}");
    assert!(text.contains("\nspilled bytes: 0\nseconds waited: 0.000000;"), "{text}");
    let root = mesh.cells("EXPLAIN ANALYZE SELECT count(*) FROM generate_series(1, 7) WHERE value > 2").await.unwrap();
    assert!(root.starts_with("totals|rows: 1\n"), "{root}");
    let json = mesh.cells(&format!("EXPLAIN (ANALYZE, FORMAT pgjson) {SQL}")).await.unwrap();
    assert!(json.contains("totals|rows: 2\n") && json.contains("\"Plan\""), "{json}");
    let text = mesh.cells("EXPLAIN SELECT * FROM commerce.orders VERSION AS OF 0 a, commerce.orders b").await.unwrap();
    assert!(text.contains("commerce.orders@2 version as of 0|") && text.contains("version: delta 0"), "{text}");
    assert!(!text.contains('\u{1}'), "{text}");
}

#[tokio::test]
async fn a_plan_explains_itself() {
    let mesh = Mesh::new(shop()).await;
    let planned = mesh.engine.plan(&guest(), &Statement::new(SQL), None).await.unwrap();
    assert_eq!(planned.scans().len(), 2);
    assert!(
        planned.explain().contains("files: 1 of 4") && planned.explain().contains("HashJoinExec"),
        "{}",
        planned.explain()
    );
}
