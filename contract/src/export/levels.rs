//! Service levels and retention as `slaProperties` of the standard.
//!
//! Start reading at [`levels`].

use serde_json::{Map, Value as Json, json};

use super::table::written_name;
use crate::model::{OutputPort, Product, Span};
use crate::parse::slug;
use crate::standard::keys::LEVELS;

/// The promises: as the document wrote them, else in the standard's words.
pub(super) fn levels(product: &Product, port: &OutputPort) -> Option<Json> {
    if let Some(raw) = port.service_levels.custom.get("slaProperties").filter(|v| LEVELS.fits(v)) {
        return Some(raw.clone());
    }
    let said = &port.service_levels;
    let mut all = Vec::new();
    if let Some(span) = &said.freshness {
        let mut level = spanned("freshness", span);
        level.extend(element(port).map(|text| ("element".to_owned(), json!(text))));
        all.push(Json::Object(level));
    }
    if let Some(ppm) = said.availability_ppm {
        all.push(json!({"property": "availability", "value": percent(ppm), "unit": "percent"}));
    }
    for latency in &said.latency {
        let percentile = f64::from(latency.percentile) / 100.0;
        let value = format!("p{percentile} < {}", latency.below);
        all.push(json!({"property": "latency", "value": value}));
    }
    all.extend(product.retention.iter().map(|span| Json::Object(spanned("retention", span))));
    (!all.is_empty()).then_some(Json::Array(all))
}

fn spanned(property: &str, span: &Span) -> Map<String, Json> {
    let mut all = Map::from_iter([("property".to_owned(), json!(property))]);
    match number_and_unit(span) {
        Some((number, unit)) => {
            all.insert("value".to_owned(), json!(number));
            all.insert("unit".to_owned(), json!(unit));
        }
        None => drop(all.insert("value".to_owned(), json!(span.to_string()))),
    }
    all
}

/// A span of one unit as a number of it.
fn number_and_unit(span: &Span) -> Option<(i64, &'static str)> {
    let all = [
        (i64::from(span.0.get_years()), "years"),
        (i64::from(span.0.get_months()), "months"),
        (i64::from(span.0.get_weeks()), "weeks"),
        (i64::from(span.0.get_days()), "days"),
        (i64::from(span.0.get_hours()), "hours"),
        (span.0.get_minutes(), "minutes"),
        (span.0.get_seconds(), "seconds"),
    ];
    let mut said = all.into_iter().filter(|(number, _)| *number > 0);
    let one = said.next()?;
    let smaller = span.0.get_milliseconds() != 0 || span.0.get_microseconds() != 0 || span.0.get_nanoseconds() != 0;
    (said.next().is_none() && !smaller).then_some(one)
}

/// Parts per million as a percentage.
fn percent(ppm: u32) -> Json {
    if ppm.is_multiple_of(10_000) { json!(ppm / 10_000) } else { json!(f64::from(ppm) / 10_000.0) }
}

/// The column that tells the age, as `table.column`.
fn element(port: &OutputPort) -> Option<String> {
    let column = port.service_levels.freshness_column.as_deref()?;
    let table = port.tables.first()?;
    let declared = table.columns.is_empty() || table.columns.iter().any(|c| c.name == column);
    let name = written_name(table, true);
    let plain = !column.contains(',') && slug(name) == name;
    (declared && plain).then(|| format!("{name}.{column}"))
}
