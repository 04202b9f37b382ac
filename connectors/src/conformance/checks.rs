//! The checks themselves, one function each; the pinned version has a file of its own.
//!
//! Start reading at [`rows`], the simplest of them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableProviderFilterPushDown, col, ident, lit};
use futures::StreamExt;
use meshweave_engine::connect::{AsOf, Port};
use meshweave_engine::{Failure, QueryContext};

use super::predicates::Dice;
use super::reading::{Reading, answer, rows_of, rows_where};
use super::table::{NewTable, facts};
use super::{Fixture, Verdict, WatchedStore, context, ensure};
use crate::common::find;

/// Requests that may still arrive after a stream was dropped: what was under way in each partition.
const HANDFUL: u64 = 8;
/// Random predicates per check.
const PREDICATES: usize = 80;

/// A table of a check, ready to be read.
pub(super) struct Subject {
    pub(super) ctx: QueryContext,
    pub(super) port: Port,
    pub(super) table: NewTable,
    pub(super) watch: Arc<WatchedStore>,
}

impl Subject {
    pub(super) async fn make(fixture: &dyn Fixture, name: &str, table: NewTable) -> Result<Self, String> {
        let watch = Arc::new(WatchedStore::default());
        let port = fixture.create(name, &table, &watch).await?;
        Ok(Self { ctx: context(), port, table, watch })
    }

    pub(super) async fn read(&self, fixture: &dyn Fixture) -> Result<Reading, String> {
        Reading::latest(fixture.connector().as_ref(), &self.ctx, &self.port).await.map_err(|e| e.report())
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn say(error: DataFusionError) -> String {
    find(&error).map_or_else(|| error.to_string(), meshweave_engine::Error::report)
}

pub(super) fn text(batches: &[RecordBatch]) -> Result<Vec<String>, String> {
    rows_of(batches).map_err(|e| e.to_string())
}

fn small() -> Result<NewTable, String> {
    facts(6, 50).map_err(|e| e.to_string())
}

/// The columns are the promised ones, in order, before and after reading; `probe` knows them too.
pub(super) async fn schema(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "schema", small()?).await?;
    let reading = subject.read(fixture).await?;
    same_columns("the table", &subject.table.schema, &reading.opened.provider.schema())?;
    let batches = reading.scan(None, &[], None).await.map_err(say)?;
    for batch in &batches {
        same_columns("a batch", &subject.table.schema, &batch.schema())?;
    }
    let observed = fixture.connector().probe(&subject.ctx, &subject.port).await.map_err(|error| error.report())?;
    for field in subject.table.schema.fields() {
        ensure(observed.schema.field_with_name(field.name()).is_ok(), || {
            format!("probe does not see column \"{}\"", field.name())
        })?;
    }
    let rows = u64::try_from(subject.table.num_rows()).unwrap_or(u64::MAX);
    ensure(observed.rows.is_none_or(|n| n == rows), || format!("probe counts {:?} rows of {rows}", observed.rows))
}

fn same_columns(what: &str, promised: &Schema, given: &SchemaRef) -> Verdict {
    let describe = |schema: &Schema| -> Vec<_> {
        schema.fields().iter().map(|f| (f.name().clone(), f.data_type().to_string(), f.is_nullable())).collect()
    };
    let (promised, given) = (describe(promised), describe(given));
    ensure(promised == given, || format!("{what} has the columns {given:?} instead of {promised:?}"))
}

/// Every row is there once.
pub(super) async fn rows(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "rows", small()?).await?;
    let reading = subject.read(fixture).await?;
    let given = text(&reading.scan(None, &[], None).await.map_err(say)?)?;
    let expected = text(&subject.table.batches)?;
    ensure(given == expected, || difference(&given, &expected))?;
    let counted = |plan: LogicalPlanBuilder| {
        plan.aggregate(Vec::<Expr>::new(), vec![count(lit(1)), count(ident("amount")), count(ident("region"))])
    };
    let given = text(&reading.query(counted).await.map_err(say)?)?;
    let expected = answer(&subject.table, counted).await.map_err(say)?;
    ensure(given == expected, || format!("count gives {given:?} instead of {expected:?}"))
}

