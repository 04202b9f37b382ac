//! Reads the `policies` block: access, retention, encryption.

use super::super::fields::{Fields, Value};
use super::super::parts::Parts;
use super::super::report::Report;
use super::access::AccessWords;
use crate::problem::code;

/// The `policies` block of the short forms.
pub(crate) fn policies(value: &Value<'_>, access: &mut AccessWords, parts: &mut Parts, report: &mut Report) {
    let Some(mut fields) = value.fields(report) else { return };
    access.read(&mut fields, report);
    kept(&mut fields, parts, report);
    fields.keep("classification", &mut parts.head.custom);
    fields.finish_under("policies", &mut parts.head.custom, report);
}

/// How long rows are kept and how they are encrypted; said in one place only.
pub(crate) fn kept(fields: &mut Fields<'_>, parts: &mut Parts, report: &mut Report) {
    if let Some(value) = fields.take("retention") {
        let span = value.span(report);
        if parts.retention.is_some() && parts.retention != span {
            value.error(code::CONFLICT, "contradicts another part of the document", "Say it once.", report);
        }
        parts.retention = span.or(parts.retention.take());
    }
    if let Some(value) = fields.take("encryption") {
        let text = value.text(report).map(str::to_owned);
        if parts.encryption.is_some() && parts.encryption != text {
            value.error(code::CONFLICT, "contradicts another part of the document", "Say it once.", report);
        }
        parts.encryption = text.or(parts.encryption.take());
    }
}
