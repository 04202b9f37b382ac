//! Reads how CSV files are written: `storage.csv`.
//!
//! Start reading at [`style`].

use super::super::report::Report;
use super::super::value::Value;
use crate::model::{CsvStyle, Custom};
use crate::problem::code;

/// `csv: {delimiter, header, quote, escape, null_text, encoding}`; what is not said is as RFC 4180 has it.
///
/// - `custom`: where the encoding is kept as it was written; files are read as UTF-8, whatever it says.
pub(crate) fn style(value: &Value<'_>, custom: &mut Custom, report: &mut Report) -> Option<CsvStyle> {
    let mut fields = value.fields(report)?;
    let usual = CsvStyle::default();
    let delimiter = fields.take("delimiter").and_then(|v| mark(&v, report));
    let header = fields.flag("header", report);
    let quote = fields.take("quote").and_then(|v| mark(&v, report));
    let escape = fields.take("escape").and_then(|v| mark(&v, report));
    // A bare `null` as a key is no text to other readers of YAML.
    let null = fields.take_any(&["null_text", "nullText", "null"], report);
    let null = null.and_then(|v| v.text(report).map(str::to_owned));
    if let Some(encoding) = fields.look("encoding") {
        encoding.word(&[("utf-8", ()), ("utf8", ()), ("us-ascii", ())], code::BAD_WORD, report);
    }
    let mut own = Custom::new();
    fields.keep("encoding", &mut own);
    fields.finish_into(&mut own, report);
    for (key, value) in own {
        super::super::fields::keep(custom, &format!("storage.csv.{key}"), value);
    }
    let style = CsvStyle {
        delimiter: delimiter.unwrap_or(usual.delimiter),
        header: header.unwrap_or(usual.header),
        quote: quote.unwrap_or(usual.quote),
        escape,
        null: null.unwrap_or_default(),
    };
    if let Some(fault) = style.fault() {
        value.error(code::BAD_CSV, &fault, "Give each mark an ASCII character of its own.", report);
        return None;
    }
    Some(style)
}

fn mark(value: &Value<'_>, report: &mut Report) -> Option<char> {
    let text = value.text(report)?;
    let mut characters = text.chars();
    if let (Some(mark), None) = (characters.next(), characters.next()) {
        return Some(mark);
    }
    value.error(code::BAD_CSV, "is not one character", "Write one ASCII character, in quotes.", report);
    None
}
