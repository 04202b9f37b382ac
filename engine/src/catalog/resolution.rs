//! Resolves the columns of a product version: what its contract promises, what its Avro file says, what its files hold.
//!
//! In: a product with its domain's defaults. Out: resolved columns, and a report of every difference.
//! Reads metadata only, through the domain's own storage. Holds always: what cannot be compared is said, never assumed.
//!
//! Start reading at `resolve_columns`.

use futures::{FutureExt, StreamExt, stream};
use meshweave_contract::model::{Body, Column, OutputPort, Product, Status, StorageSpec};
use meshweave_contract::name::TableName;
use meshweave_contract::parse::avro_columns;
use meshweave_contract::ports::SqlTable;
use meshweave_contract::types::LogicalType;

use super::assemble::{self, DEFAULT_FORMAT};
use super::{Catalog, Domain, Entry, Record, ResolvedColumns, ResolvedTableColumns, SchemaText, schema_diff};
use crate::connect::{Connectors, Observed, Port};
use crate::context::QueryContext;
use crate::drift::DriftPolicy;
use crate::error::{Failure, Result};
use crate::storage::Location;
use crate::types::{arrow_schema, columns_of};

/// Contracts that are resolved at a time.
const AT_A_TIME: usize = 16;

/// The columns of a product version, and how they came about.
#[derive(Debug)]
pub(super) struct Resolution {
    /// `contract`, `avro` or `observed`.
    pub(super) source: &'static str,
    /// The schema file that the contract names.
    pub(super) schema_file: Option<SchemaText>,
    /// What is done about columns that the contract does not name.
    policy: DriftPolicy,
    /// Tables whose columns are known.
    pub(super) tables: Vec<ResolvedTableColumns>,
    /// Differences, one line each.
    pub(super) report: Vec<String>,
    /// Those that the contract cannot live with.
    pub(super) broken: Vec<String>,
    /// What deserves a look.
    pub(super) warnings: Vec<String>,
    /// Where each table lies, and what was found there; nothing for one that has no location, or no files yet.
    pub(super) stored: Vec<StoredTable>,
}

/// Where one table lies.
#[derive(Debug)]
pub(super) struct StoredTable {
    pub(super) table: TableName,
    /// As the contract, `--storage` or the template has it.
    pub(super) url: String,
    pub(super) format: String,
    pub(super) location: Location,
    pub(super) observed: Option<Observed>,
}

/// Where the columns of a contract come from.
#[derive(Debug)]
pub(super) struct Origin {
    /// `contract`, `avro` or `observed`.
    pub(super) source: &'static str,
    /// The schema file that was read.
    pub(super) schema_file: Option<SchemaText>,
}

/// Reads the schema files that a contract names, and puts their columns into the main table of each port that names none itself.
///
/// - `limit`: bytes of a schema file.
/// - returns where the main port's columns come from, and the first schema file.
///
/// # Errors
/// [`Failure::InvalidContract`] with every problem of a file, [`Failure::Denied`] when it lies under no schema prefix,
/// [`Failure::Unavailable`] when it cannot be read, [`Failure::Unsupported`] when it is not Avro.
pub(super) async fn with_schema_file(
    ctx: &QueryContext,
    mut product: Product,
    domain: &Domain,
    limit: u64,
) -> Result<(Product, Origin)> {
    let mut origins = Vec::new();
    for port in &mut product.output_ports {
        origins.push(schema_file_of(ctx, port, domain, limit).await?);
    }
    let source = origins.first().map_or("contract", |first| first.source);
    let schema_file = origins.into_iter().find_map(|origin| origin.schema_file);
    Ok((product, Origin { source, schema_file }))
}

async fn schema_file_of(ctx: &QueryContext, port: &mut OutputPort, domain: &Domain, limit: u64) -> Result<Origin> {
    let named = port.tables.iter().any(|t| !t.columns.is_empty());
    let (Some(source), false) = (&port.schema_source, named) else {
        return Ok(Origin { source: if named { "contract" } else { "observed" }, schema_file: None });
    };
    if !source.kind.eq_ignore_ascii_case("avro") {
        let hint = "Write the columns into the contract, or name an Avro schema.".to_owned();
        return Err(
            Failure::Unsupported { what: format!("a schema file of type {}", source.kind), hint: Some(hint) }.into()
        );
    }
    let location = domain.storage.schema_location(&source.location)?;
    let text = location.read_small(ctx, limit).await?;
    let columns = avro_columns(&text, &source.location).map_err(|problems| Failure::InvalidContract {
        file: source.location.clone(),
        message: format!("is no Avro schema that can be used ({} problems)", problems.len()),
        problems: problems.iter().map(ToString::to_string).collect(),
    })?;
    if let Some(main) = port.tables.first_mut() {
        main.columns = columns;
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Origin { source: "avro", schema_file: Some(SchemaText { format: "avro".to_owned(), text }) })
}

