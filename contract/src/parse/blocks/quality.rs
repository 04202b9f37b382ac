//! Reads the rules that data keeps.
//!
//! Holds always: every argument of a rule is kept, whether or not anything here can run the rule.
//!
//! Start reading at [`quality`].

use super::super::fields::{Fields, keep};
use super::super::node::{Kind, Place};
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::levels;
use crate::model::{Check, Custom};
use crate::problem::code;

/// What a rule needs to make sense.
struct Rule {
    name: &'static str,
    /// Whether it is about a column.
    column: bool,
    /// One of these must be there.
    one_of: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { name: "not_null", column: true, one_of: &[] },
    Rule { name: "unique", column: true, one_of: &[] },
    Rule { name: "in_list", column: true, one_of: &["values"] },
    Rule { name: "not_in_list", column: true, one_of: &["values"] },
    Rule { name: "range", column: true, one_of: &["min", "max"] },
    Rule { name: "pattern", column: true, one_of: &["pattern"] },
    Rule { name: "length", column: true, one_of: &["min", "max"] },
    Rule { name: "completeness", column: true, one_of: &["threshold"] },
    Rule { name: "row_count", column: false, one_of: &["min", "max"] },
    Rule { name: "row_count_delta", column: false, one_of: &["threshold"] },
    Rule { name: "foreign_key", column: true, one_of: &["references"] },
    Rule { name: "freshness", column: false, one_of: &["threshold", "max"] },
    Rule { name: "sql", column: false, one_of: &["query"] },
];

/// Keys of a rule that are kept as its arguments.
const ARGUMENTS: &[&str] = &[
    "id",
    "name",
    "dimension",
    "schedule",
    "where",
    "unit",
    "window",
    "values",
    "min",
    "max",
    "pattern",
    "query",
    "references",
    "columns",
];

/// The `quality` block of the short forms; form B keeps freshness here too.
pub(crate) fn quality(value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    if matches!(value.node.kind, Kind::List(_)) {
        for item in value.items(report) {
            check(&item, None, parts, report);
        }
        return;
    }
    let Some(mut fields) = value.fields(report) else { return };
    for item in fields.items("checks", report) {
        check(&item, None, parts, report);
    }
    if let Some(value) = fields.take("completeness") {
        for (column, place, value) in value.entries(report) {
            completeness(column, place, &value, parts, report);
        }
    }
    if let Some(value) = fields.take("freshness") {
        levels::freshness(&value, parts, report);
    }
    if let Some(value) = fields.take_any(&["freshness_column", "freshnessColumn"], report) {
        levels::freshness_column(&value, parts, report);
    }
    for key in ["suite", "quality_suite"] {
        fields.keep(key, &mut parts.port_custom);
    }
    fields.finish_into(&mut parts.port_custom, report);
}

fn completeness(column: &str, place: Place, value: &Value<'_>, parts: &mut Parts, report: &mut Report) {
    parts.mentions.push(Mention { table: None, column: column.to_owned(), place });
    let Some(threshold) = value.fraction(report) else { return };
    if threshold > 1.0 {
        value.error(code::BAD_FRACTION, "is more than all of the rows", "Write at most 100%.", report);
    }
    let column = Some(column.to_owned());
    parts.quality.push(Check { column, threshold: Some(threshold), ..empty("completeness") });
}

fn empty(metric: &str) -> Check {
    Check {
        metric: metric.to_owned(),
        table: None,
        column: None,
        threshold: None,
        arguments: Custom::new(),
        severity: None,
        description: None,
    }
}

