//! Schema drift at query time: what the stored columns of a pinned version have become, and what a query does about it.
//!
//! In: differences, as connectors find them in what they pin and open. Out: which of them stop the query, and a report of all.
//! Holds always:
//! - a difference is reported whatever is done about it; nothing is read as null unnoticed;
//! - the same difference is reported once per query, however many files have it.
//!
//! Start reading at [`DriftLog::weigh`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use meshweave_contract::name::{ProductId, TableName};
use parking_lot::Mutex;

pub use meshweave_contract::drift::DriftPolicy;

/// Differences that one query reports at most; more tell nothing new.
const MOST: usize = 1000;
/// Bytes of a name or a type that are reported: files may hold longer ones, and no index of a database does.
const LONGEST: usize = 400;

/// How stored columns differ from promised ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A column is stored that the contract does not name.
    NewColumn,
    /// A promised column is not stored, or not in every file.
    MissingColumn,
    /// A column is stored in a type that cannot be read as the promised one.
    OtherType,
    /// A column that is never null holds nulls.
    Nulls,
}

impl Change {
    /// As `mesh.drift` tells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::NewColumn => "new column",
            Self::MissingColumn => "missing column",
            Self::OtherType => "other type",
            Self::Nulls => "nulls",
        }
    }
}

/// What a query did about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Done {
    /// The query failed.
    Refused,
    /// The column was left out.
    Ignored,
    /// The column was read in the stored type.
    Widened,
    /// The column was read as null where it is missing.
    ReadAsNull,
}

impl Done {
    /// As `mesh.drift` tells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Ignored => "ignored",
            Self::Widened => "widened",
            Self::ReadAsNull => "read as null",
        }
    }
}

/// One difference, as a connector finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The kind.
    pub change: Change,
    /// The column.
    pub column: String,
    /// The promised type in the words of contracts; none for a new column.
    pub promised: Option<String>,
    /// The stored type in the words of contracts; none for a missing column.
    pub stored: Option<String>,
    /// Whether no policy lets a query go on.
    pub is_fatal: bool,
    /// What is wrong, for the error of a query that is refused.
    pub message: String,
}

/// One difference of one product, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The product version whose contract is not met.
    pub product: ProductId,
    /// Which of its tables.
    pub table: TableName,
    /// The pinned version of its data in words: `delta 912`, `manifest sha256:ab12…`.
    pub pinned: String,
    /// The column.
    pub column: String,
    /// The kind.
    pub change: Change,
    /// The promised type in words; none for a new column.
    pub promised: Option<String>,
    /// The stored type in words; none for a missing column.
    pub stored: Option<String>,
    /// What was done.
    pub done: Done,
}

/// One table that a query reads.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// The product version whose contract its data is held against.
    pub product: ProductId,
    /// Which of its tables.
    pub table: TableName,
    /// What is done about drift.
    pub policy: DriftPolicy,
    /// The pinned version of its data in words.
    pub version: String,
}

/// The drift that one query meets; shared by all its scans.
#[derive(Debug, Default)]
pub struct DriftLog(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// By the key of the version vector.
    pinned: BTreeMap<String, Pinned>,
    found: Vec<Drift>,
    seen: HashSet<(String, String, Change, Option<String>, Done)>,
}

impl DriftLog {
    /// Says what is read under a key, before it is opened.
    pub fn pin(&self, key: &str, pinned: Pinned) {
        self.0.lock().pinned.insert(key.to_owned(), pinned);
    }

    /// The policy of what is read under a key; the usual one when nobody said.
    pub fn policy(&self, key: &str) -> DriftPolicy {
        self.0.lock().pinned.get(key).map(|pinned| pinned.policy).unwrap_or_default()
    }

