//! A session on a terminal: one statement after the other, over one open mesh.
//!
//! In: lines, with history and completion. Out: answers, and errors that do not end it.
//! Holds always: Ctrl-C stops the statement that runs, or clears the line that is typed; Ctrl-D and `\\q` end the session.
//!
//! Start reading at [`run`].

use std::path::PathBuf;

use meshweave_engine::{Parameters, Statement};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use tokio::signal::unix::{SignalKind, signal};

use super::complete::Assistant;
use super::split::split;
use super::{How, answer, context, explained};
use crate::args::{Format, Global, Sql};
use crate::failure::{self, Fault, Outcome};
use crate::output::Output;
use crate::session::Session;

/// Lines of the history that are kept.
const HISTORY: usize = 10_000;

/// The commands of a session: what is typed, its arguments, what it does.
pub(super) const COMMANDS: [(&str, &str, &str); 8] = [
    ("\\d", "[TABLE]", "list the tables you may find, or the columns of one"),
    ("\\dn", "", "list the domains"),
    ("\\explain", "STATEMENT", "show what is pushed into each domain's storage"),
    ("\\analyze", "STATEMENT", "run it, and show what each scan read and what it took"),
    ("\\timing", "[on|off]", "tell after each answer what it cost, or not"),
    ("\\use", "[DOMAIN]", "the domain that names without one belong to"),
    ("\\?", "", "this list"),
    ("\\q", "", "end the session (so does Ctrl-D)"),
];

type Lines = Editor<Assistant, FileHistory>;

/// What the session remembers between two statements.
struct State {
    schema: Option<String>,
    told: bool,
}

/// What a typed text asks for.
enum Asked {
    Statements(Vec<String>),
    Text(String),
    Nothing,
    End,
}

/// Reads and answers until the end is asked for.
///
/// # Errors
/// No mesh; a terminal that cannot be read.
pub(super) async fn run(args: &Sql, global: &Global, output: &Output) -> Outcome {
    let session = Session::open(global).await?;
    // From here on Ctrl-C never ends the process, also not in the moment between a line and its statement.
    let _heard = signal(SignalKind::interrupt()).map_err(|error| failure::internal("waiting for signals", error))?;
    let history = history_file();
    let mut lines = Some(editor(&session, history.as_deref())?);
    let mut state = State { schema: args.schema.clone(), told: output.talks() };
    greet(&session, output);
    while let Some(editor) = lines.take() {
        let (editor, line) = read(editor, prompt(&state)).await?;
        match line {
            Ok(text) => match asked(&text, &mut state) {
                Asked::End => break,
                Asked::Nothing => {}
                Asked::Text(text) => output.print(&text)?,
                Asked::Statements(statements) => run_each(&session, args, &state, statements, output).await?,
            },
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failure::internal("reading the terminal", error)),
        }
        lines = Some(editor);
    }
    Ok(())
}

fn greet(session: &Session, output: &Output) {
    let snapshot = session.engine.snapshot();
    let products = snapshot.listing(&|product| session.may_find(product)).len();
    let domains = snapshot.domains.len();
    output.note(&format!(
        "{} tables in {domains} domains, as {}. Statements end with ;  \\? helps, \\q ends.",
        products, session.principal.user
    ));
}

fn prompt(state: &State) -> String {
    state.schema.as_ref().map_or_else(|| "mesh> ".to_owned(), |schema| format!("mesh.{schema}> "))
}

/// Reads one text on a thread that may wait; the editor goes along and comes back.
async fn read(mut editor: Lines, prompt: String) -> Outcome<(Lines, rustyline::Result<String>)> {
    let reading = tokio::task::spawn_blocking(move || {
        let line = editor.readline(&prompt);
        if let Ok(text) = &line
            && !text.trim().is_empty()
        {
            // A history that cannot be written costs nobody a statement.
            let _ = editor.add_history_entry(text.trim_end());
            if let Some(file) = history_file() {
                let _ = editor.append_history(&file);
            }
        }
        (editor, line)
    });
    reading.await.map_err(|error| failure::internal("reading the terminal", error))
}

fn editor(session: &Session, history: Option<&std::path::Path>) -> Outcome<Lines> {
    let unreadable = |error| failure::internal("preparing the terminal", error);
    let config = Config::builder().max_history_size(HISTORY).map_err(unreadable)?.auto_add_history(false).build();
    let mut editor = Lines::with_config(config).map_err(unreadable)?;
    editor.set_helper(Some(Assistant::new(session.clone())));
    if let Some(file) = history {
        if let Some(folder) = file.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        // The first session has none yet.
        let _ = editor.load_history(file);
    }
    Ok(editor)
}

