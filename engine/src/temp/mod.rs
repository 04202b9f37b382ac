//! The `temp` schema of one session: tables that only it sees, in memory of a bounded size.
//!
//! In: a statement that writes, or rows that a door takes in. Out: tables that statements of the same session read like any other.
//! Holds always:
//! - products are never written here: a table belongs to one [`TempSchema`], and that to one session;
//! - a change happens whole or not at all, when its last row has come; a statement that runs keeps the tables it was planned with;
//! - what the tables hold is counted, in the session's quota and in the process's memory, before it is held.
//!
//! Start reading at [`TempSchema`].

mod change;
mod ingest;
mod listing;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use meshweave_contract::name::fold;
use meshweave_contract::parse::nearest;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::catalog::NamePart;
use crate::error::{Error, Failure, Result};

pub(crate) use change::{Change, IfExists, What, count_schema, exists};
pub use ingest::{Ingest, IngestMode};
pub(crate) use listing::listed;
use rows::Held;

/// The schema's name in SQL.
pub const TEMP: &str = "temp";

/// Statements whose one run is remembered.
const RUNS_KEPT: usize = 4096;
/// Longest name of a table, bytes.
const LONGEST_NAME: usize = 255;

/// The writable schema of one session.
#[derive(Debug)]
pub struct TempSchema {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By folded name.
    tables: BTreeMap<String, Arc<TempTable>>,
    /// Counts changes.
    last: u64,
    runs: Runs,
}

/// A table as it is between two changes.
pub struct TempTable {
    /// Its spelling.
    name: String,
    schema: SchemaRef,
    held: Vec<Held>,
    /// The change that made it what it is.
    version: u64,
}

impl fmt::Debug for TempTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TempTable").field("name", &self.name).field("rows", &self.rows()).finish_non_exhaustive()
    }
}

impl TempTable {
    /// Its name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.held.iter().map(|held| held.batch.num_rows() as u64).sum()
    }

    /// The table for the planner: the rows of this moment.
    pub(crate) fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        let batches: Vec<RecordBatch> = self.held.iter().map(|held| held.batch.clone()).collect();
        Ok(Arc::new(MemTable::try_new(Arc::clone(&self.schema), vec![batches])?))
    }
}

impl TempSchema {
    /// An empty schema.
    ///
    /// - `limit`: what its tables may hold together, bytes in memory.
    /// - `all`: what the tables of all sessions may hold.
    /// - `pool`: where that is counted, beside what queries hold.
    pub(crate) fn new(limit: u64, all: &Arc<Quota>, pool: &Arc<dyn MemoryPool>) -> Self {
        let reservation = MemoryConsumer::new("temporary tables").register(pool);
        let own = Quota::new(limit, "this session", "sessions.temp_memory");
        let budget = Arc::new(Budget { own, all: Arc::clone(all), reservation });
        Self { budget, state: Mutex::default() }
    }

    /// Its tables, sorted by name.
    pub fn tables(&self) -> Vec<Arc<TempTable>> {
        self.state.lock().tables.values().cloned().collect()
    }

    /// Bytes that its tables hold, in memory.
    pub fn held_bytes(&self) -> usize {
        self.budget.own.used.load(Ordering::Relaxed)
    }

    /// Whether it was ever given a table and still has one.
    pub fn is_empty(&self) -> bool {
        self.state.lock().tables.is_empty()
    }

    /// The table that a name means: exactly when it is quoted, else by folding.
    pub(crate) fn find(&self, name: &NamePart) -> Option<Arc<TempTable>> {
        let found = self.state.lock().tables.get(&fold(&name.text)).cloned()?;
        (!name.quoted || found.name == name.text).then_some(found)
    }

    /// The error for a name that no table has.
    pub(crate) fn no_table(&self, name: &str) -> Error {
        let tables = self.tables();
        let near = nearest(name, tables.iter().map(|table| table.name()));
        Failure::NameNotFound {
            what: "temporary table",
            name: format!("{TEMP}.{name}"),
            product: None,
            nearest: near.iter().map(|name| format!("{TEMP}.{name}")).collect(),
        }
        .into()
    }

    /// Notes that a statement that writes is run now.
    ///
    /// A door that runs statements by tickets asks first, so that a ticket that is used twice does not write twice.
    ///
    /// - `id`: the statement's; ids are those of [`crate::QueryContext`], which sort by time.
    ///
    /// # Errors
    /// [`Failure::RunBefore`] when it was run already, or is so old that nobody remembers.
    pub fn run_once(&self, id: Uuid) -> Result<()> {
        if self.state.lock().runs.take(id) { Ok(()) } else { Err(Failure::RunBefore.into()) }
    }

    /// Drops every table.
    pub fn clear(&self) {
        let dropped = std::mem::take(&mut self.state.lock().tables);
        drop(dropped);
    }
}

/// A name that a table may have.
///
/// # Errors
/// [`Failure::InvalidQuery`] for names with `.` or `@`, which mean something else, and those that are empty or very long.
pub(crate) fn checked_name(name: &str) -> Result<()> {
    let wrong = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST_NAME {
        "is too long"
    } else if name.contains(['.', '@']) || name.chars().any(char::is_control) {
        "may hold neither a point nor an @"
    } else {
        return Ok(());
    };
    Err(Error::invalid_query(format!("the name of the temporary table \"{name}\" {wrong}")))
}

