//! Medians and quantiles of what was measured.

use std::time::Duration;

/// The value below which `part` of all lie, from 0 to 1; 0 of nothing.
pub(super) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among some thousand values"
    )]
    let at = (part.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// The middle value; 0 of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Thousandths of a second.
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Bytes as 10⁹ bytes.
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
pub(super) fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// Bytes as 2²⁰ bytes.
#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|part| quantile(&values, part)), [1.0, 3.0, 5.0, 5.0]);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
