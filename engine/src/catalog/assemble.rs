//! From stored records to a snapshot: contracts parsed, defaults of their domain filled in, columns made Arrow columns.
//!
//! In: the domains and what the store holds. Out: entries, and a problem for everything that could not be used.
//! Holds always: a broken contract hides itself and nothing else; storage is not read.
//!
//! Start reading at [`entries`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use meshweave_contract::model::{Body, Column, Product, StorageSpec, Table};
use meshweave_contract::name::{ProductId, TableName, fold};
use meshweave_contract::parse::{CONTRACTS, Parsed, Surroundings, Text, canonical_hash, parse_files, parse_with};
use meshweave_contract::ports::SqlTable;
use meshweave_contract::problem::Severity;

use super::{CatalogProblem, Domain, Entry, Record, ResolvedColumn, ResolvedColumns, ResolvedTable};
use crate::types::{arrow_schema, arrow_type};

/// The format of a product whose contract names no storage, unless registration has seen another one.
pub(super) const DEFAULT_FORMAT: &str = "parquet";

/// Behind a problem with something of which an earlier state could be read.
pub(super) const STANDS: &str = "; what was read before stands";
/// Contracts that one thread reads at a time.
const CHUNK: usize = 16;

/// Entries of an earlier snapshot, so that what did not change is not parsed again.
pub(super) type Known = HashMap<ProductId, Kept>;

/// One entry of an earlier snapshot.
#[derive(Debug)]
pub(super) struct Kept {
    /// What it was made from.
    record: Record,
    entry: Arc<Entry>,
    /// What deserved a look.
    odd: Vec<CatalogProblem>,
}

/// Makes the entries of a snapshot; contracts are read on all processors.
///
/// A record that cannot be used is a problem; where an earlier state of it could be, that one stands.
///
/// - `known`: entries made before; used when record and domain are the same, replaced by the new ones.
pub(super) fn entries(
    domains: &[Arc<Domain>],
    records: Vec<Record>,
    known: &mut Known,
    problems: &mut Vec<CatalogProblem>,
) -> Vec<Arc<Entry>> {
    let mut now = Known::with_capacity(records.len());
    let mut spelled: HashMap<String, String> = HashMap::new();
    let mut entries = Vec::with_capacity(records.len());
    let before: Vec<Option<Kept>> = records.iter().map(|record| known.remove(&record.id)).collect();
    let made = made(domains, &records, &before);
    for ((record, before), made) in records.into_iter().zip(before).zip(made) {
        let kept = match made {
            None => before,
            Some(Ok(entry)) => Some(Kept { odd: odd(&record, &entry), entry: Arc::new(entry), record }),
            Some(Err(mut problem)) => {
                let stands = before.and_then(|before| still(domains, before));
                if stands.is_some() {
                    problem.message.push_str(STANDS);
                }
                problems.push(problem);
                stands
            }
        };
        let Some(kept) = kept else { continue };
        match alone(&kept, &now, &mut spelled) {
            Ok(()) => {
                problems.extend(kept.odd.iter().cloned());
                entries.push(Arc::clone(&kept.entry));
                now.insert(kept.record.id.clone(), kept);
            }
            Err(problem) => problems.push(problem),
        }
    }
    *known = now;
    entries
}

/// The entries of records that are not as they were before; none for one that is.
fn made(
    domains: &[Arc<Domain>],
    records: &[Record],
    before: &[Option<Kept>],
) -> Vec<Option<Result<Entry, CatalogProblem>>> {
    let is_same = |kept: &Kept, record: &Record| {
        kept.record == *record && domains.iter().any(|d| Arc::ptr_eq(d, &kept.entry.domain))
    };
    let new: Vec<&Record> = records
        .iter()
        .zip(before)
        .filter(|(record, before)| !before.as_ref().is_some_and(|kept| is_same(kept, record)))
        .map(|(record, _)| record)
        .collect();
    let read = |chunk: &[&Record]| chunk.iter().map(|record| entry(domains, record)).collect::<Vec<_>>();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = new.len().div_ceil(threads).max(CHUNK);
    let mut read: std::vec::IntoIter<_> = if new.len() <= share {
        read(&new).into_iter()
    } else {
        let all: Vec<Vec<_>> = std::thread::scope(|scope| {
            let work: Vec<_> = new.chunks(share).map(|chunk| scope.spawn(move || read(chunk))).collect();
            // A reader that panicked has said so; its contracts are problems.
            let stopped = |chunk: &[&Record]| {
                chunk.iter().map(|record| Err(problem(record, "reading the contract was stopped"))).collect()
            };
            work.into_iter()
                .zip(new.chunks(share))
                .map(|(w, chunk)| w.join().unwrap_or_else(|_| stopped(chunk)))
                .collect()
        });
        all.into_iter().flatten().collect::<Vec<_>>().into_iter()
    };
    let mut waiting = new.iter().peekable();
    records
        .iter()
        .map(|record| {
            let next = waiting.next_if(|new| std::ptr::eq(**new, record));
            next.and_then(|_| read.next())
        })
        .collect()
}

