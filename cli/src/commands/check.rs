//! `check`: every problem of every contract file at once, without touching storage.
//!
//! In: files and folders; a product document is checked together with its contracts. Out: one problem after the other as `file:line:column: error[code]: …` with its mend, and counts.
//! Holds always: exit code 3 when any error stands among them, 0 otherwise; warnings stop nothing.
//!
//! Start reading at [`run`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use meshweave_contract::problem::{Problem, Severity};
use meshweave_embed::files;
use meshweave_engine::Kind;
use serde_json::json;

use crate::args::{Check, Format, Global};
use crate::failure::{self, Fault, Outcome};
use crate::output::units::count;
use crate::output::{Output, Style};
use crate::session;

/// What was found out about one file.
struct Checked {
    file: String,
    /// `domain.product@version`, when it could be read.
    product: Option<String>,
    /// The form in words, when it was recognised.
    form: Option<String>,
    problems: Vec<Problem>,
}

impl Checked {
    fn count(&self, severity: Severity) -> u64 {
        self.problems.iter().filter(|problem| problem.severity == severity).count() as u64
    }
}

/// Checks the files and prints what is wrong with them.
///
/// # Errors
/// [`Fault::Reported`] with [`Kind::InvalidContract`] when any error was found; files that cannot be read.
pub(crate) fn run(args: &Check, global: &Global, output: &Output) -> Outcome {
    let bundles = files::bundles(&paths(args, global)?)?;
    if bundles.is_empty() {
        let hint = "Contracts are files that end in .yaml, .yml or .json.";
        return Err(failure::unusable("check", "no contract files were found", hint));
    }
    let mut checked = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        let parsed = bundle.parse();
        let product = parsed.product.map(|product| product.id.to_string());
        checked.push(Checked { file: bundle.main.file, product, form: parsed.form, problems: parsed.problems });
    }
    add_doubles(&mut checked);
    print(&checked, output)?;
    match checked.iter().any(|file| file.count(Severity::Error) > 0) {
        true => Err(Fault::Reported(Kind::InvalidContract)),
        false => Ok(()),
    }
}

/// What was named; without a name, the domains of the mesh.
fn paths(args: &Check, global: &Global) -> Outcome<Vec<PathBuf>> {
    if args.paths.is_empty() { Ok(vec![session::find_mesh(global)?.join("domains")]) } else { Ok(args.paths.clone()) }
}

/// A product version may stand in one file only.
fn add_doubles(checked: &mut [Checked]) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for file in checked {
        let Some(product) = &file.product else { continue };
        let key = meshweave_contract::name::fold(product);
        if let Some(earlier) = first.get(&key) {
            file.problems.push(Problem {
                file: file.file.clone(),
                line: 1,
                column: 1,
                severity: Severity::Error,
                code: "double",
                message: format!("{product} also stands in {earlier}"),
                mend: "Give one of them another version.".to_owned(),
            });
        } else {
            first.insert(key, file.file.clone());
        }
    }
}

fn print(checked: &[Checked], output: &Output) -> Outcome {
    match output.format(None) {
        Format::Json => output.print_json(&as_json(checked)),
        Format::Table => output.print(&as_text(checked, output)),
        _ => output.batch(&as_batch(checked)?),
    }
}

fn as_json(checked: &[Checked]) -> serde_json::Value {
    let files: Vec<_> = checked
        .iter()
        .map(|file| json!({"file": file.file, "product": file.product, "form": file.form, "problems": file.problems}))
        .collect();
    let total = |severity| checked.iter().map(|file| file.count(severity)).sum::<u64>();
    json!({"files": files, "errors": total(Severity::Error), "warnings": total(Severity::Warning)})
}

fn as_text(checked: &[Checked], output: &Output) -> String {
    let style = output.style();
    let mut text = String::new();
    for problem in checked.iter().flat_map(|file| &file.problems) {
        text.push_str(&problem_text(problem, style));
    }
    if output.talks() {
        text.push_str(&summary(checked, style));
    }
    text
}

fn problem_text(problem: &Problem, style: Style) -> String {
    let Problem { file, line, column, code, message, mend, .. } = problem;
    let severity = match problem.severity {
        Severity::Error => style.error(format!("error[{code}]")),
        Severity::Warning => style.warning(format!("warning[{code}]")),
    };
    let place = style.bold(format!("{file}:{line}:{column}"));
    let mend = if mend.is_empty() { String::new() } else { format!("  {} {mend}\n", style.hint("mend:")) };
    format!("{place}: {severity}: {message}\n{mend}")
}

fn summary(checked: &[Checked], style: Style) -> String {
    let total = |severity| checked.iter().map(|file| file.count(severity)).sum::<u64>();
    let (errors, warnings) = (total(Severity::Error), total(Severity::Warning));
    let files = count(checked.len() as u64, "contract");
    if errors == 0 && warnings == 0 {
        return format!("{} {files} checked, no problems\n", style.good("ok:"));
    }
    let bad = checked.iter().filter(|file| file.count(Severity::Error) > 0).count();
    let found = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
    if bad == 0 {
        return format!("{} {files} checked: {found}\n", style.good("ok:"));
    }
    format!("{} {files} checked, {bad} cannot be used: {found}\n", style.error("invalid:"))
}

/// One row per problem.
fn as_batch(checked: &[Checked]) -> Outcome<arrow::array::RecordBatch> {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
    let problems = || checked.iter().flat_map(|file| &file.problems);
    let texts =
        |get: fn(&Problem) -> &str| Arc::new(problems().map(get).map(Some).collect::<StringArray>()) as ArrayRef;
    let numbers =
        |get: fn(&Problem) -> usize| Arc::new(problems().map(|p| Some(get(p) as u64)).collect::<UInt64Array>());
    let severity = |problem: &Problem| match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    RecordBatch::try_from_iter([
        ("file", texts(|p| &p.file)),
        ("line", numbers(|p| p.line) as ArrayRef),
        ("column", numbers(|p| p.column) as ArrayRef),
        ("severity", Arc::new(problems().map(severity).map(Some).collect::<StringArray>()) as ArrayRef),
        ("code", texts(|p| p.code)),
        ("message", texts(|p| &p.message)),
        ("mend", texts(|p| &p.mend)),
    ])
    .map_err(|error| failure::internal("listing the problems", error))
}
