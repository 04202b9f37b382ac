//! The commit that makes added files visible, and what became of it.
//!
//! deltalake makes the commit, and tries again where others were faster. Between it and the log stands a [`Watched`] log, so that it
//! is known what happened when a request broke off: an entry that is there under our version with our bytes is ours.
//! Holds always:
//! - an entry is never written twice, also when a store has taken it and its answer was lost;
//! - files are taken back only when it is sure that no entry of the log names them.
//!
//! Start reading at [`append`].
//!
//! # Source
//! Delta protocol, "Transaction Log Protocol", "Optimistic Concurrency Control".

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use deltalake::DeltaResult;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError};
use deltalake::kernel::{Action, Add, Version};
use deltalake::logstore::{CommitOrBytes, LogStore, LogStoreConfig};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::table::state::DeltaTableState;
use meshweave_engine::storage::Fault;
use object_store::ObjectStore;
use parking_lot::Mutex;
use uuid::Uuid;

/// What files are added to.
#[derive(Debug, Clone)]
pub(super) enum Base {
    /// A table as it was when its rows began to come.
    Table(DeltaTableState),
    /// No table yet: this one is made with them.
    New(DeltaTableState),
}

impl Base {
    /// The table's schema, properties and protocol.
    pub(super) fn state(&self) -> &DeltaTableState {
        match self {
            Self::Table(state) | Self::New(state) => state,
        }
    }
}

/// What became of a commit.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The version has the files.
    Landed(u64),
    /// No version has them.
    Refused(deltalake::DeltaTableError),
    /// The store did not say, and nobody can know: the version may have them.
    Unknown(u64, deltalake::DeltaTableError),
}

/// Adds files to a table in one commit.
///
/// - `notes`: what the entry tells of who made it.
pub(super) async fn append(
    base: &Base,
    log: Arc<dyn LogStore>,
    adds: &[Add],
    notes: Vec<(String, serde_json::Value)>,
) -> Outcome {
    let watched = Arc::new(Watched { inner: log, met: Mutex::new(Met::Nothing) });
    // Old entries are the business of those who keep the table.
    let properties = CommitProperties::default().with_metadata(notes).with_cleanup_expired_logs(Some(false));
    let (properties, table) = match base {
        Base::Table(state) => (properties, Some(state as &dyn TableReference)),
        // deltalake would make a second version out of a table that somebody else has just made.
        Base::New(_) => (properties.with_max_retries(0), None),
    };
    let log = Arc::clone(&watched) as Arc<dyn LogStore>;
    let commit = CommitBuilder::from(properties).with_actions(actions(base, adds)).build(table, log, operation(base));
    let done = async { commit.into_prepared_commit_future().await?.await }.await;
    let met = *watched.met.lock();
    match (met, done) {
        (Met::Landed(version), Ok(post)) => {
            if let Err(error) = post.await {
                tracing::warn!(version, %error, "rows were added, and the checkpoint after it failed");
            }
            Outcome::Landed(version)
        }
        (Met::Landed(version), Err(error)) => {
            tracing::warn!(version, %error, "rows were added, and what came after it failed");
            Outcome::Landed(version)
        }
        (Met::Unknown(version), Err(error)) => Outcome::Unknown(version, error),
        (Met::Unknown(version), Ok(_)) => Outcome::Landed(version),
        (Met::Nothing, Err(error)) => Outcome::Refused(error),
        (Met::Nothing, Ok(post)) => Outcome::Landed(post.version),
    }
}

fn actions(base: &Base, adds: &[Add]) -> Vec<Action> {
    let state = base.state();
    let made = match base {
        Base::Table(_) => Vec::new(),
        Base::New(_) => vec![Action::Protocol(state.protocol().clone()), Action::Metadata(state.metadata().clone())],
    };
    made.into_iter().chain(adds.iter().cloned().map(Action::Add)).collect()
}

fn operation(base: &Base) -> DeltaOperation {
    let columns = base.state().metadata().partition_columns();
    let partition_by = (!columns.is_empty()).then(|| columns.to_vec());
    DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None }
}

/// What is known of the entry so far.
#[derive(Debug, Clone, Copy)]
enum Met {
    Nothing,
    Landed(u64),
    Unknown(u64),
}

/// A log that knows what became of the entries that were written to it.
struct Watched {
    inner: Arc<dyn LogStore>,
    met: Mutex<Met>,
}

impl Watched {
    fn set(&self, met: Met) {
        *self.met.lock() = met;
    }

    /// What lies under the version now.
    async fn found(&self, version: Version) -> Option<Bytes> {
        self.inner.read_commit_entry(version).await.ok().flatten()
    }
}

/// Whether a store may have done what it did not answer to.
fn may_be_done(error: &TransactionError) -> bool {
    match error {
        TransactionError::ObjectStore { source } => matches!(
            Fault::of(source),
            Some(Fault::NoAnswer | Fault::Stalled | Fault::BrokenOff | Fault::WrongLength | Fault::Failing)
        ),
        _ => false,
    }
}

#[async_trait]
impl LogStore for Watched {
    /// deltalake hands entries over as bytes to stores of this name.
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn refresh(&self) -> DeltaResult<()> {
        self.inner.refresh().await
    }

    async fn read_commit_entry(&self, version: Version) -> DeltaResult<Option<Bytes>> {
        self.inner.read_commit_entry(version).await
    }

    async fn write_commit_entry(
        &self,
        version: Version,
        entry: CommitOrBytes,
        operation_id: Uuid,
    ) -> Result<(), TransactionError> {
        self.set(Met::Unknown(version));
        let ours = match &entry {
            CommitOrBytes::LogBytes(bytes) => Some(bytes.clone()),
            CommitOrBytes::TmpCommit(_) => None,
        };
        let Err(error) = self.inner.write_commit_entry(version, entry, operation_id).await else {
            self.set(Met::Landed(version));
            return Ok(());
        };
        match self.found(version).await {
            Some(found) if Some(&found) == ours.as_ref() => {
                self.set(Met::Landed(version));
                Ok(())
            }
            Some(_) => {
                self.set(Met::Nothing);
                Err(TransactionError::VersionAlreadyExists(version))
            }
            None => {
                if !may_be_done(&error) {
                    self.set(Met::Nothing);
                }
                Err(error)
            }
        }
    }

    async fn abort_commit_entry(
        &self,
        version: Version,
        entry: CommitOrBytes,
        operation_id: Uuid,
    ) -> Result<(), TransactionError> {
        self.inner.abort_commit_entry(version, entry, operation_id).await
    }

    async fn get_latest_version(&self, start_version: Version) -> DeltaResult<Version> {
        self.inner.get_latest_version(start_version).await
    }

    fn object_store(&self, operation_id: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.inner.object_store(operation_id)
    }

    fn root_object_store(&self, operation_id: Option<Uuid>) -> Arc<dyn ObjectStore> {
        self.inner.root_object_store(operation_id)
    }

    fn config(&self) -> &LogStoreConfig {
        self.inner.config()
    }
}
