//! The version vector: from which state of every product an answer was computed.
//!
//! One JSON form everywhere (answers, tickets, FlightInfo, replay):
//! `{"v":1,"products":{"commerce.orders@1":{"delta":912},"crm.customer@3":{"manifest":"sha256:…"}}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One immutable state of one product's storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// A Delta table's version.
    Delta(i64),
    /// The hash of a manifest: paths, sizes and ETags of plain files, sorted. `sha256:` and hex digits.
    Manifest(String),
    /// A state of the engine's own system tables: the catalog's version.
    Catalog(u64),
}

/// The pinned version of every product that an answer was computed from.
///
/// Keys are `domain.product@major`, and `domain.product.table@major` for a further table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionVector {
    /// The format's version; 1.
    pub v: u32,
    /// Product to version, sorted.
    pub products: BTreeMap<String, Version>,
}

impl Default for VersionVector {
    fn default() -> Self {
        Self { v: 1, products: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_form_is_the_one_of_the_surfaces() {
        let text =
            r#"{"v":1,"products":{"commerce.orders@1":{"delta":912},"crm.customer@3":{"manifest":"sha256:ab"}}}"#;
        let vector: VersionVector = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&vector).unwrap(), text);
    }
}
