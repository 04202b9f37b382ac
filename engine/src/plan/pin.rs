//! Pins and opens the tables of a statement: all at once, each only once.
//!
//! In: granted tables. Out: providers over exactly one version each, and the version vector.
//! Holds always: nothing here is called before the policy has granted every product of the statement.
//!
//! Start reading at [`pin`].

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;

use crate::catalog::Entry;
use crate::connect::{AsOf, Connector, Connectors, Opened, Pinned, Port};
use crate::context::QueryContext;
use crate::drift;
use crate::error::{Error, Failure, Result};
use crate::plan::names::{Wanted, in_words};
use crate::state::StateStore;
use crate::version::{Version, VersionVector};

/// Tables that are pinned at a time.
const AT_A_TIME: usize = 16;

/// The tables of a statement, ready to be planned over.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// One per wanted table, same order.
    pub(super) providers: Vec<Arc<dyn TableProvider>>,
    /// One per wanted table, same order.
    pub(super) entries: Vec<PinnedEntry>,
    /// Stores that scans name.
    pub(super) stores: Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)>,
    /// What was pinned.
    pub(super) versions: VersionVector,
}

/// What was pinned of one table, for people.
#[derive(Debug)]
pub(super) struct PinnedEntry {
    /// Its key in the version vector.
    pub(super) key: String,
    /// The key of its port, which its scans report.
    pub(super) port_key: String,
    /// The owning domain.
    pub(super) domain: String,
    /// The connector that reads it.
    pub(super) connector: &'static str,
    /// The version in words.
    pub(super) version: String,
}

/// What is needed to pin.
pub(super) struct Pinner<'a> {
    pub(super) ctx: &'a QueryContext,
    pub(super) connectors: &'a Connectors,
    pub(super) state: &'a StateStore,
    pub(super) pins: Option<&'a VersionVector>,
}

/// Pins and opens every wanted table.
///
/// # Errors
/// The first failure of storage; what the other tables were waiting for is dropped then.
pub(super) async fn pin(pinner: &Pinner<'_>, wanted: &[Wanted]) -> Result<Tables> {
    let keys = keys(wanted);
    let work: Vec<_> = wanted.iter().zip(&keys).map(|(wanted, key)| Box::pin(pinner.one(wanted, key))).collect();
    let opened: Vec<(Pinned, Opened, &'static str)> = stream::iter(work).buffered(AT_A_TIME).try_collect().await?;
    let mut tables = Tables::default();
    for ((wanted, key), (pinned, opened, connector)) in wanted.iter().zip(keys).zip(opened) {
        tables.entries.push(PinnedEntry {
            key: key.clone(),
            port_key: wanted.key.clone(),
            domain: wanted.entry.id().name.domain.to_string(),
            connector,
            version: words(&pinned.version),
        });
        tables.versions.products.insert(key, pinned.version);
        tables.providers.push(opened.provider);
        tables.stores.extend(opened.stores);
    }
    Ok(tables)
}

/// The key of each wanted table in the version vector.
///
/// It is `domain.product@major`; only where one statement reads a table at several points in time, the explicit ones get
/// their point in words behind it.
fn keys(wanted: &[Wanted]) -> Vec<String> {
    let several = |key: &str| wanted.iter().filter(|other| other.key == key).count() > 1;
    wanted
        .iter()
        .map(|wanted| match &wanted.as_of {
            AsOf::Latest => wanted.key.clone(),
            as_of if several(&wanted.key) => format!("{} {}", wanted.key, in_words(as_of)),
            _ => wanted.key.clone(),
        })
        .collect()
}

/// A version in words.
pub(super) fn words(version: &Version) -> String {
    match version {
        Version::Delta(number) => format!("delta {number}"),
        Version::Manifest(hash) => format!("manifest {hash}"),
        Version::Catalog(number) => format!("catalog {number}"),
    }
}

impl Pinner<'_> {
    async fn one(&self, wanted: &Wanted, key: &str) -> Result<(Pinned, Opened, &'static str)> {
        let port = port(wanted)?;
        let connector = self.connectors.of(&port.spec.format)?;
        let as_of = self.as_of(wanted, key, connector.as_ref()).await?;
        let ctx = &self.ctx.for_product(key);
        let pinned = connector.pin(ctx, &port, &as_of).await?;
        if let (Version::Manifest(hash), Some(text)) = (&pinned.version, &pinned.manifest)
            && !matches!(as_of, AsOf::Recorded { .. })
        {
            self.state.put_manifest(hash, text).await?;
        }
        let known = drift::Pinned {
            product: port.product.clone(),
            table: port.table.clone(),
            policy: wanted.entry.drift_policy,
            version: words(&pinned.version),
        };
        ctx.drift.pin(&port.key, known);
        let opened = connector.open(ctx, &port, &pinned).await?;
        Ok((pinned, opened, connector.format()))
    }

    /// Which state to pin: the given one, else what the statement says.
    async fn as_of(&self, wanted: &Wanted, key: &str, connector: &dyn Connector) -> Result<AsOf> {
        if let Some(version) = self.pins.and_then(|pins| pins.products.get(key)) {
            let manifest = match version {
                Version::Manifest(hash) => Some(self.manifest(key, hash).await?),
                Version::Delta(_) | Version::Catalog(_) => None,
            };
            return Ok(AsOf::Recorded { version: version.clone(), manifest });
        }
        if wanted.as_of != AsOf::Latest && !connector.capabilities().time_travel {
            return Err(Failure::Unsupported {
                what: format!("time travel on {}", wanted.entry.id().name),
                hint: Some(format!("Products in the {} format keep no versions.", connector.format())),
            }
            .into());
        }
        Ok(wanted.as_of.clone())
    }

    async fn manifest(&self, key: &str, hash: &str) -> Result<bytes::Bytes> {
        self.state.manifest(hash).await?.ok_or_else(|| {
            Error::from(Failure::Unavailable {
                what: key.to_owned(),
                message: format!("the manifest {hash} of the pinned version is no longer kept"),
                cause: None,
            })
        })
    }
}

/// The port of a wanted table.
fn port(wanted: &Wanted) -> Result<Port> {
    port_of(&wanted.entry, wanted.table, wanted.key.clone())
}

/// The port of one table of a product version.
///
/// - `index`: in [`Entry::tables`]; `key`: the table's in version vectors.
///
/// # Errors
/// [`Failure::ContractBroken`] when the contract names no place; [`Failure::Denied`] when the domain may not use it.
pub(crate) fn port_of(entry: &Entry, index: usize, key: String) -> Result<Port> {
    let table = &entry.tables[index];
    let tables = entry.product.sql_tables();
    let contract = tables.iter().find(|declared| declared.name == table.name).or_else(|| tables.get(index));
    let spec = contract.and_then(|declared| declared.table.storage.clone());
    let located = spec.and_then(|spec| spec.location.clone().map(|location| (spec, location)));
    let Some((spec, location)) = located else {
        return Err(Failure::ContractBroken {
            product: entry.id().name.to_string(),
            message: "its contract names no storage location".to_owned(),
            hint: Some("Name one in the contract, or give the domain a location_template.".to_owned()),
        }
        .into());
    };
    Ok(Port {
        product: entry.id().clone(),
        table: table.name.clone(),
        key,
        location: entry.domain.storage.locate(&location)?,
        spec,
        schema: table.schema.clone(),
    })
}
