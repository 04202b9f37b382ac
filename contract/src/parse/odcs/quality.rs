//! Quality rules of the standard.
//!
//! Where a rule of its library says the same as one of ours, it gets our name: `nullValues mustBe 0` is `not_null`,
//! `duplicateValues mustBe 0` is `unique`, `invalidValues` with `validValues` is `in_list`, with `pattern` it is `pattern`, `rowCount` is
//! `row_count`, a bound on `nullValues` in percent is `completeness`. What our name does not say is kept in its arguments.
//!
//! Start reading at [`rules`].

use serde_json::Value as Json;

use super::super::fields::{Fields, keep};
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::own_of;
use crate::model::{Check, Custom};
use crate::problem::code;
use crate::standard::own;
use crate::standard::rule::{self, METRICS, OPERATORS};

/// Reads the rules of a table or of one of its columns.
pub(super) fn rules(value: &Value<'_>, table: &str, column: Option<&str>, parts: &mut Parts, report: &mut Report) {
    for item in value.items(report) {
        if let Some(check) = one(&item, table, column, parts, report) {
            parts.quality.push(check);
        }
    }
}

/// Keys of a rule that are kept as its arguments, beside its bounds.
fn kept() -> impl Iterator<Item = &'static str> {
    rule::CORE.into_iter().chain(rule::COMMON.iter().map(|(key, _)| *key)).filter(|key| *key != "customProperties")
}

fn one(value: &Value<'_>, table: &str, column: Option<&str>, parts: &mut Parts, report: &mut Report) -> Option<Check> {
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
    for key in kept().chain(OPERATORS) {
        fields.keep(key, &mut check.arguments);
    }
    for (key, shape) in rule::COMMON {
        fields.look(key).iter().for_each(|value| shape.check(value, report));
    }
    let own = own_of(&mut fields, own::CHECK, &mut check.arguments, report);
    needs(kind, &fields, report);
    check.metric = match kind {
        "library" => library(&mut fields, &mut check, report)?,
        other => other.to_owned(),
    };
    mentioned(&fields, table, parts, report);
    fields.finish_into(&mut check.arguments, report);
    parts.check_own.extend((!own.is_empty()).then_some((parts.quality.len(), own)));
    Some(rule::tidied(ours(check)))
}

/// A rule of ours that the standard does not have: `engine: meshweave`, with the rule as its implementation.
fn ours(mut check: Check) -> Check {
    if check.metric != "custom" || check.arguments.get("engine").and_then(Json::as_str) != Some(rule::ENGINE) {
        return check;
    }
    let Some(Json::Object(said)) = check.arguments.get("implementation").cloned() else { return check };
    let Some(name) = said.get("rule").and_then(Json::as_str) else { return check };
    check.metric = name.to_owned();
    check.threshold = said.get("threshold").and_then(|t| t.as_f64().or_else(|| t.as_str()?.parse().ok()));
    for key in ["type", "engine", "implementation"] {
        check.arguments.remove(key);
    }
    let arguments = said.into_iter().filter(|(key, _)| !matches!(key.as_str(), "rule" | "threshold"));
    arguments.for_each(|(key, value)| keep(&mut check.arguments, &key, value));
    check
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
    let name = match metric.path.ends_with("rule") {
        true => former(&metric, report)?,
        false => metric.word(&METRICS, code::BAD_WORD, report)?,
    };
    let none_allowed = check.arguments.get("mustBe").and_then(Json::as_f64) == Some(0.0);
    let percent = check.arguments.get("unit").and_then(Json::as_str) == Some("percent");
    let most = check.arguments.get("mustBeLessOrEqualTo").and_then(Json::as_f64);
    let argument = |key: &str| check.arguments.get("arguments").and_then(|a| a.get(key)).cloned();
    let (valid, pattern) = (argument("validValues"), argument("pattern"));
    Some(match (name, valid) {
        ("null_values", _) if none_allowed => "not_null".to_owned(),
        ("null_values", _) if percent && most.is_some_and(|m| (0.0..=100.0).contains(&m)) => {
            check.threshold = most.map(|m| (100.0 - m) / 100.0);
            "completeness".to_owned()
        }
        ("duplicate_values", _) if none_allowed => {
            argument("properties").into_iter().for_each(|columns| keep(&mut check.arguments, "columns", columns));
            "unique".to_owned()
        }
        ("invalid_values", Some(values)) if none_allowed => {
            keep(&mut check.arguments, "values", values);
            "in_list".to_owned()
        }
        ("invalid_values", None) if none_allowed && pattern.is_some() => {
            keep(&mut check.arguments, "pattern", pattern.unwrap_or_default());
            "pattern".to_owned()
        }
        ("row_count", _) => {
            row_count(&mut check.arguments);
            name.to_owned()
        }
        (name, _) => name.to_owned(),
    })
}

/// The bounds of a count under the names that all forms share.
fn row_count(arguments: &mut Custom) {
    let between = arguments.get("mustBeBetween").and_then(Json::as_array).filter(|ends| ends.len() == 2).cloned();
    let min = between.as_ref().map(|ends| ends[0].clone()).or_else(|| arguments.get("mustBeGreaterOrEqualTo").cloned());
    let max = between.map(|ends| ends[1].clone()).or_else(|| arguments.get("mustBeLessOrEqualTo").cloned());
    min.into_iter().for_each(|min| keep(arguments, "min", min));
    max.into_iter().for_each(|max| keep(arguments, "max", max));
}

/// Version 3.0 called the metric `rule` and had other words for it; one that is not known is kept and never run.
fn former<'n>(value: &Value<'n>, report: &mut Report) -> Option<&'n str> {
    let text = value.text(report)?;
    let former =
        [("duplicateCount", "duplicate_values"), ("nullCheck", "null_values"), ("validValues", "invalid_values")];
    let found = METRICS.iter().chain(&former).find(|(word, _)| word.eq_ignore_ascii_case(text));
    if found.is_none() {
        let mend = "It is kept as declared and never run.".to_owned();
        let message = format!("`{}` has the rule `{text}`, which is not known", value.path);
        report.warning(value.place(), code::UNKNOWN_RULE, message, mend);
    }
    Some(found.map_or(text, |(_, ours)| ours))
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
