//! `plan`: what registering would do and change, before anything is made. Made for reviews and for CI.
//!
//! In: contract files. Out: per product version, each change with its class, the version it needs, whom it would break, and the
//! steps of a registration.
//! Holds always: nothing is written; exit code 5 when something breaks without a new major version.
//!
//! Start reading at [`run`].

use meshweave_contract::compare::{Change, Class, Verdict};
use meshweave_embed::register::{Task, tasks};
use meshweave_engine::catalog::change::ChangeReport;
use meshweave_engine::catalog::register::Registered;
use meshweave_engine::{Error, Kind};
use serde_json::json;

use crate::args::{Format, Global, Plan};
use crate::failure::{self, Fault, Outcome};
use crate::output::units::count;
use crate::output::{Output, Style};
use crate::session::Session;

/// Considers every file and prints what would come of it.
///
/// # Errors
/// The first failure, after all files were considered; [`Fault::Reported`] with [`Kind::BreakingChange`] when one would be refused.
pub(crate) async fn run(args: &Plan, global: &Global, output: &Output) -> Outcome {
    let tasks = tasks(&args.paths, args.storage.as_deref(), true)?;
    let session = Session::open(global).await?;
    let mut plans = Vec::new();
    let mut failures = Vec::new();
    for task in &tasks {
        match consider(&session, task).await {
            Ok(plan) => plans.push(plan),
            Err(error) => failures.push(error),
        }
    }
    match output.format(None) {
        Format::Json => output.print_json(&json!(plans))?,
        _ => output.print(&plans.iter().map(|plan| as_text(plan, output)).collect::<String>())?,
    }
    if let [first, others @ ..] = failures.as_slice() {
        for error in others.iter().rev() {
            // That nobody listens is not what this command failed of.
            let _ = failure::tell(error, None, output, &mut std::io::stderr().lock());
        }
        return Err(Fault::from(first.clone()));
    }
    let refused = plans.iter().filter_map(|plan| plan.change.as_ref()).any(|change| change.refused);
    if refused { Err(Fault::Reported(Kind::BreakingChange)) } else { Ok(()) }
}

async fn consider(session: &Session, task: &Task) -> Result<Registered, Error> {
    session.engine.plan_registration(&session.context(), &task.registration).await
}

fn as_text(plan: &Registered, output: &Output) -> String {
    let style = output.style();
    let verdict = match &plan.change {
        None if plan.outcome == "unchanged" => style.dim("is registered with the same contract"),
        None => style.good("is new"),
        Some(change) => verdict(change, style),
    };
    let mut text = format!("{} {verdict}\n", style.bold(&plan.id));
    let mut line = |mark: String, words: &str| text.push_str(&format!("  {mark}{words}\n"));
    if let Some(change) = &plan.change {
        change.comparison.changes.iter().for_each(|change| line(String::new(), &change_text(change, style)));
        if change.class == Some(Class::Major) {
            change.broken().iter().for_each(|words| line(String::new(), &style.warning(words)));
        }
    }
    plan.schema_report.iter().for_each(|words| line(format!("{} ", style.hint("schema:")), words));
    plan.warnings.iter().for_each(|words| line(format!("{} ", style.warning("warning:")), words));
    if output.talks() && plan.change.as_ref().is_none_or(|change| !change.refused) {
        plan.steps.iter().for_each(|words| line(String::new(), &style.dim(words)));
    }
    text
}

/// What the change comes to, in one line.
fn verdict(change: &ChangeReport, style: Style) -> String {
    let against = format!("against {}", change.against.version);
    let changes = count(change.comparison.changes.len() as u64, "change");
    match change.class {
        None => style.good(format!("says the same as {}", change.against.version)),
        Some(Class::Major) if change.refused => {
            style.error(format!("breaks its consumers: {changes} {against}, needs {}", change.needed_version))
        }
        Some(Class::Major) => style.warning(format!("is a new major version: {changes} {against}")),
        Some(class) => {
            let should = match change.comparison.verdict() {
                Verdict::TooSmall { needed } | Verdict::NotNewer { needed } => {
                    format!("; its version should be {needed}")
                }
                Verdict::Unchanged | Verdict::Enough => String::new(),
            };
            style.good(format!("breaks nobody: {changes} {against}, the heaviest {class}{should}"))
        }
    }
}

fn change_text(change: &Change, style: Style) -> String {
    let class = match change.class {
        Class::Major => style.error(change.class),
        Class::Minor if change.warns => style.warning(change.class),
        Class::Minor | Class::Patch => style.dim(change.class),
    };
    let what = match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!(": {from} -> {to}"),
        (Some(from), None) => format!(": {from} is gone"),
        (None, Some(to)) => format!(": {to} is new"),
        (None, None) => String::new(),
    };
    format!("{class} {}{what}\n        {}", style.name(&change.path), style.dim(&change.why))
}
