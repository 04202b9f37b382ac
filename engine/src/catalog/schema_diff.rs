//! What a contract promises against what the files hold, column by column.
//!
//! In: declared columns and observed ones. Out: a [`SchemaReport`], and the columns that SQL will see.
//! Pure. Holds always: a promised column that is missing or cannot keep its type is an error, never a silent NULL.
//!
//! Start reading at [`compare`].

use std::fmt;

use meshweave_contract::model::Column;
use meshweave_contract::name::alike;
use meshweave_contract::types::LogicalType;

use super::ResolvedColumn;

/// One difference between a contract and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The contract promises a column that is not stored.
    MissingColumn {
        /// The column.
        column: String,
        /// A stored column that differs in spelling only.
        spelled: Option<String>,
    },
    /// The files hold a column that the contract does not name; SQL does not see it.
    ExtraColumn {
        /// The column.
        column: String,
        /// What it holds.
        stored: LogicalType,
    },
    /// The stored type cannot keep the promised one.
    TypeMismatch {
        /// The column.
        column: String,
        /// What the contract promises.
        promised: LogicalType,
        /// What is stored.
        stored: LogicalType,
    },
    /// The stored type is another one that keeps the promise.
    Widening {
        /// The column.
        column: String,
        /// What the contract promises.
        promised: LogicalType,
        /// What is stored.
        stored: LogicalType,
    },
    /// The contract promises that a column is never null, and the files do not say so.
    Nullability {
        /// The column.
        column: String,
    },
}

impl Difference {
    /// Whether the contract cannot be kept.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::MissingColumn { .. } | Self::TypeMismatch { .. })
    }
}

impl Difference {
    /// Whether a column is stored that the contract does not name.
    pub fn is_new_column(&self) -> bool {
        matches!(self, Self::ExtraColumn { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn { column, spelled: None } => write!(f, "column {column} is promised and not stored"),
            Self::MissingColumn { column, spelled: Some(spelled) } => {
                write!(f, "column {column} is promised and not stored; the files spell it {spelled}")
            }
            Self::ExtraColumn { column, stored } => {
                write!(f, "column {column} ({stored}) is stored and not in the contract; SQL does not see it")
            }
            Self::TypeMismatch { column, promised, stored } => {
                write!(f, "column {column} is promised as {promised} and stored as {stored}")
            }
            Self::Widening { column, promised, stored } => {
                write!(f, "column {column} is stored as {stored}, which keeps the promised {promised}")
            }
            Self::Nullability { column } => {
                write!(f, "column {column} is promised never to be null, and the files allow null")
            }
        }
    }
}

/// How a contract's table compares with its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaReport {
    /// Every difference: promised columns in the contract's order, then stored ones that it does not name.
    pub differences: Vec<Difference>,
}

impl SchemaReport {
    /// Whether the files keep what the contract promises.
    pub fn is_kept(&self) -> bool {
        !self.differences.iter().any(Difference::is_error)
    }
}

/// Compares promised columns with stored ones.
///
/// - returns the report, and the resolved columns: the contract's names and order, the stored type where it keeps the promise
///   (a `number` stored as a decimal is a decimal), never null only where contract and files both say so.
pub fn compare(promised: &[Column], stored: &[Column]) -> (SchemaReport, Vec<ResolvedColumn>) {
    let mut report = SchemaReport::default();
    let mut resolved = Vec::with_capacity(promised.len());
    for column in promised {
        let found = stored.iter().find(|s| s.name == column.name);
        resolved.push(resolve(column, found));
        match found {
            Some(found) => report.differences.extend(differences(column, found)),
            None => report.differences.push(Difference::MissingColumn {
                column: column.name.clone(),
                spelled: stored.iter().find(|s| alike(&s.name, &column.name)).map(|s| s.name.clone()),
            }),
        }
    }
    let extra = stored.iter().filter(|s| !promised.iter().any(|p| p.name == s.name));
    report
        .differences
        .extend(extra.map(|s| Difference::ExtraColumn { column: s.name.clone(), stored: s.logical_type.clone() }));
    (report, resolved)
}

/// The resolved columns of a table that has nothing stored yet: the contract's, made concrete, each allowed to be null.
pub fn promised_only(promised: &[Column]) -> Vec<ResolvedColumn> {
    promised.iter().map(|column| resolve(column, None)).collect()
}

/// The resolved columns of a table whose contract names none: as observed.
pub fn observed_only(stored: &[Column]) -> Vec<ResolvedColumn> {
    stored
        .iter()
        .map(|s| ResolvedColumn { name: s.name.clone(), logical_type: s.logical_type.concrete(), nullable: s.nullable })
        .collect()
}

