//! `--param` as typed becomes the statement's parameters, as text: the engine casts each to what the statement needs.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;
use meshweave_engine::Parameters;

use crate::failure::{self, Outcome};

/// Reads `NAME=VALUE` as named, `VALUE` and `=VALUE` as positional.
///
/// # Errors
/// Both kinds in one statement; one name twice.
pub(super) fn parse(typed: &[String]) -> Outcome<Parameters> {
    let mut positional = Vec::new();
    let mut named = BTreeMap::new();
    for text in typed {
        match text.split_once('=') {
            Some(("", value)) => positional.push(scalar(value)),
            Some((name, value)) if is_name(name) => {
                if named.insert(name.to_owned(), scalar(value)).is_some() {
                    return Err(failure::unusable("--param", format!("{name} is given twice"), "Give it once."));
                }
            }
            _ => positional.push(scalar(text)),
        }
    }
    match (positional.is_empty(), named.is_empty()) {
        (true, true) => Ok(Parameters::None),
        (false, true) => Ok(Parameters::Positional(positional)),
        (true, false) => Ok(Parameters::Named(named)),
        (false, false) => {
            let hint = "Use `:name` or `$1` and `?` in one statement; write `=VALUE` for a value that holds a `=`.";
            Err(failure::unusable("--param", "named and positional parameters are mixed", hint))
        }
    }
}

fn scalar(value: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(value.to_owned()))
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_') && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &[&str], expected: &str) {
        let typed: Vec<_> = typed.iter().map(|text| (*text).to_owned()).collect();
        let found = match parse(&typed) {
            Ok(Parameters::None) => "none".to_owned(),
            Ok(Parameters::Positional(values)) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"),
            Ok(Parameters::Named(values)) => {
                values.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join("|")
            }
            Err(_) => "error".to_owned(),
        };
        assert_eq!(found, expected, "{typed:?}");
    }

    #[test]
    fn names_are_told_from_values() {
        check(&[], "none");
        check(&["1", "Zoë"], "1|Zoë");
        check(&["a=1", "b=x=y"], "a:1|b:x=y");
        check(&["=a=1"], "a=1");
        check(&["1=2", "a b=c"], "1=2|a b=c");
        check(&[""], "");
        check(&["a=1", "2"], "error");
        check(&["a=1", "a=2"], "error");
    }
}
