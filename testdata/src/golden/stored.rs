//! The queries and the golden answers, as they lie in `testdata/tpch`; built into the program, so they are found anywhere.

use serde_json::Value;

use crate::error::{Error, Result};

/// How many queries there are.
pub const QUERIES: usize = 22;

/// The scale factor of the data behind the golden answers.
pub const SCALE: f64 = 0.1;

/// The queries whose right answer has no row.
pub const EMPTY: [&str; 0] = [];

const INDEX: &str = include_str!("../../tpch/golden/index.json");

macro_rules! stored {
    ($($name:literal),*) => {
        [$((
            include_str!(concat!("../../tpch/queries/", $name, ".sql")),
            include_str!(concat!("../../tpch/golden/", $name, ".jsonl")),
        )),*]
    };
}

/// Query and answer, by number.
const STORED: [(&str, &str); QUERIES] = stored!(
    "q01", "q02", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10", "q11", "q12", "q13", "q14", "q15", "q16",
    "q17", "q18", "q19", "q20", "q21", "q22"
);

fn stored(number: usize) -> Result<(&'static str, &'static str)> {
    let found = number.checked_sub(1).and_then(|at| STORED.get(at)).copied();
    found.ok_or_else(|| Error::Malformed(format!("TPC-H has no query {number}")))
}

/// The text of query `number`, from 1 to 22, over product names.
///
/// - `suffix`: empty for the Parquet products, `_delta` for the Delta products.
///
/// # Errors
/// [`Error::Malformed`] when there is no such query.
pub fn query(number: usize, suffix: &str) -> Result<String> {
    Ok(stored(number)?.0.replace("{suffix}", suffix))
}

/// The lines of the answer to query `number`.
pub(super) fn answer(number: usize) -> Result<&'static str> {
    Ok(stored(number)?.1)
}

/// The row counts of the answers, by name (`q01`), as committed beside them.
///
/// # Errors
/// [`Error::Malformed`] when the committed index is broken.
pub fn row_counts() -> Result<Vec<(String, usize)>> {
    let broken = || Error::Malformed("the index of the golden answers is broken".to_owned());
    let index: Value = serde_json::from_str(INDEX).map_err(|_| broken())?;
    let rows = index["rows"].as_object().ok_or_else(broken)?;
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or_else(broken);
    rows.iter().map(|(name, value)| Ok((name.clone(), count(value)?))).collect()
}
