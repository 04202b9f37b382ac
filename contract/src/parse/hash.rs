//! The hash of what a contract says, whatever words it says it in.
//!
//! Start reading at [`canonical_hash`].

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::model::Product;

/// The hash of the canonical form: `sha256:` and 64 hex digits. Equal for documents that say the same in other words or spacing.
///
/// The canonical form is the product as JSON with sorted keys, whole numbers without a point, and without the spelling
/// of column types.
pub fn canonical_hash(product: &Product) -> String {
    // A product is plain data; if it ever could not be written as JSON, its debug text would still tell versions apart.
    let text = match serde_json::to_value(product) {
        Ok(value) => canonical(value).to_string(),
        Err(_) => format!("{product:?}"),
    };
    format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())))
}

fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().filter(|(key, _)| key != "declared_type").collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(k, v)| (k, canonical(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        Value::Number(number) => Value::Number(whole(&number).unwrap_or(number)),
        other => other,
    }
}

/// `1.0` as `1`, where doubles hold whole numbers exactly.
fn whole(number: &serde_json::Number) -> Option<serde_json::Number> {
    let float = number.as_f64().filter(|f| number.is_f64() && f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0)?;
    format!("{float:.0}").parse::<i64>().ok().map(Into::into)
}
