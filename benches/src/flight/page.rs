//! The section for the book: what was measured, as tables, with the ratio of two equal measurements beside every ratio.
//!
//! Start reading at [`head`].

use std::fmt::Write as _;

use super::Choice;
use super::bulk::{Compared, Taken};
use super::first_row::FirstRows;
use super::lookup::Lookups;
use super::numbers::{gigabytes, mebibytes, median, quantile};
use super::readers::Beside;
use super::tables::Listed;

/// What holds for all tables.
pub(super) fn head(choice: &Choice) -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "## Flight SQL\n\nMade by `cargo xtask bench -- flight` ({profile} build). The server is a process of its own on loopback TCP with {} \
         threads; the\nclient and the engine *in process* share the machine with it. What is compared was measured in turns, {} rounds of each;\n\
         medians, unless a column says otherwise. *Again* is the same measured a second time: a ratio that is nearer to 1 than its ratio\n\
         (A/A) says nothing. GB are 10⁹ bytes of the messages of profile `compat`. CPU seconds are the server's; in process, the process's.\n",
        choice.threads,
        choice.rounds.max(1)
    )
}

/// Times until the row of `select 1` is there.
pub(super) fn first_row(rows: &FirstRows) -> String {
    let mut text = format!(
        "\n### The row of `select 1`\n\n{} statements each, one after the other, on one connection; milliseconds from the \
         statement to its row.\n\n| through | p50 | p99 | best |\n|---|---:|---:|---:|\n",
        rows.drivers.first().map_or(0, |driver| driver.times.len())
    );
    for driver in &rows.drivers {
        let [p50, p99, best] = [0.5, 0.99, 0.0].map(|part| quantile(&driver.times, part));
        line(&mut text, &format!("| {} | {p50:.2} | {p99:.2} | {best:.2} |", driver.title));
    }
    if !rows.left_out.is_empty() {
        line(&mut text, &format!("\nLeft out: {}.", rows.left_out.join(", ")));
    }
    text
}

/// A line of a text; writing into a string cannot fail.
fn line(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}

/// Large results, and how their ways compare with the first.
pub(super) fn bulk(results: &[Compared]) -> String {
    let mut text = "\n### Large results\n\n*Ratio* is the time over that in process, *A/A* the same for the second time in process.\n\n\
                    | result | GB | in process, GB/s | Flight SQL, GB/s | ratio | A/A | in process, CPU s/GB | server, CPU s/GB |\n\
                    |---|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for result in results {
        let [ours, flight, again] = [0, 1, 2].map(|way| result.ways.get(way));
        let seconds = |way: Option<&Taken>| way.map_or(0.0, |way| median(&way.seconds));
        let cpu = |way: Option<&Taken>| way.map_or(0.0, |way| median(&way.cpu));
        line(
            &mut text,
            &format!(
                "| {} | {:.3} | {:.3} | {:.3} | {:.2} | {:.2} | {:.2} | {:.2} |",
                result.title,
                result.gigabytes,
                result.gigabytes / seconds(ours),
                result.gigabytes / seconds(flight),
                seconds(flight) / seconds(ours),
                seconds(again) / seconds(ours),
                cpu(ours) / result.gigabytes,
                cpu(flight) / result.gigabytes
            ),
        );
    }
    text
}

/// What the profiles cost.
pub(super) fn encode(result: &Compared) -> String {
    let mut text = format!(
        "\n### Wire types\n\n{}; {:.3} GB. *Beyond* is what the server needs beyond the query in process: casting, encoding, sending.\n\n\
         | profile | CPU s/GB | beyond, CPU s/GB | CPU, ratio to the first |\n|---|---:|---:|---:|\n",
        result.title, result.gigabytes
    );
    let first = result.ways.first().map_or(0.0, |way| median(&way.cpu));
    let own = result.ways.last().map_or(0.0, |way| median(&way.cpu));
    for way in &result.ways {
        let cpu = median(&way.cpu);
        line(
            &mut text,
            &format!(
                "| {} | {:.3} | {:.3} | {:.2} |",
                way.title,
                cpu / result.gigabytes,
                (cpu - own) / result.gigabytes,
                cpu / first
            ),
        );
    }
    text
}