/// Compares every table with what is stored, and resolves its columns.
///
/// # Errors
/// [`Failure::Denied`] for a location outside the domain's prefixes, [`Failure::InvalidContract`] for an active product without one,
/// [`Failure::Unavailable`] for storage that does not answer.
pub(super) async fn resolve_columns(
    ctx: &QueryContext,
    connectors: &Connectors,
    product: &Product,
    domain: &Domain,
    origin: Origin,
) -> Result<Resolution> {
    let policy = product.schema_drift().ok().flatten().unwrap_or(domain.drift);
    let mut resolution = Resolution { policy, ..Resolution::new(origin) };
    let tables = product.sql_tables();
    for (index, table) in tables.iter().enumerate() {
        let stored = observe(ctx, connectors, product, index, table, domain).await?;
        let words = if tables.len() > 1 { format!("table {}: ", table.name) } else { String::new() };
        resolution.add(table, stored, &words);
    }
    Ok(resolution)
}

async fn observe(
    ctx: &QueryContext,
    connectors: &Connectors,
    product: &Product,
    index: usize,
    sql: &SqlTable<'_>,
    domain: &Domain,
) -> Result<Option<StoredTable>> {
    let SqlTable { name, table, .. } = sql;
    let Some((spec, url)) = table.storage.as_ref().and_then(|s| Some((s, s.location.clone()?))) else {
        if product.status == Status::Draft {
            return Ok(None);
        }
        return Err(no_location(product, name));
    };
    let location = domain.storage.locate(&url)?;
    let connector = connectors.of(&spec.format)?;
    let mut stored = StoredTable {
        table: name.clone(),
        url,
        format: spec.format.clone(),
        location: location.clone(),
        observed: None,
    };
    if location.first_object(ctx).await?.is_some() {
        let port = port(product, index, sql, location, spec);
        let observed = ctx.bounded(connector.probe(ctx, &port)).await?;
        stored.observed = (!observed.schema.fields().is_empty()).then_some(observed);
    }
    Ok(Some(stored))
}

fn no_location(product: &Product, table: &TableName) -> crate::Error {
    Failure::InvalidContract {
        file: product.id.to_string(),
        message: format!("names no storage location for table {table}"),
        problems: vec![
            "Name one in the contract or with --storage, give the domain a location_template, or register the product as a draft."
                .to_owned(),
        ],
    }
    .into()
}

fn port(product: &Product, index: usize, sql: &SqlTable<'_>, location: Location, spec: &StorageSpec) -> Port {
    let SqlTable { name, table, .. } = sql;
    let id = &product.id;
    let key = match index {
        0 => id.major_key(),
        _ => format!("{}.{name}@{}", id.name, id.version.major),
    };
    let schema = (!table.columns.is_empty()).then(|| arrow_schema(&table.columns));
    Port { product: id.clone(), table: name.clone(), key, location, spec: spec.clone(), schema }
}

impl Resolution {
    /// Nothing resolved yet.
    pub(super) fn new(origin: Origin) -> Self {
        let (tables, report, broken, warnings, stored) = Default::default();
        let policy = DriftPolicy::default();
        Self {
            source: origin.source,
            schema_file: origin.schema_file,
            policy,
            tables,
            report,
            broken,
            warnings,
            stored,
        }
    }

