//! Resolves the columns of a product version: what its contract promises, what its Avro file says, what its files hold.
//!
//! In: a product with its domain's defaults. Out: resolved columns, and a report of every difference.
//! Reads metadata only, through the domain's own storage. Holds always: what cannot be compared is said, never assumed.
//!
//! Start reading at `resolve_columns`.

use meshweave_contract::model::{Body, Column, Product, Status, StorageSpec, Table};
use meshweave_contract::name::TableName;
use meshweave_contract::parse::{avro_columns, parse};
use meshweave_contract::types::LogicalType;

use super::assemble::{self, DEFAULT_FORMAT};
use super::{Catalog, Domain, Entry, Record, ResolvedColumns, ResolvedTableColumns, schema_diff};
use crate::connect::{Connectors, Observed, Port};
use crate::context::QueryContext;
use crate::error::{Failure, Result};
use crate::storage::Location;
use crate::types::{arrow_schema, columns_of};

/// The columns of a product version, and how they came about.
#[derive(Debug)]
pub(super) struct Resolution {
    /// `contract`, `avro` or `observed`.
    pub(super) source: &'static str,
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

/// Reads the schema file that a contract names, and puts its columns into the main table when the contract names none itself.
///
/// - `limit`: bytes of a schema file.
///
/// # Errors
/// [`Failure::InvalidContract`] with every problem of the file, [`Failure::Denied`] when it lies under no schema prefix,
/// [`Failure::Unavailable`] when it cannot be read, [`Failure::Unsupported`] when it is not Avro.
pub(super) async fn with_schema_file(
    ctx: &QueryContext,
    mut product: Product,
    domain: &Domain,
    limit: u64,
) -> Result<(Product, &'static str)> {
    let Some(port) = product.output_ports.first_mut() else { return Ok((product, "contract")) };
    let named = port.tables.iter().any(|t| !t.columns.is_empty());
    let (Some(source), false) = (&port.schema_source, named) else {
        return Ok((product, if named { "contract" } else { "observed" }));
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
    Ok((product, "avro"))
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
    source: &'static str,
) -> Result<Resolution> {
    let (tables, report) = (Vec::new(), Vec::new());
    let mut resolution =
        Resolution { source, tables, report, broken: Vec::new(), warnings: Vec::new(), stored: Vec::new() };
    let several = product.tables().len() > 1;
    for (index, table) in product.tables().iter().enumerate() {
        let stored = observe(ctx, connectors, product, index, table, domain).await?;
        let words = if several { format!("table {}: ", table.name) } else { String::new() };
        resolution.add(product, table, stored, &words);
    }
    Ok(resolution)
}

async fn observe(
    ctx: &QueryContext,
    connectors: &Connectors,
    product: &Product,
    index: usize,
    table: &Table,
    domain: &Domain,
) -> Result<Option<StoredTable>> {
    let Some((spec, url)) = table.storage.as_ref().and_then(|s| Some((s, s.location.clone()?))) else {
        if product.status == Status::Draft {
            return Ok(None);
        }
        return Err(no_location(product, table));
    };
    let location = domain.storage.locate(&url)?;
    let connector = connectors.of(&spec.format)?;
    let mut stored = StoredTable {
        table: table.name.clone(),
        url,
        format: spec.format.clone(),
        location: location.clone(),
        observed: None,
    };
    if location.first_object(ctx).await?.is_some() {
        let port = port(product, index, table, location, spec);
        let observed = ctx.bounded(connector.probe(ctx, &port)).await?;
        stored.observed = (!observed.schema.fields().is_empty()).then_some(observed);
    }
    Ok(Some(stored))
}

fn no_location(product: &Product, table: &Table) -> crate::Error {
    Failure::InvalidContract {
        file: product.id.to_string(),
        message: format!("names no storage location for table {}", table.name),
        problems: vec![
            "Name one in the contract or with --storage, give the domain a location_template, or register the product as a draft."
                .to_owned(),
        ],
    }
    .into()
}

fn port(product: &Product, index: usize, table: &Table, location: Location, spec: &StorageSpec) -> Port {
    let id = &product.id;
    let key = match index {
        0 => id.major_key(),
        _ => format!("{}.{}@{}", id.name, table.name, id.version.major),
    };
    let schema = (!table.columns.is_empty()).then(|| arrow_schema(&table.columns));
    Port { product: id.clone(), table: table.name.clone(), key, location, spec: spec.clone(), schema }
}

impl Resolution {
    fn add(&mut self, product: &Product, table: &Table, stored: Option<StoredTable>, words: &str) {
        let observed: Option<Vec<Column>> =
            stored.as_ref().and_then(|s| s.observed.as_ref()).map(|o| columns_of(&o.schema));
        let columns = match (&observed, table.columns.is_empty()) {
            (Some(observed), true) => schema_diff::observed_only(observed),
            (Some(observed), false) => {
                let (report, resolved) = schema_diff::compare(&table.columns, observed);
                for difference in &report.differences {
                    let line = format!("{words}{difference}");
                    if difference.is_error() {
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
            self.warnings.extend(unknown_words(product, table, &columns, words));
            self.tables.push(ResolvedTableColumns { name: table.name.clone(), columns });
        }
        self.stored.extend(stored);
    }
}

/// Checks and partitions that name columns the table does not have.
fn unknown_words(product: &Product, table: &Table, columns: &[super::ResolvedColumn], words: &str) -> Vec<String> {
    let known = |name: &str| columns.iter().any(|c| c.name == name);
    let is_main = product.tables().first().is_some_and(|main| main.name == table.name);
    let of_table = |named: Option<&str>| named.map_or(is_main, |name| name == table.name.as_str());
    let checks = product.main_port().into_iter().flat_map(|p| &p.quality);
    let mut lines: Vec<String> = checks
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
            let declared = declared.tables().iter().find(|t| t.name == *table);
            declared.and_then(|t| t.storage.as_ref()).and_then(|s| s.location.as_ref()).is_some()
        };
        let unsaid = || self.stored.iter().filter(|s| !said(&s.table));
        ResolvedColumns {
            v: 1,
            subject: declared.id.name.to_string(),
            version: declared.id.version.to_string(),
            source: self.source.to_owned(),
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
    for record in store.load().await?.records.iter().filter(|r| r.resolved.is_none()) {
        let Some(entry) = snapshot.entry(&record.id) else { continue };
        match resolve_one(ctx, connectors, record, entry, limit).await {
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
    let Some(declared) = parse(&record.text, &record.place).product.filter(|p| p.body == Body::Stored) else {
        return Ok(None);
    };
    let (product, source) = with_schema_file(ctx, declared.clone(), &entry.domain, limit).await?;
    let product = placed(ctx, product, &entry.domain, None).await?;
    let resolution = resolve_columns(ctx, connectors, &product, &entry.domain, source).await?;
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
    for table in product.output_ports.iter_mut().take(1).flat_map(|p| &mut p.tables) {
        if declared.contains(&table.name) {
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
    product.tables().iter().filter(|t| t.storage.is_some()).map(|t| t.name.clone()).collect()
}

/// Fills locations and finds formats: the product as it is registered.
pub(super) async fn placed(
    ctx: &QueryContext,
    mut product: Product,
    domain: &Domain,
    storage: Option<&str>,
) -> Result<Product> {
    let declared = declared_formats(&product);
    let several = product.tables().len() > 1;
    if let (Some(base), Some(port)) = (storage, product.output_ports.first_mut()) {
        for table in &mut port.tables {
            let location = if several { assemble::in_folder(base, table.name.as_str()) } else { base.to_owned() };
            assemble::fill_storage(table, Some(location), None);
        }
    }
    let product = assemble::with_defaults(product, domain, None);
    detect_formats(ctx, product, &declared, domain).await
}