/// An entry of an earlier snapshot over the domains as they are now; none when that cannot be.
fn still(domains: &[Arc<Domain>], before: Kept) -> Option<Kept> {
    let entry = Arc::new(entry(domains, &before.record).ok()?);
    Some(Kept { entry, ..before })
}

fn problem(record: &Record, message: impl Into<String>) -> CatalogProblem {
    CatalogProblem { subject: record.id.to_string(), place: record.place.clone(), message: message.into() }
}

/// Refuses a second file of one version, and a product that is spelled like another one but for folding.
fn alone(kept: &Kept, now: &Known, spelled: &mut HashMap<String, String>) -> Result<(), CatalogProblem> {
    let Kept { record, entry, .. } = kept;
    if now.contains_key(&record.id) {
        return Err(problem(record, "another file holds the same version"));
    }
    let name = &entry.id().name;
    let first = spelled.entry(name.folded()).or_insert_with(|| name.to_string());
    if *first == name.to_string() {
        return Ok(());
    }
    Err(problem(record, format!("the name folds like product {first}")))
}

/// What deserves a look and stops nothing.
fn odd(record: &Record, entry: &Entry) -> Vec<CatalogProblem> {
    let mut problems = Vec::new();
    if !record.hash.is_empty() && record.hash != entry.hash {
        let message = "the contract was changed after it was registered; register the change as a new version";
        problems.push(problem(record, message));
    }
    if entry.tables.iter().any(|t| t.schema.is_none()) {
        let message = "its columns are not resolved yet; they are looked up when its storage can be read, or by `meshweave register`";
        problems.push(problem(record, message));
    }
    for table in &entry.tables {
        if let Some((a, b)) = folded_twice(&table.columns) {
            problems
                .push(problem(record, format!("columns {a} and {b} of table {} fold alike; quote them", table.name)));
        }
    }
    problems
}

/// Two columns of one table that unquoted names cannot tell apart.
pub(super) fn folded_twice(columns: &[Column]) -> Option<(&str, &str)> {
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(columns.len());
    columns.iter().find_map(|c| seen.insert(fold(&c.name), &c.name).map(|first| (first, c.name.as_str())))
}

/// Reads a record's documents.
pub(super) fn parsed(record: &Record) -> Parsed {
    let domain = Some(&record.id.name.domain);
    if record.contracts.is_empty() {
        return parse_with(&record.text, &record.place, &Surroundings { domain, ..Surroundings::none() });
    }
    let stem = record.place.rsplit_once('.').map_or(record.place.as_str(), |(stem, _)| stem);
    let main = Text { text: record.text.clone(), file: record.place.clone() };
    let contracts = record.contracts.iter().map(|contract| Text {
        text: contract.text.clone().into_bytes(),
        file: format!("{stem}{CONTRACTS}/{}", contract.name),
    });
    parse_files(&std::iter::once(main).chain(contracts).collect::<Vec<_>>(), domain)
}

fn entry(domains: &[Arc<Domain>], record: &Record) -> Result<Entry, CatalogProblem> {
    let Parsed { product, form, problems } = parsed(record);
    let Some(product) = product else {
        let mut errors = problems.iter().filter(|p| p.severity == Severity::Error);
        let first = errors.next().map_or_else(|| "the contract cannot be read".to_owned(), |p| p.message.clone());
        let place = problems
            .iter()
            .find(|p| p.severity == Severity::Error)
            .map(|p| format!("{}:{}:{}", p.file, p.line, p.column));
        let more = errors.count();
        let more = if more == 0 { String::new() } else { format!(" (and {more} more; `meshweave check` lists them)") };
        return Err(CatalogProblem { place: place.unwrap_or_default(), ..problem(record, format!("{first}{more}")) });
    };
    if product.id.version != record.id.version || product.id.name.folded() != record.id.name.folded() {
        return Err(problem(record, format!("the contract is about {}, not {}", product.id, record.id)));
    }
    let folded = product.id.name.domain.folded();
    let domain = domains.iter().find(|d| d.name.folded() == folded);
    let domain = domain.ok_or_else(|| {
        problem(record, format!("the domain {} has no domain.yaml that can be used", product.id.name.domain))
    })?;
    let hash = canonical_hash(&product);
    let product = with_defaults(product, domain, record.resolved.as_ref());
    let tables = tables(&product, record.resolved.as_ref());
    let drift_policy = product.schema_drift().ok().flatten().unwrap_or(domain.drift);
    Ok(Entry {
        tables,
        drift_policy,
        product,
        domain: Arc::clone(domain),
        text: record.text.as_slice().into(),
        contracts: record.contracts.clone(),
        schema_file: record.resolved.as_ref().and_then(|resolved| resolved.schema_file.clone()),
        form: form.unwrap_or_default(),
        hash,
        registered_at: record.registered_at.clone(),
        registered_by: record.registered_by.clone(),
    })
}