    fn add(&mut self, sql: &SqlTable<'_>, stored: Option<StoredTable>, words: &str) {
        let SqlTable { name, table, .. } = sql;
        let observed: Option<Vec<Column>> =
            stored.as_ref().and_then(|s| s.observed.as_ref()).map(|o| columns_of(&o.schema));
        let columns = match (&observed, table.columns.is_empty()) {
            (Some(observed), true) => schema_diff::observed_only(observed),
            (Some(observed), false) => {
                let (report, resolved) = schema_diff::compare(&table.columns, observed);
                for difference in &report.differences {
                    let line = format!("{words}{difference}");
                    let is_refused = self.policy == DriftPolicy::Refuse && difference.is_new_column();
                    if difference.is_error() || is_refused {
                        self.broken.push(line.clone());
                    }
                    self.report.push(line);
                }
                resolved
            }
            (None, false) => schema_diff::promised_only(&table.columns),
            (None, true) => Vec::new(),
        };
        if observed.is_none() {
            self.warnings.push(match &stored {
                Some(stored) => {
                    format!("{words}nothing is stored at {} yet, so the contract was not compared", stored.location.url)
                }
                None => format!("{words}no storage location is named; the product is a draft"),
            });
        }
        if columns.is_empty() {
            self.warnings.push(format!("{words}no columns are known; register again when something is stored"));
        } else {
            self.warnings.extend(unknown_words(sql, &columns, words));
            self.tables.push(ResolvedTableColumns { name: name.clone(), columns });
        }
        self.stored.extend(stored);
    }
}

/// Checks and partitions that name columns the table does not have.
fn unknown_words(sql: &SqlTable<'_>, columns: &[super::ResolvedColumn], words: &str) -> Vec<String> {
    let SqlTable { port, table, .. } = sql;
    let known = |name: &str| columns.iter().any(|c| c.name == name);
    let is_main = port.tables.first().is_some_and(|main| main.name == table.name);
    let of_table = |named: Option<&str>| named.map_or(is_main, |name| name == table.name.as_str());
    let mut lines: Vec<String> = port
        .quality
        .iter()
        .filter(|check| of_table(check.table.as_deref()))
        .filter_map(|check| Some((check, check.column.as_deref()?)))
        .filter(|(_, column)| !known(column))
        .map(|(check, column)| {
            format!("{words}the quality check {} names column {column}, which there is not", check.metric)
        })
        .collect();
    let partitions = table.storage.iter().flat_map(|s| &s.partitioning).filter(|p| !known(&p.field));
    lines.extend(partitions.map(|p| format!("{words}the partitioning names column {}, which there is not", p.field)));
    let is_time = |t: &LogicalType| matches!(t, LogicalType::Date | LogicalType::Timestamp { .. });
    let by_time = table.storage.iter().flat_map(|s| &s.partitioning).filter_map(|p| Some((p, p.granularity.as_ref()?)));
    let odd = by_time.filter(|(p, _)| columns.iter().any(|c| c.name == p.field && !is_time(&c.logical_type)));
    lines.extend(
        odd.map(|(p, by)| format!("{words}the partitioning by {by} names column {}, which holds no times", p.field)),
    );
    lines
}

impl Resolution {
    /// What is kept beside the contract.
    ///
    /// - `declared`: the contract as it was written; what it says itself about storage is not repeated.
    pub(super) fn record(&self, declared: &Product) -> ResolvedColumns {
        let said = |table: &TableName| {
            let declared = declared.sql_table(table);
            declared.and_then(|t| t.storage.as_ref()).and_then(|s| s.location.as_ref()).is_some()
        };
        let unsaid = || self.stored.iter().filter(|s| !said(&s.table));
        ResolvedColumns {
            v: if self.schema_file.is_some() { ResolvedColumns::NEWEST } else { 1 },
            subject: declared.id.name.to_string(),
            version: declared.id.version.to_string(),
            source: self.source.to_owned(),
            schema_file: self.schema_file.clone(),
            locations: unsaid().map(|s| (s.table.to_string(), s.url.clone())).collect(),
            formats: unsaid()
                .filter(|s| s.format != DEFAULT_FORMAT)
                .map(|s| (s.table.to_string(), s.format.clone()))
                .collect(),
            tables: self.tables.clone(),
        }
    }
}

