//! What a new version of a product changes, and whom that would break.
//!
//! In: a contract with its resolved columns, and the registered versions. Out: a [`ChangeReport`].
//! Holds always:
//! - a version is compared with the greatest registered one before it, over the columns that SQL sees;
//! - who relies on a product is known from the query log and from what others declare and select; a log that does not answer
//!   stops nothing, and is told.
//!
//! Start reading at [`ChangeReport`].

use std::sync::Arc;

use meshweave_contract::compare::{Change, Class, Comparison, compare};
use meshweave_contract::model::{Body, Product, Table};
use meshweave_contract::name::{ProductId, fold};

use super::{CatalogSnapshot, Entry, ResolvedTable};
use crate::error::{Error, Failure};
use crate::plan;
use crate::state::{Consumer, StateStore};

/// How a new version differs from the one before it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ChangeReport {
    /// The registered version it was compared with.
    pub against: ProductId,
    /// Every difference, and its class.
    pub comparison: Comparison,
    /// The heaviest class, in words: `MAJOR`, `MINOR`, `PATCH`; none when nothing changed.
    pub class: Option<Class>,
    /// The smallest version that these changes may be published under.
    pub needed_version: String,
    /// Whether something breaks without a new major version: such a version is not registered.
    pub refused: bool,
    /// Who queried the version it was compared with, as far as the query log remembers.
    pub consumers: Vec<Consumer>,
    /// Products that declare it upstream, and views that read it: `domain.product@version`. Those that the caller may find.
    pub products: Vec<String>,
    /// How many more there are, which the caller may not find.
    pub hidden_products: usize,
}

impl ChangeReport {
    /// The refusal, when there must be one: every breaking change, and whom it would break.
    pub(super) fn refusal(&self, file: &str) -> Option<Error> {
        if !self.refused {
            return None;
        }
        let mut problems: Vec<String> = self.comparison.breaking().map(Change::to_string).collect();
        problems.extend(self.broken());
        let hint = format!("Publish it as {}: majors live side by side, or take the change back.", self.needed_version);
        Some(
            Failure::BreakingChange {
                product: self.against.name.to_string(),
                message: format!("{file} breaks what {} promises, and is no new major version", self.against),
                problems,
                hint: Some(hint),
            }
            .into(),
        )
    }

    /// Whom the change may break, one line each: they read the product; whether they need what is gone is not known.
    pub fn broken(&self) -> Vec<String> {
        let queries = |count: i64| if count == 1 { "1 query".to_owned() } else { format!("{count} queries") };
        let callers = self.consumers.iter().map(|consumer| {
            let last = jiff::Timestamp::from_microsecond(consumer.last_at).map(|at| at.strftime("%F").to_string());
            let last = last.map(|day| format!(", the last on {day}")).unwrap_or_default();
            format!("may break {} ({} remembered{last})", consumer.principal, queries(consumer.queries))
        });
        let products = self.products.iter().map(|product| format!("may break {product}, which is made from it"));
        let hidden = (self.hidden_products > 0)
            .then(|| format!("may break {} made from it that you may not find", self.hidden_products));
        callers.chain(products).chain(hidden).collect()
    }
}

/// Compares a version with the one before it; none when there is none.
///
/// - `tables`: the new version's tables, as SQL will see them.
/// - `visible`: what the caller may discover; nothing else is named.
/// - `warnings`: gets a line when the query log does not answer.
pub(super) async fn report(
    snapshot: &CatalogSnapshot,
    state: &StateStore,
    product: &Product,
    tables: &[ResolvedTable],
    visible: &(dyn Fn(&Product) -> bool + Sync),
    warnings: &mut Vec<String>,
) -> Option<ChangeReport> {
    let before = before(snapshot, &product.id)?;
    let comparison = compare(&effective(&before.product, &before.tables), &effective(product, tables));
    let class = comparison.class();
    let is_new_major = leading(&product.id) > leading(before.id());
    let consumers = match state.consumers(&before.id().name.to_string(), before.id().version.major).await {
        Ok(consumers) => consumers,
        Err(error) => {
            warnings.push(format!("who queries {} is not known: {error}", before.id().name));
            Vec::new()
        }
    };
    let (shown, hidden): (Vec<_>, Vec<_>) =
        made_from(snapshot, before).into_iter().partition(|entry| visible(&entry.product));
    Some(ChangeReport {
        against: before.id().clone(),
        class,
        needed_version: comparison.needed_version().to_string(),
        refused: class == Some(Class::Major) && !is_new_major,
        consumers,
        products: shown.into_iter().map(|entry| entry.id().to_string()).collect(),
        hidden_products: hidden.len(),
        comparison,
    })
}

/// What a breaking change must raise: the major version, and before 1.0.0 the minor one.
fn leading(id: &ProductId) -> (u64, u64) {
    let version = &id.version;
    (version.major, if version.major == 0 { version.minor } else { 0 })
}

/// The greatest registered version before this one.
fn before<'a>(snapshot: &'a CatalogSnapshot, id: &ProductId) -> Option<&'a Arc<Entry>> {
    let folded = id.name.folded();
    let earlier = |entry: &&Arc<Entry>| entry.id().name.folded() == folded && entry.id().version < id.version;
    snapshot.entries.iter().filter(earlier).max_by(|a, b| a.id().version.cmp(&b.id().version))
}

/// A product with the columns that SQL sees in the place of those that its contract names or leaves to be observed.
fn effective(product: &Product, tables: &[ResolvedTable]) -> Product {
    let mut product = product.clone();
    for resolved in tables {
        let mut named = super::assemble::named_tables(&mut product);
        if let Some((_, table)) = named.find(|(name, _)| name.folded() == resolved.name.folded()) {
            table.columns.clone_from(&resolved.columns);
            continue;
        }
        drop(named);
        if let Some(port) = product.output_ports.first_mut() {
            port.tables.push(Table {
                name: resolved.name.clone(),
                description: None,
                columns: resolved.columns.clone(),
                storage: None,
                relationships: Vec::new(),
                custom: std::collections::BTreeMap::new(),
            });
        }
    }
    product
}

/// Products that declare a product upstream, and views that read this major version of it.
fn made_from<'a>(snapshot: &'a CatalogSnapshot, base: &Entry) -> Vec<&'a Arc<Entry>> {
    let folded = base.id().name.folded();
    let is_made_from_it = |entry: &&Arc<Entry>| {
        let own = entry.id().name.domain.as_str();
        let declares = entry.product.upstream.iter().any(|upstream| {
            let domain = upstream.domain.as_ref().map_or(own, |domain| domain.as_str());
            let whole = if upstream.product.contains('.') {
                upstream.product.clone()
            } else {
                format!("{domain}.{}", upstream.product)
            };
            fold(&whole) == folded
        });
        let reads = match &entry.product.body {
            Body::View { sql } | Body::Materialization { sql, .. } => {
                let names = plan::names_in(snapshot, sql, entry.id().name.domain.as_str());
                names.iter().any(|name| name.id().name.folded() == folded && leading(name.id()) == leading(base.id()))
            }
            Body::Stored => false,
        };
        (declares || reads) && entry.id().name.folded() != folded
    };
    snapshot.entries.iter().filter(is_made_from_it).collect()
}
