//! How the standard says a quality rule, and which of ours its library has.
//!
//! `not_null`, `unique`, `in_list`, `pattern`, `completeness` and `row_count` are metrics of the library; `sql` and `text` are kinds of
//! their own; every other rule of ours travels as `type: custom` with `engine: meshweave` and the rule as its implementation.
//!
//! Start reading at [`written`].

use serde_json::{Map, Value as Json, json};

use super::keys::{CUSTOM, DEFINITIONS, TEXTS};
use super::shape::Shape;
use crate::model::{Check, Custom};

/// The engine under whose name our own rules travel.
pub(crate) const ENGINE: &str = "meshweave";

/// Bounds; a rule of the library or of SQL has exactly one.
pub(crate) const OPERATORS: [&str; 8] = [
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];

/// Metrics of the library, by the standard's word and ours.
pub(crate) const METRICS: [(&str, &str); 5] = [
    ("nullValues", "null_values"),
    ("missingValues", "missing_values"),
    ("invalidValues", "invalid_values"),
    ("duplicateValues", "duplicate_values"),
    ("rowCount", "row_count"),
];

const DIMENSIONS: Shape =
    Shape::Word(&["accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"]);
const PAIR: Shape = Shape::List(&Shape::Number);

/// Keys that any rule may have, and their shapes.
pub(crate) static COMMON: &[(&str, &Shape)] = &[
    ("id", &Shape::Id),
    ("name", &Shape::Text),
    ("dimension", &DIMENSIONS),
    ("method", &Shape::Text),
    ("schedule", &Shape::Text),
    ("scheduler", &Shape::Text),
    ("businessImpact", &Shape::Text),
    ("unit", &Shape::Text),
    ("tags", &TEXTS),
    ("authoritativeDefinitions", &DEFINITIONS),
    ("customProperties", &CUSTOM),
];

/// Keys that say what is checked.
pub(crate) const CORE: [&str; 7] = ["type", "metric", "rule", "arguments", "query", "engine", "implementation"];

/// The rule in the words of the standard, without what is ours alone.
pub(crate) fn written(check: &Check) -> Json {
    let mut all = core(check).unwrap_or_else(|| implementation(check));
    for (key, shape) in COMMON {
        // An empty list of custom properties is ours to carry, since ours may join it.
        let is_empty = |value: &Json| *key == "customProperties" && value.as_array().is_some_and(Vec::is_empty);
        if let Some(value) = check.arguments.get(*key).filter(|value| shape.fits(value) && !is_empty(value)) {
            all.entry(*key).or_insert_with(|| value.clone());
        }
    }
    all.extend(check.severity.as_ref().map(|text| ("severity".to_owned(), json!(text))));
    all.extend(check.description.as_ref().map(|text| ("description".to_owned(), json!(text))));
    Json::Object(all)
}

