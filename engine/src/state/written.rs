//! Which manifests this process has written lately, so that a query over what was pinned before writes nothing.
//!
//! Holds always: what is called written is kept for at least nine tenths of the retention from now on.
//!
//! Start reading at [`Written::covers`].

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

/// Hashes that are remembered, about 100 bytes each; when there are more, all are forgotten and written once more.
const REMEMBERED: usize = 8192;

/// When manifests were written last, by hash.
#[derive(Debug)]
pub(super) struct Written {
    /// Seconds for which a write need not be renewed.
    lasts: i64,
    at: Mutex<HashMap<String, i64>>,
}

impl Written {
    /// - `retention`: how long a manifest is kept after it was written.
    pub(super) fn new(retention: Duration) -> Self {
        let lasts = i64::try_from(retention.as_secs() / 10).unwrap_or(i64::MAX);
        Self { lasts, at: Mutex::default() }
    }

    /// Whether a manifest was written so lately that it need not be written at `now`.
    pub(super) fn covers(&self, hash: &str, now: Timestamp) -> bool {
        let last = self.at.lock().get(hash).copied();
        last.is_some_and(|last| now.as_second().saturating_sub(last) < self.lasts)
    }

    /// Remembers a write; the latest counts.
    pub(super) fn note(&self, hash: &str, now: Timestamp) {
        let mut at = self.at.lock();
        if at.len() >= REMEMBERED && !at.contains_key(hash) {
            at.clear();
        }
        let last = at.entry(hash.to_owned()).or_insert(i64::MIN);
        *last = (*last).max(now.as_second());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_retention_is_covered() {
        let written = Written::new(Duration::from_secs(1000));
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!written.covers("a", at(0)));
        written.note("a", at(0));
        assert!(written.covers("a", at(99)));
        assert!(!written.covers("a", at(100)));
        assert!(!written.covers("b", at(0)));
        written.note("a", at(200));
        written.note("a", at(100));
        assert!(written.covers("a", at(299)), "the latest counts");
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let written = Written::new(Duration::from_secs(1000));
        for number in 0..=REMEMBERED {
            written.note(&number.to_string(), Timestamp::UNIX_EPOCH);
        }
        assert!(written.at.lock().len() <= REMEMBERED);
        assert!(written.covers(&REMEMBERED.to_string(), Timestamp::UNIX_EPOCH));
    }
}
