//! Rows of `product_version`, as both databases hold them.
//!
//! Start reading at [`record`].

use meshweave_contract::name::{ProductId, ProductName};
use sqlx::{ColumnIndex, Decode, Row, Type};

use super::{CatalogProblem, PortContract, Record, ResolvedColumns};
use crate::error::{Error, Result};

/// One product version: thirteen values, as `bind_record` binds them.
pub(super) const INSERT: &str = "INSERT INTO product_version (name_folded, version, domain, product, contract, is_json, \
     place, resolved, hash, registered_at, registered_by, catalog_version, contracts) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Gives columns to a product version that has none: resolved columns, folded name, version.
pub(super) const RESOLVE: &str =
    "UPDATE product_version SET resolved = $1 WHERE name_folded = $2 AND version = $3 AND resolved IS NULL";

/// Resolved columns as they are stored.
pub(super) fn resolved_text(resolved: &ResolvedColumns) -> Result<String> {
    serde_json::to_string(resolved).map_err(|error| Error::internal("resolved columns could not be written", error))
}

/// The contracts of a product's ports as they are stored; nothing for a product whose text says all.
pub(super) fn contracts_text(contracts: &[PortContract]) -> Result<Option<String>> {
    if contracts.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(contracts);
    text.map(Some).map_err(|error| Error::internal("contracts could not be written", error))
}

/// A statement with the thirteen values of [`INSERT`]; `$written` are the record's [`Written`] texts.
macro_rules! bind_record {
    ($query:expr, $record:expr, $written:expr, $version:expr) => {
        $query
            .bind($record.id.name.folded())
            .bind($record.id.version.to_string())
            .bind($record.id.name.domain.as_str())
            .bind($record.id.name.product.as_str())
            .bind(&$record.text)
            .bind($record.is_json)
            .bind(&$record.place)
            .bind(&$written.resolved)
            .bind(&$record.hash)
            .bind(&$record.registered_at)
            .bind(&$record.registered_by)
            .bind($version)
            .bind(&$written.contracts)
    };
}
pub(super) use bind_record;

/// What of a record is stored as JSON.
pub(super) struct Written {
    pub(super) resolved: Option<String>,
    pub(super) contracts: Option<String>,
}

impl Written {
    /// # Errors
    /// An internal one; these values can always be written.
    pub(super) fn of(record: &Record) -> Result<Self> {
        let resolved = record.resolved.as_ref().map(resolved_text).transpose()?;
        Ok(Self { resolved, contracts: contracts_text(&record.contracts)? })
    }
}

/// The catalog's number in a row.
pub(super) fn number(version: i64) -> u64 {
    u64::try_from(version).unwrap_or_default()
}

/// Reads one row; what is wrong with it is a problem of its own.
pub(super) fn record<'r, R: Row>(row: &'r R) -> Result<Record, CatalogProblem>
where
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let subject = || {
        let name = text("domain").and_then(|domain| Ok(format!("{domain}.{}", text("product")?)));
        name.unwrap_or_default()
    };
    let problem =
        |message: String| CatalogProblem { subject: subject(), place: text("place").unwrap_or_default(), message };
    let broken = |error: sqlx::Error| problem(format!("the record cannot be read: {error}"));
    let name = ProductName::new(&text("domain").map_err(broken)?, &text("product").map_err(broken)?)
        .map_err(|error| problem(error.to_string()))?;
    let version = text("version").map_err(broken)?;
    let version = version.parse().map_err(|error| problem(format!("version {version:?} is not valid: {error}")))?;
    let resolved = row.try_get::<Option<String>, _>("resolved").map_err(broken)?;
    let resolved = resolved
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| problem(format!("the resolved columns cannot be read: {error}")))?;
    let contracts = row.try_get::<Option<String>, _>("contracts").map_err(broken)?;
    let contracts = contracts
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| problem(format!("the contracts of its ports cannot be read: {error}")))?;
    Ok(Record {
        contracts: contracts.unwrap_or_default(),
        id: ProductId { name, version },
        text: row.try_get("contract").map_err(broken)?,
        is_json: row.try_get("is_json").map_err(broken)?,
        place: text("place").map_err(broken)?,
        resolved,
        hash: text("hash").map_err(broken)?,
        registered_at: row.try_get("registered_at").map_err(broken)?,
        registered_by: row.try_get("registered_by").map_err(broken)?,
    })
}
