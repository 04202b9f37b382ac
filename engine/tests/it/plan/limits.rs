//! Limits, cancellation, and an end that stops the work.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{Stream, StreamExt};
use meshweave_engine::settings::{ByteSize, Settings, Timeout};
use meshweave_engine::{Error, Kind, Statement};

use super::mesh::{Mesh, Spec, Wrap, batch, context, guest, ints, shop};

/// What an endless table was asked, and whether it is still held.
#[derive(Debug, Default)]
struct Watch {
    polls: AtomicUsize,
    open: AtomicUsize,
    /// Gives no rows, only waits.
    stuck: AtomicBool,
}

/// A table without end.
#[derive(Debug)]
struct Endless(SchemaRef, Arc<Watch>);

#[async_trait]
impl TableProvider for Endless {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let part = |_| -> Arc<dyn PartitionStream> { Arc::new(Part(Arc::clone(&self.0), Arc::clone(&self.1))) };
        let parts = (0..2).map(part).collect();
        let plan = StreamingTableExec::try_new(Arc::clone(&self.0), parts, projection, vec![], false, None)?;
        Ok(Arc::new(plan))
    }
}

#[derive(Debug)]
struct Part(SchemaRef, Arc<Watch>);

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.1.open.fetch_add(1, Ordering::SeqCst);
        Box::pin(Rows { schema: Arc::clone(&self.0), watch: Arc::clone(&self.1), next: 0, wait: None })
    }
}

struct Rows {
    schema: SchemaRef,
    watch: Arc<Watch>,
    next: i64,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.watch.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stream for Rows {
    type Item = DfResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.watch.stuck.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        let wait = self.wait.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(1))));
        if wait.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.wait = None;
        self.watch.polls.fetch_add(1, Ordering::SeqCst);
        let values: Vec<i64> = (self.next..self.next + 1000).collect();
        self.next += 1000;
        Poll::Ready(Some(RecordBatch::try_new(Arc::clone(&self.schema), vec![ints(&values)]).map_err(Into::into)))
    }
}

impl RecordBatchStream for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// A mesh with one table without end.
async fn endless(settings: Settings) -> (Mesh, Arc<Watch>) {
    let mesh =
        Mesh::with(vec![Spec::table("a.numbers", "1.0.0", vec![batch(vec![("n", ints(&[1]))])])], settings).await;
    let watch = Arc::new(Watch::default());
    let held = Arc::clone(&watch);
    *mesh.memory.wrap.lock() = Some(Wrap(Arc::new(move |schema| Arc::new(Endless(schema, Arc::clone(&held))))));
    (mesh, watch)
}