fn resolve(promised: &Column, stored: Option<&Column>) -> ResolvedColumn {
    let logical_type = match stored {
        Some(stored) if promised.logical_type.accepts(&stored.logical_type) => {
            seen_as(&promised.logical_type, &stored.logical_type)
        }
        _ => promised.logical_type.concrete(),
    };
    let nullable = promised.nullable || stored.is_none_or(|s| s.nullable);
    ResolvedColumn { name: promised.name.clone(), logical_type, nullable }
}

/// The type that SQL sees of an accepted column: what is stored, so that a scan converts nothing.
///
/// Text that was promised to be a `uuid` or `json` keeps that word; a stored type that nobody can name becomes the promised one.
fn seen_as(promised: &LogicalType, stored: &LogicalType) -> LogicalType {
    use LogicalType as T;
    match (promised, stored) {
        (T::Uuid | T::Json, T::String) => promised.clone(),
        (promised, T::Any) => promised.concrete(),
        (T::List { item, .. }, T::List { item: stored, item_nullable }) => {
            T::List { item: Box::new(seen_as(item, stored)), item_nullable: *item_nullable }
        }
        (_, stored) => stored.concrete(),
    }
}

fn differences(promised: &Column, stored: &Column) -> Vec<Difference> {
    let column = promised.name.clone();
    let (p, s) = (promised.logical_type.clone(), stored.logical_type.clone());
    let mut found = Vec::new();
    if !p.accepts(&s) {
        found.push(Difference::TypeMismatch { column: column.clone(), promised: p, stored: s });
    } else if p != s {
        found.push(Difference::Widening { column: column.clone(), promised: p, stored: s });
    }
    if !promised.nullable && stored.nullable {
        found.push(Difference::Nullability { column });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogicalType as T;

    fn column(name: &str, logical_type: T, nullable: bool) -> Column {
        Column { nullable, ..Column::new(name, logical_type) }
    }

    fn check(promised: T, stored: T, seen: &T, expected: &[&str]) {
        let (report, resolved) = compare(&[column("a", promised, true)], &[column("a", stored, true)]);
        let lines: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
        assert_eq!(resolved[0].logical_type, *seen);
    }

    #[test]
    fn equal_columns_do_not_differ() {
        check(T::Int64, T::Int64, &T::Int64, &[]);
    }

    #[test]
    fn a_wider_promise_is_kept_and_told() {
        check(T::Int64, T::Int32, &T::Int32, &["column a is stored as int32, which keeps the promised int64"]);
        let decimal = T::Decimal { precision: 15, scale: 2 };
        let line = "column a is stored as decimal(15,2), which keeps the promised number";
        check(T::Number, decimal.clone(), &decimal, &[line]);
        check(T::Uuid, T::String, &T::Uuid, &["column a is stored as string, which keeps the promised uuid"]);
    }

    #[test]
    fn a_type_that_cannot_keep_the_promise_is_an_error() {
        check(T::Int32, T::Int64, &T::Int32, &["column a is promised as int32 and stored as int64"]);
        let (report, _) = compare(&[column("a", T::Int32, true)], &[column("a", T::Int64, true)]);
        assert!(!report.is_kept());
    }

    #[test]
    fn missing_extra_and_misspelled_columns_are_told() {
        let promised = [column("orderId", T::String, true), column("gone", T::Date, true)];
        let stored = [column("orderid", T::String, true), column("more", T::Int8, true)];
        let (report, resolved) = compare(&promised, &stored);
        let lines: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "column orderId is promised and not stored; the files spell it orderid",
                "column gone is promised and not stored",
                "column orderid (string) is stored and not in the contract; SQL does not see it",
                "column more (int8) is stored and not in the contract; SQL does not see it",
            ]
        );
        assert!(!report.is_kept());
        assert_eq!(resolved.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["orderId", "gone"]);
    }

    #[test]
    fn never_null_needs_both_to_say_so() {
        for (promised, stored, nullable) in [(false, false, false), (false, true, true), (true, false, true)] {
            let (report, resolved) = compare(&[column("a", T::Date, promised)], &[column("a", T::Date, stored)]);
            assert_eq!(resolved[0].nullable, nullable);
            assert_eq!(report.differences.len(), usize::from(!promised && stored));
            assert!(report.is_kept());
        }
        assert!(promised_only(&[column("a", T::Date, false)])[0].nullable);
    }
}
