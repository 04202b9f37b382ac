//! Values for the parameters of a statement.
//!
//! Start reading at [`bind`].

use std::collections::HashMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast};

use crate::engine::{ParameterInfo, Parameters};
use crate::error::{Error, Result};
use crate::plan::tokens::Style;

/// The parameters of a statement in the order of their numbers, with the types that the planner inferred, else those that the
/// statement casts them to: a driver that binds by type (JDBC) can then bind a number to `CAST(? AS INT)`.
///
/// # Errors
/// A parameter that would have to be of two types.
pub(super) fn describe(plan: &LogicalPlan, style: &Style) -> Result<Vec<ParameterInfo>> {
    let types = plan.get_parameter_types()?;
    let casts = cast_types(plan)?;
    let data_type = |number| of(&types, number).or_else(|| of(&casts, number));
    Ok((1..=style.count())
        .map(|number| ParameterInfo { name: name(style, number), data_type: data_type(number) })
        .collect())
}

/// The types that parameters are cast to where they stand; none for one that is cast to several.
fn cast_types(plan: &LogicalPlan) -> Result<HashMap<String, Option<DataType>>> {
    let mut types: HashMap<String, Option<DataType>> = HashMap::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|expression| {
                let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = expression else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                if let Expr::Placeholder(parameter) = expr.as_ref() {
                    let wanted = Some(field.data_type().clone());
                    let known = types.entry(parameter.id.clone()).or_insert_with(|| wanted.clone());
                    if *known != wanted {
                        *known = None;
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

/// Puts values in the place of parameters, each cast to the type that its place asks for.
///
/// A value that would lose something (`2.5` for an integer) is compared as it is, as the literal would be.
///
/// # Errors
/// Values that are missing, left over, or not of the type; a value that loses something where the answer's columns depend on it.
pub(super) fn bind(plan: LogicalPlan, style: &Style, parameters: &Parameters) -> Result<LogicalPlan> {
    let values = values(style, parameters)?;
    if values.is_empty() {
        return Ok(plan);
    }
    let types = plan.get_parameter_types()?;
    let mut bound = Vec::with_capacity(values.len());
    let mut kept = None;
    for (index, value) in values.into_iter().enumerate() {
        bound.push(match of(&types, index + 1) {
            Some(wanted) if value.data_type() != wanted => match fit(&value, &wanted) {
                Fit::Whole(cast) => cast,
                Fit::Loses => {
                    kept.get_or_insert_with(|| (index + 1, value.clone(), wanted));
                    value
                }
                Fit::Never => return Err(does_not_fit(style, index + 1, &value, &wanted)),
            },
            _ => value,
        });
    }
    let Some((number, value, wanted)) = kept else { return Ok(plan.with_param_values(bound)?) };
    let promised = types_of(&plan);
    let plan = plan.with_param_values(bound)?;
    let same =
        promised.iter().zip(types_of(&plan)).all(|(promised, now)| *promised == DataType::Null || *promised == now);
    if same { Ok(plan) } else { Err(does_not_fit(style, number, &value, &wanted)) }
}

/// The types of a plan's columns.
fn types_of(plan: &LogicalPlan) -> Vec<DataType> {
    plan.schema().fields().iter().map(|field| field.data_type().clone()).collect()
}

/// How a value fits a type.
enum Fit {
    /// As this value, nothing lost.
    Whole(ScalarValue),
    /// Not without losing digits, a time of day or a range.
    Loses,
    Never,
}

fn fit(value: &ScalarValue, wanted: &DataType) -> Fit {
    let given = value.data_type();
    let is_measured = |kind: &DataType| kind.is_numeric() || kind.is_temporal();
    match value.cast_to(wanted) {
        Ok(cast) if given.is_string() || value.is_null() => Fit::Whole(cast),
        Ok(cast) if !cast.is_null() && cast.cast_to(&given).is_ok_and(|back| back == *value) => Fit::Whole(cast),
        Err(_) if !(is_measured(&given) && is_measured(wanted)) => Fit::Never,
        _ => Fit::Loses,
    }
}

fn does_not_fit(style: &Style, number: usize, value: &ScalarValue, wanted: &DataType) -> Error {
    let name = name(style, number);
    let given = value.data_type();
    if given.is_numeric() {
        return Error::invalid_query(format!("parameter {name} is {value} ({given}), but {wanted} is needed"));
    }
    Error::invalid_query(format!("parameter {name} is {given}, but {wanted} is needed"))
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