/// Columns alone, in another order, none at all, and twice.
pub(super) async fn projection(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "projection", small()?).await?;
    let reading = subject.read(fixture).await?;
    let width = subject.table.schema.fields().len();
    let mut wanted: Vec<Vec<usize>> = (0..width).map(|i| vec![i]).collect();
    wanted.extend([(0..width).rev().collect(), vec![2, 0], vec![3, 9, 1], vec![]]);
    for projection in wanted {
        let given = reading.scan(Some(&projection), &[], None).await.map_err(say)?;
        let expected: Vec<RecordBatch> = subject
            .table
            .batches
            .iter()
            .map(|batch| batch.project(&projection))
            .collect::<Result<_, _>>()
            .map_err(|e| e.to_string())?;
        let (given, expected) = (text(&given)?, text(&expected)?);
        ensure(given == expected, || format!("columns {projection:?}: {}", difference(&given, &expected)))?;
    }
    let twice = |plan: LogicalPlanBuilder| {
        plan.project(vec![ident("id"), ident("id").alias("again"), ident("region"), col("region").alias("r")])
    };
    let given = text(&reading.query(twice).await.map_err(say)?)?;
    let expected = answer(&subject.table, twice).await.map_err(say)?;
    ensure(given == expected, || format!("columns twice: {}", difference(&given, &expected)))
}

/// What the table calls exact, it applies itself, to the last row.
pub(super) async fn filter_exactness(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "exactness", small()?).await?;
    let reading = subject.read(fixture).await?;
    let mut dice = Dice::new(7);
    for n in 0..PREDICATES {
        let predicate = match (n % 2, dice.partition_predicate(&subject.table)) {
            (0, Some(predicate)) => predicate,
            _ => dice.predicate(&subject.table),
        };
        if !is_exact(&reading, &predicate)? {
            continue;
        }
        let given = reading.scan(None, std::slice::from_ref(&predicate), None).await.map_err(say)?;
        let (given, expected) = (text(&given)?, rows_where(&subject.table, &predicate).await.map_err(say)?);
        ensure(given == expected, || format!("\"{predicate}\" is called exact: {}", difference(&given, &expected)))?;
    }
    Ok(())
}

fn is_exact(reading: &Reading, predicate: &Expr) -> Result<bool, String> {
    let answers = reading.opened.provider.supports_filters_pushdown(&[predicate]).map_err(say)?;
    Ok(answers == [TableProviderFilterPushDown::Exact])
}

/// No row that satisfies a predicate is ever skipped, whatever the table did with the predicate.
pub(super) async fn no_lost_row(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "lost", small()?).await?;
    let reading = subject.read(fixture).await?;
    let mut dice = Dice::new(11);
    for n in 0..PREDICATES {
        let predicate = match (n % 4, dice.partition_predicate(&subject.table)) {
            (0, Some(predicate)) => predicate,
            _ => dice.predicate(&subject.table),
        };
        let given = reading.query(|plan| plan.filter(predicate.clone())).await.map_err(say)?;
        let (given, expected) = (text(&given)?, rows_where(&subject.table, &predicate).await.map_err(say)?);
        ensure(missing(&given, &expected).is_empty(), || {
            format!("\"{predicate}\": {}", difference(&given, &expected))
        })?;
    }
    Ok(())
}

/// A limit saves work, and never costs a row.
pub(super) async fn limit(fixture: &dyn Fixture) -> Verdict {
    let table = facts(8, 1000).map_err(|e| e.to_string())?;
    let total = table.num_rows();
    let subject = Subject::make(fixture, "limit", table).await?;
    let reading = subject.read(fixture).await?;
    let given = count_rows(&reading.scan(None, &[], Some(5)).await.map_err(say)?);
    ensure(given >= 5, || format!("a limit of 5 gave {given} rows of {total}"))?;
    ensure(given < total, || format!("a limit of 5 made the scan give all {total} rows"))?;
    let generous = |plan: LogicalPlanBuilder| plan.limit(0, Some(total + 1));
    let given = count_rows(&reading.query(generous).await.map_err(say)?);
    ensure(given == total, || format!("a limit above all {total} rows gave {given}"))?;
    let predicates = [lit(true), ident("id").gt(lit(10_i64)), ident("open").is_true(), ident("region").is_not_null()];
    for predicate in predicates {
        let matching = rows_where(&subject.table, &predicate).await.map_err(say)?.len();
        for limit in [1, 7, 1500] {
            let limited = |plan: LogicalPlanBuilder| plan.filter(predicate.clone())?.limit(0, Some(limit));
            let given = count_rows(&reading.query(limited).await.map_err(say)?);
            let least = limit.min(matching);
            ensure(given >= least && given <= limit, || {
                format!("\"{predicate}\" with a limit of {limit} gave {given} rows instead of {least}")
            })?;
        }
    }
    Ok(())
}

