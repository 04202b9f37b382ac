//! `register`: from contract files to product versions that can be queried.
//!
//! In: files and folders, in any order; a product document and its contracts are one. Out: per product version, what was done in three steps.
//! Holds always:
//! - each product version stands for itself: one that fails does not undo or stop another;
//! - stored products come before the views over them.
//!
//! Start reading at [`run`].

use std::path::PathBuf;

use meshweave_contract::model::Body;
use meshweave_contract::parse::Bundle;
use meshweave_engine::catalog::register::{Registered, Registration};
use meshweave_engine::{Error, Kind, Principal, QueryContext};
use serde_json::json;

use super::files;
use crate::args::{Format, Global, Register};
use crate::failure::{self, Fault, Outcome};
use crate::output::progress::Progress;
use crate::output::units::count;
use crate::output::{Output, Style};
use crate::session::Session;

/// One file and what is to be done with it.
#[derive(Debug)]
pub(crate) struct Task {
    pub(super) registration: Registration,
    /// Whether it is a query over other products, which must be there first.
    depends: bool,
}

/// Registers every file and prints what was done.
///
/// # Errors
/// The first failure, after all files were tried.
pub(crate) async fn run(args: &Register, global: &Global, output: &Output) -> Outcome {
    let paths: Vec<PathBuf> = args.config.iter().chain(&args.paths).cloned().collect();
    let tasks = tasks(&paths, args.storage.as_deref(), args.dry_run)?;
    if tasks.len() > 1 && args.storage.is_some() {
        let hint = "Name one contract, or write the locations into the contracts.";
        return Err(failure::unusable("--storage", "one location cannot hold several products", hint));
    }
    let session = Session::open(global).await?;
    let progress = (tasks.len() > 1).then(|| Progress::steps(output, tasks.len() as u64));
    let results = register_all(&session, tasks, |_| session.principal.clone(), progress.as_ref()).await;
    drop(progress);
    report(&results, output)
}

/// Reads the files and puts stored products before the views over them; else their order stays.
///
/// # Errors
/// A file that cannot be read; none at all.
pub(crate) fn tasks(paths: &[PathBuf], storage: Option<&str>, dry_run: bool) -> Outcome<Vec<Task>> {
    let bundles = files::bundles(paths)?;
    if bundles.is_empty() {
        let hint = "Contracts are files that end in .yaml, .yml or .json.";
        return Err(failure::unusable("register", "no contract files were found", hint));
    }
    let task = |bundle: Bundle| {
        let depends = bundle.parse().product.is_some_and(|product| !matches!(product.body, Body::Stored));
        Task { registration: Registration::new(bundle, storage.map(str::to_owned), dry_run), depends }
    };
    let mut tasks: Vec<Task> = bundles.into_iter().map(task).collect();
    tasks.sort_by_key(|task| task.depends);
    Ok(tasks)
}

/// A file's name and what became of it.
pub(crate) type Done = (String, Result<Registered, Error>);

/// Registers one after the other. A view that misses another one waits for it, as long as anything moves.
///
/// - `who`: the principal for a file.
/// - `progress`: counts the files that are done.
pub(crate) async fn register_all(
    session: &Session,
    tasks: Vec<Task>,
    who: impl Fn(&Task) -> Principal + Send + Sync,
    progress: Option<&Progress>,
) -> Vec<Done> {
    let mut done = Vec::with_capacity(tasks.len());
    let mut waiting = tasks;
    loop {
        let before = waiting.len();
        let mut missing = Vec::new();
        for task in waiting {
            if let Some(progress) = progress {
                progress.step(done.len() as u64, || format!("registering {}", task.registration.file));
            }
            let ctx = QueryContext::new(who(&task));
            match session.engine.register(&ctx, &task.registration).await {
                Err(error) if task.depends && error.kind() == Kind::NotFound => missing.push((task, error)),
                result => done.push((task.registration.file, result)),
            }
        }
        if missing.is_empty() || missing.len() == before {
            done.extend(missing.into_iter().map(|(task, error)| (task.registration.file, Err(error))));
            return done;
        }
        waiting = missing.into_iter().map(|(task, _)| task).collect();
    }
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
