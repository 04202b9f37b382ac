//! What footers have said of folders before: whether all values of a file lie in the stretch that its folders stand for.
//!
//! A few bytes for each object, so that far more are remembered than footers are kept, and a later query leaves a file out without
//! looking at it.
//! Holds always: an answer belongs to one state of one object (store, path and ETag) and to one stretch; the memory keeps to its size.
//!
//! Start reading at [`Confirmed`].

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::column::ColumnFacts;
use super::footer::Key;
use crate::common::hidden::Bounds;

/// Bytes that one answer takes, with the table around it.
const ENTRY: u64 = 48;

/// The object, the column and the stretch that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Question([u8; 16]);

impl Question {
    /// About one column of one object.
    pub(crate) fn of(object: &Key, column: &str, bounds: &Bounds) -> Self {
        let mut hash = Sha256::new();
        for part in object.parts() {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(format!("{column:?} {:?} {:?}", bounds.min, bounds.max));
        let digest = hash.finalize();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Self(short)
    }
}

/// Answers of a process; bounded in bytes. The older half goes when there is no more room.
#[derive(Debug)]
pub(crate) struct Confirmed {
    room: usize,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    young: HashMap<Question, bool>,
    old: HashMap<Question, bool>,
}

impl Confirmed {
    /// An empty memory of at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { room: usize::try_from(limit / ENTRY / 2).unwrap_or(usize::MAX), answers: Mutex::default() }
    }

    /// What a footer has said; none when it was not asked, or that is forgotten.
    pub(crate) fn get(&self, question: &Question) -> Option<bool> {
        let answers = self.answers.lock();
        answers.young.get(question).or_else(|| answers.old.get(question)).copied()
    }

    /// Remembers what a footer has said.
    pub(crate) fn put(&self, question: Question, answer: bool) {
        if self.room == 0 {
            return;
        }
        let mut answers = self.answers.lock();
        if answers.young.len() >= self.room {
            answers.old = std::mem::take(&mut answers.young);
        }
        answers.young.insert(question, answer);
    }
}

/// Whether all values of a column lie within bounds; false where statistics are missing.
///
/// - `rows`: rows of every row group.
pub(crate) fn lies_within(facts: &ColumnFacts, rows: &[u64], bounds: &Bounds) -> bool {
    let is_within = |group: usize| -> Option<bool> {
        if facts.is_all_null(group, rows[group]) {
            return Some(true);
        }
        let min = ScalarValue::try_from_array(&facts.mins, group).ok().filter(|value| !value.is_null())?;
        let max = ScalarValue::try_from_array(&facts.maxes, group).ok().filter(|value| !value.is_null())?;
        Some(min.partial_cmp(&bounds.min)?.is_ge() && max.partial_cmp(&bounds.max)?.is_le())
    };
    (0..rows.len()).all(|group| is_within(group) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(n: u8) -> Question {
        Question([n; 16])
    }

    #[test]
    fn the_older_half_goes_first() {
        let confirmed = Confirmed::new(2 * 2 * ENTRY);
        for n in 0..5 {
            confirmed.put(question(n), n % 2 == 0);
        }
        let known: Vec<Option<bool>> = (0..5).map(|n| confirmed.get(&question(n))).collect();
        assert_eq!(known, [None, None, Some(true), Some(false), Some(true)]);
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let confirmed = Confirmed::new(0);
        confirmed.put(question(1), true);
        assert_eq!(confirmed.get(&question(1)), None);
    }
}