/// Resolves product versions that were put into the folder by hand, once each, through their domains' storage.
///
/// A version whose storage does not answer, or breaks its contract, stays as it is; the next call tries again. Cost: one probe of
/// metadata per table that is not resolved yet.
///
/// - `limit`: bytes of a schema file.
/// - returns what went wrong, as product and words; empty when everything is resolved.
///
/// # Errors
/// [`Failure::Unavailable`] when the catalog does not answer; cancellation and deadline of the context.
pub async fn resolve_pending(
    ctx: &QueryContext,
    catalog: &Catalog,
    connectors: &Connectors,
    limit: u64,
) -> Result<Vec<(String, String)>> {
    let Some(store) = catalog.store() else { return Ok(Vec::new()) };
    let snapshot = catalog.snapshot();
    let (mut failed, mut resolved) = (Vec::new(), 0_usize);
    let records = store.load().await?.records;
    let pending = records.iter().filter(|r| r.resolved.is_none());
    let pending = pending.filter_map(|record| Some((record, snapshot.entry(&record.id)?)));
    // Side by side, so that a domain whose storage is dead keeps nobody waiting.
    let work: Vec<_> = pending
        .map(|(record, entry)| {
            resolve_one(ctx, connectors, record, entry, limit).map(move |outcome| (record, outcome)).boxed()
        })
        .collect();
    let mut outcomes = stream::iter(work).buffer_unordered(AT_A_TIME);
    while let Some((record, outcome)) = outcomes.next().await {
        match outcome {
            Ok(Some(columns)) => match store.resolve(&record.id, &columns).await {
                Ok(()) => resolved += 1,
                Err(error) => failed.push((record.id.to_string(), error.report())),
            },
            Ok(None) => {}
            Err(error) if matches!(error.failure(), Failure::Cancelled | Failure::TimedOut { .. }) => {
                return Err(error);
            }
            Err(error) => failed.push((record.id.to_string(), error.report())),
        }
    }
    if resolved > 0 {
        catalog.refresh().await?;
    }
    failed.sort();
    Ok(failed)
}

/// The resolved columns of one record; none for a view, whose columns are its query's.
async fn resolve_one(
    ctx: &QueryContext,
    connectors: &Connectors,
    record: &Record,
    entry: &Entry,
    limit: u64,
) -> Result<Option<ResolvedColumns>> {
    let Some(declared) = assemble::parsed(record).product.filter(|p| p.body == Body::Stored) else {
        return Ok(None);
    };
    let (product, origin) = with_schema_file(ctx, declared.clone(), &entry.domain, limit).await?;
    let product = placed(ctx, product, &entry.domain, None).await?;
    let resolution = resolve_columns(ctx, connectors, &product, &entry.domain, origin).await?;
    let message = match resolution.broken.first() {
        Some(first) => first.clone(),
        None if resolution.tables.is_empty() => "nothing is stored yet, and the contract names no columns".to_owned(),
        None => return Ok(Some(resolution.record(&declared))),
    };
    Err(Failure::ContractBroken { product: record.id.to_string(), message, hint: None }.into())
}

/// Looks whether a Delta log lies at the location of tables whose contract names no format.
async fn detect_formats(
    ctx: &QueryContext,
    mut product: Product,
    declared: &[TableName],
    domain: &Domain,
) -> Result<Product> {
    for (name, table) in assemble::named_tables(&mut product) {
        if declared.contains(&name) {
            continue;
        }
        let Some(storage) = &mut table.storage else { continue };
        let Some(url) = &storage.location else { continue };
        let log = domain.storage.locate(url)?.child("_delta_log");
        if log.pattern.is_none() && log.first_object(ctx).await?.is_some() {
            storage.format = "delta".to_owned();
        }
    }
    Ok(product)
}

/// Tables whose contract says how they are stored.
fn declared_formats(product: &Product) -> Vec<TableName> {
    product.sql_tables().into_iter().filter(|t| t.table.storage.is_some()).map(|t| t.name).collect()
}

/// Fills locations and finds formats: the product as it is registered.
pub(super) async fn placed(
    ctx: &QueryContext,
    mut product: Product,
    domain: &Domain,
    storage: Option<&str>,
) -> Result<Product> {
    let declared = declared_formats(&product);
    let several = product.sql_tables().len() > 1;
    if let Some(base) = storage {
        for (name, table) in assemble::named_tables(&mut product) {
            let location = if several { assemble::in_folder(base, name.as_str()) } else { base.to_owned() };
            assemble::fill_storage(table, Some(location), None);
        }
    }
    let product = assemble::with_defaults(product, domain, None);
    detect_formats(ctx, product, &declared, domain).await
}
