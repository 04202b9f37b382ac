//! The settings of this process, and lengths of time as they write them.
//!
//! Start reading at [`load`].

use std::path::Path;
use std::time::Duration;

use meshweave_engine::settings::{Settings, Timeout};

use crate::args::Global;
use crate::failure::Outcome;
use crate::session;

/// Reads the settings of this process: the file, then `MESHWEAVE_A__B` from the environment, then `--allow-local`.
///
/// - `mesh`: the mesh folder, where the file is looked for unless it was named.
///
/// # Errors
/// A file that cannot be read, an unknown key, a value that is wrong: with file, line and column.
pub(crate) fn load(global: &Global, mesh: Option<&Path>) -> Outcome<Settings> {
    Ok(meshweave_embed::settings::load(&session::options(global), mesh)?)
}

/// Reads a length of time as the settings write it: `30s`, `5m`, `PT5M`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let value = serde_json::Value::String(text.to_owned());
    match serde_json::from_value::<Timeout>(value) {
        Ok(Timeout(time)) if !time.is_zero() => Ok(time),
        Ok(_) => Err("a time is longer than nothing".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_the_settings() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for bad in ["", "soon", "0s", "-5s"] {
            assert!(duration(bad).is_err(), "{bad:?} must be refused");
        }
    }
}