/// The listing of many tables.
pub(super) fn tables(choice: &Choice, listed: &Listed) -> String {
    let row = |title: &str, fetched: &super::client::Fetched, cpu: f64| {
        let seconds = fetched.took.as_secs_f64();
        format!("| {title} | {seconds:.3} | {cpu:.3} | {:.3} |\n", gigabytes(fetched.bytes))
    };
    format!(
        "\n### GetTables\n\n{} products with {} columns each, with their schemas; aim: less than 1 s. The repeated figures are the best \
         of {}.\nThe server held {:.0} MiB in RAM at most before the first listing, and {:.0} MiB after the last.\n\n\
         | listing | seconds | CPU seconds of the server | GB |\n|---|---:|---:|---:|\n{}{}",
        choice.products,
        choice.columns,
        choice.rounds.max(1),
        mebibytes(listed.before_bytes),
        mebibytes(listed.after_bytes),
        row("first", &listed.first, listed.first_cpu),
        row("repeated", &listed.repeated, listed.repeated_cpu)
    )
}

/// One row by its key.
pub(super) fn lookup(lookups: &Lookups) -> String {
    let mut text = format!(
        "\n### A row by its key\n\n{} keys, each looked up in process, through Flight SQL (GetFlightInfo and DoGet) and in process again; \
         milliseconds.\nAim: p50 through Flight SQL at most 4 ms and at most twice that in process.\n\n\
         | through | p50 | p99 | p50, ratio | CPU |\n|---|---:|---:|---:|---:|\n",
        lookups.flight.len()
    );
    let own = median(&lookups.in_process);
    let ways = [
        ("in process", &lookups.in_process, Some(lookups.in_process_cpu)),
        ("Flight SQL", &lookups.flight, Some(lookups.flight_cpu)),
        ("in process again (A/A)", &lookups.again, None),
    ];
    for (title, times, cpu) in ways {
        let cpu = cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.2}"));
        let (p50, p99) = (median(times), quantile(times, 0.99));
        line(&mut text, &format!("| {title} | {p50:.2} | {p99:.2} | {:.2} | {cpu} |", p50 / own));
    }
    text
}

/// A fast reader beside slow ones.
pub(super) fn readers(choice: &Choice, beside: &Beside) -> String {
    let (alone, slowed) = (median(&beside.alone) / 1e9, median(&beside.beside) / 1e9);
    let half = beside.alone.len() / 2;
    let (before, after) = beside.alone.split_at(half);
    format!(
        "\n### Slow readers\n\n{} readers of an answer without end, one message a second each, beside one that fetches the narrow \
         result as fast as it\ncan; the default settings. *A/A* is its speed by itself after the slow ones over that before.\n\n\
         | by itself, GB/s | beside the slow ones, GB/s | ratio | A/A | reserved at most, MiB per reader | server's RAM at most: before, at \
         the end, MiB |\n|---:|---:|---:|---:|---:|---:|\n| {alone:.3} | {slowed:.3} | {:.2} | {:.2} | {:.2} | {:.0}, {:.0} |\n",
        choice.readers,
        slowed / alone,
        median(after) / median(before),
        mebibytes(beside.reserved_bytes / (choice.readers as u64 + 1)),
        mebibytes(beside.before_bytes),
        mebibytes(beside.after_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(title: &'static str, seconds: f64, cpu: f64) -> Taken {
        Taken { title, seconds: vec![9.0 * seconds, seconds, 0.5 * seconds], cpu: vec![cpu; 3] }
    }

    fn result() -> Compared {
        let ways = vec![way("one", 1.0, 2.0), way("two", 2.0, 3.0), way("three", 1.5, 1.0)];
        Compared { title: "rows".to_owned(), gigabytes: 0.5, ways }
    }

    #[test]
    fn speeds_and_ratios_are_those_of_the_medians() {
        let text = bulk(&[result()]);
        assert!(text.ends_with("| rows | 0.500 | 0.500 | 0.250 | 2.00 | 1.50 | 4.00 | 6.00 |\n"), "{text}");
    }

    #[test]
    fn a_profile_costs_what_is_beyond_the_query() {
        let text = encode(&result());
        assert!(text.contains("| one | 4.000 | 2.000 | 1.00 |\n| two | 6.000 | 4.000 | 1.50 |\n"), "{text}");
    }

    #[test]
    fn what_was_left_out_is_said() {
        let mut rows = FirstRows::default();
        assert!(!first_row(&rows).contains("Left out"));
        rows.left_out.push("one driver");
        assert!(first_row(&rows).ends_with("\nLeft out: one driver.\n"));
    }
}
