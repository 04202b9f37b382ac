//! Which column that comes is which of the contract.
//!
//! Start reading at [`places`].

use arrow::datatypes::Schema;
use meshweave_contract::name::alike;
use meshweave_contract::parse::nearest;

use super::cast;
use crate::types::logical_type;

/// For each column of the contract the place of the one that comes; none for one that does not and may be null.
///
/// Names match exactly, else by folding, as unquoted names of SQL do.
///
/// # Errors
/// Everything that is wrong: columns that the contract does not have, that come twice, that are missing, or whose type never fits.
pub(super) fn places(promised: &Schema, rows: &Schema) -> Result<Vec<Option<usize>>, Vec<String>> {
    let mut problems = Vec::new();
    let mut places = vec![None; promised.fields().len()];
    for (at, field) in rows.fields().iter().enumerate() {
        let Some(place) = place(promised, field.name()) else {
            problems.push(unknown(promised, field.name()));
            continue;
        };
        let wanted = promised.field(place);
        if places[place].is_some() {
            problems.push(format!("the column \"{}\" comes twice", wanted.name()));
        } else if !cast::may_fit(field.data_type(), wanted.data_type()) {
            let (given, needed) = (logical_type(field.data_type()), logical_type(wanted.data_type()));
            problems.push(format!("the column \"{}\" comes as {given} and is {needed}", wanted.name()));
        }
        places[place] = Some(at);
    }
    let missing =
        promised.fields().iter().zip(&places).filter(|(field, place)| place.is_none() && !field.is_nullable());
    problems.extend(missing.map(|(field, _)| format!("the column \"{}\" is missing, and is never null", field.name())));
    if problems.is_empty() { Ok(places) } else { Err(problems) }
}

fn place(promised: &Schema, name: &str) -> Option<usize> {
    let exact = promised.fields().iter().position(|field| field.name() == name);
    exact.or_else(|| promised.fields().iter().position(|field| alike(field.name(), name)))
}

fn unknown(promised: &Schema, name: &str) -> String {
    let near = nearest(name, promised.fields().iter().map(|field| field.name().as_str()));
    match near.first() {
        Some(near) => format!("the contract has no column \"{name}\" (did you mean \"{near}\"?)"),
        None => format!("the contract has no column \"{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, TimeUnit};

    use super::*;

    fn promised() -> Schema {
        Schema::new(vec![
            Field::new("orderId", DataType::Int64, false),
            Field::new("amount", DataType::Decimal128(10, 2), true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        ])
    }

    fn of(fields: &[(&str, DataType)]) -> Result<Vec<Option<usize>>, Vec<String>> {
        places(
            &promised(),
            &Schema::new(fields.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>()),
        )
    }

    #[test]
    fn names_fold_and_what_may_be_null_may_be_missing() {
        assert_eq!(of(&[("AMOUNT", DataType::Float64), ("order_id", DataType::Int32)]).unwrap_err().len(), 2);
        assert_eq!(
            of(&[("AMOUNT", DataType::Float64), ("orderid", DataType::Int32)]),
            Ok(vec![Some(1), Some(0), None])
        );
        assert_eq!(of(&[("orderId", DataType::Null)]), Ok(vec![Some(0), None, None]));
    }

    #[test]
    fn everything_is_told_at_once() {
        let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
        let problems = of(&[("amout", DataType::Int64), ("at", naive), ("AT", DataType::Utf8)]).unwrap_err();
        assert_eq!(
            problems,
            [
                "the contract has no column \"amout\" (did you mean \"amount\"?)",
                "the column \"at\" comes as timestamp(us) and is timestamp(us, utc)",
                "the column \"at\" comes twice",
                "the column \"orderId\" is missing, and is never null",
            ]
        );
    }
}
