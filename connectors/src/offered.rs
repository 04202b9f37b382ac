//! Rows of a file on this machine, offered to a product.
//!
//! In: a file, its format, and the columns of the product's contract. Out: a stream of the file's rows, its columns by the names that
//! the file has, in the types of the contract where they are columns of it; whoever takes them decides what fits.
//! The files are read by the connectors themselves, so that a text is held against its type in the same way as everywhere.
//! Holds always: rows come in the order of the file; a column that the contract does not have is never left out unnoticed. A JSON file
//! is read twice: once for its columns, once for its rows.
//!
//! Start reading at [`rows`].

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::{RecordBatchReceiverStreamBuilder, RecordBatchStreamAdapter};
use datafusion::prelude::SessionConfig;
use futures::{StreamExt as _, stream};
use meshweave_contract::model::StorageSpec;
use meshweave_contract::name::{DomainName, ProductId, TableName, fold};
use meshweave_engine::connect::{AsOf, Opened, Port};
use meshweave_engine::drift::{Change, DriftPolicy, Pinned};
use meshweave_engine::settings::{ByteSize, Settings};
use meshweave_engine::storage::{DomainStorage, StorageContext};
use meshweave_engine::{Error, Failure, QueryContext, Result};
use url::Url;

/// The word for Arrow IPC, the file and the stream format.
pub const ARROW: &str = "arrow";

/// Batches that are read ahead of an Arrow file.
const READ_AHEAD: usize = 2;

/// How the names of files end, and the format each ending stands for; a file may be packed (`.csv.gz`).
const ENDINGS: [(&str, &str); 10] = [
    (".parquet", "parquet"),
    (".csv", "csv"),
    (".json", "json"),
    (".jsonl", "json"),
    (".ndjson", "json"),
    (".avro", "avro"),
    (".arrow", ARROW),
    (".arrows", ARROW),
    (".feather", ARROW),
    (".ipc", ARROW),
];

/// The format of a file as its name tells it.
pub fn format_of(file: &FilePath) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?.to_lowercase();
    let plain = [".gz", ".zst", ".bz2", ".xz"].into_iter().find_map(|packed| name.strip_suffix(packed));
    let name = plain.unwrap_or(&name);
    ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, format)| *format)
}

/// A file whose rows are offered.
#[derive(Debug, Clone)]
pub struct Offered<'a> {
    /// Where it lies.
    pub file: &'a FilePath,
    /// What it is: a format that connectors read, or [`ARROW`].
    pub format: &'a str,
    /// The product that it is for.
    pub product: &'a ProductId,
    /// The columns of the product's table.
    pub promised: &'a SchemaRef,
}

/// The rows of a file.
///
/// # Errors
/// A file that is not there or not of the format; values that are no values of their column's type come as errors of the stream, with
/// the file and the line.
pub async fn rows(settings: &Settings, ctx: &QueryContext, offered: &Offered<'_>) -> Result<SendableRecordBatchStream> {
    if offered.format == ARROW {
        return arrow_rows(offered.file);
    }
    let mut settings = settings.clone();
    if matches!(offered.format, "json" | "jsonl" | "ndjson") {
        // Such a file names its columns row by row: only all of its rows tell which it has.
        settings.limits.schema_sample = ByteSize(u64::MAX);
    }
    let connectors = crate::all(&settings);
    let connector = connectors.of(offered.format)?;
    let mut port = port(&settings, offered)?;
    let observed = connector.probe(ctx, &port).await?.schema;
    let schema = Arc::new(asked(&observed, offered));
    port.schema = Some(Arc::clone(&schema));
    let pinned = connector.pin(ctx, &port, &AsOf::Latest).await?;
    let known = Pinned {
        product: port.product.clone(),
        table: port.table.clone(),
        policy: DriftPolicy::NewColumnsIgnored,
        version: port.key.clone(),
    };
    ctx.drift.pin(&port.key, known);
    let Opened { provider, stores } = connector.open(ctx, &port, &pinned).await?;
    let runtime = Arc::new(RuntimeEnv::default());
    for (url, store) in stores {
        runtime.register_object_store(url.as_ref(), store);
    }
    // One partition keeps the order of the rows, so that a row's number is its place in the file.
    let config = SessionConfig::new().with_target_partitions(1);
    let state =
        SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_default_features().build();
    let plan = provider.scan(&state, None, &[], None).await?;
    let read = execute_stream(plan, Arc::new(TaskContext::from(&state)))?;
    let ctx = ctx.clone();
    let product = offered.product.name.to_string();
    let last = stream::once(async move { nothing_left_out(&ctx, product) }).filter_map(async |told| told);
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, read.chain(last))))
}

