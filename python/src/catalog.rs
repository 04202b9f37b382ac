//! What the catalog says, as JSON.
//!
//! Holds always: what the caller may not find does not exist here.
//!
//! Start reading at [`describe`].

use std::path::PathBuf;

use meshweave_contract::model::Product;
use meshweave_contract::parse::{self, Text};
use meshweave_embed::Mesh;
use meshweave_embed::files::{self, Documents};
use meshweave_engine::catalog::registrations::{self, Task};
use meshweave_engine::catalog::search::Hit;
use meshweave_engine::catalog::{Entry, NamePart, Resolved};
use meshweave_engine::{Error, Result};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::fault;

/// Products that have every word, the best first.
pub(crate) fn search(mesh: &Mesh, words: &str) -> Value {
    let hits = mesh.engine.snapshot().search(words, &|product| mesh.may_find(product));
    hits.iter().map(Hit::told).collect()
}

/// One product version: what its contract says, and what the catalog knows beside it.
///
/// # Errors
/// No such product, or none that the caller may find.
pub(crate) fn describe(mesh: &Mesh, name: &str) -> Result<Value> {
    let snapshot = mesh.engine.snapshot();
    let parts: Vec<NamePart> = parts(name).collect();
    match snapshot.resolve(&parts, None, &|product| mesh.may_find(product))? {
        Resolved::Product { entry, .. } => Ok(of_entry(&entry)),
        Resolved::System(_) | Resolved::InformationSchema(_) => Err(Error::invalid_query_hint(
            format!("{name} is a system table, not a data product"),
            format!("`mesh.sql(\"SELECT * FROM {name}\")` reads it."),
        )),
    }
}

/// The parts of a product's name as a person writes it: `commerce.orders`, `commerce.orders@2`.
fn parts(name: &str) -> impl Iterator<Item = NamePart> + '_ {
    name.split('.').map(|part| match part.contains('@') {
        true => NamePart::quoted(part.trim_matches('"')),
        false => NamePart::plain(part.trim_matches('"')),
    })
}

fn of_entry(entry: &Entry) -> Value {
    let mut told = of_product(&entry.product, Some(&entry.form));
    told["hash"] = json!(entry.hash);
    told["registered_at"] = json!(entry.registered_at);
    told["registered_by"] = json!(entry.registered_by);
    told["text"] = json!(String::from_utf8_lossy(&entry.text));
    told
}

fn of_product(product: &Product, form: Option<&str>) -> Value {
    json!({
        "id": product.id.to_string(),
        "form": form,
        "says": meshweave_contract::describe::describe(product),
        "product": product,
    })
}

/// What a contract's text says, JSON; null when it cannot be read.
///
/// - `file`: its name; one that ends in `.json` is JSON.
#[pyfunction]
pub(crate) fn contract(text: &str, file: &str) -> String {
    let parsed = parse::parse(text.as_bytes(), file);
    parsed.product.map_or(Value::Null, |product| of_product(&product, parsed.form.as_deref())).to_string()
}

/// Tasks for documents that were made in memory; stored products come before the views over them.
///
/// # Errors
/// One storage for several products.
pub(crate) fn tasks(documents: Vec<(String, Vec<u8>)>, storage: Option<&str>, dry_run: bool) -> Result<Vec<Task>> {
    let texts: Vec<Text> = documents.into_iter().map(|(file, text)| Text { text, file }).collect();
    registrations::tasks(parse::gather(&texts, &[]), storage, dry_run)
}

/// A file's name and its bytes.
type Document = (String, Vec<u8>);

/// The contract files under `paths`, and those beside them that they refer to: what a server needs to register them.
#[pyfunction]
pub(crate) fn documents(py: Python<'_>, paths: Vec<PathBuf>) -> PyResult<(Vec<Document>, Vec<Document>)> {
    let read = py.detach(move || files::documents(&paths)).map_err(|error| fault::raise(py, &error, None))?;
    let Documents { named, beside } = read;
    let told = |texts: Vec<Text>| texts.into_iter().map(|Text { text, file }| (file, text)).collect();
    Ok((told(named), told(beside)))
}
