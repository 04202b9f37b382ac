//! What a contract says of the values of one column: allowed values, bounds, lengths, patterns.
//!
//! In: the columns of a contract and the quality rules of its port. Out: rules that are checked row by row.
//! Holds always: null breaks no rule but the one that forbids it; a rule that cannot be checked is told, never left out.
//!
//! Start reading at [`of`].

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, Scalar, StringViewArray};
use arrow::compute::kernels::cmp::{eq, gt, gt_eq, lt, lt_eq};
use arrow::compute::regexp_is_match_scalar;
use arrow::compute::{cast, or_kleene};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use meshweave_contract::model::{Check, Column, Range};
use meshweave_contract::name::alike;
use serde_json::Value;

use super::check::nulls;
use crate::error::{Error, Result};

/// One rule about one column.
#[derive(Debug)]
pub(super) struct Rule {
    column: usize,
    text: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    NotNull,
    /// One of these, or (the flag) none of them.
    Listed(Vec<Scalar<ArrayRef>>, bool),
    Bound(Bound, Limit),
    /// Characters, or bytes of what is no text.
    Length {
        min: u64,
        max: u64,
    },
    Pattern(String),
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// A bound in the column's type, or as a float where that cannot hold it.
#[derive(Debug)]
enum Limit {
    Exact(Scalar<ArrayRef>),
    Float(Scalar<ArrayRef>),
}

/// The rules that a contract has for its columns.
///
/// # Errors
/// A rule that cannot be checked, in words.
pub(super) fn of(columns: &[Column], quality: &[Check], schema: &Schema) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for (at, (column, field)) in columns.iter().zip(schema.fields()).enumerate() {
        let mut make = Make { rules: &mut rules, column: at, name: field.name(), data_type: field.data_type() };
        if let Some(values) = &column.allowed_values {
            make.listed(values, true);
        }
        if let Some(pattern) = &column.pattern {
            make.pattern(pattern)?;
        }
        make.range(&column.range)?;
    }
    for check in quality.iter().filter(|check| check.threshold.is_none() && !check.arguments.contains_key("where")) {
        let Some(name) = &check.column else { continue };
        let Some(at) = schema.fields().iter().position(|field| alike(field.name(), name)) else { continue };
        let field = schema.field(at);
        let mut make = Make { rules: &mut rules, column: at, name: field.name(), data_type: field.data_type() };
        make.quality(check)?;
    }
    Ok(rules)
}

struct Make<'a> {
    rules: &'a mut Vec<Rule>,
    column: usize,
    name: &'a str,
    data_type: &'a DataType,
}

impl Make<'_> {
    /// Adds a rule, unless the same was said before in other words.
    fn add(&mut self, text: &str, test: Test) {
        let text = format!("\"{}\" {text}", self.name);
        if !self.rules.iter().any(|known| known.text == text) {
            self.rules.push(Rule { column: self.column, text, test });
        }
    }

    fn quality(&mut self, check: &Check) -> Result<(), String> {
        let argument = |key: &str| check.arguments.get(key);
        match check.metric.as_str() {
            "not_null" => self.add("is null", Test::NotNull),
            "in_list" | "not_in_list" => {
                if let Some(values) = argument("values").and_then(Value::as_array) {
                    self.listed(values, check.metric == "in_list");
                }
            }
            "pattern" => {
                if let Some(pattern) = argument("pattern").and_then(Value::as_str) {
                    self.pattern(pattern)?;
                }
            }
            "range" => {
                let range = Range { min: argument("min").cloned(), max: argument("max").cloned(), ..Range::default() };
                self.range(&range)?;
            }
            "length" => {
                let length = |key: &str| argument(key).and_then(Value::as_u64);
                let range = Range { min_length: length("min"), max_length: length("max"), ..Range::default() };
                self.range(&range)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A value that the column cannot hold is met by no row, and left out of the list.
    fn listed(&mut self, values: &[Value], is_allowed: bool) {
        let known = values.iter().filter_map(|value| match limit(value, self.data_type) {
            Some(Limit::Exact(value)) => Some(value),
            Some(Limit::Float(_)) | None => None,
        });
        let text = if is_allowed { "is none of the allowed values" } else { "is one of the forbidden values" };
        self.add(text, Test::Listed(known.collect(), is_allowed));
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        let probe = StringViewArray::from(vec![""]);
        if let Err(error) = regexp_is_match_scalar(&probe, pattern, None) {
            return Err(format!("the pattern of \"{}\" cannot be checked: {error}", self.name));
        }
        self.add(&format!("does not match {pattern}"), Test::Pattern(pattern.to_owned()));
        Ok(())
    }

    fn range(&mut self, range: &Range) -> Result<(), String> {
        let bounds = [
            (&range.min, Bound::AtLeast, "is below"),
            (&range.above, Bound::Above, "is not above"),
            (&range.max, Bound::AtMost, "is above"),
            (&range.below, Bound::Below, "is not below"),
        ];
        for (value, bound, words) in bounds {
            let Some(value) = value else { continue };
            let told = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let Some(limit) = limit(value, self.data_type) else {
                return Err(format!("the bound {told} of \"{}\" cannot be compared with its values", self.name));
            };
            self.add(&format!("{words} {told}"), Test::Bound(bound, limit));
        }
        if let Some(min) = range.min_length {
            self.add(&format!("is shorter than {min}"), Test::Length { min, max: u64::MAX });
        }
        if let Some(max) = range.max_length {
            self.add(&format!("is longer than {max}"), Test::Length { min: 0, max });
        }
        Ok(())
    }
}

/// A value of a contract as one of a column; none when it can never be compared with those of the column.
fn limit(value: &Value, data_type: &DataType) -> Option<Limit> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let typed = ScalarValue::Utf8(Some(text.clone())).cast_to(data_type).ok().filter(|typed| !typed.is_null());
    let float = |typed: &ScalarValue| match typed.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(float)) => float,
        _ => None,
    };
    let scalar = |value: &ScalarValue| value.to_array().ok().map(Scalar::new);
    if !data_type.is_numeric() {
        return scalar(&typed?).map(Limit::Exact);
    }
    let number: f64 = text.parse().ok()?;
    match typed.filter(|typed| float(typed) == Some(number)) {
        Some(typed) => scalar(&typed).map(Limit::Exact),
        None => scalar(&ScalarValue::Float64(Some(number))).map(Limit::Float),
    }
}

