//! The page for the book: tables of CPU seconds and peak memory, with ratios and geometric means.
//!
//! Start reading at [`page`].

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::Choice;
use crate::child::Engine;
use crate::compare::{Best, Outcome};
use crate::micro::Small;

/// The whole page.
pub(crate) fn page(choice: &Choice, tpch: &Outcome, small: &Small) -> String {
    let mut page = head(choice);
    page.push_str("\n## TPC-H: CPU seconds\n\n");
    page.push_str(&table(tpch, |best| format!("{:.3}", best.cpu_seconds)));
    page.push_str("\nGeometric means of the ratios, query by query, over the queries that both answered:\n\n");
    page.push_str(&ratios(tpch, |best| best.cpu_seconds));
    page.push_str("\n## TPC-H: peak memory, MiB\n\n");
    page.push_str(&table(tpch, |best| format!("{}", best.peak_bytes >> 20)));
    page.push('\n');
    page.push_str(&ratios(tpch, |best| mebibytes(best.peak_bytes)));
    page.push_str(&failures(&tpch.failures));
    page.push_str(&small_figures(small));
    page
}

/// Writes the page to a file, or to standard output.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write(out: Option<&Path>, page: &str) -> Result<()> {
    match out {
        Some(path) => std::fs::write(path, page).with_context(|| path.display().to_string()),
        None => Ok(std::io::stdout().write_all(page.as_bytes())?),
    }
}

fn head(choice: &Choice) -> String {
    format!(
        "# Benchmarks\n\n\
         Made by `cargo xtask bench`. TPC-H at scale factor {}, {} threads for every engine, the same Parquet files for all (the Delta\n\
         products hold the same bytes). One process per engine, query and round; {} rounds, interleaved, {} runs in each process; the\n\
         best of all counts. CPU seconds are those of all threads of the process while the query runs, planning included. Peak memory is\n\
         the process's, in RAM, its start included. *Mesh again* is the same program measured a second time: a ratio that is nearer to 1\n\
         than its ratio says nothing.\n",
        choice.scale, choice.threads, choice.rounds, choice.runs
    )
}

/// One row for each query, one column for each engine.
fn table(tpch: &Outcome, cell: impl Fn(&Best) -> String) -> String {
    let titles: Vec<&str> = tpch.engines.iter().map(|engine| engine.title()).collect();
    let mut text = format!("| query | {} |\n|---|{}\n", titles.join(" | "), "---:|".repeat(titles.len()));
    for query in &tpch.queries {
        let cells =
            tpch.engines.iter().map(|engine| tpch.best.get(&(*query, *engine)).map_or_else(|| "–".to_owned(), &cell));
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| q{query:02} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

/// The mesh's figure over each other engine's.
fn ratios(tpch: &Outcome, figure: impl Fn(&Best) -> f64) -> String {
    let mut text = "| ratio | geometric mean | worst query | queries |\n|---|---:|---:|---:|\n".to_owned();
    let others = tpch.engines.iter().filter(|engine| **engine != Engine::Mesh);
    let pairs = others.map(|other| (Engine::Mesh, *other)).chain([(Engine::MeshDelta, Engine::Datafusion)]);
    for (ours, theirs) in pairs {
        let found: Vec<(usize, f64)> = tpch
            .queries
            .iter()
            .filter_map(|query| {
                let (a, b) = (tpch.best.get(&(*query, ours))?, tpch.best.get(&(*query, theirs))?);
                Some((*query, figure(a) / figure(b)))
            })
            .collect();
        let Some((worst, ratio)) = found.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        let mean = geometric_mean(found.iter().map(|(_, ratio)| *ratio));
        let _ = writeln!(
            text,
            "| {} / {} | {mean:.3} | {ratio:.2} (q{worst:02}) | {} |",
            ours.title(),
            theirs.title(),
            found.len()
        );
    }
    text
}

/// The mean under which twice and half make one.
fn geometric_mean(ratios: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = ratios.fold((0.0, 0.0), |(count, sum), ratio| (count + 1.0, sum + ratio.ln()));
    f64::exp(sum / count)
}

#[expect(clippy::cast_precision_loss, reason = "memory in bytes is far below 2^53")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn failures(failures: &[String]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let lines: String = failures.iter().map(|line| format!("- {line}\n")).collect();
    format!("\nNot answered:\n\n{lines}")
}

fn small_figures(small: &Small) -> String {
    let mut text = format!(
        "\n## Names and plans\n\nResolving one name among {} products: {:.2} µs CPU.\n\n\
         | statement | plan in the mesh, ms CPU | plain DataFusion | difference |\n|---|---:|---:|---:|\n",
        small.products,
        small.lookup.as_secs_f64() * 1e6
    );
    for (title, ours, theirs) in &small.plans {
        let (ours, theirs) = (ours.as_secs_f64() * 1e3, theirs.as_secs_f64() * 1e3);
        let _ = writeln!(text, "| {title} | {ours:.3} | {theirs:.3} | {:.3} |", ours - theirs);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let best = |cpu_seconds| Best { cpu_seconds, peak_bytes: 100 << 20, rows: 1 };
        Outcome {
            engines: vec![Engine::Mesh, Engine::Datafusion, Engine::Polars],
            queries: vec![1, 2],
            best: [
                ((1, Engine::Mesh), best(2.0)),
                ((1, Engine::Datafusion), best(1.0)),
                ((2, Engine::Mesh), best(1.0)),
                ((2, Engine::Datafusion), best(2.0)),
                ((2, Engine::Polars), best(0.5)),
            ]
            .into(),
            failures: vec!["q01, Polars: no".to_owned()],
        }
    }

    #[test]
    fn twice_and_half_make_one() {
        assert!((geometric_mean([2.0, 0.5].into_iter()) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn ratios_are_over_the_queries_that_both_answered() {
        let text = ratios(&outcome(), |best| best.cpu_seconds);
        assert!(text.contains("| mesh, Parquet / DataFusion | 1.000 | 2.00 (q01) | 2 |"), "{text}");
        assert!(text.contains("| mesh, Parquet / Polars | 2.000 | 2.00 (q02) | 1 |"), "{text}");
        assert!(!text.contains("Delta"), "{text}");
    }

    #[test]
    fn what_was_not_answered_is_a_dash_and_a_line() {
        let text = table(&outcome(), |best| format!("{:.1}", best.cpu_seconds));
        assert!(text.contains("| q01 | 2.0 | 1.0 | – |"), "{text}");
        assert!(failures(&outcome().failures).contains("- q01, Polars: no"));
        assert!(failures(&[]).is_empty());
    }
}
