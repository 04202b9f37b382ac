//! Rules that data keeps: a stricter one promises more, a weaker one less.
//!
//! Start reading at [`checks`].

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::columns::values_rule;
use super::custom::told;
use super::note::{At, Ruling, Shift, Sides};
use super::ranges::shift;
use super::scales::{Spans, span, spans};
use crate::model::Check;

/// Rules about single values, which a row that is written must keep.
const OF_ROWS: [&str; 8] =
    ["not_null", "unique", "in_list", "not_in_list", "range", "pattern", "length", "foreign_key"];
/// Words about a rule, not of it.
const WORDS: [&str; 12] = [
    "id",
    "name",
    "dimension",
    "schedule",
    "scheduler",
    "method",
    "businessImpact",
    "tags",
    "authoritativeDefinitions",
    "customProperties",
    "type",
    "engine",
];
/// Bounds from below: larger is stricter.
const LOWER: [&str; 3] = ["min", "mustBeGreaterThan", "mustBeGreaterOrEqualTo"];
/// Bounds from above: smaller is stricter.
const UPPER: [&str; 3] = ["max", "mustBeLessThan", "mustBeLessOrEqualTo"];

/// Compares the rules of a port. Equal rules are set aside first; the others are paired by what they are about.
pub(super) fn checks(at: &mut At<'_>, old: &[Check], new: &[Check], sides: Sides) {
    let (gone, added) = unequal(old, new);
    let mut waiting: HashMap<String, Vec<&Check>> = HashMap::new();
    for check in added.iter().rev() {
        waiting.entry(name(check)).or_default().push(check);
    }
    for check in gone {
        let name = name(check);
        match waiting.get_mut(&name).and_then(Vec::pop) {
            Some(after) => self::check(&mut at.under(&name), check, after, sides),
            None => at.add(&name, Some(told_of(check)), None, Ruling::major("a rule is promised no more")),
        }
    }
    let left: HashSet<*const Check> = waiting.into_values().flatten().map(std::ptr::from_ref).collect();
    for check in added.into_iter().filter(|check| left.contains(&std::ptr::from_ref(*check))) {
        let ruling = side(check, sides).rule(Shift::Tighter, "a further rule is promised");
        at.add(&name(check), None, Some(told_of(check)), ruling);
    }
}

/// The rules that stand on one side only, each as often as it does.
fn unequal<'c>(old: &'c [Check], new: &'c [Check]) -> (Vec<&'c Check>, Vec<&'c Check>) {
    (without(old, new), without(new, old))
}

fn without<'c>(these: &'c [Check], those: &[Check]) -> Vec<&'c Check> {
    let mut left: HashMap<String, usize> = HashMap::new();
    those.iter().for_each(|check| *left.entry(key(check)).or_default() += 1);
    let mut is_missing = |check: &Check| match left.get_mut(&key(check)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    these.iter().filter(|check| is_missing(check)).collect()
}

/// Everything that a rule says, as one text.
fn key(check: &Check) -> String {
    serde_json::to_string(check).unwrap_or_else(|_| format!("{check:?}"))
}

/// What a rule is about: `amount.not_null`, and the name it bears.
fn name(check: &Check) -> String {
    let about = [check.table.as_deref(), check.column.as_deref(), Some(check.metric.as_str())];
    let mut name = about.into_iter().flatten().collect::<Vec<_>>().join(".");
    let own = ["id", "name"].into_iter().find_map(|key| check.arguments.get(key)?.as_str());
    if let Some(own) = own {
        name = format!("{name}:{own}");
    }
    name
}

fn told_of(check: &Check) -> String {
    let mut words = vec![check.metric.clone()];
    words.extend(check.threshold.map(|t| t.to_string()));
    words.extend(check.arguments.iter().map(|(key, value)| format!("{key} {}", told(value))));
    words.join(", ")
}

/// Who is bound by a rule: those who write, when it is about single values.
fn side(check: &Check, sides: Sides) -> Sides {
    Sides { writes: sides.writes && OF_ROWS.contains(&check.metric.as_str()), ..sides }
}

