//! Manifests that were pinned lately, in memory.
//!
//! Holds always: no more bytes than were allowed; the oldest go first.
//!
//! Start reading at [`Recent`].

use std::collections::VecDeque;

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
    /// The oldest first.
    manifests: VecDeque<(String, Bytes)>,
    bytes: usize,
}

impl Recent {
    /// - `limit`: bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), kept: Mutex::default() }
    }

    /// Keeps a manifest; the same again makes it the newest.
    pub(super) fn put(&self, hash: &str, text: &Bytes) {
        let mut kept = self.kept.lock();
        if let Some(at) = kept.manifests.iter().position(|(other, _)| other == hash) {
            let same = kept.manifests.remove(at);
            kept.manifests.extend(same);
            return;
        }
        if text.len() > self.limit {
            return;
        }
        kept.bytes += text.len();
        kept.manifests.push_back((hash.to_owned(), text.clone()));
        while kept.bytes > self.limit {
            let Some((_, oldest)) = kept.manifests.pop_front() else { return };
            kept.bytes -= oldest.len();
        }
    }

    pub(super) fn get(&self, hash: &str) -> Option<Bytes> {
        self.kept.lock().manifests.iter().find(|(other, _)| other == hash).map(|(_, text)| text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let recent = Recent::new(10);
        let text = Bytes::from_static(b"1234");
        for hash in ["a", "b", "a", "c"] {
            recent.put(hash, &text);
        }
        assert_eq!(
            [recent.get("a").is_some(), recent.get("b").is_some(), recent.get("c").is_some()],
            [true, false, true]
        );
        recent.put("large", &Bytes::from_static(b"12345678901"));
        assert_eq!(recent.get("large"), None);
        assert!(recent.get("c").is_some(), "what does not fit pushes nothing out");
    }
}
