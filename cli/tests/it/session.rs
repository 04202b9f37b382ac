//! `meshweave sql` on a terminal: a session, driven through a real pseudo-terminal.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::mesh::{path, shared};
use crate::meshweave::run;

/// A guard against hanging, milliseconds.
const PATIENCE: u64 = 60_000;

fn start(history: &std::path::Path) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshweave"));
    command.args(["sql", "--mesh", path(shared())]).env("MESHWEAVE_HISTORY", history).env("TERM", "xterm");
    command.env_remove("MESHWEAVE_MESH").env_remove("MESHWEAVE_SETTINGS").env("NO_COLOR", "1");
    let mut session = spawn_command(command, Some(PATIENCE)).unwrap();
    session.exp_string("Statements end with ;").unwrap();
    session.exp_string("mesh> ").unwrap();
    session
}

#[test]
fn statements_over_lines_commands_errors_and_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let mut session = start(&history);
    session.send_line("SELECT r_name FROM reference.region").unwrap();
    session.send_line("WHERE r_regionkey = 3;").unwrap();
    session.exp_string("EUROPE").unwrap();
    session.exp_string("1 row in").unwrap();
    session.exp_string("mesh> ").unwrap();
    session.send_line("SELECT r_nam FROM reference.region;").unwrap();
    session.exp_string("error:").unwrap();
    session.exp_string("hint:").unwrap();
    session.exp_string("mesh> ").unwrap();
    session.send_line("\\use reference").unwrap();
    session.exp_string("mesh.reference> ").unwrap();
    session.send_line("SELECT count(*) AS regions FROM region;").unwrap();
    session.exp_string("regions").unwrap();
    session.exp_string("5").unwrap();
    session.send_line("CREATE TABLE mine AS SELECT r_name FROM region WHERE r_regionkey < 2;").unwrap();
    session.exp_string("count").unwrap();
    session.send_line("SELECT 'there are ' || count(*) AS told FROM temp.mine;").unwrap();
    session.exp_string("there are 2").unwrap();
    session.send_line("\\d reference.region").unwrap();
    session.exp_string("r_regionkey").unwrap();
    session.send_line("\\timing off").unwrap();
    session.exp_string("timing is off").unwrap();
    session.send_line("\\q").unwrap();
    session.exp_eof().unwrap();
    assert!(std::fs::read_to_string(&history).unwrap().contains("r_regionkey = 3"), "the history is kept");
}

#[test]
fn tab_completes_names_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = start(&folder.path().join("history"));
    session.send("SELECT r_na\tFROM").unwrap();
    session.flush().unwrap();
    session.send_control('c').unwrap();
    session.exp_string("mesh> ").unwrap();
    // The only table that begins so is put in whole.
    session.send("SELECT count(*) AS found FROM reference.region_d\t;\n").unwrap();
    session.flush().unwrap();
    session.exp_string("found").unwrap();
    session.exp_string("(1 row)").unwrap();
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn ctrl_c_stops_the_statement_and_not_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = start(&folder.path().join("history"));
    let endless = "SELECT sum(a.l_quantity * b.l_quantity + c.l_quantity) FROM sales.lineitem a CROSS JOIN sales.lineitem b \
                   CROSS JOIN sales.lineitem c;";
    session.send_line(endless).unwrap();
    // What was typed comes back before the statement runs. Nothing tells when that begins, so Ctrl-C is pressed until it is heard;
    // at the prompt it does no harm.
    session.exp_string("lineitem c;").unwrap();
    let mut told = String::new();
    for _ in 0..200 {
        session.send_control('c').unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        told.extend(std::iter::from_fn(|| session.try_read()));
        if told.contains("cancelled") {
            break;
        }
    }
    assert!(told.contains("cancelled"), "{told}");
    // What is typed while a prompt is being made is lost, as in every shell: the last Ctrl-C made one.
    std::thread::sleep(std::time::Duration::from_secs(1));
    session.send_line("SELECT 40 + 2 AS answer;").unwrap();
    session.exp_string("42").unwrap();
    session.send_line("\\q").unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn completions_and_the_manual_page_are_made_from_the_definitions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&["completions", shell]).ok().contains("register"), "{shell}");
    }
    let page = run(&["man"]).ok();
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("dry\\-run") && page.contains("max\\-rows"), "the commands' options are in it");
}
