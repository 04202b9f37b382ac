//! The SQL logic tests of `testdata/slt`, in process, over the shared demo mesh.
//!
//! `connection NAME` before a statement chooses who asks, by the table in `testdata/slt/principals.yaml`;
//! without it the analyst asks. Column types: `T` text, `I` whole numbers, `R` other numbers, `B` booleans, `?` the rest.
//!
//! Start reading at [`every_file_holds`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use meshweave_engine::engine::Parts;
use meshweave_engine::policy::AccessBlockPolicy;
use meshweave_engine::settings::Settings;
use meshweave_engine::{Engine, Error, Principal, QueryContext, Statement};
use sqllogictest::{AsyncDB, ColumnType, Connection, DBOutput, Record, Runner, parse_file};

use crate::mesh;

/// Who asks when a file does not say.
const USUAL: &str = "analyst";

/// One caller of the engine.
struct Caller {
    engine: Arc<Engine>,
    principal: Principal,
}

/// A column's type, in the letters of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Letter {
    Text,
    Whole,
    Number,
    Boolean,
    Other,
}

impl ColumnType for Letter {
    fn from_char(value: char) -> Option<Self> {
        Some(match value {
            'T' => Self::Text,
            'I' => Self::Whole,
            'R' => Self::Number,
            'B' => Self::Boolean,
            '?' => Self::Other,
            _ => return None,
        })
    }

    fn to_char(&self) -> char {
        match self {
            Self::Text => 'T',
            Self::Whole => 'I',
            Self::Number => 'R',
            Self::Boolean => 'B',
            Self::Other => '?',
        }
    }
}

impl From<&DataType> for Letter {
    fn from(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Boolean => Self::Boolean,
            whole if whole.is_integer() => Self::Whole,
            number if number.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }
}

#[async_trait::async_trait]
impl AsyncDB for Caller {
    type Error = Error;
    type ColumnType = Letter;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Letter>, Error> {
        let ctx = QueryContext::new(self.principal.clone());
        let answer = self.engine.query(&ctx, &Statement::new(sql)).await?;
        let types = answer.schema.fields().iter().map(|field| Letter::from(field.data_type())).collect();
        let rows = answer.collect().await?.iter().flat_map(rows).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

/// The rows of a batch as texts; `NULL` for null, `(empty)` for a text of no length.
fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let cell = |column: usize, row: usize| {
        if batch.column(column).logical_nulls().is_some_and(|nulls| nulls.is_null(row)) {
            return "NULL".to_owned();
        }
        let text = columns[column].value(row).to_string();
        if text.is_empty() { "(empty)".to_owned() } else { text }
    };
    (0..batch.num_rows()).map(|row| (0..columns.len()).map(|column| cell(column, row)).collect()).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/slt")
}

/// Names of connections, and who they stand for.
fn principals() -> BTreeMap<String, Principal> {
    let text = std::fs::read_to_string(folder().join("principals.yaml")).unwrap();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, principal) =
                line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is not `name: user@team`"));
            (name.to_owned(), Principal::parse(principal).unwrap())
        })
        .collect()
}

/// An engine over the shared mesh.
async fn open() -> Arc<Engine> {
    let settings = Settings::default();
    let connectors = meshweave_connectors::all(&settings);
    let parts = Parts { mesh: mesh::shared().to_owned(), settings, connectors, policy: Arc::new(AccessBlockPolicy) };
    Engine::open(parts).await.unwrap()
}

/// Runs one file; gives the number of its statements.
async fn run_file(engine: &Arc<Engine>, principals: &BTreeMap<String, Principal>, file: &Path) -> usize {
    // The runner makes a connection when a name is first used, and does not say for which name.
    let current = Arc::new(Mutex::new(USUAL.to_owned()));
    let mut runner = Runner::new(|| {
        let name = current.lock().unwrap().clone();
        let principal = principals.get(&name).unwrap_or_else(|| panic!("{name} is not in principals.yaml")).clone();
        let engine = Arc::clone(engine);
        async move { Ok(Caller { engine, principal }) }
    });
    runner.with_column_validator(sqllogictest::strict_column_validator);
    let mut count = 0;
    for record in parse_file::<Letter>(file).unwrap() {
        if let Record::Statement { connection, .. } | Record::Query { connection, .. } = &record {
            count += 1;
            *current.lock().unwrap() = match connection {
                Connection::Default => USUAL.to_owned(),
                Connection::Named(name) => name.clone(),
            };
        }
        if let Err(error) = runner.run_async(record).await {
            panic!("{}", error.display(false));
        }
    }
    count
}

/// The `.slt` files, sorted.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "slt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_holds() {
    mesh::shared();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(16 << 20).build().unwrap();
    let failures = runtime.block_on(async {
        let engine = open().await;
        let principals = Arc::new(principals());
        let mut failures = Vec::new();
        for file in files() {
            let (engine, principals, path) = (Arc::clone(&engine), Arc::clone(&principals), file.clone());
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(async move { run_file(&engine, &principals, &path).await });
            match tasks.join_next().await.unwrap() {
                Ok(count) => println!("{}: {count} statements", file.display()),
                Err(error) => {
                    let panic = error.into_panic();
                    let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                    failures.push(format!("{}:\n{text}", file.display()));
                }
            }
        }
        failures
    });
    assert!(files().len() >= 6, "the files are missing");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