/// Waits until nothing is held any more; aborted tasks end when the runtime next looks at them.
async fn settled(mesh: &Mesh, watch: &Watch) {
    for _ in 0..10_000 {
        if watch.open.load(Ordering::SeqCst) == 0 && mesh.engine.reserved_bytes() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!(
        "{} streams are open and {} bytes are reserved after the end",
        watch.open.load(Ordering::SeqCst),
        mesh.engine.reserved_bytes()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_answer_stops_the_work() {
    let (mesh, watch) = endless(Settings::default()).await;
    for sql in [
        "SELECT n FROM a.numbers",
        "SELECT n FROM a.numbers ORDER BY n",
        "SELECT n, count(*) FROM a.numbers GROUP BY n",
        "SELECT count(*) FROM a.numbers x JOIN a.numbers y ON x.n = y.n",
    ] {
        let mut answer = mesh.engine.query(&guest(), &Statement::new(sql)).await.unwrap();
        let before = watch.polls.load(Ordering::SeqCst);
        // Either a batch comes, or the blocking operators have read a good deal.
        while watch.polls.load(Ordering::SeqCst) < before + 20 {
            let _ = tokio::time::timeout(Duration::from_millis(5), answer.stream.next()).await;
        }
        drop(answer);
        settled(&mesh, &watch).await;
        let after = watch.polls.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(watch.polls.load(Ordering::SeqCst), after, "{sql}: nothing is read after the drop");
    }
}

#[tokio::test]
async fn cancellation_ends_the_stream_with_our_error() {
    let (mesh, watch) = endless(Settings::default()).await;
    let ctx = guest();
    let mut answer = mesh.engine.query(&ctx, &Statement::new("SELECT n FROM a.numbers")).await.unwrap();
    assert!(answer.stream.next().await.unwrap().is_ok());
    ctx.cancel.cancel();
    let error = loop {
        match answer.stream.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break Error::from(error),
            None => panic!("a cancelled stream must not look complete"),
        }
    };
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(answer.stream.next().await.is_none());
    settled(&mesh, &watch).await;
    let error = mesh.engine.query(&ctx, &Statement::new("SELECT 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled, "a cancelled context runs nothing more");
}

#[tokio::test]
async fn the_deadline_holds_for_the_stream_even_when_nobody_polls() {
    let mut settings = Settings::default();
    settings.limits.statement_timeout = Timeout(Duration::from_millis(60));
    let (mesh, watch) = endless(settings).await;
    let answer = mesh.engine.query(&guest(), &Statement::new("SELECT n FROM a.numbers ORDER BY n")).await.unwrap();
    let error = answer.collect().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Kind::TimedOut, "the query did not finish within 60ms".to_owned()));
    settled(&mesh, &watch).await;

    watch.stuck.store(true, Ordering::SeqCst);
    let mut idle = mesh.engine.query(&guest(), &Statement::new("SELECT n FROM a.numbers")).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_millis(5), idle.stream.next()).await;
    settled(&mesh, &watch).await;
    assert_eq!(Error::from(idle.stream.next().await.unwrap().unwrap_err()).kind(), Kind::TimedOut);
}

/// Joins that make far more rows than they read, below an aggregate that asks until there are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_multiplies_rows_is_stopped_by_its_deadline() {
    let values: Vec<i64> = (0..8_000).collect();
    let ones = vec![1_i64; values.len()];
    let table = batch(vec![("n", ints(&values)), ("one", ints(&ones))]);
    let mut settings = Settings::default();
    settings.limits.statement_timeout = Timeout(Duration::from_millis(300));
    let mesh = Mesh::with(vec![Spec::table("a.numbers", "1.0.0", vec![table])], settings).await;
    for sql in [
        "SELECT sum(x.n * y.n + z.n) FROM a.numbers x CROSS JOIN a.numbers y CROSS JOIN a.numbers z",
        "SELECT sum(x.n * y.n + z.n) FROM a.numbers x JOIN a.numbers y ON x.one = y.one JOIN a.numbers z ON y.one = z.one",
        "SELECT sum(x.n * y.n + z.n) FROM a.numbers x JOIN a.numbers y ON x.n + y.n >= 0 JOIN a.numbers z ON y.n + z.n >= 0",
    ] {
        let work = async { mesh.engine.query(&guest(), &Statement::new(sql)).await?.collect().await };
        // The guard against hanging; half a trillion rows take hours.
        let ended = tokio::time::timeout(Duration::from_secs(60), work).await;
        let error = ended.unwrap_or_else(|_| panic!("{sql} was not stopped")).expect_err(sql);
        assert_eq!(error.kind(), Kind::TimedOut, "{sql}: {}", error.report());
        for _ in 0..10_000 {
            if mesh.engine.reserved_bytes() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(mesh.engine.reserved_bytes(), 0, "{sql}: memory is given back");
    }
}

#[tokio::test]
async fn one_more_than_the_queue_holds_is_refused() {
    let mut settings = Settings::default();
    settings.limits.concurrent_queries = 1;
    settings.limits.queued_queries = 1;
    settings.limits.paused_queries = 0;
    let (mesh, watch) = endless(settings).await;
    let statement = Statement::new("SELECT n FROM a.numbers");
    let running = mesh.engine.query(&guest(), &statement).await.unwrap();
    let ctx = guest();
    let mut waiting = Box::pin(mesh.engine.query(&ctx, &statement));
    while mesh.engine.waiting_queries() == 0 {
        let _ = tokio::time::timeout(Duration::from_millis(1), &mut waiting).await;
    }
    let refused = mesh.engine.query(&guest(), &statement).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Exhausted);
    assert_eq!(
        refused.to_string(),
        "the queue is full (limits.queued_queries of 1): 1 queries are running and 1 are waiting"
    );
    assert!(refused.hint().unwrap().contains("mesh.queries"));
    assert_eq!((mesh.engine.running_queries(), mesh.engine.waiting_queries()), (1, 1));
    drop(running);
    let second = waiting.await.unwrap();
    assert_eq!(mesh.engine.waiting_queries(), 0);
    let cancelled = guest();
    cancelled.cancel.cancel();
    assert_eq!(mesh.engine.query(&cancelled, &statement).await.unwrap_err().kind(), Kind::Cancelled);
    drop(second);
    settled(&mesh, &watch).await;
}

