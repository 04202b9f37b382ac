//! What a query does when the stored columns of a product are no longer those of its contract.
//!
//! A contract says it under `custom` (or as a custom property of the standards) in the key `schema_drift`; what it does not say,
//! its domain and the mesh do.
//!
//! Start reading at [`DriftPolicy`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Custom, Product};

/// What a query does about drift. Whatever the policy, a column that cannot be read as promised is an error, never null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftPolicy {
    /// Any difference is an error: a column that the contract does not name, one that older files lack, another type.
    Refuse,
    /// Columns that the contract does not name are left out; every other difference is an error, except that a column which may be
    /// null reads as null where older files lack it.
    #[default]
    NewColumnsIgnored,
    /// As before; and a column that is stored in a wider type is read in that type.
    Widen,
}

impl DriftPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::NewColumnsIgnored, Self::Widen];

    /// As contracts write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::NewColumnsIgnored => "new-columns-ignored",
            Self::Widen => "widen",
        }
    }
}

impl fmt::Display for DriftPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no policy for schema drift")]
pub struct BadDriftPolicy(pub String);

impl FromStr for DriftPolicy {
    type Err = BadDriftPolicy;

    fn from_str(text: &str) -> Result<Self, BadDriftPolicy> {
        let policy = Self::ALL.into_iter().find(|policy| policy.word() == text);
        policy.ok_or_else(|| BadDriftPolicy(text.to_owned()))
    }
}

/// Whether a key of a document means the policy: `schema_drift`, `schemaDrift`, `x-schema-drift`.
pub(crate) fn is_key(key: &str) -> bool {
    let key = key.strip_prefix("x-").unwrap_or(key);
    let letters = key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase);
    letters.eq("schemadrift".chars())
}

impl Product {
    /// What its contract says about drift; none when it says nothing.
    ///
    /// # Errors
    /// The word that is no policy; a product that was read without problems has none such.
    pub fn schema_drift(&self) -> Result<Option<DriftPolicy>, BadDriftPolicy> {
        let ports = self.output_ports.iter().map(|port| &port.custom);
        let Some(said) = std::iter::once(&self.custom).chain(ports).find_map(said) else { return Ok(None) };
        match said {
            Value::String(word) => word.parse().map(Some),
            other => Err(BadDriftPolicy(other.to_string())),
        }
    }
}

fn said(custom: &Custom) -> Option<&Value> {
    let direct = custom.iter().find(|(key, _)| is_key(key)).map(|(_, value)| value);
    let property = |list: &'_ Value| -> Option<usize> {
        let names = list.as_array()?.iter().map(|one| one.get("property").and_then(Value::as_str));
        names.into_iter().position(|name| name.is_some_and(is_key))
    };
    direct.or_else(|| {
        let mut lists = custom.iter().filter(|(key, _)| key.ends_with("customProperties")).map(|(_, list)| list);
        lists.find_map(|list| list.as_array()?.get(property(list)?)?.get("value"))
    })
}
