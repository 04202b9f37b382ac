//! How a command fails: one message on stderr, and an exit code.
//!
//! In: a [`Fault`]. Out: `error: …`, causes, `hint: …`; with `--output json` one object
//! `{kind, message, product, hint, query_id}`.
//! Holds always: a closed pipe is not a failure; the exit code is that of [`Kind`] and of nothing else.
//!
//! Start reading at [`finish`].

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use meshweave_engine::{Error, Failure, Kind, QueryContext};
use serde_json::json;

use crate::logs;
use crate::output::{Output, Style};

/// What a command gives back.
pub(crate) type Outcome<T = ()> = Result<T, Fault>;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Something failed.
    Failed {
        /// What, on which product, and what to do next.
        error: Error,
        /// The query it happened in.
        query_id: Option<String>,
    },
    /// The reader of our output went away; it has what it wanted.
    BrokenPipe,
    /// The answer is already printed, and it is a bad one.
    Reported(Kind),
}

impl Fault {
    /// Ctrl-C.
    pub(crate) fn cancelled() -> Self {
        Failure::Cancelled.into()
    }

    /// The same, with the id of the query it happened in.
    pub(crate) fn in_query(error: Error, ctx: &QueryContext) -> Self {
        Self::Failed { error, query_id: Some(ctx.query_id.to_string()) }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed { error, query_id: None }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Error::from(failure).into()
    }
}

/// What was typed, or what lies where we were pointed, cannot be used.
pub(crate) fn unusable(place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Fault {
    meshweave_embed::fault::unusable(place, message, hint).into()
}

/// A file cannot be read or written.
pub(crate) fn file(path: &std::path::Path, doing: &str, error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Fault::BrokenPipe,
        _ => meshweave_embed::fault::file(path, doing, error).into(),
    }
}

/// Our fault.
pub(crate) fn internal(doing: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Error::internal(format!("{doing} failed"), cause).into()
}

/// Prints what is to be said of the outcome and gives the exit code.
pub(crate) fn finish(outcome: Outcome, output: &Output) -> ExitCode {
    match outcome {
        Ok(()) | Err(Fault::BrokenPipe) => ExitCode::SUCCESS,
        Err(Fault::Reported(kind)) => ExitCode::from(kind.exit_code()),
        Err(Fault::Failed { error, query_id }) => {
            let mut text = Vec::new();
            // Nobody may be left to tell; the exit code still speaks.
            let _ = tell(&error, query_id.as_deref(), output, &mut text);
            logs::say(&text);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Prints one error in the form that was asked for.
pub(crate) fn tell(error: &Error, query_id: Option<&str>, output: &Output, to: &mut dyn Write) -> io::Result<()> {
    if output.is_json() {
        return writeln!(to, "{}", as_json(error, query_id));
    }
    to.write_all(as_text(error, query_id, output.error_style()).as_bytes())
}

/// The error for machines: one object.
fn as_json(error: &Error, query_id: Option<&str>) -> serde_json::Value {
    let mut object = json!({
        "kind": error.kind().word(),
        "message": error.report(),
        "product": error.product(),
        "hint": error.hint(),
        "query_id": query_id,
    });
    if let Failure::InvalidContract { problems, .. } | Failure::BreakingChange { problems, .. } = error.failure() {
        object["problems"] = json!(problems);
    }
    object
}

/// The error for people.
fn as_text(error: &Error, query_id: Option<&str>, style: Style) -> String {
    let report = error.report();
    let (first, causes) = report.split_once('\n').unwrap_or((&report, ""));
    let mut text = format!("{} {first}", style.error("error:"));
    if let Some(product) = error.product().filter(|product| !report.contains(product)) {
        text.push_str(&format!(" (on {product})"));
    }
    text.push('\n');
    if !causes.is_empty() {
        text.push_str(&format!("{}\n", style.dim(causes)));
    }
    error.problems().iter().for_each(|problem| text.push_str(&format!("  {problem}\n")));
    if let Some(hint) = error.hint().filter(|hint| !hint.is_empty()) {
        text.push_str(&format!("{} {hint}\n", style.hint("hint:")));
    }
    if let (Kind::Internal, Some(id)) = (error.kind(), query_id) {
        text.push_str(&format!("{} {id}\n", style.dim("query:")));
    }
    text
}

/// What clap has to say: help and versions on stdout, wrong usage on stderr with exit code 2.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let told = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if told || !json_was_asked_for(std::env::args_os()) {
        let _ = error.print();
        return if told { ExitCode::SUCCESS } else { ExitCode::from(Kind::InvalidConfiguration.exit_code()) };
    }
    let message = error.render().to_string();
    let message = message.trim().trim_start_matches("error: ");
    let object = json!({
        "kind": Kind::InvalidConfiguration.word(),
        "message": message,
        "product": null,
        "hint": "`meshweave help` tells the commands and their options.",
        "query_id": null,
    });
    let _ = writeln!(io::stderr().lock(), "{object}");
    ExitCode::from(Kind::InvalidConfiguration.exit_code())
}

/// Whether `--output json` stands among arguments that could not be read as a whole.
fn json_was_asked_for(args: impl Iterator<Item = std::ffi::OsString>) -> bool {
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let apart = args.windows(2).any(|pair| matches!(pair[0].as_str(), "--output" | "-o") && pair[1] == "json");
    apart || args.iter().any(|arg| matches!(arg.as_str(), "--output=json" | "-ojson" | "-o=json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found() -> Error {
        Failure::ProductNotFound { product: "commerce.ordes".into(), nearest: vec!["commerce.orders".into()] }.into()
    }

    #[test]
    fn a_message_says_what_failed_and_what_to_do() {
        assert_eq!(
            as_text(&not_found(), Some("id"), Style::plain()),
            "error: data product \"commerce.ordes\" does not exist\nhint: Did you mean commerce.orders?\n"
        );
    }

    #[test]
    fn a_cause_is_told_once_and_an_internal_error_names_its_query() {
        let error = Error::internal("reading the plan", io::Error::other("a stone in the way"));
        assert_eq!(
            as_text(&error, Some("q-1"), Style::plain()),
            "error: reading the plan\n  because: a stone in the way\nquery: q-1\n"
        );
    }

    #[test]
    fn json_errors_have_the_five_fields() {
        let object = as_json(&not_found(), Some("q-1"));
        let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["kind", "message", "product", "hint", "query_id"]);
        assert_eq!(object["kind"], "not_found");
        assert_eq!(object["product"], "commerce.ordes");
    }

    #[test]
    fn json_is_recognised_in_arguments_that_are_wrong() {
        let check = |line: &str, expected| {
            let found = json_was_asked_for(line.split(' ').map(Into::into));
            assert_eq!(found, expected, "{line}");
        };
        check("meshweave sql --output json --nope", true);
        check("meshweave -o json", true);
        check("meshweave --output=json x", true);
        check("meshweave sql --output csv json", false);
    }
}
