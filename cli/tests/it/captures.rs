//! The terminal captures of the book: made again by every run of the tests, so that they stay true.
//!
//! A capture is a block of `docs/src/terminal.md` below a line `<!-- capture: NAME -->`. What differs from run to run (days, times,
//! hashes) is written the same. `MESHWEAVE_CAPTURE=write` writes the blocks anew.
//!
//! Start reading at [`the_captures_of_the_book_are_what_is_seen`].

use std::path::{Path, PathBuf};

use crate::mesh::{contract, empty, path, shared};
use crate::meshweave::{run, variable};
use crate::progress::seen;
use crate::screen::Screen;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/terminal.md")
}

/// A new minor version that takes away a column which somebody reads and a view selects.
fn plan() -> String {
    let mesh = empty();
    let place = path(mesh.path()).to_owned();
    let file = |name: &str, text: &str| {
        let file = mesh.path().join(name);
        std::fs::write(&file, text).unwrap();
        path(&file).to_owned()
    };
    let on_mesh = |args: &[&str]| run(&[&["--mesh", &place], args].concat());
    on_mesh(&["register", &file("things-1.0.0.yaml", &contract("things", "1.0.0"))]).ok();
    let view = "apiVersion: meshweave/v1\nkind: View\nmetadata:\n  name: labels\n  domain: shop\n  version: 1.0.0\n\
                spec:\n  sql: SELECT label FROM shop.things\n  access: {discovery: public, read: public}\n";
    on_mesh(&["register", &file("labels.yaml", view)]).ok();
    on_mesh(&["sql", "SELECT label FROM shop.things", "--as", "ann@shop-team"]).ok();
    let text = contract("things", "1.1.0").replace("urn:test:things:1.1.0", "urn:test:things:1.0.0");
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("name: label,")).collect();
    let next = file("things-1.1.0.yaml", &without.join("\n"));
    let seen = seen(&["--mesh", &place, "plan", &next]).text();
    let seen = seen.replace(&next, "things-1.1.0.yaml").replace(&place, "/srv/mesh");
    format!("$ meshweave plan things-1.1.0.yaml\n{seen}")
}

fn search() -> String {
    format!("$ meshweave search weight\n{}", seen(&["--mesh", path(shared()), "search", "weight"]).text())
}

/// A session: a statement over two lines, a mistake, a command.
fn session() -> String {
    let history = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_meshweave"));
    command.args(["sql", "--mesh", path(shared())]).env("TERM", "xterm").env("NO_COLOR", "1");
    command.env("MESHWEAVE_HISTORY", history.path().join("history")).env("MESHWEAVE_LIMITS__PARTITIONS", "2");
    command.env_remove("MESHWEAVE_MESH").env_remove("MESHWEAVE_SETTINGS");
    let mut session = rexpect::session::spawn_command(command, Some(120_000)).unwrap();
    let mut all = session.exp_string("mesh> ").unwrap() + "mesh> ";
    for lines in [
        &["SELECT r_regionkey, r_name FROM reference.region", "WHERE r_name LIKE 'A%' ORDER BY 1;"][..],
        &["SELECT r_nam FROM reference.region;"],
        &["\\d reference.region"],
    ] {
        for line in lines {
            session.send_line(line).unwrap();
        }
        // The end of what is answered, then the prompt that comes behind it.
        let end = if lines[0].contains("r_nam ") { "hint:" } else { "manifest" };
        let end = if lines[0].starts_with('\\') { "r_comment" } else { end };
        all += &(session.exp_string(end).unwrap() + end);
        all += &(session.exp_string("mesh> ").unwrap() + "mesh> ");
    }
    session.send_line("\\q").unwrap();
    all += &session.exp_eof().unwrap();
    format!("$ meshweave sql\n{}", Screen::of(&all).text())
}

/// The last line of a file's progress, and what is told behind it.
fn progress() -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.parquet");
    let screen = seen(&["--mesh", path(shared()), "sql", "SELECT * FROM sales.lineitem", "--out", path(&file)]);
    let line = screen.gone.last().unwrap_or_else(|| panic!("no progress: {screen:?}"));
    format!(
        "$ meshweave sql \"SELECT * FROM sales.lineitem\" --out lines.parquet\n{line}\n$ # and when it is done:\n{}",
        screen.text()
    )
}

/// The text with days, times, hashes and turning signs written the same.
fn steady(text: &str) -> String {
    let words = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            let word = words[at].clone();
            let is_day = word.len() >= 10
                && word.get(..10).is_some_and(|day| {
                    day.chars().enumerate().all(|(i, c)| if i == 4 || i == 7 { c == '-' } else { c.is_ascii_digit() })
                });
            if is_day {
                words[at] = format!("2026-11-21{}", &word[10..]);
            }
            if word.parse::<f64>().is_ok() && words.get(at + 1).is_some_and(|unit| unit == "s") {
                words[at] = "0.10".to_owned();
            }
            if word.starts_with("sha256:") {
                words[at] = "sha256:0123456789ab…".to_owned();
            }
        }
        words.join(" ")
    };
    let mut lines: Vec<String> = text.lines().map(words).collect();
    for line in &mut lines {
        if let Some(first) = line.chars().next().filter(|c| ('\u{2800}'..='\u{28ff}').contains(c)) {
            *line = line.replacen(first, "⠙", 1);
            if let Some((told, _)) = line.rsplit_once(" · ") {
                *line = format!("{told} · 1s");
            }
        }
    }
    lines.join("\n")
}

/// The page with the capture of this name replaced.
fn with(page: &str, name: &str, capture: &str) -> String {
    let mark = format!("<!-- capture: {name} -->\n```text\n");
    let start = page.find(&mark).unwrap_or_else(|| panic!("the page has no capture {name}")) + mark.len();
    let end = start + page[start..].find("\n```").unwrap();
    format!("{}{capture}{}", &page[..start], &page[end..])
}

#[test]
fn the_captures_of_the_book_are_what_is_seen() {
    let stands = std::fs::read_to_string(page()).unwrap();
    let mut is = stands.clone();
    for (name, capture) in [("plan", plan()), ("search", search()), ("session", session()), ("progress", progress())] {
        is = with(&is, name, &steady(&capture));
    }
    if variable("MESHWEAVE_CAPTURE").is_some_and(|word| word == "write") {
        std::fs::write(page(), &is).unwrap();
        return;
    }
    assert_eq!(stands, is, "MESHWEAVE_CAPTURE=write writes the captures of docs/src/terminal.md anew");
}