impl Rule {
    /// The rule as it is told when it is broken.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The places of rows that break it, ascending.
    ///
    /// # Errors
    /// [`crate::Failure::Internal`] when Arrow cannot compare what it said it can.
    pub(super) fn broken(&self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let column = &columns[self.column];
        self.test.broken(column).map_err(|error| Error::internal(format!("checking that {}", self.text), error))
    }
}

impl Test {
    fn broken(&self, column: &ArrayRef) -> Result<Vec<usize>, ArrowError> {
        let kept = match self {
            Self::NotNull => return Ok(nulls(column)),
            Self::Listed(values, is_allowed) => {
                let mut found = BooleanArray::from(vec![false; column.len()]);
                for value in values {
                    found = or_kleene(&found, &eq(column, value)?)?;
                }
                return Ok(places(column, |row| found.is_valid(row) && found.value(row) != *is_allowed));
            }
            Self::Bound(bound, Limit::Exact(limit)) => bound.kept(column, limit)?,
            Self::Bound(bound, Limit::Float(limit)) => bound.kept(&cast(column, &DataType::Float64)?, limit)?,
            Self::Pattern(pattern) => {
                let text = cast(column, &DataType::Utf8View)?;
                regexp_is_match_scalar(text.as_string_view(), pattern, None)?
            }
            Self::Length { min, max } => return lengths(column, *min, *max),
        };
        Ok(places(column, |row| kept.is_valid(row) && !kept.value(row)))
    }
}

impl Bound {
    fn kept(self, column: &ArrayRef, limit: &Scalar<ArrayRef>) -> Result<BooleanArray, ArrowError> {
        match self {
            Self::AtLeast => gt_eq(column, limit),
            Self::Above => gt(column, limit),
            Self::AtMost => lt_eq(column, limit),
            Self::Below => lt(column, limit),
        }
    }
}

/// The places of values that hold and are not null.
fn places(column: &ArrayRef, holds: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..column.len()).filter(|row| column.is_valid(*row) && holds(*row)).collect()
}

