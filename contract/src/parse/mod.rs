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
mod fields;
mod form;
mod form_a;
mod form_b;
mod form_c;
mod hash;
mod json;
mod json_schema;
mod near;
mod node;
mod odcs;
mod parts;
mod report;
mod tables;
mod text;
mod type_words;
mod value;
mod words;
mod written;
mod yaml;

pub use avro::avro_columns;
pub(crate) use avro::avro_schema;
pub use hash::canonical_hash;
pub use near::nearest;
pub(crate) use written::columns_of;

use crate::model::Product;
use crate::problem::Problem;
use report::Report;

/// What a text was read as.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The product version; none when an error stands among the problems.
    pub product: Option<Product>,
    /// The form in words: `datamesh.io/v1`, `spec 1.0`, `JSON object`, `ODCS 3.1.0`, `meshweave/v1 View`; none when it was not recognised.
    pub form: Option<String>,
    /// Everything that is wrong or odd, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Reads one contract document, YAML or JSON, in any form users have.
///
/// - `text`: the bytes of the file; at most 1 MiB is looked at, a larger text is a problem.
/// - `file`: named in the problems; a name that ends in `.json` asks for strict JSON.
pub fn parse(text: &[u8], file: &str) -> Parsed {
    let mut report = Report::new(file);
    let root = text::read(text, file, &mut report);
    let (form, product) = match &root {
        Some(root) => form::read(root, &mut report),
        None => (None, None),
    };
    let product = product.filter(|_| !report.has_errors());
    Parsed { product, form, problems: report.finish() }
}
