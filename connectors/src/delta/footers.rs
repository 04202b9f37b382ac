//! Decoded file footers, kept between queries and never shared between tables.
//!
//! In: DataFusion's key, which is a path alone. Out: an entry of the same store, folder, table and version, or nothing.
//! Holds always: one byte budget for all tables; a [`Scoped`] view never sees an entry of another view.
//!
//! Start reading at [`FooterCache::of`].

use std::collections::HashMap as StdMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{HashMap, Result, TableReference};
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::path::Path;
use sha2::{Digest, Sha256};

use super::snapshots::Loaded;
use super::store::TableFolder;

type Shared = DefaultCache<Path, CachedFileMetadataEntry>;

/// The footers of all tables; evicts the least recently used beyond its size.
pub(super) struct FooterCache(Arc<Shared>);

impl std::fmt::Debug for FooterCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FooterCache").field("entries", &self.0.len()).field("limit", &self.0.cache_limit()).finish()
    }
}

impl FooterCache {
    /// A cache of `limit_bytes` for all tables together.
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self(Arc::new(DefaultCache::new(limit_bytes).with_name("meshweave delta footers")))
    }

    /// The footers of one version of one table.
    pub(super) fn of(&self, folder: &TableFolder, loaded: &Loaded) -> Arc<FileMetadataCache> {
        let mut sha = Sha256::new();
        for part in [folder.id.store.0.as_str(), folder.id.path.as_ref(), loaded.table_id.as_str()] {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
        sha.update(loaded.version.to_be_bytes());
        Arc::new(Scoped { shared: Arc::clone(&self.0), scope: hex::encode(sha.finalize()) })
    }
}

/// The part of the cache that belongs to one version of one table.
struct Scoped {
    shared: Arc<Shared>,
    scope: String,
}

impl Scoped {
    fn key(&self, path: &Path) -> Path {
        std::iter::once(self.scope.as_str().into()).chain(path.parts()).collect()
    }

    /// Full keys of this part, with their path inside the table.
    fn mine(&self) -> StdMap<Path, Path> {
        let scope = Path::from(self.scope.as_str());
        let inside = |full: Path| {
            let path: Path = full.prefix_match(&scope)?.collect();
            Some((full, path))
        };
        self.shared.list_entries().into_keys().filter_map(inside).collect()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Cache<Path, CachedFileMetadataEntry> for Scoped {
    fn get(&self, key: &Path) -> Option<CachedFileMetadataEntry> {
        self.shared.get(&self.key(key))
    }

    fn put(&self, key: &Path, value: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        self.shared.put(&self.key(key), value)
    }

    fn remove(&self, key: &Path) -> Option<CachedFileMetadataEntry> {
        self.shared.remove(&self.key(key))
    }

    fn contains_key(&self, key: &Path) -> bool {
        self.shared.contains_key(&self.key(key))
    }

    fn len(&self) -> usize {
        self.mine().len()
    }

    fn is_empty(&self) -> bool {
        self.mine().is_empty()
    }

    fn clear(&self) {
        for full in self.mine().into_keys() {
            self.shared.remove(&full);
        }
    }

    fn name(&self) -> String {
        self.shared.name()
    }

    fn cache_limit(&self) -> usize {
        self.shared.cache_limit()
    }

    /// The size is the connector's setting; a session that wraps this view may not change it.
    fn update_cache_limit(&self, _limit: usize) {}

    fn cache_ttl(&self) -> Option<Duration> {
        self.shared.cache_ttl()
    }

    /// As for the limit.
    fn update_cache_ttl(&self, _ttl: Option<Duration>) {}

    /// Entries are of files, not of tables in a catalog.
    fn drop_table_entries(&self, _table: &TableReference) -> Result<()> {
        Ok(())
    }

    fn list_entries(&self) -> HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        let mut all = self.shared.list_entries();
        self.mine().into_iter().filter_map(|(full, path)| Some((path, all.remove(&full)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use chrono::DateTime;
    use datafusion::execution::cache::cache_manager::FileMetadata;
    use object_store::ObjectMeta;

    use super::*;

    #[derive(Debug)]
    struct Footer(usize);

    impl FileMetadata for Footer {
        fn as_any(&self) -> &dyn Any {
            self
        }

        fn memory_size(&self) -> usize {
            self.0
        }

        fn extra_info(&self) -> HashMap<String, String> {
            HashMap::new()
        }
    }

    fn entry(path: &Path, size: usize) -> CachedFileMetadataEntry {
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: DateTime::UNIX_EPOCH,
            size: 1,
            e_tag: None,
            version: None,
        };
        CachedFileMetadataEntry::new(meta, Arc::new(Footer(size)))
    }

    fn scoped(cache: &FooterCache, scope: &str) -> Scoped {
        Scoped { shared: Arc::clone(&cache.0), scope: scope.to_owned() }
    }

    #[test]
    fn a_scope_sees_its_own_entries_only() {
        let cache = FooterCache::new(1 << 20);
        let (one, two) = (scoped(&cache, "one"), scoped(&cache, "two"));
        let path = Path::from("p=1/a.parquet");
        one.put(&path, entry(&path, 10));
        assert!(one.contains_key(&path) && one.get(&path).is_some());
        assert!(!two.contains_key(&path) && two.get(&path).is_none() && two.is_empty());
        assert_eq!(one.list_entries().into_keys().collect::<Vec<_>>(), std::slice::from_ref(&path));
        two.clear();
        assert_eq!(one.len(), 1);
        one.clear();
        assert!(one.is_empty());
    }

    #[test]
    fn all_scopes_share_one_budget_that_no_session_changes() {
        let cache = FooterCache::new(1000);
        for scope in ["a", "b", "c", "d"] {
            let scope = scoped(&cache, scope);
            scope.update_cache_limit(usize::MAX);
            let path = Path::from("file");
            scope.put(&path, entry(&path, 400));
        }
        assert_eq!(cache.0.cache_limit(), 1000);
        assert!(cache.0.len() <= 2, "{cache:?}");
        assert!(!scoped(&cache, "a").contains_key(&Path::from("file")), "the oldest goes first");
    }
}