fn lengths(column: &ArrayRef, min: u64, max: u64) -> Result<Vec<usize>, ArrowError> {
    let fits = |length: usize| (min..=max).contains(&(length as u64));
    if matches!(column.data_type(), DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(_)) {
        let bytes = cast(column, &DataType::BinaryView)?;
        let bytes = bytes.as_binary_view();
        return Ok(places(column, |row| !fits(bytes.value(row).len())));
    }
    let text = cast(column, &DataType::Utf8View)?;
    let text = text.as_string_view();
    Ok(places(column, |row| !fits(text.value(row).chars().count())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Decimal128Array, Float64Array, Int64Array};
    use arrow::datatypes::Field;
    use meshweave_contract::types::LogicalType;
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases read better")]
    fn check(values: ArrayRef, column: Column, expected: &[(&str, &[usize])]) {
        let schema = Schema::new(vec![Field::new(&column.name, values.data_type().clone(), true)]);
        let rules = of(&[column], &[], &schema).unwrap();
        let broken: Vec<(String, Vec<usize>)> =
            rules.iter().map(|rule| (rule.text().to_owned(), rule.broken(&[Arc::clone(&values)]).unwrap())).collect();
        let expected: Vec<(String, Vec<usize>)> =
            expected.iter().map(|(text, rows)| (format!("\"c\" {text}"), rows.to_vec())).collect();
        assert_eq!(broken, expected);
    }

    fn column() -> Column {
        Column::new("c", LogicalType::String)
    }

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringViewArray>())
    }

    #[test]
    fn allowed_values_and_patterns() {
        let allowed = Some(vec![json!("new"), json!("paid"), json!(null)]);
        check(
            text(&[Some("new"), None, Some("NEW"), Some("paid")]),
            Column { allowed_values: allowed, pattern: Some("^[a-z]+$".to_owned()), ..column() },
            &[("is none of the allowed values", &[2]), ("does not match ^[a-z]+$", &[2])],
        );
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let allowed = Some(vec![json!(1), json!("x"), json!(2.5)]);
        check(numbers, Column { allowed_values: allowed, ..column() }, &[("is none of the allowed values", &[1])]);
    }

    #[test]
    fn bounds_in_every_type() {
        let range = |min: Value, below: Value| Range { min: Some(min), below: Some(below), ..Range::default() };
        let bounded = |range| Column { range, ..column() };
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), None, Some(10)]));
        check(whole, bounded(range(json!(0.5), json!(10))), &[("is below 0.5", &[0]), ("is not below 10", &[3])]);
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![-0.5, 0.0, f64::NAN]));
        check(floats, bounded(range(json!(0), json!(1))), &[("is below 0", &[0]), ("is not below 1", &[2])]);
        let decimals = Decimal128Array::from(vec![1, 2, 3]).with_precision_and_scale(10, 2).unwrap();
        let fine = range(json!(0.015), json!("0.03"));
        check(Arc::new(decimals), bounded(fine), &[("is below 0.015", &[0]), ("is not below 0.03", &[2])]);
        let days: ArrayRef = Arc::new(Date32Array::from(vec![19_000, 20_000]));
        let said = range(json!("2022-01-08"), json!("2024-01-01"));
        check(days, bounded(said), &[("is below 2022-01-08", &[]), ("is not below 2024-01-01", &[1])]);
    }

    #[test]
    fn lengths_are_characters() {
        let range = Range { min_length: Some(2), max_length: Some(3), ..Range::default() };
        let values = text(&[Some("a"), Some("äöü"), Some("äöüß"), None]);
        check(values, Column { range, ..column() }, &[("is shorter than 2", &[0]), ("is longer than 3", &[2])]);
    }

    #[test]
    fn a_rule_that_cannot_be_checked_is_told() {
        let schema = Schema::new(vec![Field::new("c", DataType::Int64, true)]);
        let range = Range { min: Some(json!("soon")), ..Range::default() };
        let error = of(&[Column { range, ..column() }], &[], &schema).unwrap_err();
        assert_eq!(error, "the bound soon of \"c\" cannot be compared with its values");
        let pattern = Some("a(?=b)".to_owned());
        let error = of(&[Column { pattern, ..column() }], &[], &schema).unwrap_err();
        assert!(error.starts_with("the pattern of \"c\" cannot be checked: "), "{error}");
    }

    #[test]
    fn quality_rules_are_checked_too_once() {
        let schema = Schema::new(vec![Field::new("c", DataType::Utf8View, true)]);
        let rule = |metric: &str, arguments: Value, threshold| Check {
            metric: metric.to_owned(),
            table: None,
            column: Some("C".to_owned()),
            threshold,
            arguments: arguments.as_object().unwrap().clone().into_iter().collect(),
            severity: None,
            description: None,
        };
        let said = [
            rule("not_null", json!({}), None),
            rule("in_list", json!({ "values": ["a", "bb"] }), None),
            rule("not_in_list", json!({ "values": ["bb"] }), None),
            rule("length", json!({ "max": 1 }), None),
            rule("length", json!({ "max": 1 }), None),
            rule("not_null", json!({}), Some(0.1)),
            rule("in_list", json!({ "values": ["z"], "where": "x > 1" }), None),
            rule("completeness", json!({}), None),
        ];
        let rules = of(&[column()], &said, &schema).unwrap();
        let values = [text(&[Some("a"), None, Some("bb"), Some("c")])];
        let broken: Vec<Vec<usize>> = rules.iter().map(|rule| rule.broken(&values).unwrap()).collect();
        assert_eq!(broken, [vec![1], vec![3], vec![2], vec![2]]);
    }
}
