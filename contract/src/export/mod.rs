//! Writes products as documents of the Bitol standards: contracts (ODCS 3.2) and products (ODPS 1.1).
//!
//! In: a [`Product`]. Out: documents as YAML or JSON that every tool for the standards reads.
//! Holds always: what is written is read back as the same product before it is given out. What a standard has no word for travels
//! as custom properties named `meshweave.FIELD`, and only where its own words would be understood as something else.
//!
//! ```
//! use meshweave_contract::{export, parse};
//!
//! let text = br#"{"domain": "commerce", "product": "orders", "version": "1.0.0", "freshness": "PT5M"}"#;
//! let product = parse::parse(text, "orders.json").product.expect("it is a contract");
//! let contracts = export::odcs(&product)?;
//! let again = parse::parse(contracts[0].document.yaml().as_bytes(), "orders.odcs.yaml");
//! assert_eq!(again.product, Some(product));
//! # Ok::<(), export::ExportError>(())
//! ```
//!
//! Start reading at [`odcs`] and [`odps`].

mod column;
mod contract;
mod levels;
mod ports;
mod product;
mod servers;
mod table;
mod yaml;

use serde_json::{Map, Value as Json};

use crate::model::{Custom, Product};
use crate::problem::Problem;
use crate::standard::keys::{self, Kept};

pub(crate) use column::property;
pub(crate) use contract::{draft, head};
pub(crate) use ports::{contract_id, contract_of, keep_contracts};
pub(crate) use product::head as product_head;

/// A document of a standard, before it becomes text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Json);

impl Document {
    /// The document as a JSON value, keys in the order in which they are written.
    pub fn value(&self) -> &Json {
        &self.0
    }

    /// The document as YAML.
    pub fn yaml(&self) -> String {
        yaml::yaml(&self.0)
    }

    /// The document as indented JSON.
    pub fn json(&self) -> String {
        yaml::escaped(&format!("{:#}", self.0))
    }

    /// The bytes that are read back as a check.
    fn bytes(&self) -> Vec<u8> {
        yaml::escaped(&self.0.to_string()).into_bytes()
    }
}

/// The contract of one output port.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// The identifier by which a product document refers to it.
    pub id: String,
    /// The name of the output port.
    pub port: String,
    /// The ODCS document.
    pub document: Document,
}

/// Why a product cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It has no output port, so it promises nothing.
    #[error("the product has no output port; a contract is about one")]
    NoPort,
    /// What was written is refused by the reader: no document says what this product says.
    #[error("the product cannot be read back: {}", problems.first().map(ToString::to_string).unwrap_or_default())]
    Unreadable {
        /// Why the reader refuses it.
        problems: Vec<Problem>,
    },
    /// What was written is read as another product.
    #[error("the product is read back with another `{field}`")]
    Differs {
        /// Where the first difference is, as a way through the product's JSON.
        field: String,
    },
    /// The product is not plain data.
    #[error("the product cannot be written as JSON")]
    NotData {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// The contracts of a product, one ODCS 3.2 document for each output port, in their order.
///
/// For a product that was read from one contract (any form), `parse` gives the same product back from the document alone. A
/// product that has a product document is given back by that document ([`odps`]) and these together.
///
/// Cost: each document is read back twice.
///
/// # Errors
/// [`ExportError`] for a product that no reader would accept, or one without ports.
///
/// # Source
/// Open Data Contract Standard 3.2.0.
pub fn odcs(product: &Product) -> Result<Vec<Contract>, ExportError> {
    let ports = 0..product.output_ports.len();
    let all: Vec<Contract> = ports.map(|i| one(product, i)).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(ExportError::NoPort) } else { Ok(all) }
}

fn one(product: &Product, i: usize) -> Result<Contract, ExportError> {
    let single = contract_of(product, i)?;
    let document = Document(contract::document(&single)?);
    Ok(Contract { id: ports::referred_id(product, i, &single), port: product.output_ports[i].name.clone(), document })
}

/// The product document, ODPS 1.1: who offers what through which ports, each with the identifier of its contract.
///
/// `parse_with`, given the contracts of [`odcs`] by their identifiers, gives the same product back.
///
/// Cost: the contracts are written too, and read back with the document twice.
///
/// # Errors
/// [`ExportError`] for a product that no reader would accept.
///
/// # Source
/// Open Data Product Standard 1.1.0.
pub fn odps(product: &Product) -> Result<Document, ExportError> {
    let ports = 0..product.output_ports.len();
    let contracts: Vec<Contract> = ports.map(|i| one(product, i)).collect::<Result<_, _>>()?;
    product::document(product, &contracts).map(Document)
}

/// Puts what the model kept as it was written back where it stood, as far as it may stand there.
pub(crate) fn kept(custom: &Custom, table: &[Kept], into: &mut Map<String, Json>) {
    for (key, name, shape) in table {
        if let Some(value) = custom.get(*name).filter(|value| shape.fits(value)) {
            into.insert((*key).to_owned(), value.clone());
        }
    }
}

/// Custom properties of others; an empty list is ours to carry, since ours may join it.
pub(crate) fn others(custom: &Custom, key: &str, into: &mut Map<String, Json>) {
    let list = custom.get(key).filter(|v| keys::CUSTOM.fits(v) && v.as_array().is_some_and(|all| !all.is_empty()));
    into.extend(list.map(|list| ("customProperties".to_owned(), list.clone())));
}

/// Fine when what was read back is the product; else where they differ first.
fn same(meant: &Product, read: &Product) -> Result<(), ExportError> {
    if meant == read {
        return Ok(());
    }
    let json = |product: &Product| serde_json::to_value(product).unwrap_or_default();
    Err(ExportError::Differs { field: first_difference(&json(meant), &json(read)) })
}

fn first_difference(meant: &Json, read: &Json) -> String {
    let below =
        |key: String, a: &Json, b: &Json| format!("{key}.{}", first_difference(a, b)).trim_end_matches('.').to_owned();
    match (meant, read) {
        (Json::Object(a), Json::Object(b)) => {
            let key = a.keys().chain(b.keys()).find(|key| a.get(*key) != b.get(*key));
            let none = Json::Null;
            key.map_or_else(String::new, |k| below(k.clone(), a.get(k).unwrap_or(&none), b.get(k).unwrap_or(&none)))
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            let at = a.iter().zip(b).position(|(a, b)| a != b);
            at.map_or_else(String::new, |i| below(i.to_string(), &a[i], &b[i]))
        }
        _ => String::new(),
    }
}