    /// Reports differences, and gives back those that the table's policy refuses.
    ///
    /// - `key`: of the version vector, as the port has it.
    pub fn weigh<'d>(&self, key: &str, differences: &'d [Difference]) -> Vec<&'d Difference> {
        if differences.is_empty() {
            return Vec::new();
        }
        let policy = self.policy(key);
        let weighed = differences.iter().map(|difference| (difference, weight(policy, difference)));
        let (refused, others): (Vec<_>, Vec<_>) = weighed.partition(|(_, done)| *done == Done::Refused);
        for (difference, done) in refused.iter().chain(&others) {
            self.report(key, difference, *done);
        }
        refused.into_iter().map(|(difference, _)| difference).collect()
    }

    /// Reports one difference, and what is done about it.
    pub fn report(&self, key: &str, difference: &Difference, done: Done) {
        let mut log = self.0.lock();
        let Some(pinned) = log.pinned.get(key).cloned() else { return };
        let Difference { change, .. } = difference;
        let column = shortened(&difference.column);
        let [promised, stored] = [&difference.promised, &difference.stored].map(|word| word.as_deref().map(shortened));
        if log.found.len() >= MOST
            || !log.seen.insert((
                key.to_owned(),
                column.to_string(),
                *change,
                stored.as_deref().map(str::to_owned),
                done,
            ))
        {
            return;
        }
        // For whoever looks for it: `mesh.drift` remembers it, and what is refused is the caller's error.
        tracing::debug!(
            product = %pinned.product, table = %pinned.table, %column, change = change.word(), done = done.word(),
            "schema drift"
        );
        log.found.push(Drift {
            product: pinned.product,
            table: pinned.table,
            pinned: pinned.version,
            column: column.into_owned(),
            change: *change,
            promised: promised.map(Cow::into_owned),
            stored: stored.map(Cow::into_owned),
            done,
        });
    }

    /// Everything that was reported so far, in order.
    pub fn found(&self) -> Vec<Drift> {
        self.0.lock().found.clone()
    }
}

/// A name or a type that a file holds, as errors and tables tell it: never longer than an index takes, and without the one character
/// that databases refuse.
pub fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    let short = &text[..text.floor_char_boundary(LONGEST)];
    let mark = if short.len() < text.len() { "…" } else { "" };
    Cow::Owned(format!("{}{mark}", short.replace('\0', "\u{fffd}")))
}

/// What a policy does about a difference.
fn weight(policy: DriftPolicy, difference: &Difference) -> Done {
    match (policy, difference.change) {
        _ if difference.is_fatal => Done::Refused,
        (DriftPolicy::Refuse, _) | (_, Change::OtherType | Change::Nulls) => Done::Refused,
        (DriftPolicy::NewColumnsIgnored | DriftPolicy::Widen, Change::NewColumn) => Done::Ignored,
        (DriftPolicy::NewColumnsIgnored | DriftPolicy::Widen, Change::MissingColumn) => Done::ReadAsNull,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: DriftPolicy, change: Change, is_fatal: bool, expected: Done) {
        let (column, message) = ("a".to_owned(), String::new());
        let difference = Difference { change, column, promised: None, stored: None, is_fatal, message };
        assert_eq!(weight(policy, &difference), expected, "{policy} {change:?} {is_fatal}");
    }

    #[test]
    fn each_policy_lets_through_what_it_says() {
        use DriftPolicy as P;
        for policy in DriftPolicy::ALL {
            check(policy, Change::OtherType, false, Done::Refused);
            check(policy, Change::Nulls, false, Done::Refused);
            check(policy, Change::MissingColumn, true, Done::Refused);
        }
        check(P::Refuse, Change::NewColumn, false, Done::Refused);
        check(P::Refuse, Change::MissingColumn, false, Done::Refused);
        for policy in [P::NewColumnsIgnored, P::Widen] {
            check(policy, Change::NewColumn, false, Done::Ignored);
            check(policy, Change::MissingColumn, false, Done::ReadAsNull);
        }
    }

    #[test]
    fn a_difference_is_reported_once_and_only_of_what_is_read() {
        let log = DriftLog::default();
        let name = meshweave_contract::name::ProductName::new("shop", "orders").unwrap();
        let product = ProductId { name, version: "1.0.0".parse().unwrap() };
        let table: TableName = "orders".parse().unwrap();
        log.pin("shop.orders@1", Pinned { product, table, policy: DriftPolicy::Widen, version: "delta 1".to_owned() });
        let new = Difference {
            change: Change::NewColumn,
            column: "more".to_owned(),
            promised: None,
            stored: Some("Utf8".to_owned()),
            is_fatal: false,
            message: String::new(),
        };
        for _ in 0..3 {
            assert_eq!(log.weigh("shop.orders@1", std::slice::from_ref(&new)), [] as [&Difference; 0]);
        }
        log.weigh("shop.other@1", std::slice::from_ref(&new));
        let found = log.found();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].column.as_str(), found[0].done, found[0].pinned.as_str()),
            ("more", Done::Ignored, "delta 1")
        );
    }

    #[test]
    fn names_of_any_length_are_told_in_short() {
        assert_eq!(shortened("größe"), "größe");
        assert_eq!(shortened("a\0b"), "a\u{fffd}b");
        let long = shortened(&"ö".repeat(5_000)).into_owned();
        assert!(long.len() <= LONGEST + 3 && long.starts_with("öö") && long.ends_with("ö…"), "{long}");
    }
}