/// The file as a port of its own: below its folder, and nowhere else.
fn port(settings: &Settings, offered: &Offered<'_>) -> Result<Port> {
    let unreadable = |error: std::io::Error| unreadable(offered.file, &error);
    let file = offered.file.canonicalize().map_err(unreadable)?;
    if !file.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let folder = file.parent().unwrap_or(&file).to_owned();
    let mut settings = settings.clone();
    settings.storage.local = vec![folder.clone()];
    let context = StorageContext::new(&folder, &settings);
    let no_url = |()| unreadable(std::io::Error::other("its path has no URL"));
    let below = Url::from_directory_path(&folder).map_err(no_url)?;
    let storage = DomainStorage::local(
        DomainName::new("file").map_err(|e| Error::internal("naming a file", e))?,
        &[below.as_str()],
        &context,
    )?;
    let location = storage.locate(Url::from_file_path(&file).map_err(no_url)?.as_str())?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Port {
        product: offered.product.clone(),
        table: TableName::new("rows").map_err(|error| Error::internal("naming a file", error))?,
        key: name,
        location,
        spec: StorageSpec::new(offered.format),
        schema: None,
    })
}

/// The columns to read: those that the file has, in the contract's types where it knows them.
fn asked(observed: &Schema, offered: &Offered<'_>) -> Schema {
    let promised = offered.promised.fields();
    let of = |name: &str| {
        let exact = promised.iter().find(|field| field.name() == name);
        exact.or_else(|| promised.iter().find(|field| fold(field.name()) == fold(name)))
    };
    let seen = observed.fields().iter().map(|field| -> FieldRef {
        match of(field.name()) {
            Some(known) => Arc::new(Field::new(field.name(), known.data_type().clone(), true)),
            None => Arc::clone(field),
        }
    });
    Schema::new(seen.collect::<Vec<_>>())
}

/// At the end of the rows: the columns that only later rows had, and that nobody asked for.
fn nothing_left_out(ctx: &QueryContext, product: String) -> Option<Result<RecordBatch, DataFusionError>> {
    let found = ctx.drift.found().into_iter().filter(|one| one.change == Change::NewColumn);
    let problems: Vec<String> = found.map(|one| format!("the contract has no column \"{}\"", one.column)).collect();
    (!problems.is_empty()).then(|| Err(Error::from(Failure::RowsRefused { product, problems }).into()))
}

fn arrow_rows(file: &FilePath) -> Result<SendableRecordBatchStream> {
    let (schema, batches) = arrow_batches(file).map_err(|error| not_arrow(file, &error))?;
    let mut builder = RecordBatchReceiverStreamBuilder::new(schema, READ_AHEAD);
    let sender = builder.tx();
    builder.spawn_blocking(move || {
        for batch in batches {
            // Whoever reads may have gone.
            if sender.blocking_send(batch.map_err(DataFusionError::from)).is_err() {
                break;
            }
        }
        Ok(())
    });
    Ok(builder.build())
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, arrow::error::ArrowError>> + Send>;

/// The batches of a file in either format of Arrow: the one with a footer begins with its mark.
fn arrow_batches(file: &FilePath) -> Result<(SchemaRef, Batches), arrow::error::ArrowError> {
    let mut open = File::open(file)?;
    let mut mark = [0; 6];
    let has_mark = open.read_exact(&mut mark).is_ok() && &mark == b"ARROW1";
    open.seek(SeekFrom::Start(0))?;
    if has_mark {
        let reader = FileReader::try_new(BufReader::new(open), None)?;
        return Ok((reader.schema(), Box::new(reader)));
    }
    let reader = StreamReader::try_new(BufReader::new(open), None)?;
    Ok((reader.schema(), Box::new(reader)))
}

fn not_arrow(file: &FilePath, error: &arrow::error::ArrowError) -> Error {
    match error {
        arrow::error::ArrowError::IoError(_, error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            unreadable(file, error)
        }
        error => Error::invalid_query_hint(
            format!("{} is no file of the format {ARROW}: {error}", file.display()),
            "Name its format with --format.",
        ),
    }
}

fn unreadable(file: &FilePath, error: &std::io::Error) -> Error {
    Error::invalid_query_hint(format!("{} cannot be read: {error}", file.display()), "Name a file with rows.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_format() {
        for (name, expected) in [
            ("a.parquet", Some("parquet")),
            ("A.CSV", Some("csv")),
            ("x/a.ndjson.gz", Some("json")),
            ("a.feather", Some(ARROW)),
            ("a.txt", None),
            ("a", None),
        ] {
            assert_eq!(format_of(FilePath::new(name)), expected, "{name}");
        }
    }
}