#[tokio::test]
async fn a_place_is_lent_while_its_reader_pauses_and_held_again_when_it_reads_on() {
    let mut settings = Settings::default();
    settings.limits.concurrent_queries = 1;
    settings.limits.reader_pause = Timeout(Duration::from_millis(1));
    let (mesh, watch) = endless(settings).await;
    let statement = Statement::new("SELECT n FROM a.numbers");
    let mut slow = mesh.engine.query(&guest(), &statement).await.unwrap();
    slow.stream.next().await.unwrap().unwrap();
    // Comes in though the only place was taken, and lends it in its turn.
    let mut other = mesh.engine.query(&guest(), &statement).await.unwrap();
    assert_eq!((mesh.engine.running_queries(), mesh.engine.paused_queries()), (1, 1));
    for _ in 0..3 {
        slow.stream.next().await.unwrap().unwrap();
        assert_eq!((mesh.engine.running_queries(), mesh.engine.paused_queries()), (1, 1));
        other.stream.next().await.unwrap().unwrap();
    }
    // Without its place it is cancelled as with it.
    slow.context.cancel.cancel();
    let error = slow.stream.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
    drop(other);
    settled(&mesh, &watch).await;
    assert_eq!((mesh.engine.running_queries(), mesh.engine.paused_queries()), (0, 0));
}

#[tokio::test]
async fn who_reads_on_without_a_place_computes_nothing_until_it_has_one() {
    let mut settings = Settings::default();
    settings.limits.concurrent_queries = 1;
    settings.limits.reader_pause = Timeout(Duration::from_millis(1));
    let (mesh, watch) = endless(settings).await;
    let statement = Statement::new("SELECT n FROM a.numbers");
    let mut slow = mesh.engine.query(&guest(), &statement).await.unwrap();
    slow.stream.next().await.unwrap().unwrap();
    // Counts for ever, so that it never pauses.
    let ctx = guest();
    let busy = Statement::new("SELECT count(*) FROM a.numbers");
    let mut busy = mesh.engine.query(&ctx, &busy).await.unwrap();
    let mut counting = busy.stream.next();
    let _ = tokio::time::timeout(Duration::from_millis(5), &mut counting).await;
    let mut waits = Box::pin(async { slow.stream.next().await });
    for _ in 0..20 {
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut waits).await.is_err());
        let _ = tokio::time::timeout(Duration::from_millis(1), &mut counting).await;
    }
    assert_eq!((mesh.engine.running_queries(), mesh.engine.waiting_queries()), (1, 1));
    drop(busy);
    waits.await.unwrap().unwrap();
    drop(slow);
    settled(&mesh, &watch).await;
}

