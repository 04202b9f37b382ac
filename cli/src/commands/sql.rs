//! `sql`: one statement over data products, its answer in the format asked for; on a terminal without one, a session.
//!
//! In: a statement from the command line, a file or stdin, and its parameters. Out: rows on stdout or in a file.
//! Holds always:
//! - every format but the table is streamed: an answer never has to fit into memory;
//! - a table says when it does not show every row;
//! - what was read, and which version of each product, is told on the terminal.
//!
//! Start reading at [`run`].

mod complete;
mod footer;
mod params;
mod repl;
mod split;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Instant;

use arrow::array::RecordBatch;
use futures::StreamExt as _;
use meshweave_engine::{Answer, Error, QueryContext, Statement};

use self::footer::Footer;
use crate::args::{Format, Global, Sql};
use crate::failure::{self, Fault, Outcome};
use crate::output::progress::{self, Progress};
use crate::output::records::Records;
use crate::output::sink::Sink;
use crate::output::table::Table;
use crate::output::{Output, units};
use crate::session::Session;

/// Runs the statement and writes its answer.
///
/// # Errors
/// Every kind: the statement's, the products', the output's.
pub(crate) async fn run(args: &Sql, global: &Global, output: &Output) -> Outcome {
    if is_a_session(args) {
        return repl::run(args, global, output).await;
    }
    let statement = Statement { sql: text(args)?, parameters: params::parse(&args.params)? };
    let format = output.format(args.out.as_deref());
    refuse_binary_on_a_terminal(format, args.out.as_deref())?;
    let session = Session::open(global).await?;
    let ctx = context(&session, args);
    let how = How { format, out: args.out.as_deref(), max_rows: args.max_rows, told: output.talks_to_a_terminal() };
    answer(&session, &ctx, &statement, &how, output).await
}

/// Whether a session is meant: no statement was given, and somebody sits at a terminal.
pub(crate) fn is_a_session(args: &Sql) -> bool {
    args.text.is_none() && args.file.is_none() && std::io::stdin().is_terminal()
}

/// How an answer is shown.
struct How<'a> {
    format: Format,
    out: Option<&'a Path>,
    max_rows: usize,
    /// Whether what it cost is told behind it.
    told: bool,
}

/// Runs one statement and writes its answer.
async fn answer(
    session: &Session,
    ctx: &QueryContext,
    statement: &Statement,
    how: &How<'_>,
    output: &Output,
) -> Outcome {
    let started = Instant::now();
    let progress = how.out.map(|_| Progress::open(output));
    if let Some(progress) = &progress {
        progress.tell(|| "planning".to_owned());
    }
    let answer = session.engine.query(ctx, statement).await.map_err(|error| Fault::in_query(error, ctx))?;
    let footer = Footer::new(&answer, started);
    let rows = match (how.format, how.out) {
        (Format::Table, out) => table(answer, how.max_rows, out, output, progress.as_ref()).await?,
        (format, out) => stream(answer, format, out, progress.as_ref()).await?,
    };
    drop(progress);
    if how.told {
        output.note(&footer.text(rows, output.error_style()));
    }
    Ok(())
}

/// The statement's text, from where it was said to be.
fn text(args: &Sql) -> Outcome<String> {
    let typed = match (&args.text, &args.file) {
        (_, Some(file)) if file.as_os_str() != "-" => {
            std::fs::read_to_string(file).map_err(|error| failure::file(file, "reading the statement", error))?
        }
        (Some(text), None) if text != "-" => text.clone(),
        _ => stdin()?,
    };
    if typed.trim().is_empty() {
        return Err(Error::invalid_query_hint("the statement is empty", "Try `SELECT * FROM mesh.products`.").into());
    }
    Ok(if args.explain { explained(&typed, args.analyze) } else { typed })
}

fn stdin() -> Outcome<String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().read_to_string(&mut text);
    read.map_err(|error| failure::file(Path::new("stdin"), "reading the statement", error))?;
    Ok(text)
}

/// The statement that shows the plan of this one; one that already does stays as it is.
///
/// - `analyze`: whether it is run as well, and measured.
fn explained(sql: &str, analyze: bool) -> String {
    let first = sql.split_whitespace().next().unwrap_or_default();
    match (first.eq_ignore_ascii_case("explain"), analyze) {
        (true, _) => sql.to_owned(),
        (false, true) => format!("EXPLAIN ANALYZE {sql}"),
        (false, false) => format!("EXPLAIN {sql}"),
    }
}

