//! `products`: what the caller may find, from the catalog alone; no storage is touched.
//!
//! Start reading at [`run`].

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use meshweave_contract::model::{Body, Status};
use meshweave_contract::name;
use meshweave_contract::parse::nearest;
use meshweave_engine::Failure;
use meshweave_engine::catalog::{CatalogSnapshot, Entry};
use meshweave_engine::policy::Action;

use crate::args::{Format, Global, Products};
use crate::failure::{self, Fault, Outcome};
use crate::output::Output;
use crate::output::table::Table;
use crate::output::units::count;
use crate::session::Session;

/// Lists the products that the caller may find.
///
/// # Errors
/// No mesh; a domain that does not exist.
pub(crate) async fn run(args: &Products, global: &Global, output: &Output) -> Outcome {
    let session = Session::open(global).await?;
    let snapshot = session.engine.snapshot();
    let found = visible(&session, &snapshot, args.domain.as_deref())?;
    match output.format(None) {
        Format::Table => output.print(&as_text(&session, &found, output))?,
        _ => output.batch(&as_batch(&session, &found)?)?,
    }
    for problem in &snapshot.problems {
        output.note(&format!("{} {}: {}", output.error_style().warning("warning:"), problem.place, problem.message));
    }
    Ok(())
}

/// Entries that the caller may find, of one domain or of all.
fn visible<'a>(session: &Session, snapshot: &'a CatalogSnapshot, domain: Option<&str>) -> Outcome<Vec<&'a Entry>> {
    let folded = domain.map(name::fold);
    if let (Some(domain), Some(folded)) = (domain, &folded)
        && !snapshot.domains.iter().any(|known| known.name.folded() == *folded)
    {
        return Err(no_domain(domain, snapshot));
    }
    let wanted = |entry: &&Arc<Entry>| {
        folded.as_ref().is_none_or(|domain| entry.id().name.domain.folded() == *domain)
            && session.may(Action::Discover, entry)
    };
    Ok(snapshot.entries.iter().filter(wanted).map(Arc::as_ref).collect())
}

fn no_domain(domain: &str, snapshot: &CatalogSnapshot) -> Fault {
    let names = snapshot.domains.iter().map(|known| known.name.as_str());
    let nearest = nearest(domain, names);
    Failure::NameNotFound { what: "domain", name: domain.to_owned(), product: None, nearest }.into()
}

/// The kind of storage, or the kind of query, that a product's rows come from.
pub(crate) fn kind(entry: &Entry) -> &str {
    match &entry.product.body {
        Body::View { .. } => "view",
        Body::Materialization { .. } => "materialization",
        Body::Stored => {
            let storage = entry.product.tables().first().and_then(|table| table.storage.as_ref());
            storage.map_or("", |storage| storage.format.as_str())
        }
    }
}

/// The word for a status.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

/// The first line of a description.
fn headline(entry: &Entry) -> &str {
    entry.product.description.as_deref().and_then(|text| text.trim().lines().next()).unwrap_or_default()
}

fn as_text(session: &Session, found: &[&Entry], output: &Output) -> String {
    let rows: Vec<_> = found
        .iter()
        .map(|entry| {
            let product = &entry.product;
            let readable = if session.may(Action::Read, entry) { "yes" } else { "no" };
            [
                product.id.name.to_string(),
                product.id.version.to_string(),
                status(product.status).to_owned(),
                kind(entry).to_owned(),
                readable.to_owned(),
                product.owner.team.clone().unwrap_or_default(),
                headline(entry).to_owned(),
            ]
        })
        .collect();
    let header = ["product", "version", "status", "from", "readable", "owner", "about"];
    let mut text = Table::of_texts(header, rows).render(output.style(), output.width());
    if output.talks() {
        text.push_str(&output.style().dim(totals(found)));
        text.push('\n');
    }
    text
}

fn totals(found: &[&Entry]) -> String {
    let distinct = |key: fn(&Entry) -> String| {
        found.iter().map(|entry| key(entry)).collect::<std::collections::HashSet<_>>().len() as u64
    };
    let products = distinct(|entry| entry.id().name.folded());
    let domains = distinct(|entry| entry.id().name.domain.folded());
    let versions = found.len() as u64;
    let more = if versions > products { format!(" ({})", count(versions, "version")) } else { String::new() };
    format!("{}{more} in {}", count(products, "product"), count(domains, "domain"))
}

fn as_batch(session: &Session, found: &[&Entry]) -> Outcome<RecordBatch> {
    let texts = |get: &dyn Fn(&Entry) -> Option<String>| {
        Arc::new(found.iter().map(|entry| get(entry)).collect::<StringArray>()) as ArrayRef
    };
    let readable: BooleanArray = found.iter().map(|entry| Some(session.may(Action::Read, entry))).collect();
    RecordBatch::try_from_iter([
        ("domain", texts(&|entry| Some(entry.id().name.domain.to_string()))),
        ("product", texts(&|entry| Some(entry.id().name.product.to_string()))),
        ("version", texts(&|entry| Some(entry.id().version.to_string()))),
        ("status", texts(&|entry| Some(status(entry.product.status).to_owned()))),
        ("from", texts(&|entry| Some(kind(entry).to_owned()))),
        ("readable", Arc::new(readable) as ArrayRef),
        ("owner", texts(&|entry| entry.product.owner.team.clone())),
        ("description", texts(&|entry| entry.product.description.clone())),
        ("form", texts(&|entry| Some(entry.form.clone()))),
        ("hash", texts(&|entry| Some(entry.hash.clone()))),
    ])
    .map_err(|error| failure::internal("listing the products", error))
}
