//! Logs on stderr, as text or as JSON lines: a command's are off unless asked for, a server's tell warnings and errors.
//!
//! Start reading at [`start`].

use std::io::{self, IsTerminal as _};

use meshweave_engine::settings::{LogForm, LogSettings};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::args::{Global, LogFormat};

/// Something that hears everything, beside the log.
pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// What a server logs when nothing else is said.
const OF_A_SERVER: &str = "warn";

/// Starts logging as the options say; without `-v` and `MESHWEAVE_LOG` nothing is logged.
pub(crate) fn start(global: &Global) {
    if let Some(filter) = filter(global) {
        install(None, EnvFilter::new(filter), form(global, &LogSettings::default()));
    }
}

/// Starts logging for a server: as the options say, else as the settings, else warnings and errors.
///
/// - `traces`: hears every span, whatever is logged.
pub(crate) fn start_server(global: &Global, settings: &LogSettings, traces: Option<Listener>) {
    let told = filter(global).or_else(|| settings.filter.clone());
    install(traces, EnvFilter::new(told.unwrap_or_else(|| OF_A_SERVER.to_owned())), form(global, settings));
}

fn form(global: &Global, settings: &LogSettings) -> LogFormat {
    let configured = settings.format.map(|form| match form {
        LogForm::Text => LogFormat::Text,
        LogForm::Json => LogFormat::Json,
    });
    global.log_format.or(configured).unwrap_or(LogFormat::Text)
}

fn install(traces: Option<Listener>, filter: EnvFilter, form: LogFormat) {
    let lines = fmt::layer().with_writer(io::stderr);
    let log = match form {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    };
    // A second start can only happen inside one test process; the first one stays then.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(traces).with(log));
}

/// What to log: `MESHWEAVE_LOG` or `--log` first, then the number of `-v`.
fn filter(global: &Global) -> Option<String> {
    if let Some(filter) = &global.log {
        return Some(filter.clone());
    }
    let ours = |level: &str| {
        let crates = ["", "_contract", "_engine", "_connectors", "_flight_server", "_portal", "_testdata"];
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

    #[test]
    fn what_is_typed_wins_over_the_settings() {
        let of = |line: &str, format| {
            let mut cli = Cli::try_parse_from(line.split(' ')).unwrap();
            if !line.contains("--log-format") {
                cli.global.log_format = None;
            }
            form(&cli.global, &LogSettings { format, filter: None })
        };
        assert_eq!(of("meshweave products", None), LogFormat::Text);
        assert_eq!(of("meshweave products", Some(LogForm::Json)), LogFormat::Json);
        assert_eq!(of("meshweave products --log-format text", Some(LogForm::Json)), LogFormat::Text);
    }
}
