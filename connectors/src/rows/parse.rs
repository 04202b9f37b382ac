//! Text to values, exactly: what would be rounded, cut or out of range is none.
//!
//! Start reading at [`decimal`] for numbers, at [`moment`] for times.

use std::str::FromStr;

use arrow::compute::kernels::cast_utils::{string_to_datetime, string_to_time_nanoseconds};
use chrono::{DateTime, NaiveDate, Utc};

/// Digits that a power of ten may add; no type of ours holds more.
const MOST_DIGITS: i64 = 100;

/// `true` and `false` in any case, their first letters, `yes` and `no`, `1` and `0`.
pub(crate) fn truth(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["true", "t", "yes", "y", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// A whole number; `12.0` and `1e3` are whole too.
pub(crate) fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().or_else(|| scaled(text, 0)?.parse().ok())
}

/// A floating point number, also `NaN` and `inf`; a number that is too large is none.
pub(crate) fn float<T: FromStr + Into<f64> + Copy>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let number: f64 = value.into();
    (number.is_finite() || !is_digits(text)).then_some(value)
}

/// Whether a text is written in digits, and not in words such as `inf`.
pub(crate) fn is_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// A decimal number as the whole number of its smallest units, in digits.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Option<String> {
    let digits = scaled(text, i64::from(scale))?;
    let count = digits.trim_start_matches('-').len();
    (count <= usize::from(precision) || digits == "0").then_some(digits)
}

/// `text` times ten to the power of `scale`, when that is a whole number: its digits.
fn scaled(text: &str, scale: i64) -> Option<String> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (before.is_empty() && after.is_empty()) || !all_digits(before) || !all_digits(after) {
        return None;
    }
    let mut digits = format!("{before}{after}");
    let shift = scale + i64::from(exponent) - i64::try_from(after.len()).ok()?;
    if shift < 0 {
        let cut = usize::try_from(-shift).ok()?;
        let kept = digits.len().saturating_sub(cut);
        if digits.bytes().skip(kept).any(|byte| byte != b'0') {
            return None;
        }
        digits.truncate(kept);
    }
    let bare = digits.trim_start_matches('0');
    if bare.is_empty() {
        return Some("0".to_owned());
    }
    if shift > MOST_DIGITS {
        return None;
    }
    let zeros = "0".repeat(usize::try_from(shift).unwrap_or(0));
    let sign = if negative { "-" } else { "" };
    Some(format!("{sign}{bare}{zeros}"))
}

/// Days since 1970 of `2024-02-29`.
pub(crate) fn date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    date.signed_duration_since(DateTime::<Utc>::UNIX_EPOCH.date_naive()).num_days().try_into().ok()
}

/// The time of a day in units of which `per_second` make a second.
pub(crate) fn time(text: &str, per_second: i64) -> Option<i64> {
    let nanos = string_to_time_nanoseconds(text).ok()?;
    let unit = 1_000_000_000 / per_second;
    (nanos % unit == 0).then_some(nanos / unit)
}

/// Reads moments in units of which `per_second` make a second, since 1970.
///
/// - `is_instant`: whether an offset may stand behind the time; without one it is UTC. A wall-clock time has none.
pub(crate) fn moment(per_second: i64, is_instant: bool) -> impl Fn(&str) -> Option<i64> {
    move |text| {
        if !is_instant && has_offset(text) {
            return None;
        }
        let at = string_to_datetime(&Utc, text).ok()?;
        let unit = 1_000_000_000 / per_second;
        let nanos = i64::from(at.timestamp_subsec_nanos());
        if nanos % unit != 0 {
            return None;
        }
        at.timestamp().checked_mul(per_second)?.checked_add(nanos / unit)
    }
}

/// Whether a moment's text says which time zone it is in.
pub(crate) fn has_offset(text: &str) -> bool {
    text.get(11..).is_some_and(|rest| rest.contains(|c: char| c == '+' || c == '-' || c.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact() {
        let cases = [
            ("12", Some(12)),
            ("-12", Some(-12)),
            ("12.0", Some(12)),
            ("1e3", Some(1000)),
            ("120e-1", Some(12)),
            ("1.5", None),
            ("9223372036854775808", None),
            ("1e400", None),
            ("", None),
            (".", None),
            ("-", None),
            ("0x1", None),
            ("1_000", None),
            ("twelve", None),
        ];
        for (text, expected) in cases {
            assert_eq!(whole::<i64>(text), expected, "{text}");
        }
        assert_eq!(whole::<i8>("128"), None);
        assert_eq!(whole::<u8>("-1"), None);
        assert_eq!(whole::<u8>("-0.0"), Some(0));
    }

    #[test]
    fn decimals_are_never_rounded() {
        let cases = [
            ("12.50", 10, 2, Some("1250")),
            ("12.5", 10, 2, Some("1250")),
            ("12.505", 10, 2, None),
            ("12.500", 10, 2, Some("1250")),
            ("-0.01", 10, 2, Some("-1")),
            ("1.25e1", 10, 2, Some("1250")),
            ("123456789.00", 10, 2, None),
            ("12345678.90", 10, 2, Some("1234567890")),
            ("0", 2, 2, Some("0")),
            ("99999999999999999999999999999999999999", 38, 0, Some("99999999999999999999999999999999999999")),
            ("1,5", 10, 2, None),
        ];
        for (text, precision, scale, expected) in cases {
            assert_eq!(decimal(text, precision, scale).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn floats_do_not_overflow_into_infinity() {
        assert_eq!(float::<f64>("1e999"), None);
        assert_eq!(float::<f32>("1e39"), None);
        assert_eq!(float::<f64>("inf"), Some(f64::INFINITY));
        assert!(float::<f64>("NaN").is_some_and(f64::is_nan));
        assert_eq!(float::<f64>("1.5e2"), Some(150.0));
    }

    #[test]
    fn moments_keep_their_zone_and_every_digit() {
        let micros = moment(1_000_000, true);
        assert_eq!(micros("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(micros("1970-01-01T01:00:01+01:00"), Some(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01T00:00:00.000001"), Some(1));
        assert_eq!(micros("1970-01-01T00:00:00.0000001"), None);
        assert_eq!(micros("1970-13-01"), None);
        let wall = moment(1_000, false);
        assert_eq!(wall("1970-01-01T00:00:01"), Some(1_000));
        assert_eq!(wall("1970-01-02"), Some(86_400_000));
        assert_eq!(wall("1970-01-01T00:00:01Z"), None);
        assert_eq!(wall("1970-01-01T00:00:01+01:00"), None);
    }

    #[test]
    fn days_and_times() {
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date("2024-02-30"), None);
        assert_eq!(date("1970-01-02T00:00:00"), None);
        assert_eq!(time("00:00:01.5", 1_000), Some(1_500));
        assert_eq!(time("00:00:01.5", 1), None);
        assert_eq!(time("24:00:01", 1), None);
    }
}
