//! Puts two values in order: spans of time, dates, bounds that may be numbers or texts.
//!
//! Holds always: what cannot be put in order for certain gives none, and the caller takes the heavier class.

use std::cmp::Ordering;

use jiff::civil::{Date, date};
use serde_json::Value;

/// How one calendar span compares with another, wherever in the calendar it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spans {
    /// Equally long from every start.
    Same,
    /// Shorter than before from some start, or not comparable at all.
    Shorter,
    /// Never shorter than before, and longer from some start.
    Longer,
    /// Shorter from one start and longer from another (`P1M` and `P30D`), or too large to compare.
    Either,
}

/// Compares a new span with the old one, from the first day of each month of four years (one of them a leap year).
pub(super) fn spans(old: &jiff::Span, new: &jiff::Span) -> Spans {
    let (mut shorter, mut longer) = (false, false);
    for start in starts() {
        match new.compare((old, start)) {
            Ok(Ordering::Less) => shorter = true,
            Ok(Ordering::Greater) => longer = true,
            Ok(Ordering::Equal) => {}
            Err(_) => return Spans::Either,
        }
    }
    match (shorter, longer) {
        (false, false) => Spans::Same,
        (true, false) => Spans::Shorter,
        (false, true) => Spans::Longer,
        (true, true) => Spans::Either,
    }
}

fn starts() -> impl Iterator<Item = Date> {
    (2021..=2024).flat_map(|year| (1..=12).map(move |month| date(year, month, 1)))
}

/// A span as contracts write it: `24h`, `15_minutes`, `PT5M`.
pub(super) fn span(value: &Value) -> Option<jiff::Span> {
    value.as_str()?.trim().replace('_', " ").parse().ok()
}

/// Puts two RFC 3339 dates or timestamps in order; a date is its first moment, UTC.
pub(super) fn dates(old: &str, new: &str) -> Option<Ordering> {
    Some(moment(new)?.cmp(&moment(old)?))
}

fn moment(text: &str) -> Option<jiff::Timestamp> {
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    text.parse().ok().or_else(day)
}

/// Puts two bounds in order: numbers, texts that are numbers, dates.
pub(super) fn bounds(a: &Value, b: &Value) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (float(a), float(b)) {
        // Two spellings of one double may still be different decimals.
        return a.partial_cmp(&b).filter(|order| order.is_ne());
    }
    dates(b.as_str()?, a.as_str()?).filter(|order| order.is_ne())
}

fn whole(value: &Value) -> Option<i128> {
    let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    number.or_else(|| value.as_str()?.parse().ok())
}

fn float(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str().filter(|t| t.len() < 64)?.parse().ok());
    number.filter(|f| f.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_spans_are_compared_from_many_starts() {
        let cases = [
            ("P1Y", "P12M", Spans::Same),
            ("P1Y", "P2Y", Spans::Longer),
            ("P1Y", "P6M", Spans::Shorter),
            ("P1Y", "P366D", Spans::Longer),
            ("P1Y", "P365D", Spans::Shorter),
            ("P1M", "P30D", Spans::Either),
            ("PT24H", "P1D", Spans::Same),
            ("PT60M", "PT1H", Spans::Same),
            ("P19000Y", "P1D", Spans::Either),
        ];
        for (old, new, expected) in cases {
            assert_eq!(spans(&old.parse().unwrap(), &new.parse().unwrap()), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn bounds_of_every_kind() {
        let cases: [(Value, Value, Option<Ordering>); 8] = [
            (1.into(), 2.into(), Some(Ordering::Less)),
            (1.into(), 0.5.into(), Some(Ordering::Greater)),
            (u64::MAX.into(), i64::MIN.into(), Some(Ordering::Greater)),
            ("12345678901234567890123".into(), "12345678901234567890124".into(), Some(Ordering::Less)),
            ("1.00000000000000000001".into(), "1.00000000000000000002".into(), None),
            ("2024-01-01".into(), "2024-01-02T00:00:00Z".into(), Some(Ordering::Less)),
            ("2024-01-01".into(), "2024-01-01T00:00:00Z".into(), None),
            ("a".into(), "b".into(), None),
        ];
        for (a, b, expected) in cases {
            assert_eq!(bounds(&a, &b), expected, "{a} {b}");
        }
    }
}
