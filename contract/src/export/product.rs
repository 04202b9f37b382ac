//! A product as a document of the product standard.
//!
//! Start reading at [`document`].

use serde_json::{Map, Value as Json, json};

use super::contract::{described, is_same, support, team};
use super::{Contract, Document, ExportError, kept, others, same};
use crate::model::{Custom, InputPort, Product};
use crate::parse::{self, ContractRef, Surroundings, Text, date_is_known};
use crate::standard::{keys, own};

/// The version of the standard that is written.
const API_VERSION: &str = "v1.1.0";

/// The document that, with its contracts, says what `product` says.
pub(super) fn document(product: &Product, contracts: &[Contract]) -> Result<Json, ExportError> {
    let mut document = draft(product, contracts);
    let understood = read(&document, contracts)?;
    add_own(&mut document, product, &understood)?;
    same(product, &read(&document, contracts)?)?;
    Ok(document)
}

fn read(document: &Json, contracts: &[Contract]) -> Result<Product, ExportError> {
    let find = |wanted: &ContractRef<'_>| {
        let found = contracts.iter().find(|c| c.id == wanted.id)?;
        Some(Text { text: found.document.bytes(), file: "contract.json".to_owned() })
    };
    let around = Surroundings { domain: None, contracts: &find };
    let parsed = parse::parse_with(&Document(document.clone()).bytes(), "export.json", &around);
    parsed.product.ok_or(ExportError::Unreadable { problems: parsed.problems })
}

fn draft(product: &Product, contracts: &[Contract]) -> Json {
    let mut all = head(product);
    let inputs: Vec<Json> = product.input_ports.iter().map(input_port).collect();
    let outputs: Vec<Json> = product
        .output_ports
        .iter()
        .zip(contracts)
        .map(|(port, contract)| {
            let mut all = Map::from_iter([("name".to_owned(), json!(port.name))]);
            kept(&port.custom, keys::OUTPUT_PORT, &mut all);
            all.insert("contractId".to_owned(), json!(contract.id));
            others(&port.custom, "port.customProperties", &mut all);
            Json::Object(all)
        })
        .collect();
    for (key, ports) in [("inputPorts", inputs), ("outputPorts", outputs)] {
        if !ports.is_empty() {
            all.insert(key.to_owned(), Json::Array(ports));
        }
    }
    Json::Object(all)
}

/// Everything but the ports.
pub(crate) fn head(product: &Product) -> Map<String, Json> {
    let mut all = Map::from_iter([
        ("apiVersion".to_owned(), json!(API_VERSION)),
        ("kind".to_owned(), json!("DataProduct")),
        ("id".to_owned(), json!(product.name().to_string())),
        ("name".to_owned(), json!(product.name().product)),
        ("domain".to_owned(), json!(product.name().domain)),
        ("version".to_owned(), json!(product.id.version)),
        ("status".to_owned(), json!(product.status)),
    ]);
    let fits = |key: &str, value: &Json| match key {
        "name" | "domain" | "version" | "status" => is_same(product, key, value),
        "productCreatedTs" => value.as_str().is_some_and(date_is_known),
        _ => true,
    };
    all.extend(team(product).map(|v| ("team".to_owned(), v)));
    all.extend(support(product, true).map(|v| ("support".to_owned(), v)));
    let said: Custom = product.custom.iter().filter(|(k, v)| fits(k, v)).map(|(k, v)| (k.clone(), v.clone())).collect();
    kept(&said, keys::PRODUCT, &mut all);
    described(product, &mut all);
    others(&product.custom, "customProperties", &mut all);
    all
}

/// One way in.
fn input_port(port: &InputPort) -> Json {
    let mut all = Map::from_iter([("name".to_owned(), json!(port.name))]);
    kept(&port.custom, keys::INPUT_PORT, &mut all);
    others(&port.custom, "customProperties", &mut all);
    Json::Object(all)
}

/// Adds what a reader of the draft and the contracts did not understand.
fn add_own(document: &mut Json, meant: &Product, understood: &Product) -> Result<(), ExportError> {
    let json = |product: &Product| serde_json::to_value(product).map_err(|source| ExportError::NotData { source });
    let (meant, understood) = (json(meant)?, json(understood)?);
    let fields: Vec<&str> = own::PRODUCT.iter().filter(|f| **f != "input_ports").copied().collect();
    own::add(document, own::differences(&meant, &understood, "", &fields));
    let ports = [("inputPorts", "input_ports", own::INPUT_PORT), ("outputPorts", "output_ports", own::OUTPUT_PORT)];
    for (key, field, fields) in ports {
        for (i, port) in meant[field].as_array().into_iter().flatten().enumerate() {
            let all = own::differences(port, &understood[field][i], "", fields);
            own::add(&mut document[key][i], all);
        }
    }
    Ok(())
}
