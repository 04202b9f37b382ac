//! Puts the contracts of a product into its output ports.
//!
//! Start reading at [`composed`].

use super::super::odcs::{self, Given};
use super::super::report::Report;
use super::super::value::Value;
use super::super::{ContractRef, Surroundings, text};
use super::ports::Output;
use crate::export;
use crate::model::{Access, Body, OutputPort, Product, Table};
use crate::name::TableName;
use crate::parse::node::Node;
use crate::problem::code;
use crate::standard::own;

/// What a contract said at its top, kept with its port until the product is complete.
const SAID: &str = "contract";

/// The product with its ports, each with what its contract says.
///
/// - `inherits_access`: whether the product document leaves open who may read.
pub(super) fn composed(
    mut product: Product,
    outputs: Vec<Output>,
    inherits_access: bool,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Product {
    let mut accesses: Vec<Access> = Vec::new();
    for (i, output) in outputs.into_iter().enumerate() {
        let Output { mut port, contract, version, place, own } = output;
        let wanted = contract.as_deref().map(|id| ContractRef { id, version: version.as_deref() });
        let found = wanted.and_then(|wanted| read(&wanted, &product, around, place, report));
        if found.is_none() {
            port.tables.extend(main_table(&product));
        }
        if let Some(found) = found {
            if inherits_access && accesses.first().is_some_and(|first| *first != found.access) {
                let message = "the contracts of this product say differently who may read";
                let mend = "Say it in the product document, by a custom property `access`.";
                report.error(place, code::CONFLICT, message, mend);
            }
            accesses.push(found.access.clone());
            if i == 0 {
                inherit(&mut product, &found, inherits_access);
            }
            port = joined(port, found);
        }
        own::apply(&mut port, &own, "", own::OUTPUT_PORT, report);
        product.output_ports.push(port);
    }
    product
}

/// The contract as a product of its own that bears this product's name.
fn read(
    wanted: &ContractRef<'_>,
    product: &Product,
    around: &Surroundings<'_>,
    place: super::super::node::Place,
    report: &mut Report,
) -> Option<Product> {
    let Some(document) = (around.contracts)(wanted) else {
        let message = format!("the contract `{}` is not at hand, so the columns of this port are not known", wanted.id);
        report.warning(place, code::MISSING, message, "Read the product document together with its contracts.");
        return None;
    };
    let mut own_report = Report::new(&document.file);
    let root = text::read(&document.text, &document.file, &mut own_report);
    let found = root.and_then(|root| {
        let api = root.get("apiVersion").and_then(Node::scalar).unwrap_or_default();
        let kind = root.get("kind").and_then(Node::scalar);
        if kind != Some("DataContract") || !odcs::is_known(api) {
            let mend = "A port refers to a document with `apiVersion: v3.2.0` and `kind: DataContract`.";
            own_report.error(root.place, code::UNKNOWN_FORM, "the document is no contract of the standard", mend);
            return None;
        }
        let given = Given { domain: None, product: Some(&product.id) };
        odcs::product(&Value::root(&root), given, &mut own_report).product(&mut own_report)
    });
    let found = found.filter(|_| !own_report.has_errors());
    report.append(own_report);
    found
}

/// What the product document leaves open is what the main port's contract says.
fn inherit(product: &mut Product, contract: &Product, access: bool) {
    if access {
        product.access = contract.access.clone();
    }
    product.retention = product.retention.take().or_else(|| contract.retention.clone());
    product.encryption = product.encryption.take().or_else(|| contract.encryption.clone());
    product.quota = product.quota.take().or_else(|| contract.quota.clone());
    product.glossary = contract.glossary.clone();
    product.sample_queries = contract.sample_queries.clone();
    product.lifecycle = contract.lifecycle.clone();
    product.upstream = contract.upstream.clone();
    product.body = match &contract.body {
        Body::Stored => Body::Stored,
        body => body.clone(),
    };
}

/// The port of a contract under the name that the product document gives it, with the rest of the contract in its `custom`.
fn joined(shell: OutputPort, mut contract: Product) -> OutputPort {
    let Some(mut port) = contract.output_ports.pop() else { return shell };
    port.name = shell.name;
    port.custom.extend(shell.custom);
    if let Ok(said) = serde_json::to_value(contract) {
        port.custom.insert(SAID.to_owned(), said);
    }
    port
}

/// A table without columns, for a port of which nothing is known.
fn main_table(product: &Product) -> Option<Table> {
    let name = TableName::new(product.name().product.as_str()).ok()?;
    let (description, columns, storage, relationships) = (None, Vec::new(), None, Vec::new());
    Some(Table { name, description, columns, storage, relationships, custom: crate::model::Custom::new() })
}

/// Leaves with each port only what its contract says otherwise than the finished product.
pub(super) fn keep_contracts(mut product: Product) -> Option<Product> {
    let mut contracts = Vec::new();
    for (i, port) in product.output_ports.iter_mut().enumerate() {
        let said = port.custom.remove(SAID).and_then(|said| serde_json::from_value(said).ok());
        contracts.extend(said.map(|said| (i, said)));
    }
    export::keep_contracts(&mut product, contracts).ok()?;
    // An identifier that the contract bears anyway need not be said.
    for i in 0..product.output_ports.len() {
        let id = export::contract_of(&product, i).map(|contract| export::contract_id(&contract)).ok();
        let custom = &mut product.output_ports[i].custom;
        if custom.get("port.contractId").and_then(serde_json::Value::as_str) == id.as_deref() {
            custom.remove("port.contractId");
        }
    }
    Some(product)
}
