//! Logs on stderr, as text or as JSON lines: a command's are off unless asked for, a server's tell warnings and errors.
//!
//! Holds always: a server never waits for whoever reads its stderr; a command's log is written where it arises.
//!
//! Start reading at [`start`].

mod queue;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};

use meshweave_engine::metrics::Counter;
use meshweave_engine::settings::{LogForm, LogSettings};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::queue::Lines;
use crate::args::{Global, LogFormat};
use crate::failure::{self, Outcome};

/// Something that hears everything, beside the log.
pub(crate) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// What a server logs when nothing else is said.
const OF_A_SERVER: &str = "warn";

/// A server's log; there is one standard error.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts logging as the options say; without `-v` and `MESHWEAVE_LOG` nothing is logged.
pub(crate) fn start(global: &Global) {
    if let Some(filter) = filter(global) {
        install(None, EnvFilter::new(filter), form(global, &LogSettings::default()), BoxMakeWriter::new(io::stderr));
    }
}

/// Starts logging for a server: as the options say, else as the settings, else warnings and errors.
///
/// - `traces`: hears every span, whatever is logged.
///
/// # Errors
/// When there can be no further thread.
pub(crate) fn start_server(global: &Global, settings: &LogSettings, traces: Option<Listener>) -> Outcome {
    let lines = Lines::start(settings.queued_lines, io::stderr())
        .map_err(|error| failure::internal("starting the log", error))?;
    let lines = LINES.get_or_init(|| lines).clone();
    let told = filter(global).or_else(|| settings.filter.clone());
    let filter = EnvFilter::new(told.unwrap_or_else(|| OF_A_SERVER.to_owned()));
    install(traces, filter, form(global, settings), BoxMakeWriter::new(lines));
    // What breaks is told where everything is told, and waits for nobody.
    std::panic::set_hook(Box::new(|broken| tracing::error!(%broken, "a mistake of ours ended a task")));
    Ok(())
}

/// The number of lines that a server's log has lost.
pub(crate) fn lost() -> Option<Arc<Counter>> {
    LINES.get().map(|lines| Arc::clone(lines.lost()))
}

/// Writes a text to stderr; a server puts it among the lines of its log.
pub(crate) fn say(text: &[u8]) {
    match LINES.get() {
        Some(lines) => lines.put(text),
        None => {
            // When stderr is closed there is nobody left to tell.
            let _ = io::stderr().lock().write_all(text);
        }
    }
}

/// Waits until a server's log is written, but not for a reader that does not read.
pub(crate) fn end() {
    if let Some(lines) = LINES.get() {
        lines.flush(crate::PATIENCE);
    }
}

fn form(global: &Global, settings: &LogSettings) -> LogFormat {
    let configured = settings.format.map(|form| match form {
        LogForm::Text => LogFormat::Text,
        LogForm::Json => LogFormat::Json,
    });
    global.log_format.or(configured).unwrap_or(LogFormat::Text)
}

fn install(traces: Option<Listener>, filter: EnvFilter, form: LogFormat, to: BoxMakeWriter) {
    let lines = fmt::layer().with_writer(to);
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
            form(&cli.global, &LogSettings { format, ..LogSettings::default() })
        };
        assert_eq!(of("meshweave products", None), LogFormat::Text);
        assert_eq!(of("meshweave products", Some(LogForm::Json)), LogFormat::Json);
        assert_eq!(of("meshweave products --log-format text", Some(LogForm::Json)), LogFormat::Text);
    }
}
