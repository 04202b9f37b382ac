//! Values of a contract in words.

use std::fmt;

use serde_json::Value;

use crate::model::{Check, Column, Latency, Relationship, Status, Visibility};

/// A raw value: text without quotes, everything else as JSON.
pub(super) struct Words<'v>(pub(super) &'v Value);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => f.write_str(text),
            other => write!(f, "{other}"),
        }
    }
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

pub(super) fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Restricted => "restricted",
        Visibility::Private => "private",
    }
}

/// Parts per million as a percentage.
pub(super) fn percent(ppm: u32) -> String {
    let fraction = format!("{:04}", ppm % 10_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}%", ppm / 10_000)
}

/// `p99 < PT1S`.
pub(super) fn latency(latency: &Latency) -> String {
    let fraction = format!("{:02}", latency.percentile % 100);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("p{}{point}{fraction} < {}", latency.percentile / 100, latency.below)
}

pub(super) fn relationship(relationship: &Relationship) -> String {
    let (from, to) = (relationship.columns.join(", "), relationship.to_columns.join(", "));
    format!("{from} -> {} ({to})", relationship.to)
}

/// What a rule is about, and the rule.
pub(super) fn check(check: &Check) -> (String, String) {
    let about = [check.table.as_deref(), check.column.as_deref()];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let name = if about.is_empty() { "all rows".to_owned() } else { about.join(".") };
    let mut words = vec![check.metric.clone()];
    words.extend(check.threshold.map(|t| format!("threshold {t}")));
    words.extend(check.arguments.iter().map(|(key, value)| format!("{key} {}", Words(value))));
    words.extend(check.severity.as_ref().map(|s| format!("severity {s}")));
    words.extend(check.description.clone());
    (name, words.join(", "))
}

/// What a column says beside its type, by name.
pub(super) fn column(column: &Column) -> Vec<(&'static str, String)> {
    let range = &column.range;
    let said: [(&'static str, Option<String>); 17] = [
        ("declared type", column.declared_type.clone()),
        ("description", column.description.clone()),
        ("unique", column.unique.then(|| "true".to_owned())),
        ("classification", column.classification.clone()),
        ("personal data", column.pii.map(|b| b.to_string())),
        ("encrypted", column.encrypted.map(|b| b.to_string())),
        ("allowed values", column.allowed_values.as_ref().map(|v| joined(v))),
        ("pattern", column.pattern.clone()),
        ("at least", range.min.as_ref().map(|v| Words(v).to_string())),
        ("more than", range.above.as_ref().map(|v| Words(v).to_string())),
        ("at most", range.max.as_ref().map(|v| Words(v).to_string())),
        ("less than", range.below.as_ref().map(|v| Words(v).to_string())),
        ("shortest", range.min_length.map(|n| n.to_string())),
        ("longest", range.max_length.map(|n| n.to_string())),
        ("glossary", column.glossary_ref.clone()),
        ("tags", (!column.tags.is_empty()).then(|| column.tags.join(", "))),
        ("key position", column.key_position.map(|p| p.to_string())),
    ];
    said.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

fn joined(values: &[Value]) -> String {
    values.iter().map(|v| Words(v).to_string()).collect::<Vec<_>>().join(", ")
}
