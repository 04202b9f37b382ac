//! Reads who a product is: name, domain, version, owner, status, words for people.
//!
//! Start reading at [`id`] and [`common`].

use super::super::fields::Fields;
use super::super::parts::Head;
use super::super::report::Report;
use super::super::value::Value;
use crate::model::{Custom, Lifecycle, Owner, SampleQuery, Status};
use crate::name::{DomainName, LocalName, ProductId, ProductName, RESERVED_DOMAINS, fold};
use crate::problem::code;

const NAME: &str = "Use letters, digits, `_` and `-`.";

/// Domain, name and version; none when one of them is missing or no name.
pub(crate) fn id(
    domain: Option<&Value<'_>>,
    name: Option<&Value<'_>>,
    version: Option<semver::Version>,
    report: &mut Report,
) -> Option<ProductId> {
    let domain = domain.and_then(|v| domain_name(v, report));
    let name = name.and_then(|v| {
        let text = v.text(report)?;
        LocalName::new(text).map_err(|e| v.error(code::BAD_NAME, &format!("is no name: {e}"), NAME, report)).ok()
    });
    Some(ProductId { name: ProductName { domain: domain?, product: name? }, version: version? })
}

fn domain_name(value: &Value<'_>, report: &mut Report) -> Option<DomainName> {
    let text = value.text(report)?;
    let name = DomainName::new(text)
        .map_err(|e| value.error(code::BAD_NAME, &format!("is no name: {e}"), NAME, report))
        .ok()?;
    not_reserved(&name, value, report).then_some(name)
}

/// Whether a domain may bear this name; reports one that belongs to the engine.
pub(crate) fn not_reserved(name: &DomainName, value: &Value<'_>, report: &mut Report) -> bool {
    let is_free = !RESERVED_DOMAINS.contains(&fold(name.as_str()).as_str());
    if !is_free {
        let what = format!("takes the name `{name}`, which belongs to the engine");
        value.error(code::RESERVED_NAME, &what, "Give the domain another name.", report);
    }
    is_free
}

/// A semantic version.
pub(crate) fn version(value: &Value<'_>, report: &mut Report) -> Option<semver::Version> {
    let text = value.text(report)?;
    let what = |e: &semver::Error| format!("is no version: `{text}`, {e}");
    let mend = match text.strip_prefix('v') {
        Some(rest) if semver::Version::parse(rest).is_ok() => format!("Write {rest}, without the v."),
        _ => "Write three numbers, such as 1.0.0.".to_owned(),
    };
    semver::Version::parse(text).map_err(|e| value.error(code::BAD_VERSION, &what(&e), &mend, report)).ok()
}

/// Status, description, owner, tags, glossary, sample queries, lifecycle: the keys that every short form may have.
pub(crate) fn common(fields: &mut Fields<'_>, head: &mut Head, report: &mut Report) {
    head.description = fields.text("description", report);
    head.tags = fields.texts("tags", report);
    head.glossary = fields.texts("glossary", report);
    if let Some(value) = fields.take("owner") {
        head.owner = owner(&value, &mut head.custom, report);
    }
    if let Some(value) = fields.take("status") {
        head.status = status(&value, report).unwrap_or_default();
    }
    if let Some(value) = fields.take_any(&["sample_queries", "sampleQueries"], report) {
        head.sample_queries = value.items(report).iter().filter_map(|v| sample(v, &mut head.custom, report)).collect();
    }
    if let Some(value) = fields.take("lifecycle") {
        head.lifecycle = lifecycle(&value, &mut head.custom, report);
    }
}

/// An owner: a block, an address or the name of a team.
pub(crate) fn owner(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Owner {
    if let Some(text) = value.node.scalar() {
        return match text.contains('@') {
            true => Owner { contact: Some(text.to_owned()), ..Owner::default() },
            false => Owner { team: Some(text.to_owned()), ..Owner::default() },
        };
    }
    let Some(mut fields) = value.fields(report) else { return Owner::default() };
    let owner = Owner {
        team: fields.text("team", report),
        contact: fields.take_any(&["contact", "email"], report).and_then(|v| v.text(report)).map(str::to_owned),
        support: fields.texts("support", report),
    };
    fields.finish_under("owner", custom, report);
    owner
}

/// Where a product stands in its life.
pub(crate) fn status(value: &Value<'_>, report: &mut Report) -> Option<Status> {
    let words = [
        ("draft", Status::Draft),
        ("active", Status::Active),
        ("deprecated", Status::Deprecated),
        ("retired", Status::Retired),
    ];
    value.word(&words, code::BAD_WORD, report)
}

fn sample(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Option<SampleQuery> {
    if let Some(sql) = value.node.scalar() {
        return Some(SampleQuery { description: None, sql: sql.to_owned() });
    }
    let mut fields = value.fields(report)?;
    let description = fields.text("description", report);
    let sql = fields.need("sql", "Write the statement.", report);
    fields.finish_under("sample_queries", custom, report);
    Some(SampleQuery { description, sql: sql?.text(report)?.to_owned() })
}

fn lifecycle(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Lifecycle {
    let Some(mut fields) = value.fields(report) else { return Lifecycle::default() };
    let deprecated = fields.take_any(&["deprecated_at", "deprecatedAt"], report);
    let sunset = fields.take_any(&["sunset_at", "sunsetAt"], report);
    let successor = fields.take("successor");
    fields.finish_under("lifecycle", custom, report);
    Lifecycle {
        deprecated_at: deprecated.and_then(|v| date(&v, report)),
        sunset_at: sunset.and_then(|v| date(&v, report)),
        successor: successor.and_then(|v| product_reference(&v, report)),
    }
}

/// An RFC 3339 date or timestamp, as written.
pub(crate) fn date(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let text = value.text(report)?;
    let known = date_is_known(text);
    if !known {
        let mend = "Write 2027-01-31 or 2027-01-31T00:00:00Z.";
        value.error(code::BAD_DATE, &format!("is no date or timestamp: `{text}`"), mend, report);
    }
    known.then(|| text.to_owned())
}

/// Whether a text is an RFC 3339 date or timestamp.
pub(crate) fn date_is_known(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok_and(|d| d.to_string() == text) || text.parse::<jiff::Timestamp>().is_ok()
}

/// `domain.product` or `domain.product@major`, as written.
fn product_reference(value: &Value<'_>, report: &mut Report) -> Option<String> {
    let text = value.text(report)?;
    let known = reference_is_known(text);
    if !known {
        let mend = "Write domain.product or domain.product@2.";
        value.error(code::BAD_REFERENCE, &format!("is no reference to a product: `{text}`"), mend, report);
    }
    known.then(|| text.to_owned())
}

/// Whether a text is `domain.product` or `domain.product@major`.
pub(crate) fn reference_is_known(text: &str) -> bool {
    let (name, major) = text.split_once('@').map_or((text, None), |(n, m)| (n, Some(m)));
    let named = name.split_once('.').is_some_and(|(d, p)| ProductName::new(d, p).is_ok());
    named && major.is_none_or(|m| m.parse::<u64>().is_ok())
}
