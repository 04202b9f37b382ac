//! Quality rules of the standard.
//!
//! Where a rule of its library says the same as one of ours, it gets our name: `nullValues mustBe 0` is `not_null`,
//! `duplicateValues mustBe 0` is `unique`, `invalidValues` with `validValues` is `in_list`, `rowCount` is `row_count`, a bound on
//! `nullValues` in percent is `completeness`. Everything it said is kept in its arguments.
//!
//! Start reading at [`rules`].

use serde_json::Value as Json;

use super::super::fields::{Fields, keep};
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use crate::model::{Check, Custom};
use crate::problem::code;

const OPERATORS: [&str; 8] = [
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];
const KEPT: [&str; 17] = [
    "id",
    "name",
    "type",
    "metric",
    "rule",
    "arguments",
    "query",
    "engine",
    "implementation",
    "unit",
    "dimension",
    "method",
    "schedule",
    "scheduler",
    "businessImpact",
    "tags",
    "authoritativeDefinitions",
];
const METRICS: [(&str, &str); 5] = [
    ("nullValues", "null_values"),
    ("missingValues", "missing_values"),
    ("invalidValues", "invalid_values"),
    ("duplicateValues", "duplicate_values"),
    ("rowCount", "row_count"),
];

/// Reads the rules of a table or of one of its columns.
pub(super) fn rules(value: &Value<'_>, table: &str, column: Option<&str>, parts: &mut Parts, report: &mut Report) {
    for item in value.items(report) {
        if let Some(check) = rule(&item, table, column, parts, report) {
            parts.quality.push(check);
        }
    }
}

fn rule(value: &Value<'_>, table: &str, column: Option<&str>, parts: &mut Parts, report: &mut Report) -> Option<Check> {
    let mut fields = value.fields(report)?;
    let mut check = Check {
        metric: String::new(),
        table: Some(table.to_owned()),
        column: column.map(str::to_owned),
        threshold: None,
        arguments: Custom::new(),
        severity: fields.text("severity", report),
        description: fields.text("description", report),
    };
    let kinds = [("text", "text"), ("library", "library"), ("sql", "sql"), ("custom", "custom")];
    let kind = match fields.take("type") {
        Some(kind) => kind.word(&kinds, code::BAD_WORD, report)?,
        None if fields.has("metric") || fields.has("rule") => "library",
        None if fields.has("query") => "sql",
        None => "text",
    };
    for key in KEPT.into_iter().chain(OPERATORS).chain(["customProperties"]) {
        fields.keep(key, &mut check.arguments);
    }
    needs(kind, &fields, report);
    check.metric = match kind {
        "library" => library(&mut fields, &mut check, report)?,
        other => other.to_owned(),
    };
    mentioned(&fields, table, parts, report);
    fields.finish_into(&mut check.arguments, report);
    Some(check)
}

/// What each kind of rule cannot do without.
fn needs(kind: &str, fields: &Fields<'_>, report: &mut Report) {
    let wanted: &[&str] = match kind {
        "sql" => &["query"],
        "custom" => &["engine", "implementation"],
        _ => &[],
    };
    for key in wanted.iter().filter(|key| !fields.has(key)) {
        let message = format!("a rule of type `{kind}` lacks `{key}`");
        report.error(fields.place, code::BAD_CHECK, message, format!("Add `{key}: …`."));
    }
    let operators = OPERATORS.iter().filter(|key| fields.has(key)).count();
    if matches!(kind, "library" | "sql") && operators != 1 {
        let message = format!("a rule of type `{kind}` has {operators} bounds");
        report.error(fields.place, code::BAD_CHECK, message, "Give it exactly one, such as `mustBe: 0`.");
    }
}

/// The rule's name here, and its threshold where it has one.
fn library(fields: &mut Fields<'_>, check: &mut Check, report: &mut Report) -> Option<String> {
    let metric = fields.take("metric").or_else(|| fields.take("rule"));
    let Some(metric) = metric else {
        fields.missing("metric", "Name a metric of the library, such as nullValues.", report);
        return None;
    };
    let name = metric.word(&METRICS, code::BAD_WORD, report)?;
    let none_allowed = check.arguments.get("mustBe").and_then(Json::as_f64) == Some(0.0);
    let percent = check.arguments.get("unit").and_then(Json::as_str) == Some("percent");
    let most = check.arguments.get("mustBeLessOrEqualTo").and_then(Json::as_f64);
    let valid = check.arguments.get("arguments").and_then(|a| a.get("validValues")).cloned();
    Some(match (name, valid) {
        ("null_values", _) if none_allowed => "not_null".to_owned(),
        ("null_values", _) if percent && most.is_some_and(|m| (0.0..=100.0).contains(&m)) => {
            check.threshold = most.map(|m| (100.0 - m) / 100.0);
            "completeness".to_owned()
        }
        ("duplicate_values", _) if none_allowed => "unique".to_owned(),
        ("invalid_values", Some(values)) if none_allowed => {
            keep(&mut check.arguments, "values", values);
            "in_list".to_owned()
        }
        (name, _) => name.to_owned(),
    })
}

/// `arguments.properties` of a rule about a table are columns.
fn mentioned(fields: &Fields<'_>, table: &str, parts: &mut Parts, report: &mut Report) {
    let Some(list) = fields.look("arguments").and_then(|a| a.node.get("properties").map(|node| (a.path.clone(), node)))
    else {
        return;
    };
    let list = Value { path: format!("{}.properties", list.0), node: list.1 };
    for item in list.items(report) {
        let Some(column) = item.text(report) else { continue };
        let mention = Mention { table: Some(table.to_owned()), column: column.to_owned(), place: item.place() };
        parts.mentions.push(mention);
    }
}
