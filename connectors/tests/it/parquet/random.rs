//! Random predicates and limits over random cuts of the same rows, against the rows in memory.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use meshweave_connectors::conformance::predicates::Dice;
use meshweave_connectors::conformance::{NewTable, Reading, facts, rows_of, rows_where};
use object_store::memory::InMemory;
use proptest::prelude::*;

use crate::support::{connector, context, file, port, put_bytes, read, row_groups_of};

/// One file per batch without partition folders, in row groups of `rows` rows.
async fn written(table: &NewTable, rows: usize) -> Reading {
    let store = Arc::new(InMemory::new());
    for (index, batch) in table.batches.iter().enumerate() {
        put_bytes(store.as_ref(), &format!("orders/{index}.parquet"), file(batch, row_groups_of(rows))).await;
    }
    let port = port(store, "memory", "orders", Some(Arc::clone(&table.schema)));
    read(&connector(), &context(), &port).await
}

/// The same session with predicates evaluated while decoding, or not, and small pieces to split.
fn configured(reading: &mut Reading, pushdown: bool) {
    let options: &mut ConfigOptions = reading.state.config_mut().options_mut();
    options.set("datafusion.execution.parquet.pushdown_filters", &pushdown.to_string()).unwrap();
    options.set("datafusion.optimizer.repartition_file_min_size", &ScalarValue::from(1_u64).to_string()).unwrap();
}

async fn check(seed: u64, files: usize, rows: usize, group: usize, pushdown: bool) {
    let table = facts(files, rows).unwrap();
    let mut reading = written(&table, group).await;
    configured(&mut reading, pushdown);
    let mut dice = Dice::new(seed);
    for _ in 0..4 {
        let predicate = dice.predicate(&table);
        let given = reading.query(|plan| plan.filter(predicate.clone())).await.unwrap();
        let expected = rows_where(&table, &predicate).await.unwrap();
        assert_eq!(rows_of(&given).unwrap(), expected, "{predicate}");

        let limit = dice.roll(30);
        let given = reading.query(|plan| plan.filter(predicate.clone())?.limit(0, Some(limit))).await.unwrap();
        let given = rows_of(&given).unwrap();
        assert_eq!(given.len(), limit.min(expected.len()), "{predicate} limit {limit}");
        assert!(given.iter().all(|row| expected.contains(row)), "{predicate} limit {limit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_in_memory(
        seed in any::<u64>(),
        files in 1_usize..5,
        rows in 1_usize..60,
        group in 1_usize..40,
        pushdown in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(seed, files, rows, group, pushdown));
    }
}
