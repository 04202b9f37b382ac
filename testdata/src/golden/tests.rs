//! The comparison, by cases: what it must let pass and what it must not.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray};

use super::*;

fn golden(families: &[&str], rows: &[&str]) -> Golden {
    let columns: Vec<String> = families.iter().map(|family| format!(r#"{{"name":"c","family":"{family}"}}"#)).collect();
    let head = format!(r#"{{"columns":[{}],"rows":{}}}"#, columns.join(","), rows.len());
    Golden::parse(&format!("{head}\n{}\n", rows.join("\n")).trim_end().replace("\n\n", "\n")).unwrap()
}

fn check(promise: &str, families: &[&str], rows: &[&str], answer: Vec<ArrayRef>, same: bool) {
    let batch = RecordBatch::try_from_iter(answer.into_iter().enumerate().map(|(i, a)| (format!("c{i}"), a))).unwrap();
    let compared = compare(&batch.schema(), std::slice::from_ref(&batch), &golden(families, rows));
    assert_eq!(compared.is_ok(), same, "{promise}: {compared:?}");
}

fn decimals(values: Vec<Option<i128>>, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(values).with_precision_and_scale(20, scale).unwrap())
}

fn ints(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn floats(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

#[test]
fn order_does_not_count_and_number_does() {
    let rows = [r#"["1"]"#, r#"["2"]"#, r#"["2"]"#];
    check("another order", &["integer"], &rows, vec![ints(vec![Some(2), Some(1), Some(2)])], true);
    check("one twice instead of another", &["integer"], &rows, vec![ints(vec![Some(1), Some(1), Some(2)])], false);
    check("a row less", &["integer"], &rows, vec![ints(vec![Some(1), Some(2)])], false);
}

#[test]
fn exact_values_are_compared_by_value() {
    check("zeros at the end", &["decimal"], &[r#"["1.5"]"#], vec![decimals(vec![Some(1_5000)], 4)], true);
    check("the last digit", &["decimal"], &[r#"["1.5"]"#], vec![decimals(vec![Some(1_5001)], 4)], false);
    check("minus zero", &["decimal"], &[r#"["-0.00"]"#], vec![decimals(vec![Some(0)], 2)], true);
    check("a narrower integer", &["integer"], &[r#"["7"]"#], vec![Arc::new(Int32Array::from(vec![7]))], true);
    check("dates", &["date"], &[r#"["1970-01-02"]"#], vec![Arc::new(Date32Array::from(vec![1]))], true);
    check("blanks in text", &["text"], &[r#"["a "]"#], vec![Arc::new(StringArray::from(vec!["a"]))], false);
}

#[test]
fn only_floats_have_a_tolerance() {
    check("close", &["float"], &[r#"["0.3333333"]"#], vec![floats(vec![Some(0.333_333_4)])], true);
    check("a decimal for a float", &["float"], &[r#"["0.3333333"]"#], vec![decimals(vec![Some(333_333)], 6)], true);
    check("not close", &["float"], &[r#"["0.3333333"]"#], vec![floats(vec![Some(0.3334)])], false);
    check("a float for a decimal", &["decimal"], &[r#"["0.5"]"#], vec![floats(vec![Some(0.5)])], false);
    check(
        "close in large numbers",
        &["float"],
        &[r#"["1000000000.0"]"#],
        vec![floats(vec![Some(1_000_000_100.0)])],
        true,
    );
}

#[test]
fn nulls_and_nan_are_themselves_only() {
    check("nan", &["float"], &[r#"["nan"]"#], vec![floats(vec![Some(f64::NAN)])], true);
    check("nan for null", &["float"], &["[null]"], vec![floats(vec![Some(f64::NAN)])], false);
    check("null", &["float"], &["[null]"], vec![floats(vec![None])], true);
    check("null for zero", &["integer"], &[r#"["0"]"#], vec![ints(vec![None])], false);
    check("null for the word", &["text"], &["[null]"], vec![Arc::new(StringArray::from(vec!["null"]))], false);
}

#[test]
fn tolerated_values_do_not_pair_rows_up_wrongly() {
    let rows = [r#"["a","1.0000001"]"#, r#"["b","1.0"]"#];
    let answer = |first: f64, second: f64| -> Vec<ArrayRef> {
        vec![Arc::new(StringArray::from(vec!["a", "b"])), floats(vec![Some(first), Some(second)])]
    };
    check("the smaller first", &["text", "float"], &rows, answer(1.0, 1.000_000_1), true);
    check("one is off", &["text", "float"], &rows, answer(1.0, 2.0), false);
}

#[test]
fn an_empty_answer_still_has_types() {
    let none: Vec<Option<i64>> = Vec::new();
    check("empty", &["integer"], &[], vec![ints(none.clone())], true);
    check("empty of another type", &["text"], &[], vec![ints(none.clone())], false);
    check("empty of another width", &["integer", "integer"], &[], vec![ints(none)], false);
}

#[test]
fn the_committed_counts_are_those_of_the_answers() {
    let counts = row_counts().unwrap();
    assert_eq!(counts.len(), QUERIES);
    let mut empty = Vec::new();
    for (number, (name, rows)) in (1..).zip(&counts) {
        assert_eq!(name, &format!("q{number:02}"));
        assert_eq!(Golden::of(number).unwrap().row_count(), *rows, "{name}");
        if *rows == 0 {
            empty.push(name.as_str());
        }
    }
    assert_eq!(empty, EMPTY);
    assert!(Golden::of(0).is_err() && Golden::of(23).is_err());
}
