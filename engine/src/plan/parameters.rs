//! Values for the parameters of a statement.
//!
//! Start reading at [`bind`].

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use crate::engine::{ParameterInfo, Parameters};
use crate::error::{Error, Result};
use crate::plan::tokens::Style;

/// The parameters of a statement in the order of their numbers, with the types that the planner inferred.
///
/// # Errors
/// A parameter that would have to be of two types.
pub(super) fn describe(plan: &LogicalPlan, style: &Style) -> Result<Vec<ParameterInfo>> {
    let types = plan.get_parameter_types()?;
    Ok((1..=style.count()).map(|number| ParameterInfo { name: name(style, number), data_type: of(&types, number) }).collect())
}

/// Puts values in the place of parameters, each cast to the type that its place asks for.
///
/// # Errors
/// Values that are missing, left over, or not of the type.
pub(super) fn bind(plan: LogicalPlan, style: &Style, parameters: &Parameters) -> Result<LogicalPlan> {
    let values = values(style, parameters)?;
    if values.is_empty() {
        return Ok(plan);
    }
    let types = plan.get_parameter_types()?;
    let mut cast = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        cast.push(match of(&types, index + 1) {
            Some(wanted) if value.data_type() != wanted => {
                let given = value.data_type();
                value.cast_to(&wanted).map_err(|_| {
                    Error::invalid_query(format!("parameter {} is {given}, but {wanted} is needed", name(style, index + 1)))
                })?
            }
            _ => value,
        });
    }
    Ok(plan.with_param_values(cast)?)
}

fn of(types: &HashMap<String, Option<DataType>>, number: usize) -> Option<DataType> {
    types.get(&format!("${number}")).cloned().flatten().filter(|known| *known != DataType::Null)
}

fn name(style: &Style, number: usize) -> String {
    match style {
        Style::Named(names) => names.get(number - 1).cloned().unwrap_or_default(),
        Style::None | Style::Positional(_) => format!("${number}"),
    }
}

/// The values in the order of their numbers.
fn values(style: &Style, parameters: &Parameters) -> Result<Vec<ScalarValue>> {
    let needed = style.count();
    match (style, parameters) {
        (Style::Named(names), Parameters::Named(values)) => {
            if let Some(left_over) = values.keys().find(|name| !names.contains(name)) {
                return Err(Error::invalid_query(format!("the statement has no parameter :{left_over}")));
            }
            let value = |name: &String| {
                values.get(name).cloned().ok_or_else(|| Error::invalid_query(format!("parameter :{name} has no value")))
            };
            names.iter().map(value).collect()
        }
        (_, Parameters::None) => counted(needed, &[]),
        (_, Parameters::Positional(values)) => counted(needed, values),
        (_, Parameters::Named(values)) if values.is_empty() => counted(needed, &[]),
        (_, Parameters::Named(_)) => Err(Error::invalid_query_hint(
            "values were given by name, but the statement has no named parameters",
            "Write parameters as :name, or give values in order.",
        )),
    }
}

fn counted(needed: usize, values: &[ScalarValue]) -> Result<Vec<ScalarValue>> {
    if values.len() == needed {
        return Ok(values.to_vec());
    }
    let plural = |count: usize, word: &str| if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") };
    Err(Error::invalid_query(format!(
        "the statement has {}, but {} given",
        plural(needed, "parameter"),
        if values.len() == 1 { "1 value was".to_owned() } else { format!("{} values were", values.len()) }
    )))
}