/// What is checked: as a document of the standard said it, else by the library, else none.
fn core(check: &Check) -> Option<Map<String, Json>> {
    let arguments = &check.arguments;
    if ["type", "metric", "rule"].iter().any(|key| arguments.contains_key(*key)) {
        let keys = CORE.iter().chain(&OPERATORS);
        let raw: Map<String, Json> =
            keys.filter_map(|k| arguments.get(*k).map(|v| ((*k).to_owned(), v.clone()))).collect();
        return is_right(&raw).then_some(raw);
    }
    let made = match check.metric.as_str() {
        "not_null" => json!({"metric": "nullValues", "mustBe": 0}),
        "unique" => match arguments.get("columns").filter(|columns| TEXTS.fits(columns)) {
            Some(columns) => json!({"metric": "duplicateValues", "arguments": {"properties": columns}, "mustBe": 0}),
            None => json!({"metric": "duplicateValues", "mustBe": 0}),
        },
        "in_list" => {
            let values = arguments.get("values").filter(|v| v.is_array())?;
            json!({"metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0})
        }
        "pattern" => {
            let pattern = arguments.get("pattern").filter(|v| v.is_string())?;
            json!({"metric": "invalidValues", "arguments": {"pattern": pattern}, "mustBe": 0})
        }
        "completeness" => {
            let missing = 100.0 - check.threshold.filter(|t| (0.0..=1.0).contains(t))? * 100.0;
            json!({"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": tidy(missing)})
        }
        "row_count" => row_count(arguments)?,
        "text" => json!({"type": "text"}),
        "sql" => {
            let keys = ["query"].into_iter().chain(OPERATORS);
            let mut raw: Map<String, Json> =
                keys.filter_map(|k| arguments.get(k).map(|v| (k.to_owned(), v.clone()))).collect();
            raw.insert("type".to_owned(), json!("sql"));
            Json::Object(raw)
        }
        _ => return None,
    };
    let Json::Object(made) = made else { return None };
    is_right(&made).then_some(made)
}

/// A percentage without the dust of binary fractions: 5, not 5.000000000000004.
fn tidy(percent: f64) -> Json {
    let rounded = (percent * 1e9).round() / 1e9;
    if rounded.fract() == 0.0 {
        format!("{rounded:.0}").parse::<i64>().map_or_else(|_| json!(rounded), Json::from)
    } else {
        json!(rounded)
    }
}

fn row_count(arguments: &Custom) -> Option<Json> {
    let bound = |key: &str| arguments.get(key).filter(|v| v.is_number());
    Some(match (bound("min"), bound("max")) {
        (Some(min), Some(max)) if min.as_f64() < max.as_f64() => {
            json!({"metric": "rowCount", "mustBeBetween": [min, max]})
        }
        (Some(min), None) => json!({"metric": "rowCount", "mustBeGreaterOrEqualTo": min}),
        (None, Some(max)) => json!({"metric": "rowCount", "mustBeLessOrEqualTo": max}),
        _ => return None,
    })
}

/// A rule that the standard does not have.
fn implementation(check: &Check) -> Map<String, Json> {
    let mut rule = Map::from_iter([("rule".to_owned(), json!(check.metric))]);
    rule.extend(check.threshold.map(|t| ("threshold".to_owned(), json!(t))));
    let said = |key: &str| {
        COMMON.iter().any(|(k, shape)| *k == key && check.arguments.get(key).is_some_and(|v| shape.fits(v)))
    };
    let arguments = check.arguments.iter().filter(|(key, _)| !said(key));
    rule.extend(
        arguments.filter(|(key, _)| !matches!(key.as_str(), "rule" | "threshold")).map(|(k, v)| (k.clone(), v.clone())),
    );
    let all = json!({"type": "custom", "engine": ENGINE, "implementation": rule});
    all.as_object().cloned().unwrap_or_default()
}

/// Whether the standard allows the rule.
fn is_right(rule: &Map<String, Json>) -> bool {
    let text = |key: &str| rule.get(key).is_none_or(Json::is_string);
    let kind = rule.get("type").and_then(Json::as_str);
    let metric = rule.get("metric").and_then(Json::as_str);
    let allowed: &[&str] = match (kind, metric) {
        (None | Some("library"), Some(metric)) if METRICS.iter().any(|(word, _)| *word == metric) => {
            &["type", "metric", "rule", "arguments"]
        }
        (Some("sql"), None) if rule.get("query").is_some_and(Json::is_string) => &["type", "query"],
        (Some("custom"), None) if rule.contains_key("engine") && rule.contains_key("implementation") => {
            &["type", "engine", "implementation"]
        }
        (Some("text"), None) => &["type"],
        _ => return false,
    };
    let bounds: Vec<(&String, &Json)> = rule.iter().filter(|(k, _)| OPERATORS.contains(&k.as_str())).collect();
    let bounded = matches!(kind, None | Some("library" | "sql"));
    let others = rule.keys().filter(|k| !OPERATORS.contains(&k.as_str()) && k.as_str() != "unit");
    bounds.len() == usize::from(bounded)
        && bounds.iter().all(|(k, v)| bound_fits(k, v))
        && others.into_iter().all(|k| allowed.contains(&k.as_str()))
        && text("rule")
        && text("engine")
        && rule.get("arguments").is_none_or(Json::is_object)
        && rule.get("implementation").is_none_or(|v| v.is_string() || v.is_object())
}

fn bound_fits(operator: &str, value: &Json) -> bool {
    match operator {
        "mustBe" | "mustNotBe" => true,
        "mustBeBetween" | "mustNotBeBetween" => {
            let ends: Vec<Option<f64>> = value.as_array().into_iter().flatten().map(Json::as_f64).collect();
            PAIR.fits(value) && ends.len() == 2 && ends[0] != ends[1]
        }
        _ => value.is_number(),
    }
}

/// Takes out of a rule's arguments what its name, threshold and remaining arguments say already.
///
/// A rule read from the standard then is the same as one read from a short form, and is written as it was.
pub(crate) fn tidied(mut check: Check) -> Check {
    let kept = check.arguments.clone();
    let mut bare = kept.clone();
    let is_sql = check.metric == "sql";
    for key in CORE.iter().chain(&OPERATORS).chain(&["unit"]) {
        if !(is_sql && (*key == "query" || OPERATORS.contains(key))) {
            bare.remove(*key);
        }
    }
    check.arguments = bare;
    let again = written(&check);
    let same = |key: &str| again.get(key) == kept.get(key);
    let keys = CORE.iter().chain(&OPERATORS).chain(&["unit"]);
    let library = json!("library");
    if !keys
        .into_iter()
        .all(|key| same(key) || (*key == "type" && kept.get(*key) == Some(&library) && again.get(key).is_none()))
    {
        check.arguments = kept;
    }
    check
}