/// Fills in what the contract leaves to its domain: the owner, and where its tables lie.
pub(super) fn with_defaults(mut product: Product, domain: &Domain, resolved: Option<&ResolvedColumns>) -> Product {
    product.id.name.domain = domain.name.clone();
    let owner = &mut product.owner;
    owner.team = owner.team.take().or_else(|| domain.owner_team.clone());
    owner.contact = owner.contact.take().or_else(|| domain.contact.clone());
    if product.body != Body::Stored {
        return product;
    }
    let id = product.id.clone();
    let several = product.sql_tables().len() > 1;
    for (name, table) in named_tables(&mut product) {
        let recorded = resolved.and_then(|r| r.locations.get(name.as_str())).cloned();
        let location = recorded.or_else(|| from_template(domain, &id, &name, several));
        let format = resolved.and_then(|r| r.formats.get(name.as_str())).cloned();
        fill_storage(table, location, format);
    }
    product
}

/// The tables of all ports with the names that SQL has for them, to be filled in.
pub(super) fn named_tables(product: &mut Product) -> impl Iterator<Item = (TableName, &mut Table)> {
    let names: Vec<TableName> = product.sql_tables().into_iter().map(|table| table.name).collect();
    names.into_iter().zip(product.output_ports.iter_mut().flat_map(|port| &mut port.tables))
}

/// Gives a table a location, and a format when it had no storage at all.
pub(super) fn fill_storage(table: &mut Table, location: Option<String>, format: Option<String>) {
    match (&mut table.storage, location) {
        (Some(storage), Some(location)) => {
            storage.location.get_or_insert(location);
        }
        (None, Some(location)) => {
            let format = format.unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
            table.storage = Some(StorageSpec { location: Some(location), ..StorageSpec::new(format) });
        }
        (_, None) => {}
    }
}

/// The location that the domain's template gives; tables of a product with several lie side by side, each in its own folder.
fn from_template(domain: &Domain, id: &ProductId, table: &TableName, several: bool) -> Option<String> {
    let template = domain.location_template.as_ref()?;
    let base = template
        .replace("{product}", id.name.product.as_str())
        .replace("{version}", &id.version.to_string())
        .replace("{major}", &id.version.major.to_string());
    Some(if several { in_folder(&base, table.as_str()) } else { base })
}

/// A folder below a location.
pub(super) fn in_folder(base: &str, name: &str) -> String {
    format!("{}/{name}/", base.trim_end_matches('/'))
}

/// The tables that SQL sees: resolved columns where there are some, else the contract's own, else none yet.
fn tables(product: &Product, resolved: Option<&ResolvedColumns>) -> Vec<ResolvedTable> {
    let declared = product.sql_tables();
    if declared.is_empty() {
        let tables = resolved.map_or(&[][..], |r| r.tables.as_slice());
        return tables.iter().map(|t| resolved_table(&t.name, &[], &t.columns)).collect();
    }
    declared
        .iter()
        .map(|SqlTable { name, table, .. }| {
            let known = resolved.and_then(|r| r.tables.iter().find(|t| t.name == *name));
            match known {
                Some(known) => resolved_table(name, &table.columns, &known.columns),
                None if table.columns.is_empty() => {
                    ResolvedTable { name: name.clone(), schema: None, columns: Vec::new() }
                }
                None => declared_table(name, table),
            }
        })
        .collect()
}

/// A contract that is not registered yet, as it will be seen: with the domain's defaults, and its tables as SQL reads them.
pub(super) fn seen(product: &Product, domain: &Domain, resolved: &ResolvedColumns) -> (Product, Vec<ResolvedTable>) {
    let product = with_defaults(product.clone(), domain, Some(resolved));
    let tables = tables(&product, Some(resolved));
    (product, tables)
}

/// A table as its contract declares it: abstract types become concrete.
fn declared_table(name: &TableName, table: &Table) -> ResolvedTable {
    let concrete = |c: &Column| Column { logical_type: c.logical_type.concrete(), ..c.clone() };
    let columns: Vec<Column> = table.columns.iter().map(concrete).collect();
    // Nothing was seen stored yet: what a plan may rely on is less than what the contract promises.
    let nullable: Vec<Column> = columns.iter().map(|c| Column { nullable: true, ..c.clone() }).collect();
    ResolvedTable { name: name.clone(), schema: Some(arrow_schema(&nullable)), columns }
}

/// A table as it was resolved, with everything that the contract says of its columns.
fn resolved_table(name: &TableName, declared: &[Column], resolved: &[ResolvedColumn]) -> ResolvedTable {
    let column = |r: &ResolvedColumn| match declared.iter().find(|d| d.name == r.name) {
        Some(declared) => Column { logical_type: r.logical_type.clone(), ..declared.clone() },
        None => Column { nullable: r.nullable, ..Column::new(&r.name, r.logical_type.clone()) },
    };
    ResolvedTable {
        name: name.clone(),
        schema: Some(schema_of(resolved)),
        columns: resolved.iter().map(column).collect(),
    }
}

/// The Arrow columns of resolved columns.
pub(super) fn schema_of(resolved: &[ResolvedColumn]) -> SchemaRef {
    let fields = resolved.iter().map(|r| Field::new(&r.name, arrow_type(&r.logical_type), r.nullable));
    Arc::new(Schema::new(fields.collect::<Fields>()))
}