/// One rule of a list; `table` when it stands inside a table's block.
pub(crate) fn check(value: &Value<'_>, table: Option<&str>, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    let rule = fields.take_any(&["rule", "metric"], report);
    if rule.is_none() {
        fields.missing("rule", "Name the rule, such as not_null.", report);
    }
    let column = fields.take("column");
    let columns = fields.take("columns");
    let own_table = fields.take("table").and_then(|v| Some((v.text(report)?.to_owned(), v.place())));
    parts.named_tables.extend(own_table.clone());
    let threshold = fields.take("threshold");
    let mut check = empty(rule.as_ref().and_then(|r| r.text(report)).unwrap_or_default());
    check.severity = fields.text("severity", report);
    check.description = fields.text("description", report);
    check.table = own_table.map(|(table, _)| table).or_else(|| table.map(str::to_owned));
    check.column = column.as_ref().and_then(|c| mention(c, check.table.as_deref(), parts, report));
    for item in columns.iter().flat_map(Value::one_or_many) {
        mention(&item, check.table.as_deref(), parts, report);
    }
    if let Some(value) = &threshold {
        take_threshold(value, &mut check, report);
    }
    if let Some(rule) = &rule {
        judge(rule, &fields, &check, report);
    }
    for key in ARGUMENTS {
        fields.keep(key, &mut check.arguments);
    }
    fields.finish_into(&mut check.arguments, report);
    parts.quality.push(check);
}

/// Notes that a rule is about a column.
fn mention(value: &Value<'_>, table: Option<&str>, parts: &mut Parts, report: &mut Report) -> Option<String> {
    let column = value.text(report)?.to_owned();
    parts.mentions.push(Mention { table: table.map(str::to_owned), column: column.clone(), place: value.place() });
    Some(column)
}

/// A share of one for most rules; `freshness` has an age, which is kept as written.
fn take_threshold(value: &Value<'_>, check: &mut Check, report: &mut Report) {
    if check.metric == "freshness" {
        if value.span(report).is_some() {
            keep(&mut check.arguments, "threshold", value.json());
        }
        return;
    }
    check.threshold = value.fraction(report);
}

/// Whether a known rule has what it needs; an unknown one is kept, unless it is a known one misspelt.
fn judge(value: &Value<'_>, fields: &Fields<'_>, check: &Check, report: &mut Report) {
    let Some(rule) = RULES.iter().find(|r| r.name == check.metric) else {
        return unknown_rule(value, &check.metric, report);
    };
    let name = rule.name;
    if rule.column && check.column.is_none() && !fields.has("columns") && !fields.has("column") {
        let what = format!("`{name}` is about a column and names none");
        report.error(fields.place, code::BAD_CHECK, what, "Add `column: …`.");
    }
    if !rule.one_of.is_empty() && !rule.one_of.iter().any(|key| fields.has(key)) {
        let what = format!("the rule `{name}` lacks {}", rule.one_of.join(" or "));
        report.error(fields.place, code::BAD_CHECK, what, format!("Add `{}: …`.", rule.one_of[0]));
    }
    if check.metric == "completeness" && check.threshold.is_some_and(|t| t > 1.0) {
        let at = fields.look("threshold").map_or(fields.place, |v| v.place());
        report.error(at, code::BAD_FRACTION, "completeness is more than all of the rows", "Write at most 100%.");
    }
    values_are_a_list(fields, report);
}

fn values_are_a_list(fields: &Fields<'_>, report: &mut Report) {
    let Some(value) = fields.look("values") else { return };
    match &value.node.kind {
        Kind::List(items) if items.is_empty() => {
            value.error(code::BAD_CHECK, "is an empty list", "List the values that are allowed.", report);
        }
        Kind::List(_) => {}
        Kind::Scalar { .. } | Kind::Map(_) => {
            value.error(code::NOT_A_LIST, "is not a list", "Write the values as a list, [a, b].", report);
        }
    }
}

fn unknown_rule(value: &Value<'_>, name: &str, report: &mut Report) {
    if name.is_empty() {
        return;
    }
    let what = format!("has the rule `{name}`, which is not known");
    match report.nearest(name, RULES.iter().map(|r| r.name)) {
        Some(near) => value.error(code::BAD_WORD, &what, &format!("Did you mean `{near}`?"), report),
        None => {
            let known = RULES.iter().map(|r| r.name).collect::<Vec<_>>().join(", ");
            let mend = format!("It is kept as declared and never run. Known rules: {known}.");
            report.warning(value.place(), code::UNKNOWN_RULE, format!("`{}` {what}", value.path), mend);
        }
    }
}
