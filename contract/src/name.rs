//! The names of the mesh: domains, products, tables, columns, versions.
//!
//! In: text as somebody wrote it. Out: a checked name that keeps its spelling, and its folded form for matching.
//!
//! Holds always:
//! - a name is letters, digits, `_` and `-`; it has no `.` and no `@`, so a reference never needs guessing;
//! - two names that fold alike never live side by side in one place (the catalog checks it).
//!
//! Start reading at [`fold`].

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Gives the form under which unquoted names are compared: lower case, `-` read as `_`.
///
/// `customer-lifetime-value`, `Customer_Lifetime_Value` and `customer_lifetime_value` fold alike.
pub fn fold(name: &str) -> String {
    folded(name).into_owned()
}

/// The same as [`fold`], without a copy of names that are folded already.
pub fn folded(name: &str) -> Cow<'_, str> {
    if !name.is_ascii() {
        return Cow::Owned(folding(name).collect());
    }
    if !name.bytes().any(|byte| byte == b'-' || byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.to_ascii_lowercase().replace('-', "_"))
}

/// Whether two names fold alike, see [`fold`].
pub fn alike(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        let folded = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
        return one.len() == other.len() && one.bytes().map(folded).eq(other.bytes().map(folded));
    }
    folding(one).eq(folding(other))
}

fn folding(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c })
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} name {text:?} {why}")]
pub struct BadName {
    /// What kind of name was asked for: `domain`, `product`, `table`.
    pub what: &'static str,
    /// The text as it was written.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

fn checked(what: &'static str, text: &str) -> Result<String, BadName> {
    let bad = |why| BadName { what, text: text.to_owned(), why };
    if text.is_empty() {
        return Err(bad("is empty"));
    }
    if text.len() > 128 {
        return Err(bad("is longer than 128 bytes"));
    }
    if !text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return Err(bad("may hold letters, digits, `_` and `-` only"));
    }
    Ok(text.to_owned())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks and keeps the spelling.
            ///
            /// # Errors
            /// [`BadName`] when the text is empty, too long, or holds other characters than letters, digits, `_`, `-`.
            pub fn new(text: &str) -> Result<Self, BadName> {
                checked($what, text).map(Self)
            }

            /// The spelling as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form used for matching unquoted names, see [`fold`].
            pub fn folded(&self) -> String {
                fold(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// A business area that owns products; the schema in SQL.
    DomainName,
    "domain"
);
name!(
    /// The local part of a product's name, without its domain.
    LocalName,
    "product"
);
name!(
    /// A table of a product.
    TableName,
    "table"
);

/// A product's full name: `domain.product`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProductName {
    /// The owning domain.
    pub domain: DomainName,
    /// The name inside the domain.
    pub product: LocalName,
}

impl ProductName {
    /// Checks both parts.
    ///
    /// # Errors
    /// [`BadName`] of the first part that is not a name.
    pub fn new(domain: &str, product: &str) -> Result<Self, BadName> {
        Ok(Self { domain: DomainName::new(domain)?, product: LocalName::new(product)? })
    }

    /// `domain.product`, both folded: the key under which products are unique.
    pub fn folded(&self) -> String {
        format!("{}.{}", self.domain.folded(), self.product.folded())
    }
}

impl fmt::Display for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domain, self.product)
    }
}

/// One version of one product: `domain.product@1.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProductId {
    /// Which product.
    pub name: ProductName,
    /// Which version of its contract.
    pub version: semver::Version,
}

impl ProductId {
    /// `domain.product@major`: the key of the version vector.
    pub fn major_key(&self) -> String {
        format!("{}@{}", self.name, self.version.major)
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Domain names that belong to the engine: a domain may not take them (nor the catalog's own name).
pub const RESERVED_DOMAINS: [&str; 4] = ["mesh", "temp", "information_schema", "public"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_kept_and_folding_matches() {
        let name = ProductName::new("customer", "Customer-Lifetime_value").unwrap();
        assert_eq!(name.to_string(), "customer.Customer-Lifetime_value");
        assert_eq!(name.folded(), "customer.customer_lifetime_value");
    }

    #[test]
    fn names_are_alike_when_they_fold_alike() {
        let names =
            ["Order-ID", "order_id", "orderid", "ÄRGER", "ärger", "arger", "\u{212a}elvin", "kelvin", "", "-", "_"];
        for one in names {
            let letters: String = one.chars().flat_map(char::to_lowercase).collect();
            assert_eq!(fold(one), letters.replace('-', "_"));
            for other in names {
                assert_eq!(alike(one, other), fold(one) == fold(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn dots_ats_and_blanks_are_refused() {
        for text in ["a.b", "a@1", "", "a b", "a/b"] {
            assert!(LocalName::new(text).is_err(), "{text:?} must be refused");
        }
    }
}