/// Columns that a table may have.
///
/// # Errors
/// [`Failure::InvalidQuery`] for two columns whose names fold to the same.
pub(crate) fn checked_columns(schema: &SchemaRef) -> Result<()> {
    let mut seen = BTreeSet::new();
    match schema.fields().iter().find(|field| !seen.insert(fold(field.name()))) {
        None => Ok(()),
        Some(twice) => Err(Error::invalid_query_hint(
            format!("the column \"{}\" is there twice", twice.name()),
            "Give one of them another name with AS.",
        )),
    }
}

/// Bytes that tables may hold, and those that they do.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: usize,
    used: AtomicUsize,
    /// Whose tables, and the setting that says how much: for errors.
    whose: &'static str,
    setting: &'static str,
}

impl Quota {
    pub(crate) fn new(limit: u64, whose: &'static str, setting: &'static str) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: AtomicUsize::new(0), whose, setting }
    }

    fn take(&self, bytes: usize) -> Result<()> {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            return Ok(());
        }
        let limit = crate::usage::told(self.limit as u64);
        let (whose, setting) = (self.whose, self.setting);
        let message = format!("the temporary tables of {whose} would hold more than {limit}, the limit of {setting}");
        let hint = Some("Drop tables that are not needed any more, or keep fewer rows.".to_owned());
        Err(Failure::Exhausted { message, hint }.into())
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What the tables of one session may hold: of their own, with those of others, and with all queries.
struct Budget {
    own: Quota,
    all: Arc<Quota>,
    reservation: MemoryReservation,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("own", &self.own).field("all", &self.all).finish_non_exhaustive()
    }
}

/// Room in the budget; free again when it is dropped.
#[derive(Debug)]
struct Room {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// Takes room.
    ///
    /// # Errors
    /// [`Failure::Exhausted`] when the session or the process has none left.
    fn take(self: &Arc<Self>, bytes: usize) -> Result<Room> {
        self.own.take(bytes)?;
        let all = self.all.take(bytes).inspect_err(|_| self.own.give_back(bytes));
        all?;
        if let Err(error) = self.reservation.try_grow(bytes) {
            self.own.give_back(bytes);
            self.all.give_back(bytes);
            return Err(error.into());
        }
        Ok(Room { budget: Arc::clone(self), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.own.give_back(self.bytes);
        self.budget.all.give_back(self.bytes);
        self.budget.reservation.shrink(self.bytes);
    }
}

/// Which statements were run; the oldest are forgotten, and anything older than they were counts as run.
#[derive(Debug, Default)]
struct Runs {
    seen: BTreeSet<Uuid>,
    forgotten: Option<Uuid>,
}

impl Runs {
    /// Whether `id` is seen for the first time.
    fn take(&mut self, id: Uuid) -> bool {
        if self.forgotten.is_some_and(|forgotten| id <= forgotten) || !self.seen.insert(id) {
            return false;
        }
        if self.seen.len() > RUNS_KEPT {
            self.forgotten = self.seen.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;
    use crate::error::Kind;

    fn budget(limit: usize, process: usize) -> (Arc<dyn MemoryPool>, TempSchema) {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(process));
        let all = Arc::new(Quota::new(10_000, "all sessions", "sessions.temp_memory_of_all"));
        let temp = TempSchema::new(limit as u64, &all, &pool);
        (pool, temp)
    }

    #[test]
    fn room_is_counted_twice_and_given_back() {
        let (pool, temp) = budget(100, 1000);
        let first = temp.budget.take(60).unwrap();
        let error = temp.budget.take(41).unwrap_err();
        assert_eq!(error.kind(), Kind::Exhausted);
        assert!(error.to_string().contains("sessions.temp_memory"), "{error}");
        let second = temp.budget.take(40).unwrap();
        assert_eq!((temp.held_bytes(), pool.reserved()), (100, 100));
        drop((first, second));
        assert_eq!((temp.held_bytes(), pool.reserved()), (0, 0));
    }

    #[test]
    fn all_sessions_together_have_a_quota_too() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1000));
        let all = Arc::new(Quota::new(100, "all sessions", "sessions.temp_memory_of_all"));
        let (one, two) = (TempSchema::new(80, &all, &pool), TempSchema::new(80, &all, &pool));
        let held = one.budget.take(60).unwrap();
        let error = two.budget.take(41).unwrap_err();
        assert!(error.to_string().contains("sessions.temp_memory_of_all"), "{error}");
        assert_eq!((two.held_bytes(), pool.reserved()), (0, 60));
        drop(held);
        two.budget.take(80).unwrap();
    }

    #[test]
    fn the_process_has_the_last_word() {
        let (pool, temp) = budget(1000, 10);
        assert_eq!(temp.budget.take(11).unwrap_err().kind(), Kind::Exhausted);
        assert_eq!((temp.held_bytes(), pool.reserved()), (0, 0));
    }

    #[test]
    fn a_statement_is_run_once_even_when_it_was_forgotten() {
        let mut runs = Runs::default();
        let ids: Vec<Uuid> = (0..RUNS_KEPT as u128 + 10).map(|n| Uuid::from_u128(n + 1)).collect();
        assert!(ids.iter().all(|id| runs.take(*id)));
        assert!(!ids.iter().any(|id| runs.take(*id)));
        assert_eq!(runs.seen.len(), RUNS_KEPT);
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for bad in ["", "a.b", "a@1", "a\u{1}", &"x".repeat(256)] {
            assert!(checked_name(bad).is_err(), "{bad:?}");
        }
        checked_name("Bulk Ingest-1").unwrap();
    }
}
