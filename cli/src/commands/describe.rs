//! `describe`: everything the contract of one product version says, in words.
//!
//! In: `domain.product`, `@major` or `@1.2.0`. Out: a text, JSON, the columns as rows, the contract's own bytes, or its schema.
//! Holds always:
//! - what the caller may not find does not exist for them;
//! - what is only declared and not enforced by the engine is shown as declared.
//!
//! Start reading at [`run`].

mod sheet;

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use meshweave_contract::{export, name};
use meshweave_engine::catalog::schemas::Schema;
use meshweave_engine::catalog::{CatalogSnapshot, Entry, NamePart, Resolved};
use meshweave_engine::policy::Action;
use meshweave_engine::{Error, Failure};
use serde_json::json;

use crate::args::{Describe, Format, Global, Standard};
use crate::failure::{self, Fault, Outcome};
use crate::output::Output;
use crate::output::sink::Sink;
use crate::session::Session;

/// Tells what the contract says.
///
/// # Errors
/// No such product, or none that the caller may find.
pub(crate) async fn run(args: &Describe, global: &Global, output: &Output) -> Outcome {
    let session = Session::open(global).await?;
    let snapshot = session.engine.snapshot();
    let typed = match &args.version {
        Some(_) if args.product.contains('@') => {
            let hint = "Write it behind the product's name, or with --version.";
            return Err(failure::unusable("--version", "the version is named twice", hint));
        }
        Some(version) => format!("{}@{version}", args.product),
        None => args.product.clone(),
    };
    let entry = find(&session, &snapshot, &typed)?;
    if args.contract {
        return original(&entry);
    }
    if args.schema {
        return schema(&entry, output);
    }
    if let Some(standard) = args.export {
        return output.print(&exported(&entry, standard, output.is_json())?);
    }
    match output.format(None) {
        Format::Table => {
            output.print(&sheet::text(&entry, session.may(Action::Read, &entry), output.style(), output.width()))
        }
        Format::Json => output.print_json(&as_json(&entry)?),
        _ => output.batch(&columns(&entry)?),
    }
}

/// The contract's text as it was written, byte for byte.
fn original(entry: &Entry) -> Outcome {
    let mut sink = Sink::stdout();
    let written = sink.write_all(&entry.text);
    sink.check(written)?;
    for contract in &entry.contracts {
        let written = sink.write_all(format!("---\n{}", contract.text).as_bytes());
        sink.check(written)?;
    }
    sink.commit()
}

/// The schema as it was registered; with `--output json` also what the register says of it.
fn schema(entry: &Entry, output: &Output) -> Outcome {
    let Some(schema) = Schema::of(entry) else {
        let what = "registered schema of";
        let (name, product, nearest) = (entry.id().to_string(), None, Vec::new());
        return Err(Failure::NameNotFound { what, name, product, nearest }.into());
    };
    match output.is_json() {
        true => output.print_json(&json!(schema)),
        false => output.print(&format!("{}\n", schema.schema.trim_end())),
    }
}

/// The product in the words of a standard; several contracts are several YAML documents, or a JSON array.
fn exported(entry: &Entry, standard: Standard, as_json: bool) -> Outcome<String> {
    let unwritable = |error| failure::internal("writing the product in the standard's form", error);
    let documents = match standard {
        Standard::Odps => vec![export::odps(&entry.product).map_err(unwritable)?],
        Standard::Odcs => {
            let contracts = export::odcs(&entry.product).map_err(unwritable)?;
            contracts.into_iter().map(|contract| contract.document).collect()
        }
    };
    Ok(match (documents.as_slice(), as_json) {
        ([only], true) => format!("{}\n", only.json()),
        (many, true) => {
            format!("{:#}\n", many.iter().map(|document| document.value().clone()).collect::<serde_json::Value>())
        }
        (many, false) => many.iter().map(export::Document::yaml).collect::<Vec<_>>().join("---\n"),
    })
}

