//! Foreign keys of the standard.
//!
//! Start reading at [`relationship`].

use super::super::node::Kind;
use super::super::parts::{Mention, Parts};
use super::super::report::Report;
use super::super::value::Value;
use super::ids::Ids;
use crate::model::Relationship;
use crate::problem::code;

/// `{from, to}` at a table, `{to}` at a column.
///
/// - `table`: its name, and the identifiers of the document. What they do not name, and references into other files, are kept as they are.
pub(super) fn relationship(
    value: &Value<'_>,
    column: Option<&str>,
    (table, ids): (&str, &Ids<'_>),
    parts: &mut Parts,
    report: &mut Report,
) -> Option<Relationship> {
    let mut fields = value.fields(report)?;
    let (from, to) = (fields.take("from"), fields.take("to")?);
    let is_unknown = |text: &str| text.contains('/') && ids.column(text).is_none();
    let leads_away = |v: &Value<'_>| v.one_or_many().iter().any(|v| v.node.scalar().is_some_and(is_unknown));
    if from.as_ref().is_some_and(leads_away) || leads_away(&to) {
        return None;
    }
    let columns = match (column, &from) {
        (Some(column), _) => vec![column.to_owned()],
        (None, Some(from)) => mentioned(from, (table, ids), parts, report),
        (None, None) => {
            let mend = "Write `from` and `to`.";
            value.error(code::MISSING, "does not say which columns refer", mend, report);
            return None;
        }
    };
    let targets: Vec<(&str, &str)> =
        to.texts_ref(report).into_iter().filter_map(|text| ids.column(text).or_else(|| split_path(text))).collect();
    let same = targets.iter().all(|(to, _)| *to == targets[0].0);
    if targets.is_empty()
        || targets.len() != columns.len()
        || !same
        || !matches!(to.node.kind, Kind::Scalar { .. } | Kind::List(_))
    {
        let mend = "Write one `schema.property` for each column of `from`, all of one table.";
        to.error(code::BAD_REFERENCE, "does not fit the columns that refer", mend, report);
        return None;
    }
    let to_columns = targets.iter().map(|(_, c)| (*c).to_owned()).collect();
    Some(Relationship { columns, to: targets[0].0.to_owned(), to_columns })
}

/// The columns of `from`, whose table is this one.
fn mentioned(from: &Value<'_>, (table, ids): (&str, &Ids<'_>), parts: &mut Parts, report: &mut Report) -> Vec<String> {
    let mut columns = Vec::new();
    for item in from.one_or_many() {
        let Some(text) = item.text(report) else { continue };
        let named = ids.column(text).or_else(|| split_path(text));
        let column = named.map_or(text, |(_, column)| column).to_owned();
        let mention = Mention { table: Some(table.to_owned()), column: column.clone(), place: item.place() };
        parts.mentions.push(mention);
        columns.push(column);
    }
    columns
}

/// `schema.property`, as the table and the column.
fn split_path(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('.').filter(|(table, column)| !table.is_empty() && !column.is_empty())
}