/// `MESHWEAVE_HISTORY`, else a file in the user's folder for state; none when nobody has a home or it is set to nothing.
#[expect(clippy::disallowed_methods, reason = "a door: it reads the environment")]
fn history_file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("MESHWEAVE_HISTORY") {
        return Some(PathBuf::from(named)).filter(|path| !path.as_os_str().is_empty());
    }
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?;
    Some(state.join("meshweave/history"))
}

fn asked(text: &str, state: &mut State) -> Asked {
    let text = text.trim();
    let Some(rest) = text.strip_prefix('\\') else {
        let statements: Vec<String> = split(text).0.into_iter().map(str::to_owned).collect();
        return if statements.is_empty() { Asked::Nothing } else { Asked::Statements(statements) };
    };
    let (command, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim().trim_end_matches(';').trim_end();
    match (command.trim_end_matches(';'), argument) {
        ("q", _) => Asked::End,
        ("?", _) => Asked::Text(help()),
        ("d", "") => Asked::Statements(vec![LIST_TABLES.to_owned()]),
        ("d", table) => Asked::Statements(vec![format!("DESCRIBE {table}")]),
        ("dn", _) => Asked::Statements(vec!["SHOW SCHEMAS".to_owned()]),
        ("explain", statement) if !statement.is_empty() => Asked::Statements(vec![explained(statement, false)]),
        ("analyze", statement) if !statement.is_empty() => Asked::Statements(vec![explained(statement, true)]),
        ("timing", word) => {
            state.told = match word {
                "on" => true,
                "off" => false,
                _ => !state.told,
            };
            Asked::Text(format!("timing is {}\n", if state.told { "on" } else { "off" }))
        }
        ("use", domain) => {
            state.schema = Some(domain.to_owned()).filter(|domain| !domain.is_empty());
            Asked::Nothing
        }
        _ => Asked::Text(format!("\\{rest} is not known here\n{}", help())),
    }
}

/// The tables that the caller may find, without the engine's own.
const LIST_TABLES: &str = "SELECT table_schema AS domain, table_name AS \"table\", table_type AS kind \
     FROM information_schema.tables WHERE table_type <> 'SYSTEM VIEW' ORDER BY 1, 2";

fn help() -> String {
    let line =
        |(command, arguments, does): &(&str, &str, &str)| format!("  {:<22}{does}\n", format!("{command} {arguments}"));
    COMMANDS.iter().map(line).collect()
}

/// Runs the statements one after the other; the first that fails ends the row, not the session.
async fn run_each(session: &Session, args: &Sql, state: &State, statements: Vec<String>, output: &Output) -> Outcome {
    let format = output.format(None);
    if matches!(format, Format::Parquet | Format::Arrow) {
        return Err(failure::unusable(
            "--output",
            "a session cannot show this format",
            "Use table, csv, json or ndjson.",
        ));
    }
    for sql in statements {
        let statement = Statement { sql, parameters: Parameters::None };
        let mut ctx = context(session, args);
        ctx.default_schema.clone_from(&state.schema);
        let how = How { format, out: None, max_rows: args.max_rows, told: state.told };
        let cancel = ctx.cancel.clone();
        let work = answer(session, &ctx, &statement, &how, output);
        let outcome = tokio::select! {
            outcome = work => outcome,
            Ok(()) = tokio::signal::ctrl_c() => {
                cancel.cancel();
                Err(Fault::cancelled())
            }
        };
        match outcome {
            Ok(()) => {}
            Err(Fault::Failed { error, query_id }) => {
                // That nobody listens is found out by the next answer.
                let _ = failure::tell(&error, query_id.as_deref(), output, &mut std::io::stderr().lock());
                return Ok(());
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_statements_or_changes_the_session() {
        let mut state = State { schema: None, told: true };
        let mut statements = |text: &str| match asked(text, &mut state) {
            Asked::Statements(statements) => statements,
            Asked::Text(text) => vec![text],
            Asked::Nothing => vec![],
            Asked::End => vec!["end".to_owned()],
        };
        assert_eq!(statements("SELECT 1; SELECT 2;"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(statements("  "), Vec::<String>::new());
        assert_eq!(statements("\\d commerce.orders;"), ["DESCRIBE commerce.orders"]);
        assert_eq!(statements("\\explain SELECT 1"), ["EXPLAIN SELECT 1"]);
        assert_eq!(statements("\\analyze SELECT 1"), ["EXPLAIN ANALYZE SELECT 1"]);
        assert_eq!(statements("\\timing"), ["timing is off\n"]);
        assert!(statements("\\nonsense")[0].starts_with("\\nonsense is not known here\n  \\d"));
        assert_eq!(statements("\\use commerce"), Vec::<String>::new());
        assert_eq!(statements("\\q"), ["end"]);
        assert_eq!((state.schema.as_deref(), prompt(&state).as_str()), (Some("commerce"), "mesh.commerce> "));
    }
}