fn check(at: &mut At<'_>, old: &Check, new: &Check, sides: Sides) {
    // The first three are what the two rules were paired by.
    let Check { metric, table: _, column: _, threshold, arguments, severity, description } = old;
    let sides = side(old, sides);
    at.option("threshold", threshold.as_ref(), new.threshold.as_ref(), |old, new| {
        threshold_rule(metric, old.copied(), new.copied(), sides)
    });
    let keys: BTreeSet<&String> = arguments.keys().chain(new.arguments.keys()).collect();
    let mut at_arguments = at.under("arguments");
    for key in keys {
        let (from, to) = (arguments.get(key), new.arguments.get(key));
        if from != to {
            at_arguments.add(key, from.map(told), to.map(told), argument_rule(metric, key, from, to, sides));
        }
    }
    at.option("severity", severity.as_ref(), new.severity.as_ref(), severity_rule);
    at.words("description", description.as_ref(), new.description.as_ref());
}

fn threshold_rule(metric: &str, old: Option<f64>, new: Option<f64>, sides: Sides) -> Ruling {
    let grows = matches!((old, new), (Some(old), Some(new)) if new > old);
    let shift = match (metric, old, new) {
        (_, None, _) => Shift::Tighter,
        (_, _, None) => Shift::Looser,
        ("completeness", _, _) if grows => Shift::Tighter,
        ("completeness", _, _) => Shift::Looser,
        ("row_count_delta", _, _) if grows => Shift::Looser,
        ("row_count_delta", _, _) => Shift::Tighter,
        _ => Shift::Other,
    };
    sides.rule(shift, why(shift))
}

fn argument_rule(metric: &str, key: &str, from: Option<&Value>, to: Option<&Value>, sides: Sides) -> Ruling {
    if WORDS.contains(&key) || key.starts_with("x-") {
        return Ruling::patch("it is about the rule, not part of it");
    }
    if let (Some(Value::Array(from)), Some(Value::Array(to)), "values") = (from, to, key) {
        return match metric {
            "in_list" => values_rule(from, to, sides),
            "not_in_list" => forbidden(from, to, sides),
            _ => sides.rule(Shift::Other, why(Shift::Other)),
        };
    }
    let age = metric == "freshness" && matches!(key, "threshold" | "max");
    let shift = match (from, to) {
        (Some(from), Some(to)) if age => age_shift(from, to),
        (from, to) if LOWER.contains(&key) => bound_shift(from, to, Ordering::Greater),
        (from, to) if UPPER.contains(&key) => bound_shift(from, to, Ordering::Less),
        _ => Shift::Other,
    };
    sides.rule(shift, why(shift))
}

fn bound_shift(from: Option<&Value>, to: Option<&Value>, inward: Ordering) -> Shift {
    shift(from.map(|v| (v, false)), to.map(|v| (v, false)), inward).unwrap_or(Shift::Other)
}

fn age_shift(from: &Value, to: &Value) -> Shift {
    match span(from).zip(span(to)).map(|(from, to)| spans(&from, &to)) {
        Some(Spans::Shorter) => Shift::Tighter,
        Some(Spans::Longer) => Shift::Looser,
        // The same age in other words narrows nothing; a MINOR is the least that a rule's own argument gets.
        Some(Spans::Same) => Shift::Tighter,
        Some(Spans::Either) | None => Shift::Other,
    }
}

/// Values that may not stand somewhere: the other way round than those that may.
fn forbidden(old: &[Value], new: &[Value], sides: Sides) -> Ruling {
    let set = |values: &[Value]| values.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let (before, after) = (set(old), set(new));
    match (before.is_subset(&after), after.is_subset(&before)) {
        (true, true) => Ruling::patch("the same values in another order"),
        (true, false) => sides.rule(Shift::Tighter, "a further value is ruled out"),
        (false, _) => sides.rule(Shift::Looser, "a value that was ruled out may stand there now"),
    }
}

/// A rule without a severity is an error.
fn severity_rule(old: Option<&String>, new: Option<&String>) -> Ruling {
    let weight = |word: Option<&String>| match word.map(|w| w.to_lowercase()).as_deref() {
        None | Some("error" | "critical" | "blocker" | "fatal") => Some(2),
        Some("warning" | "warn") => Some(1),
        Some("info" | "notice") => Some(0),
        Some(_) => None,
    };
    match (weight(old), weight(new)) {
        (Some(old), Some(new)) if new == old => Ruling::patch("the same severity in another word"),
        (Some(old), Some(new)) if new > old => Ruling::minor("breaking the rule weighs more"),
        _ => Ruling::major("breaking the rule weighs less, or nothing here knows the word"),
    }
}

fn why(shift: Shift) -> &'static str {
    match shift {
        Shift::Tighter => "the rule is stricter",
        Shift::Looser | Shift::Wider => "the rule is weaker",
        Shift::Other => "the rule is another one, and which is stricter cannot be told",
    }
}