fn refuse_binary_on_a_terminal(format: Format, out: Option<&Path>) -> Outcome {
    if matches!(format, Format::Parquet | Format::Arrow) && out.is_none() && std::io::stdout().is_terminal() {
        let hint = "Name a file with --out FILE, or pipe the answer into a program.";
        return Err(failure::unusable("--output", "a terminal cannot show this format", hint));
    }
    Ok(())
}

/// Who asks, in which schema, for how long.
fn context(session: &Session, args: &Sql) -> QueryContext {
    let mut ctx = session.context();
    ctx.default_schema.clone_from(&args.schema);
    match args.timeout {
        Some(limit) => ctx.with_timeout(limit),
        None => ctx,
    }
}

/// Shows the answer as a table; gives its rows in all.
async fn table(
    mut answer: Answer,
    max_rows: usize,
    out: Option<&Path>,
    output: &Output,
    progress: Option<&Progress>,
) -> Outcome<u64> {
    // The file is opened first: a path that cannot be written must not cost a query.
    let file = out.map(Sink::file).transpose()?;
    let plan = is_plan(&answer);
    let mut table = Table::new(&answer.schema, if plan { 0 } else { max_rows });
    let mut texts = String::new();
    while let Some(batch) = next(&mut answer, progress).await {
        let batch = batch?;
        if plan {
            texts.push_str(&plan_text(&batch, output)?);
            continue;
        }
        table.add(&batch)?;
    }
    let mut text = if plan { texts } else { table.render(output.style(), output.width()) };
    if !plan && output.talks() && table.hidden() == 0 {
        text.push_str(&output.style().dim(format!("({})", units::count(table.total(), "row"))));
        text.push('\n');
    }
    match file {
        Some(mut file) => {
            let written = std::io::Write::write_all(&mut file, text.as_bytes());
            file.check(written)?;
            file.commit()?;
        }
        None => output.print(&text)?,
    }
    Ok(table.total())
}

/// The next batch; meanwhile the progress tells what was taken and read so far.
async fn next(answer: &mut Answer, progress: Option<&Progress>) -> Option<Outcome<RecordBatch>> {
    let Answer { stream, usage, context, .. } = answer;
    let told = || {
        let (rows, read) = (usage.taken_rows(), units::bytes(usage.bytes()));
        format!("{} · {read} read in {}", units::count(rows, "row"), units::count(usage.requests(), "request"))
    };
    let batch = match progress.filter(|progress| progress.is_seen()) {
        None => stream.next().await,
        Some(progress) => loop {
            let next = tokio::time::timeout(progress::EVERY, stream.next()).await;
            progress.tell(told);
            if let Ok(batch) = next {
                break batch;
            }
        },
    };
    batch.map(|batch| batch.map_err(|error| Fault::in_query(error.into(), context)))
}

/// Whether the answer is that of an `EXPLAIN`: texts of several lines, which a table would break.
fn is_plan(answer: &Answer) -> bool {
    let names: Vec<_> = answer.schema.fields().iter().map(|field| field.name().as_str()).collect();
    names == ["plan_type", "plan"]
}

/// Each plan under its title.
fn plan_text(batch: &RecordBatch, output: &Output) -> Outcome<String> {
    use arrow::util::display::array_value_to_string;
    let shown = |error| failure::internal("showing the plan", error);
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        let title = array_value_to_string(batch.column(0), row).map_err(shown)?;
        let plan = array_value_to_string(batch.column(1), row).map_err(shown)?;
        text.push_str(&format!("{}\n{}\n\n", output.style().bold(title), plan.trim_end()));
    }
    Ok(text)
}

/// Writes the answer batch by batch; gives its rows.
async fn stream(mut answer: Answer, format: Format, out: Option<&Path>, progress: Option<&Progress>) -> Outcome<u64> {
    let sink = out.map_or_else(|| Ok(Sink::stdout()), Sink::file)?;
    let mut records = Records::open(format, &answer.schema, sink)?;
    let mut rows = 0;
    while let Some(batch) = next(&mut answer, progress).await {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        records.write(&batch)?;
    }
    records.finish()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_explained_once() {
        assert_eq!(explained("SELECT 1", false), "EXPLAIN SELECT 1");
        assert_eq!(explained("SELECT 1", true), "EXPLAIN ANALYZE SELECT 1");
        assert_eq!(explained(" explain SELECT 1", true), " explain SELECT 1");
    }
}