#[tokio::test]
async fn memory_has_one_limit_and_returns_to_zero() {
    let mut settings = Settings::default();
    settings.limits.memory = ByteSize(1 << 20);
    settings.limits.spill = ByteSize(1 << 10);
    settings.limits.partitions = Some(2);
    let mesh = Mesh::with(shop(), settings).await;
    let group = "SELECT value, count(*), max(value) FROM generate_series(1, 1000000) GROUP BY value";
    let error = mesh.cells(group).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted, "{}", error.report());
    assert!(error.hint().unwrap().contains("limits."), "{:?}", error.hint());
    for _ in 0..10_000 {
        if mesh.engine.reserved_bytes() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(mesh.engine.reserved_bytes(), 0);
    assert_eq!(mesh.cells("SELECT count(*) FROM commerce.orders").await.unwrap(), "3");
}

#[tokio::test]
async fn long_texts_are_refused_unread() {
    let mut settings = Settings::default();
    settings.limits.statement_text = ByteSize(100);
    let mesh = Mesh::with(shop(), settings).await;
    let error = mesh.cells(&format!("SELECT {}1", " ".repeat(100))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert_eq!(error.to_string(), "the statement is 108 bytes long, more than the limit of 100");
    let deep = format!("SELECT {}1{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(mesh.cells(&deep).await.unwrap(), "1");
}

#[tokio::test]
async fn rows_read_are_counted_when_the_stream_has_ended() {
    let mesh = Mesh::new(shop()).await;
    let sql = "SELECT sum(value) FROM generate_series(1, 100)";
    let answer = mesh.engine.query(&guest(), &Statement::new(sql)).await.unwrap();
    let usage = Arc::clone(&answer.usage);
    answer.collect().await.unwrap();
    assert_eq!(usage.rows(), 100);
}

#[tokio::test]
async fn an_answer_larger_than_it_may_be_ends_with_an_error() {
    let mut settings = Settings::default();
    settings.limits.result_rows = Some(10);
    let mesh = Mesh::with(shop(), settings).await;
    let exact = "SELECT value FROM generate_series(1, 10)";
    assert_eq!(mesh.cells(exact).await.unwrap().split(';').count(), 10, "as many as allowed are no error");
    let more = "SELECT value FROM generate_series(1, 11)";
    let error = mesh.cells(more).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert_eq!(error.to_string(), "the answer holds more than 10 rows, the limit of limits.result_rows");
    assert!(error.hint().unwrap().contains("not the whole answer"));
    // Neither the rows of a plan nor what a statement reads is an answer.
    assert!(mesh.cells(&format!("EXPLAIN ANALYZE {more}")).await.unwrap().contains("rows: 11"));
    assert_eq!(mesh.cells("SELECT count(*) FROM generate_series(1, 1000)").await.unwrap(), "1000");
}

#[tokio::test]
async fn the_bytes_of_an_answer_are_those_of_its_own_rows() {
    let mut settings = Settings::default();
    settings.limits.result_bytes = Some(ByteSize(800));
    let mesh = Mesh::with(shop(), settings).await;
    let rows = |rows: u32| format!("SELECT value FROM generate_series(1, 10000) LIMIT {rows}");
    assert_eq!(mesh.cells(&rows(100)).await.unwrap().split(';').count(), 100, "a hundred numbers of eight bytes");
    let error = mesh.cells(&rows(101)).await.unwrap_err();
    assert_eq!(error.to_string(), "the answer holds more than 800 bytes, the limit of limits.result_bytes");
}

#[tokio::test]
async fn what_would_read_too_much_does_not_begin() {
    let mut settings = Settings::default();
    settings.limits.scanned_bytes = Some(ByteSize(1_999));
    let mesh = Mesh::with(shop(), settings).await;
    // Each scan of this mesh says that it will read a thousand bytes.
    let one = "SELECT orderid FROM commerce.orders";
    let two = "SELECT o.orderid FROM commerce.orders o JOIN crm.customer c ON c.id = o.customerid";
    mesh.cells(one).await.unwrap();
    let error = mesh.cells(two).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Exhausted);
    assert_eq!(
        error.to_string(),
        "the statement would read up to 2000 bytes from storage, more than the limit of 1999 bytes (limits.scanned_bytes)"
    );
    assert!(
        mesh.cells(&format!("EXPLAIN {two}")).await.unwrap().contains("bytes: 1000 of 4000"),
        "a plan may be looked at"
    );
    assert_eq!(mesh.cells(&format!("EXPLAIN ANALYZE {two}")).await.unwrap_err().kind(), Kind::Exhausted);
}

#[tokio::test]
async fn queries_that_run_and_wait_are_told_with_their_places() {
    let mut settings = Settings::default();
    settings.limits.concurrent_queries = 3;
    settings.limits.queries_per_principal = 1;
    settings.limits.paused_queries = 0;
    let (mesh, watch) = endless(settings).await;
    let statement = Statement::new("SELECT n FROM a.numbers");
    let running = mesh.engine.query(&context("ann"), &statement).await.unwrap();
    let (first, second, other) = (context("ann"), context("ann"), context("bob"));
    let mut waiting =
        [Box::pin(mesh.engine.query(&first, &statement)), Box::pin(mesh.engine.query(&second, &statement))];
    for (index, query) in waiting.iter_mut().enumerate() {
        while mesh.engine.waiting_queries() == index {
            let _ = tokio::time::timeout(Duration::from_millis(1), &mut *query).await;
        }
    }
    // Others go by: their share is their own.
    let others = mesh.engine.query(&other, &statement).await.unwrap();
    let look = "SELECT outcome, position, waited_ms > 0, products FROM mesh.queries \
                WHERE outcome IN ('running', 'waiting') ORDER BY started_at";
    let told = |who: &str| {
        let ctx = context(who);
        let mesh = &mesh;
        async move { mesh.cells_as(&ctx, &Statement::new(look)).await.unwrap() }
    };
    // The owner sees all of them; reading the log needs a place of its own.
    assert_eq!(
        told("eve@a-team").await,
        "running||false|a.numbers@1;waiting|1|true|a.numbers@1;waiting|2|true|a.numbers@1;running||false|a.numbers@1"
    );
    assert_eq!(told("stranger").await, "");
    drop((running, others));
    let [first, second] = waiting;
    let answer = first.await.unwrap();
    assert_eq!((mesh.engine.running_queries(), mesh.engine.waiting_queries()), (1, 1));
    drop(answer);
    drop(second.await.unwrap());
    settled(&mesh, &watch).await;
    let sql = "SELECT count(*), sum(CASE WHEN waited_ms > 0 THEN 1 END), count(position) FROM mesh.queries \
               WHERE outcome = 'dropped'";
    let ended = mesh.cells_as(&context("ann"), &Statement::new(sql)).await.unwrap();
    assert_eq!(ended, "3|2|0", "who waited is remembered, and how long");
}

#[tokio::test]
async fn the_most_memory_and_spilled_bytes_are_remembered() {
    let mut settings = Settings::default();
    settings.limits.memory = ByteSize(16 << 20);
    settings.limits.partitions = Some(1);
    let mesh = Mesh::with(shop(), settings).await;
    let sorted = "SELECT max(place) FROM (SELECT row_number() OVER (ORDER BY value * -1) AS place \
                  FROM generate_series(1, 1000000))";
    assert_eq!(mesh.cells(sorted).await.unwrap(), "1000000");
    let told = mesh.cells("SELECT memory > 0, memory <= 16777216, spilled > 0 FROM mesh.queries").await.unwrap();
    assert_eq!(told, "true|true|true");
    let analyzed = mesh.cells(&format!("EXPLAIN ANALYZE {sorted}")).await.unwrap();
    assert!(!analyzed.contains("spilled bytes: 0\n"), "{analyzed}");
}
