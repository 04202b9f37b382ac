//! Manifests that were pinned lately, in memory.
//!
//! Holds always: no more bytes than were allowed; the oldest go first.
//!
//! Start reading at [`Recent`].

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;

/// A few manifests by hash.
#[derive(Debug)]
pub(super) struct Recent {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    manifests: HashMap<String, Bytes>,
    /// Their hashes, the oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl Recent {
    /// - `limit`: bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), kept: Mutex::default() }
    }

    /// Keeps a manifest, unless it is kept already or larger than everything together may be.
    pub(super) fn put(&self, hash: &str, text: &Bytes) {
        let mut kept = self.kept.lock();
        let size = hash.len() + text.len();
        if kept.manifests.contains_key(hash) || size > self.limit {
            return;
        }
        kept.bytes += size;
        kept.manifests.insert(hash.to_owned(), text.clone());
        kept.order.push_back(hash.to_owned());
        while kept.bytes > self.limit {
            let Some(oldest) = kept.order.pop_front() else { return };
            kept.bytes -= oldest.len() + kept.manifests.remove(&oldest).map_or(0, |text| text.len());
        }
    }

    pub(super) fn get(&self, hash: &str) -> Option<Bytes> {
        self.kept.lock().manifests.get(hash).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let recent = Recent::new(10);
        let text = Bytes::from_static(b"1234");
        for hash in ["a", "b", "b", "c"] {
            recent.put(hash, &text);
        }
        assert_eq!(
            [recent.get("a").is_some(), recent.get("b").is_some(), recent.get("c").is_some()],
            [false, true, true]
        );
        recent.put("large", &Bytes::from_static(b"12345678901"));
        assert_eq!(recent.get("large"), None);
        assert!(recent.get("c").is_some(), "what does not fit pushes nothing out");
    }
}
