//! The small grammars of contracts: spans of time, shares, bounds on latency.
//!
//! In: the text of one value. Out: the value, or why it is none. Pure; no places, no reports.
//!
//! Start reading at [`span`].

use crate::model::{Latency, Span};

/// A span of time: `5m`, `24h`, `15_minutes`, `15 minutes`, `PT5M`, `P1Y`, `1y`.
///
/// Calendar spans stay calendar spans. Zero and negative spans promise nothing and are refused, and so is `1M`
/// (a month or a minute?).
pub(crate) fn span(text: &str) -> Result<Span, &'static str> {
    let spaced = text.trim().replace('_', " ");
    let span: jiff::Span = spaced.parse().map_err(|_| "is not a span of time")?;
    if span.is_zero() {
        return Err("is a span of no length");
    }
    if span.is_negative() {
        return Err("is a negative span of time");
    }
    Ok(Span(span))
}

/// Whether a text is a span of time of some length.
pub(crate) fn span_is_known(text: &str) -> bool {
    span(text).is_ok()
}

/// A share of successful reads in parts per million: `99.9` and `99.9%` are percent, `0.999` is a fraction, a bare `1` is neither.
pub(crate) fn availability(text: &str) -> Result<u32, &'static str> {
    let text = text.trim();
    let (digits, percent) = text.strip_suffix('%').map_or((text, false), |rest| (rest.trim_end(), true));
    // Six digits after the point: exact for a fraction, and two more than a percentage may have.
    let of_one = decimal(digits, 6).ok_or("is not a percentage such as 99.9 or a fraction such as 0.999")?;
    match (percent, of_one) {
        (false, 1_000_000) => Err("may mean one percent or all of the time"),
        (false, 1..1_000_000) => Ok(of_one),
        (_, 1..=100_000_000) if of_one % 100 == 0 => Ok(of_one / 100),
        (_, 1..=100_000_000) => Err("has more than four digits after the point of a percentage"),
        (_, 0) => Err("promises nothing"),
        _ => Err("is more than 100 percent"),
    }
}

/// `text` times ten to the power of `places`, exactly; none when it is no plain decimal number or has more digits.
fn decimal(text: &str, places: usize) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > places || text.ends_with('.') {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let fraction: u32 = if places == 0 { 0 } else { format!("{fraction:0<places$}").parse().ok()? };
    whole.checked_mul(10u32.checked_pow(u32::try_from(places).ok()?)?)?.checked_add(fraction)
}

/// A share: `20%` is 0.2, `0.95` is 0.95, `1` is all; a percentage may exceed 100, a bare number may not exceed 1.
pub(crate) fn fraction(text: &str) -> Result<f64, &'static str> {
    let text = text.trim();
    let (digits, percent) = text.strip_suffix('%').map_or((text, false), |rest| (rest.trim_end(), true));
    let plain =
        digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.starts_with(|c: char| c.is_ascii_digit());
    let number: f64 = digits.parse().ok().filter(|_| plain).ok_or("is not a share such as 20% or 0.2")?;
    match percent {
        true => Ok(number / 100.0),
        false if number <= 1.0 => Ok(number),
        false => Err("is a share larger than one without a percent sign"),
    }
}

/// Bounds on the time of an answer: `p99 < 1s`, several separated by commas.
pub(crate) fn latencies(text: &str) -> Result<Vec<Latency>, &'static str> {
    text.split(',').map(latency).collect()
}

fn latency(text: &str) -> Result<Latency, &'static str> {
    const WRONG: &str = "is not a bound such as p99 < 1s";
    let (left, right) = text.split_once('<').ok_or(WRONG)?;
    let bound = right.strip_prefix('=').unwrap_or(right);
    Ok(Latency { percentile: percentile(left).ok_or(WRONG)?, below: span(bound)? })
}

/// `p99.9` in hundredths of a percent: 9990.
pub(crate) fn percentile(text: &str) -> Option<u32> {
    let digits = text.trim().strip_prefix(['p', 'P'])?;
    decimal(digits, 2).filter(|p| (1..10_000).contains(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_every_spelling() {
        let cases = [
            ("5m", "PT5M"),
            ("24h", "PT24H"),
            ("15_minutes", "PT15M"),
            ("15 minutes", "PT15M"),
            ("PT15M", "PT15M"),
            ("PT5M", "PT5M"),
            ("P1Y", "P1Y"),
            ("1y", "P1Y"),
            ("P1Y6M", "P1Y6M"),
            ("1_year", "P1Y"),
            ("7 days", "P7D"),
            ("7d", "P7D"),
            ("500ms", "PT0.5S"),
            ("PT0.5S", "PT0.5S"),
            ("2w", "P2W"),
        ];
        for (text, expected) in cases {
            assert_eq!(span(text).map(|s| s.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn spans_that_say_nothing_are_refused() {
        for text in ["", "5", "1M", "-5m", "0s", "PT0S", "soon", "P", "5 parsecs", "P1Y ago"] {
            assert!(span(text).is_err(), "{text:?} was read as {:?}", span(text));
        }
    }

    #[test]
    fn availability_is_percent_or_fraction() {
        let cases = [
            ("99.9", Some(999_000)),
            ("99.9%", Some(999_000)),
            ("99.9 %", Some(999_000)),
            ("0.999", Some(999_000)),
            ("0.99", Some(990_000)),
            ("99.9999", Some(999_999)),
            ("100", Some(1_000_000)),
            ("100%", Some(1_000_000)),
            ("1%", Some(10_000)),
            ("0.5%", Some(5_000)),
            ("50", Some(500_000)),
            ("1", None),
            ("1.0", None),
            ("0", None),
            ("0%", None),
            ("101", None),
            ("-5", None),
            ("99.99999", None),
            ("99.", None),
            (".9", None),
            ("ninety", None),
            ("1e2", None),
            ("99999999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(availability(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn fractions_are_percent_or_up_to_one() {
        let cases = [
            ("20%", Some(0.2)),
            ("150%", Some(1.5)),
            ("0.95", Some(0.95)),
            ("1.0", Some(1.0)),
            ("1", Some(1.0)),
            ("0", Some(0.0)),
            ("2", None),
            ("-0.1", None),
            ("nan", None),
            ("inf%", None),
            ("1e-2", None),
            ("%", None),
        ];
        for (text, expected) in cases {
            assert_eq!(fraction(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn latency_bounds() {
        let read = |text| latencies(text).map(|l| l.iter().map(|l| format!("{} {}", l.percentile, l.below)).collect());
        let cases: [(&str, Option<Vec<&str>>); 9] = [
            ("p99 < 1s", Some(vec!["9900 PT1S"])),
            ("p99<1s", Some(vec!["9900 PT1S"])),
            ("p99.9 <= 500ms", Some(vec!["9990 PT0.5S"])),
            ("p50 < 100ms, p99 < 1s", Some(vec!["5000 PT0.1S", "9900 PT1S"])),
            ("p100 < 1s", None),
            ("p0 < 1s", None),
            ("99 < 1s", None),
            ("p99 > 1s", None),
            ("p99 < fast", None),
        ];
        for (text, expected) in cases {
            let got: Option<Vec<String>> = read(text).ok();
            assert_eq!(got, expected.map(|e| e.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }
}