fn count_rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// A table without rows answers with its columns.
pub(super) async fn empty_table(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "empty", small()?.emptied()).await?;
    let reading = subject.read(fixture).await?;
    same_columns("the empty table", &subject.table.schema, &reading.opened.provider.schema())?;
    let plan = reading.opened.provider.scan(&reading.state, None, &[], None).await.map_err(say)?;
    same_columns("the scan of the empty table", &subject.table.schema, &plan.schema())?;
    let given = count_rows(&reading.scan(None, &[], None).await.map_err(say)?);
    ensure(given == 0, || format!("an empty table gave {given} rows"))?;
    let counted = |plan: LogicalPlanBuilder| plan.aggregate(Vec::<Expr>::new(), vec![count(lit(1))]);
    let given = text(&reading.query(counted).await.map_err(say)?)?;
    ensure(given == ["\"0\""], || format!("count over an empty table gives {given:?}"))
}

/// A store that does not answer is an error that names the product, never an empty table.
pub(super) async fn missing_storage(fixture: &dyn Fixture) -> Verdict {
    let connector = fixture.connector();
    let subject = Subject::make(fixture, "missing", small()?).await?;
    let pinned = connector.pin(&subject.ctx, &subject.port, &AsOf::Latest).await.map_err(|e| e.report())?;
    subject.watch.stop_answering();
    let name = subject.port.product.name.to_string();
    match connector.pin(&subject.ctx, &subject.port, &AsOf::Latest).await {
        Ok(_) => return Err("a version was pinned though the store does not answer".to_owned()),
        Err(error) => unavailable(&error, &name)?,
    }
    match connector.probe(&subject.ctx, &subject.port).await {
        Ok(_) => return Err("the table was observed though the store does not answer".to_owned()),
        Err(error) => unavailable(&error, &name)?,
    }
    let reading = match Reading::of(connector.as_ref(), &subject.ctx, &subject.port, &pinned).await {
        Ok(reading) => reading,
        Err(error) => return unavailable(&error, &name),
    };
    match reading.scan(None, &[], None).await {
        Ok(batches) => Err(format!("{} rows were read though the store does not answer", count_rows(&batches))),
        Err(error) => match find(&error) {
            Some(ours) => unavailable(ours, &name),
            None => Err(format!("the error does not name the product: {error}")),
        },
    }
}

fn unavailable(error: &meshweave_engine::Error, product: &str) -> Verdict {
    ensure(matches!(error.failure(), Failure::Unavailable { .. }), || {
        format!("the error of a store that does not answer is no Unavailable: {}", error.report())
    })?;
    ensure(error.to_string().contains(product), || format!("the error does not name {product}: {}", error.report()))
}

/// Dropping the stream stops the requests.
pub(super) async fn cancellation(fixture: &dyn Fixture) -> Verdict {
    let table = facts(40, 20).map_err(|e| e.to_string())?;
    let subject = Subject::make(fixture, "cancellation", table).await?;
    let reading = subject.read(fixture).await?;
    let mut stream = reading.stream().await.map_err(say)?;
    let started = subject.watch.requests();
    let first = stream.next().await;
    ensure(matches!(first, Some(Ok(_))), || "the stream gave no first batch".to_owned())?;
    drop(stream);
    let dropped = subject.watch.requests();
    let settled = settle(&subject.watch).await;
    ensure(settled - dropped <= HANDFUL, || {
        format!("{} requests arrived after the stream was dropped, {HANDFUL} may", settled - dropped)
    })?;
    let whole = reading.stream().await.map_err(say)?;
    let before = subject.watch.requests();
    let batches: Vec<_> = whole.collect().await;
    ensure(batches.iter().all(Result::is_ok), || "the second reading failed".to_owned())?;
    let all = subject.watch.requests() - before;
    let used = settled - started;
    ensure(used < all, || format!("the dropped stream made {used} requests, as many as reading everything ({all})"))
}

/// Requests once no more arrive.
async fn settle(watch: &WatchedStore) -> u64 {
    let mut quiet = 0;
    let mut seen = watch.requests();
    while quiet < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let now = watch.requests();
        quiet = if now == seen { quiet + 1 } else { 0 };
        seen = now;
    }
    seen
}

/// Rows of `expected` that `given` lacks, counted as multisets.
fn missing<'a>(given: &[String], expected: &'a [String]) -> Vec<&'a String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for row in given {
        *counts.entry(row).or_default() += 1;
    }
    expected
        .iter()
        .filter(|row| match counts.get_mut(row.as_str()) {
            Some(n) if *n > 0 => {
                *n -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

/// How two lists of rows differ, in a few words.
pub(super) fn difference(given: &[String], expected: &[String]) -> String {
    let lost = missing(given, expected);
    let extra = missing(expected, given);
    let first = |rows: &[&String]| rows.first().map(|row| format!(", such as {row}")).unwrap_or_default();
    format!(
        "{} rows instead of {}; {} lost{}; {} too many{}",
        given.len(),
        expected.len(),
        lost.len(),
        first(&lost),
        extra.len(),
        first(&extra)
    )
}
