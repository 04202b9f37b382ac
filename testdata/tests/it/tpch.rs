//! The golden answers against stock DataFusion over the files that we write: the control of everything that is compared with them.

use meshweave_testdata::demo::{self, Options};
use meshweave_testdata::golden::{self, Golden};
use meshweave_testdata::tpch::Table;

use crate::read;

#[tokio::test]
async fn stock_datafusion_agrees_with_all_golden_answers() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { scale: Some(golden::SCALE), orders: None, delta: false, ..Options::default() };
    demo::write_mesh(dir.path(), &options).await.unwrap();
    let session = read::session();
    for table in Table::ALL {
        read::rows(&session, &format!("CREATE SCHEMA IF NOT EXISTS {}", table.domain())).await;
        let name = format!("{}.{}", table.domain(), table.name());
        read::register(&session, &name, &dir.path().join("data").join(table.domain()).join(table.name())).await;
    }
    let mut wrong = Vec::new();
    for number in 1..=golden::QUERIES {
        let frame = session.sql(&golden::query(number, "").unwrap()).await.unwrap();
        let schema = frame.schema().as_arrow().clone();
        let answer = frame.collect().await.unwrap();
        if let Err(difference) = golden::compare(&schema, &answer, &Golden::of(number).unwrap()) {
            wrong.push(format!("q{number:02}: {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
