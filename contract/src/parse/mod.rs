//! From the text of a document to the canonical model, with every problem at once.
//!
//! In: bytes, and the file's name for the problems. Out: a product, or everything that stands in its way.
//! The way: `text` makes a tree with places, `form` recognises whose words these are, one reader per form fills the
//! `parts`, and `tables` looks up what they mention.
//!
//! Holds always: no text makes this panic; a key that nobody reads is a problem or is kept, never dropped.
//!
//! Start reading at [`parse`].

mod avro;
mod avro_faults;
mod blocks;
mod drift;
pub(crate) mod fields;
mod form;
mod form_a;
mod form_b;
mod form_c;
mod gather;
mod hash;
pub(crate) mod json;
mod json_schema;
pub(crate) mod near;
pub(crate) mod node;
mod odcs;
mod odps;
mod own;
mod parts;
pub(crate) mod report;
mod tables;
mod text;
pub(crate) mod type_words;
pub(crate) mod value;
mod words;
mod written;
mod yaml;

pub use avro::avro_columns;
pub(crate) use avro::avro_schema;
pub use gather::{Bundle, CONTRACTS, gather, refers};
pub use hash::canonical_hash;
pub use near::nearest;
pub(crate) use written::columns_of;

pub(crate) use blocks::head::{date_is_known, reference_is_known};
pub(crate) use blocks::storage::location_fault;
pub use odcs::identity::slug;
pub(crate) use odcs::identity::version_of;
pub(crate) use words::span_is_known;

use crate::model::Product;
use crate::name::DomainName;
use crate::problem::Problem;
use report::Report;

/// What a text was read as.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The product version; none when an error stands among the problems.
    pub product: Option<Product>,
    /// The form in words: `datamesh.io/v1`, `spec 1.0`, `JSON object`, `ODCS 3.1.0`, `ODPS 1.0.0`, `meshweave/v1 View`; none when it was not recognised.
    pub form: Option<String>,
    /// Everything that is wrong or odd, in the order of the text.
    pub problems: Vec<Problem>,
}

/// A document and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The bytes of the file.
    pub text: Vec<u8>,
    /// Named in the problems; a name that ends in `.json` asks for strict JSON.
    pub file: String,
}

/// What a product document says of a contract that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContractRef<'r> {
    /// The contract's `id`.
    pub id: &'r str,
    /// The version of the port that refers to it, when the document says; a contract may have another.
    pub version: Option<&'r str>,
}

/// What a reader may ask about beyond the text: the folder it lies in, the contracts beside it.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// The domain that owns a document of the standards which names none.
    pub domain: Option<&'s DomainName>,
    /// Gives the contract that a product document refers to; none when it is not at hand, which is a warning.
    pub contracts: &'s dyn Fn(&ContractRef<'_>) -> Option<Text>,
}

impl Surroundings<'_> {
    /// Nothing but the text itself.
    pub fn none() -> Self {
        Surroundings { domain: None, contracts: &|_| None }
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Reads one contract document, YAML or JSON, in any form users have.
///
/// A product document of ODPS gives a product whose ports have no columns: their contracts are other documents, see [`parse_with`].
///
/// - `text`: the bytes of the file; at most 1 MiB is looked at, a larger text is a problem.
/// - `file`: named in the problems; a name that ends in `.json` asks for strict JSON.
pub fn parse(text: &[u8], file: &str) -> Parsed {
    parse_with(text, file, &Surroundings::none())
}

/// Reads a product document together with its contracts, given in any order; the other way to call [`parse_with`].
///
/// - `documents`: one ODPS document and the ODCS documents it refers to by `contractId`; a single document is read as [`parse`] reads it.
///   Without exactly one product document the first document is read, and contracts that nobody refers to are left aside.
///   A document that is no YAML or JSON at all is a problem, for it may be one of those that are missed.
pub fn parse_files(documents: &[Text], domain: Option<&DomainName>) -> Parsed {
    let kind = |document: &Text, key: &str| {
        let root = text::read(&document.text, &document.file, &mut Report::new(&document.file))?;
        root.get(key).and_then(node::Node::scalar).map(str::to_owned)
    };
    let is_product = |document: &&Text| kind(document, "kind").as_deref() == Some("DataProduct");
    let Some(main) = documents.iter().find(is_product).or_else(|| documents.first()) else {
        return parse(b"", "");
    };
    let find = |wanted: &ContractRef<'_>| gather::find(documents, &main.file, wanted);
    let mut parsed = parse_with(&main.text, &main.file, &Surroundings { domain, contracts: &find });
    for other in documents.iter().filter(|other| *other != main) {
        // Nobody can say whether what cannot be read is one of those that are referred to.
        let mut report = Report::new(&other.file);
        if text::read(&other.text, &other.file, &mut report).is_none() {
            parsed.product = None;
            parsed.problems.extend(report.finish());
        }
    }
    parsed
}

/// As [`parse`], knowing what lies around the document: the domain of the folder, and the contracts of a product document.
///
/// Problems of a contract bear the name of its own file.
pub fn parse_with(text: &[u8], file: &str, around: &Surroundings<'_>) -> Parsed {
    let mut report = Report::new(file);
    let root = text::read(text, file, &mut report);
    let (form, product) = match &root {
        Some(root) => form::read(root, around, &mut report),
        None => (None, None),
    };
    if let (Some(root), Some(product)) = (&root, &product) {
        drift::check(product, root, &mut report);
    }
    let product = product.filter(|_| !report.has_errors());
    Parsed { product, form, problems: report.finish() }
}
