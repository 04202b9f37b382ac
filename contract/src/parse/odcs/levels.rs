//! Service levels of the standard: `slaProperties`.
//!
//! `freshness` (else `latency`, which means the age of data there), `availability` and `retention` are understood; every entry is
//! kept whole beside them.
//!
//! Start reading at [`levels`].

use super::super::blocks::levels;
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::super::words;
use crate::model::Span;
use crate::problem::code;
use crate::standard::keys::LEVELS;

/// One promise with what it is about.
struct Level<'n> {
    property: &'n str,
    value: Value<'n>,
    unit: Option<Value<'n>>,
    element: Option<Value<'n>>,
}

/// Reads the promises.
pub(super) fn levels(value: &Value<'_>, default_element: Option<&str>, parts: &mut Parts, report: &mut Report) {
    LEVELS.check(value, report);
    let levels: Vec<Level<'_>> = value.one_or_many().iter().filter_map(|item| level(item, report)).collect();
    let has_freshness = levels.iter().any(|l| l.property == "freshness");
    for level in &levels {
        match level.property {
            "freshness" => freshness(level, default_element, parts, report),
            "latency" if level.value.node.scalar().is_some_and(|text| text.contains('<')) => {
                parts.service_levels.latency.extend(levels::latency(&level.value, report));
            }
            "latency" if !has_freshness => freshness(level, default_element, parts, report),
            "availability" => parts.service_levels.availability_ppm = availability(level, report),
            "retention" => parts.retention = span(level, report),
            _ => {}
        }
    }
    parts.service_levels.custom.insert("slaProperties".to_owned(), value.json());
}

/// One promise, whose shape was checked; a value of nothing promises nothing.
fn level<'n>(item: &Value<'n>, report: &mut Report) -> Option<Level<'n>> {
    let mut fields = item.fields(report)?;
    let property = fields.take("property")?.node.scalar()?;
    let value = fields.take("value")?;
    Some(Level { property, value, unit: fields.take("unit"), element: fields.take("element") })
}

fn freshness(level: &Level<'_>, default_element: Option<&str>, parts: &mut Parts, report: &mut Report) {
    if let Some(span) = span(level, report) {
        parts.freshness.push((span, level.value.place()));
    }
    let own = level.element.as_ref().and_then(|v| v.text(report).map(|text| (text, v.place())));
    let Some((text, place)) = own.or_else(|| default_element.map(|text| (text, level.value.place()))) else { return };
    // Several elements or a whole table say nothing about one column.
    let steps: Vec<&str> = text.split('.').collect();
    if text.contains(',') || steps.len() < 2 {
        return;
    }
    let (table, column) = (steps[0].to_owned(), steps[1..].join("."));
    parts.mentions.push(Mention { table: Some(table), column: column.clone(), place });
    parts.service_levels.freshness_column = Some(column);
}

/// A span from a value and its unit. `m` is minutes, as everywhere here; in a retention it is refused, since others read months.
fn span(level: &Level<'_>, report: &mut Report) -> Option<Span> {
    let Some(unit) = &level.unit else { return level.value.span(report) };
    let (number, unit_text) = (level.value.text(report)?, unit.text(report)?);
    let word = match unit_text.to_lowercase().as_str() {
        "m" if level.property == "retention" => {
            unit.error(code::BAD_DURATION, "may be minutes or months", "Write minutes or months.", report);
            return None;
        }
        "yr" | "yrs" => "years".to_owned(),
        other => other.to_owned(),
    };
    let text = format!("{number} {word}");
    let mend = "Write a number as the value and its unit as days, hours, minutes, months or years.";
    let read = words::span(&text)
        .map_err(|why| level.value.error(code::BAD_DURATION, &format!("{why}: `{text}`"), mend, report));
    read.ok()
}

fn availability(level: &Level<'_>, report: &mut Report) -> Option<u32> {
    let unit = level.unit.as_ref().and_then(|u| u.text(report));
    match unit.map(str::to_lowercase).as_deref() {
        Some("percent" | "%") => {
            let text = level.value.text(report)?.trim_end_matches('%');
            let read = words::availability(&format!("{text}%"));
            let mend = "Write a percentage such as 99.9.";
            read.map_err(|why| level.value.error(code::BAD_AVAILABILITY, &format!("{why}: `{text}`"), mend, report))
                .ok()
        }
        _ => levels::availability(&level.value, report),
    }
}
