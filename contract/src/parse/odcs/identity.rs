//! Who a product is, in the words of the standards: free text where the mesh has names and versions.
//!
//! Holds always: what was changed to make a name or a version of it is kept as written, beside what it became.
//!
//! Start reading at [`identity`].

use super::super::blocks::head;
use super::super::fields::Fields;
use super::super::report::Report;
use super::super::value::Value;
use crate::model::{Custom, Status};
use crate::name::{DomainName, LocalName, ProductId, ProductName};
use crate::problem::code;

/// What is known about a document before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'g> {
    /// The domain of a document that names none.
    pub(crate) domain: Option<&'g DomainName>,
    /// The product whose contract the document is, whatever the document says.
    pub(crate) product: Option<&'g ProductId>,
}

/// Name, domain and version; what was written is kept in `custom` where it differs.
///
/// - `names`: the keys that may name the product, the first that is there counts.
/// - `needs_version`: whether a document without a version is wrong; else it is 1.0.0.
pub(crate) fn identity(
    top: &mut Fields<'_>,
    names: &[&'static str],
    needs_version: bool,
    given: Given<'_>,
    custom: &mut Custom,
    report: &mut Report,
) -> Option<ProductId> {
    let id = top.need("id", "Write an identifier, such as a UUID.", report);
    let written: Vec<(&'static str, Value<'_>)> =
        names.iter().filter_map(|key| top.take(key).map(|value| (*key, value))).collect();
    let domain = top.take("domain");
    let version = top.take("version");
    let name = match given.product {
        Some(product) => Some(product.name.product.clone()),
        None => name(top, id.as_ref(), &written, report),
    };
    let domain_name = match given.product {
        Some(product) => Some(product.name.domain.clone()),
        None => self::domain(top, domain.as_ref(), given, report),
    };
    let number = match &version {
        Some(value) => self::version(value, report),
        None if needs_version => {
            top.missing("version", "Write a version such as 1.0.0.", report);
            None
        }
        None => Some(semver::Version::new(1, 0, 0)),
    };
    let found = ProductId { name: ProductName { domain: domain_name?, product: name? }, version: number? };
    for (i, (key, value)) in written.iter().enumerate() {
        keep(key, value, (i == 0).then(|| found.name.product.as_str()), custom);
    }
    for (key, value, same) in [
        ("domain", domain, found.name.domain.to_string()),
        ("version", version, found.version.to_string()),
        ("id", id, found.name.to_string()),
    ] {
        value.iter().for_each(|value| keep(key, value, Some(&same), custom));
    }
    Some(found)
}

/// Keeps what was written, unless it is what would be written anyway.
fn keep(key: &str, value: &Value<'_>, same: Option<&str>, custom: &mut Custom) {
    if let Some(text) = value.node.scalar().filter(|text| Some(*text) != same) {
        custom.insert(key.to_owned(), text.into());
    }
}

fn name(
    top: &Fields<'_>,
    id: Option<&Value<'_>>,
    written: &[(&'static str, Value<'_>)],
    report: &mut Report,
) -> Option<LocalName> {
    // An identifier names the product when nothing else does and it could be a name.
    let by_id = || id.filter(|v| v.node.scalar().is_some_and(|text| LocalName::new(text).is_ok()));
    let Some(value) = written.first().map(|(_, value)| value).or_else(by_id) else {
        top.missing("name", "Name the product by `dataProduct` or `name`.", report);
        return None;
    };
    usable(value, LocalName::new, report)
}

fn domain(top: &Fields<'_>, written: Option<&Value<'_>>, given: Given<'_>, report: &mut Report) -> Option<DomainName> {
    let Some(value) = written else {
        if given.domain.is_none() {
            top.missing("domain", "Name the domain that owns it.", report);
        }
        return given.domain.cloned();
    };
    let name = usable(value, DomainName::new, report)?;
    head::not_reserved(&name, value, report).then_some(name)
}

/// A name as written, or with `-` for what a name may not hold; the latter is told.
pub(crate) fn usable<T, E: std::fmt::Display>(
    value: &Value<'_>,
    new: impl Fn(&str) -> Result<T, E>,
    report: &mut Report,
) -> Option<T> {
    let text = value.text(report)?;
    let error = match new(text) {
        Ok(name) => return Some(name),
        Err(error) => error,
    };
    let name = slug(text);
    if let Ok(found) = new(&name) {
        let message = format!("`{}` is no name here, `{name}` is taken for it: {error}", value.path);
        report.warning(value.place(), code::BAD_NAME, message, "Use letters, digits, `_` and `-`.");
        return Some(found);
    }
    value.error(code::BAD_NAME, &format!("is no name: {error}"), "Use letters, digits, `_` and `-`.", report);
    None
}

/// The name that a free text stands for: `-` for what a name may not hold.
pub fn slug(text: &str) -> String {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A semantic version; `1`, `1.2` and `v1.2.3` are filled up or stripped.
fn version(value: &Value<'_>, report: &mut Report) -> Option<semver::Version> {
    let text = value.text(report)?;
    version_of(text).or_else(|| head::version(value, report))
}

/// The version that a text stands for; none when it is no version, even filled up.
pub(crate) fn version_of(text: &str) -> Option<semver::Version> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let missing = match bare.split('.').count() {
        1 => ".0.0",
        2 => ".0",
        _ => "",
    };
    semver::Version::parse(&format!("{bare}{missing}")).ok()
}

/// The standards also have `proposed`, which is a draft here; the word itself is kept.
pub(crate) fn status(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Status {
    let words = [
        ("proposed", Status::Draft),
        ("draft", Status::Draft),
        ("active", Status::Active),
        ("deprecated", Status::Deprecated),
        ("retired", Status::Retired),
    ];
    let status = value.word(&words, code::BAD_WORD, report).unwrap_or_default();
    if let Some(word) = value.node.scalar().filter(|w| w.eq_ignore_ascii_case("proposed")) {
        custom.insert("status".to_owned(), word.into());
    }
    status
}

/// `purpose` is the description; usage, limitations and the like are kept beside it.
pub(crate) fn description(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Option<String> {
    if let Some(text) = value.node.scalar() {
        return Some(text.to_owned());
    }
    let mut fields = value.fields(report)?;
    let purpose = fields.text("purpose", report);
    super::keep_shaped(&mut fields, crate::standard::keys::DESCRIPTION, custom, report);
    fields.finish_under("description", custom, report);
    purpose
}
