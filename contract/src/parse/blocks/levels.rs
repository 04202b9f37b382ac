//! Reads promises about time: freshness, availability, latency.
//!
//! Start reading at [`levels`].

use super::super::fields::Value;
use super::super::node::Kind;
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::words;
use crate::model::Latency;
use crate::problem::code;

const LATENCY: &str = "Write a percentile and its bound, such as p99 < 1s.";

/// The `sla` block of the short forms.
pub(crate) fn levels(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    if let Some(value) = fields.take("freshness") {
        freshness(&value, parts, report);
    }
    if let Some(value) = fields.take_any(&["freshness_column", "freshnessColumn"], report) {
        freshness_column(&value, parts, report);
    }
    if let Some(value) = fields.take("availability") {
        parts.service_levels.availability_ppm = availability(&value, report);
    }
    if let Some(value) = fields.take("latency") {
        parts.service_levels.latency.extend(latency(&value, report));
    }
    parts.service_levels.support = fields.text("support", report);
    fields.finish_into(&mut parts.service_levels.custom, report);
}

/// An age; may stand under `sla` or under `quality`.
pub(crate) fn freshness(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    if let Some(span) = value.span(report) {
        parts.freshness.push((span, value.place()));
    }
}

/// The column that tells the age.
pub(crate) fn freshness_column(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    let Some(column) = value.text(report) else { return };
    parts.mentions.push(Mention { table: None, column: column.to_owned(), place: value.place() });
    parts.service_levels.freshness_column = Some(column.to_owned());
}

/// A share of successful reads, in parts per million.
pub(crate) fn availability(value: &Value<'_>, report: &mut Report) -> Option<u32> {
    let mend = "Write 99.9 or 99.9% for a percentage, 0.999 for a fraction, 100% for always.";
    value.grammar(words::availability, code::BAD_AVAILABILITY, mend, report)
}

/// `p99 < 1s`, a list of such, or a block `{p50: 100ms, p99: 1s}`.
pub(crate) fn latency(value: &Value<'_>, report: &mut Report) -> Vec<Latency> {
    match &value.node.kind {
        Kind::Scalar { .. } => value.grammar(words::latencies, code::BAD_LATENCY, LATENCY, report).unwrap_or_default(),
        Kind::List(_) => value.items(report).iter().flat_map(|item| latency_text(item, report)).collect(),
        Kind::Map(_) => {
            let entries = value.entries(report);
            entries
                .into_iter()
                .filter_map(|(key, place, value)| {
                    let percentile = words::percentile(key);
                    if percentile.is_none() {
                        report.error(place, code::BAD_LATENCY, format!("`{key}` is no percentile"), LATENCY);
                    }
                    let below = value.span(report);
                    Some(Latency { percentile: percentile?, below: below? })
                })
                .collect()
        }
    }
}

fn latency_text(value: &Value<'_>, report: &mut Report) -> Vec<Latency> {
    value.grammar(words::latencies, code::BAD_LATENCY, LATENCY, report).unwrap_or_default()
}
