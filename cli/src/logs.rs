//! Logs on stderr: off unless asked for, as text or as JSON lines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

use crate::args::{Global, LogFormat};

/// Starts logging as the options say; without `-v` and `MESHWEAVE_LOG` nothing is logged.
pub(crate) fn start(global: &Global) {
    let Some(filter) = filter(global) else { return };
    let builder = Subscriber::builder().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr);
    // A second start can only happen inside one test process; the first one stays then.
    let _ = match global.log_format {
        LogFormat::Text => {
            tracing::subscriber::set_global_default(builder.with_ansi(io::stderr().is_terminal()).finish())
        }
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().finish()),
    };
}

/// What to log: `MESHWEAVE_LOG` or `--log` first, then the number of `-v`.
fn filter(global: &Global) -> Option<String> {
    if let Some(filter) = &global.log {
        return Some(filter.clone());
    }
    let ours = |level: &str| {
        let crates = ["", "_contract", "_engine", "_connectors", "_flight_server", "_testdata"];
        let pairs: Vec<_> = crates.iter().map(|room| format!("meshweave{room}={level}")).collect();
        format!("warn,{}", pairs.join(","))
    };
    match global.verbose {
        0 => None,
        1 => Some(ours("info")),
        2 => Some(ours("debug")),
        _ => Some("trace".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    fn check(line: &str, expected: Option<&str>) {
        let mut cli = Cli::try_parse_from(line.split(' ')).unwrap();
        if !line.contains("--log") {
            cli.global.log = None;
        }
        let found = filter(&cli.global);
        match expected {
            Some(start) => assert!(found.as_deref().is_some_and(|f| f.starts_with(start)), "{line}: {found:?}"),
            None => assert_eq!(found, None, "{line}"),
        }
    }

    #[test]
    fn nothing_is_logged_unless_asked_for() {
        check("meshweave products", None);
        check("meshweave products -v", Some("warn,meshweave=info"));
        check("meshweave products -vv", Some("warn,meshweave=debug"));
        check("meshweave products -v --log meshweave_engine=trace", Some("meshweave_engine=trace"));
    }
}
