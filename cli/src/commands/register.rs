//! `register`: from contract files to product versions that can be queried.
//!
//! In: files and folders, in any order; a product document and its contracts are one. Out: per product version, what was done in three steps.
//! Holds always:
//! - each product version stands for itself: one that fails does not undo or stop another;
//! - stored products come before the views over them.
//!
//! Start reading at [`run`].

use std::path::PathBuf;

use meshweave_embed::register::{Done, Task, tasks};
use meshweave_engine::catalog::register::Registered;
use meshweave_engine::{Error, Principal, QueryContext};
use serde_json::json;

use crate::args::{Format, Global, Register};
use crate::failure::{self, Fault, Outcome};
use crate::output::progress::Progress;
use crate::output::units::count;
use crate::output::{Output, Style};
use crate::session::Session;

/// Registers every file and prints what was done.
///
/// # Errors
/// The first failure, after all files were tried.
pub(crate) async fn run(args: &Register, global: &Global, output: &Output) -> Outcome {
    let paths: Vec<PathBuf> = args.config.iter().chain(&args.paths).cloned().collect();
    let tasks = tasks(&paths, args.storage.as_deref(), args.dry_run)?;
    let session = Session::open(global).await?;
    let progress = (tasks.len() > 1).then(|| Progress::steps(output, tasks.len() as u64));
    let results = register_all(&session, tasks, |_| session.principal.clone(), progress.as_ref()).await;
    drop(progress);
    report(&results, output)
}

/// Registers one after the other, and shows how far it is.
///
/// - `who`: the principal for a file.
pub(crate) async fn register_all(
    session: &Session,
    tasks: Vec<Task>,
    who: impl Fn(&Task) -> Principal + Send + Sync,
    progress: Option<&Progress>,
) -> Vec<Done> {
    let tell = |done: usize, file: &str| {
        if let Some(progress) = progress {
            progress.step(done as u64, || format!("registering {file}"));
        }
    };
    session.engine.register_all(tasks, |task| QueryContext::new(who(task)), tell).await
}

/// Prints what was done; each failure on stderr, the first one as the command's own.
fn report(results: &[Done], output: &Output) -> Outcome {
    let registered = results.iter().filter_map(|(_, result)| result.as_ref().ok());
    if output.format(None) == Format::Json {
        let list: Vec<_> = registered.map(|done| json!(done)).collect();
        output.print_json(&json!(list))?;
    } else {
        let texts: String = registered.map(|done| as_text(done, output.style(), output.talks())).collect();
        output.print(&texts)?;
    }
    let failures: Vec<&Error> = results.iter().filter_map(|(_, result)| result.as_ref().err()).collect();
    let [first, others @ ..] = failures.as_slice() else { return Ok(()) };
    for error in others.iter().rev() {
        let _ = failure::tell(error, None, output, &mut std::io::stderr().lock());
    }
    if results.len() > 1 {
        output.note(&format!("{} of {} failed", failures.len(), count(results.len() as u64, "contract")));
    }
    Err(Fault::from((*first).clone()))
}

/// One product version: its outcome, and the steps and findings below it.
fn as_text(done: &Registered, style: Style, talks: bool) -> String {
    let outcome = match done.outcome.as_str() {
        "unchanged" => style.dim(&done.outcome),
        other => style.good(other),
    };
    let mut text = format!("{} {outcome}\n", style.bold(&done.id));
    let mut lines = |lines: &[String], mark: &str| {
        lines.iter().for_each(|line| text.push_str(&format!("  {mark}{line}\n")));
    };
    if talks {
        lines(&done.steps, "");
    }
    lines(&done.schema_report, &format!("{} ", style.hint("schema:")));
    lines(&done.warnings, &format!("{} ", style.warning("warning:")));
    text
}