/// Finds the product version that was named.
fn find(session: &Session, snapshot: &CatalogSnapshot, typed: &str) -> Outcome<Arc<Entry>> {
    let (name, version) = match typed.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (typed, None),
    };
    let Some(version) = version else { return newest(session, snapshot, name) };
    let folded = name::fold(name);
    let versions: Vec<_> = snapshot
        .entries
        .iter()
        .filter(|entry| entry.id().name.folded() == folded && session.may(Action::Discover, entry))
        .collect();
    if versions.is_empty() {
        // Not there: the search without a version knows the names nearby.
        newest(session, snapshot, name)?;
    }
    let matching = versions.iter().filter(|entry| means(version, &entry.id().version));
    match matching.max_by(|a, b| a.id().version.cmp(&b.id().version)) {
        Some(entry) => Ok(Arc::clone(entry)),
        None => Err(no_version(name, version, &versions)),
    }
}

/// The version that SQL would read.
fn newest(session: &Session, snapshot: &CatalogSnapshot, name: &str) -> Outcome<Arc<Entry>> {
    let parts: Vec<_> = name.split('.').map(|text| NamePart { text: text.to_owned(), quoted: false }).collect();
    let visible = |product: &meshweave_contract::model::Product| session.may_find(product);
    match snapshot.resolve(&parts, None, &visible)? {
        Resolved::Product { entry, .. } => Ok(entry),
        Resolved::System(_) | Resolved::InformationSchema(_) => Err(Error::invalid_query_hint(
            format!("{name} is a system table, not a data product"),
            format!("`meshweave sql \"SELECT * FROM {name}\"` shows it."),
        )
        .into()),
    }
}

/// Whether `typed` (`2`, `2.1`, `2.1.0`) means `version`.
fn means(typed: &str, version: &semver::Version) -> bool {
    let full = version.to_string();
    full == typed || full.strip_prefix(typed).is_some_and(|rest| rest.starts_with('.'))
}

fn no_version(name: &str, version: &str, versions: &[&Arc<Entry>]) -> Fault {
    Failure::NameNotFound {
        what: "version",
        name: version.to_owned(),
        product: Some(name.to_owned()),
        nearest: versions.iter().rev().take(3).map(|entry| entry.id().to_string()).collect(),
    }
    .into()
}

/// The canonical model, and what the catalog knows beside it.
fn as_json(entry: &Entry) -> Outcome<serde_json::Value> {
    let product = serde_json::to_value(&entry.product)
        .map_err(|error| failure::internal("writing the contract as JSON", error))?;
    let tables: Vec<_> =
        entry.tables.iter().map(|table| json!({"name": table.name, "columns": table.columns})).collect();
    Ok(json!({
        "id": entry.id().to_string(),
        "form": entry.form,
        "says": meshweave_contract::describe::describe(&entry.product),
        "hash": entry.hash,
        "registered_at": entry.registered_at,
        "registered_by": entry.registered_by,
        "product": product,
        "resolved_tables": tables,
    }))
}

/// One row per column of every table.
fn columns(entry: &Entry) -> Outcome<RecordBatch> {
    let all = || entry.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    let nullable: BooleanArray = all().map(|(_, column)| Some(column.nullable)).collect();
    let names = all().map(|(_, column)| column.name.as_str());
    let types = all().map(|(_, column)| column.logical_type.to_string());
    let about: StringArray = all().map(|(_, column)| column.description.as_deref()).collect();
    RecordBatch::try_from_iter([
        ("table", Arc::new(all().map(|(table, _)| Some(table.name.as_str())).collect::<StringArray>()) as ArrayRef),
        ("column", Arc::new(names.map(Some).collect::<StringArray>()) as ArrayRef),
        ("type", Arc::new(types.map(Some).collect::<StringArray>()) as ArrayRef),
        ("nullable", Arc::new(nullable) as ArrayRef),
        ("description", Arc::new(about) as ArrayRef),
    ])
    .map_err(|error| failure::internal("listing the columns", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_be_shortened_at_its_points() {
        let check = |typed, expected| {
            assert_eq!(means(typed, &semver::Version::new(2, 1, 0)), expected, "{typed}");
        };
        check("2", true);
        check("2.1", true);
        check("2.1.0", true);
        check("2.", false);
        check("1", false);
        check("", false);
        check("2.1.0.0", false);
    }
}
