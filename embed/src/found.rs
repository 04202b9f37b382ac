//! A product that a search has found, as doors tell it to programs.
//!
//! Start reading at [`told`].

use meshweave_engine::catalog::search::Hit;
use serde_json::{Value, json};

/// A hit as JSON: the product and its version, its owner and description, the score, and the places where the words stand.
pub fn told(hit: &Hit) -> Value {
    let product = &hit.entry.product;
    json!({
        "product": product.id.name.to_string(),
        "version": product.id.version.to_string(),
        "owner": product.owner.team,
        "description": product.description,
        "score": hit.score,
        "places": hit.places,
    })
}
