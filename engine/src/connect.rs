//! The connector's seam: how one kind of storage is observed, pinned and opened.
//!
//! A connector is given a [`Port`] (a governed table and where it lies) and never a bare URL.
//! Holds always:
//! - what was pinned is what is read: an object that changed after the pin is an error, never a mix;
//! - reading and writing are two seams: what takes rows is an [`Intake`], and few connectors have one;
//! - `open` gives exactly the columns of the port's resolved schema, in that order and with those types, or wider ones where the
//!   product's drift policy says so; whatever differs in storage is reported to [`crate::drift`].
//!
//! Start reading at [`Connector`].

mod intake;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::TableProvider;
use datafusion::execution::object_store::ObjectStoreUrl;
use meshweave_contract::model::StorageSpec;
use meshweave_contract::name::{ProductId, TableName};
use object_store::ObjectStore;

use crate::context::QueryContext;
use crate::error::{Failure, Result};
use crate::storage::Location;
use crate::version::Version;

pub use intake::{Inflow, Intake, Landed};

/// Code that reads one kind of storage.
#[async_trait]
pub trait Connector: fmt::Debug + Send + Sync {
    /// The word of a contract's `format` that this connector reads: `parquet`, `delta`.
    fn format(&self) -> &'static str;

    /// What it can do beyond reading the newest state.
    fn capabilities(&self) -> Capabilities;

    /// Looks at what is stored: schema, size, version. Reads metadata only.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the storage does not answer or nothing lies there;
    /// [`Failure::ContractBroken`] when what lies there cannot be one table.
    async fn probe(&self, ctx: &QueryContext, port: &Port) -> Result<Observed>;

    /// Fixes one immutable state of the table for the rest of the query.
    ///
    /// # Errors
    /// As [`Self::probe`]; and [`Failure::Unavailable`] when the state that `as_of` names is gone.
    async fn pin(&self, ctx: &QueryContext, port: &Port, as_of: &AsOf) -> Result<Pinned>;

    /// Gives a table over exactly the pinned state, with the columns of `port.schema`.
    ///
    /// # Errors
    /// [`Failure::ContractBroken`] when the stored columns cannot keep the promised types.
    async fn open(&self, ctx: &QueryContext, port: &Port, pinned: &Pinned) -> Result<Opened>;
}

/// What a connector can do beyond reading the newest state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `VERSION AS OF` and `TIMESTAMP AS OF`.
    pub time_travel: bool,
}

/// One governed table and where it lies.
#[derive(Debug, Clone)]
pub struct Port {
    /// The product version it belongs to.
    pub product: ProductId,
    /// Which of the product's tables.
    pub table: TableName,
    /// Its key in the version vector: `domain.product@major`, with `.table` for a further table.
    pub key: String,
    /// Where its rows lie, with the domain's credentials.
    pub location: Location,
    /// What the contract says about the storage.
    pub spec: StorageSpec,
    /// The resolved columns; none only while a contract without a schema is being registered.
    pub schema: Option<SchemaRef>,
}

/// Which state of a table to pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AsOf {
    /// The newest.
    Latest,
    /// The state with this number.
    Number(i64),
    /// The state at this moment, microseconds since 1970 UTC.
    Timestamp(i64),
    /// A state pinned before, from a version vector; `manifest` is the stored text of a manifest, found by its hash.
    Recorded {
        /// The version as the vector has it.
        version: Version,
        /// The manifest's text when the version is one.
        manifest: Option<Bytes>,
    },
}

/// One immutable state of a table.
#[derive(Clone)]
pub struct Pinned {
    /// Its entry in the version vector.
    pub version: Version,
    /// The text to keep for replay, when the version is a hash.
    pub manifest: Option<Bytes>,
    /// What the connector needs to open it; its own business.
    pub detail: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What lies at a port.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Columns as stored, partition columns last.
    pub schema: SchemaRef,
    /// The newest version.
    pub version: Version,
    /// Files that make it up.
    pub files: u64,
    /// Their size, on storage.
    pub bytes: u64,
    /// Rows, where the metadata tells.
    pub rows: Option<u64>,
}

/// A table ready to be planned over.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The table.
    pub provider: Arc<dyn TableProvider>,
    /// Stores that its scans name, for this query only. The URLs are unique per store identity.
    pub stores: Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)>,
}

/// The connectors of a process, by format.
#[derive(Debug, Clone, Default)]
pub struct Connectors {
    readers: BTreeMap<&'static str, Arc<dyn Connector>>,
    intakes: BTreeMap<&'static str, Arc<dyn Intake>>,
}

impl Connectors {
    /// A set of connectors; a later one of the same format replaces an earlier. None of them takes rows.
    pub fn new(connectors: impl IntoIterator<Item = Arc<dyn Connector>>) -> Self {
        Self { readers: connectors.into_iter().map(|c| (c.format(), c)).collect(), intakes: BTreeMap::new() }
    }

    /// The same, with what takes rows; a later one of the same format replaces an earlier.
    #[must_use]
    pub fn taking_rows(mut self, intakes: impl IntoIterator<Item = Arc<dyn Intake>>) -> Self {
        self.intakes.extend(intakes.into_iter().map(|intake| (intake.format(), intake)));
        self
    }

    /// The connector that reads `format`.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] with the formats there are.
    pub fn of(&self, format: &str) -> Result<&Arc<dyn Connector>> {
        self.readers.get(format).ok_or_else(|| {
            Failure::Unsupported {
                what: format!("storage format \"{format}\""),
                hint: Some(format!("Formats that can be read: {}.", self.formats().join(", "))),
            }
            .into()
        })
    }

    /// What takes rows for tables stored as `format`; none where nothing does.
    pub fn intake(&self, format: &str) -> Option<&Arc<dyn Intake>> {
        self.intakes.get(format)
    }

    /// The formats that can be read, sorted.
    pub fn formats(&self) -> Vec<&'static str> {
        self.readers.keys().copied().collect()
    }

    /// The formats that take rows, sorted.
    pub fn intake_formats(&self) -> Vec<&'static str> {
        self.intakes.keys().copied().collect()
    }
}
