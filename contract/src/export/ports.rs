//! A product with several ports as one contract for each port, and back.
//!
//! A contract says at its top what the product says, unless the document it was read from said something else: that is kept in the
//! port's `custom` as `contract`, field by field, and only what differs.
//!
//! Start reading at [`contract_of`].

use serde_json::{Map, Value as Json, json};

use super::ExportError;
use crate::model::{OutputPort, Product};

/// What the product document says of a port starts so in the port's `custom`.
const OF_PORT: &str = "port.";

/// The product that the contract of one port describes: the product's own words, that port only.
///
/// # Errors
/// [`ExportError`] when there is no such port, or what is kept of the contract is not data of a product.
pub(crate) fn contract_of(product: &Product, i: usize) -> Result<Product, ExportError> {
    let Some(port) = product.output_ports.get(i) else { return Err(ExportError::NoPort) };
    let mut port = port.clone();
    let said = port.custom.remove("contract");
    port.custom.retain(|key, _| !key.starts_with(OF_PORT));
    let mut head = head(product, i, &port)?;
    if let (Some(Json::Object(said)), Some(head)) = (said, head.as_object_mut()) {
        for (key, value) in said {
            if value.is_null() { drop(head.remove(&key)) } else { drop(head.insert(key, value)) }
        }
    }
    let mut single: Product = serde_json::from_value(head).map_err(|source| ExportError::NotData { source })?;
    single.id.name = product.id.name.clone();
    single.output_ports = vec![port];
    Ok(single)
}

/// What the top of a port's contract says when nothing else is known: what the product says.
fn head(product: &Product, i: usize, port: &OutputPort) -> Result<Json, ExportError> {
    let mut head = Product { output_ports: Vec::new(), ..product.clone() };
    if i > 0 {
        head.custom.insert("id".to_owned(), json!(format!("{}.{}", product.name(), port.name)));
    }
    serde_json::to_value(head).map_err(|source| ExportError::NotData { source })
}

/// Keeps in each port what its contract says otherwise than the product, so that [`contract_of`] gives the contract back.
///
/// - `contracts`: the products that the contracts describe, by the position of their port.
pub(crate) fn keep_contracts(product: &mut Product, contracts: Vec<(usize, Product)>) -> Result<(), ExportError> {
    for (i, contract) in contracts {
        let Some(port) = product.output_ports.get(i) else { continue };
        let usual = head(product, i, port)?;
        let said = serde_json::to_value(Product { output_ports: Vec::new(), ..contract })
            .map_err(|source| ExportError::NotData { source })?;
        let (Json::Object(usual), Json::Object(said)) = (usual, said) else { continue };
        let mut differs: Map<String, Json> = said.iter().filter(|(k, v)| usual.get(*k) != Some(v)).map(owned).collect();
        differs.extend(usual.keys().filter(|k| !said.contains_key(*k)).map(|k| (k.clone(), Json::Null)));
        if let Some(port) = product.output_ports.get_mut(i).filter(|_| !differs.is_empty()) {
            port.custom.insert("contract".to_owned(), Json::Object(differs));
        }
    }
    Ok(())
}

fn owned((key, value): (&String, &Json)) -> (String, Json) {
    (key.clone(), value.clone())
}

/// The identifier that the contract document of this product bears.
pub(crate) fn contract_id(contract: &Product) -> String {
    let said = contract.custom.get("id").and_then(Json::as_str);
    said.map_or_else(|| contract.name().to_string(), str::to_owned)
}

/// The identifier by which the product document refers to the contract of a port.
pub(super) fn referred_id(product: &Product, i: usize, contract: &Product) -> String {
    let said = product.output_ports.get(i).and_then(|port| port.custom.get("port.contractId")).and_then(Json::as_str);
    said.map_or_else(|| contract_id(contract), str::to_owned)
}
