//! Progress: on a terminal while a long command works, gone at its end, and never in a pipe.

use std::path::Path;

use rexpect::session::{PtySession, spawn_command};

use crate::mesh::{SCALE, contract, empty, path, shared};
use crate::meshweave::{command, run};
use crate::screen::Screen;

/// A guard against hanging, milliseconds.
const PATIENCE: u64 = 120_000;

/// A command on a terminal.
pub(crate) fn on_a_terminal(args: &[&str]) -> PtySession {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_meshweave"));
    command.args(args).env("TERM", "xterm").env("NO_COLOR", "1").env("MESHWEAVE_LIMITS__PARTITIONS", "2");
    command.env_remove("MESHWEAVE_MESH").env_remove("MESHWEAVE_SETTINGS").current_dir(std::env::temp_dir());
    spawn_command(command, Some(PATIENCE)).unwrap()
}

/// What a command that ends leaves on a terminal, and what it took away again.
pub(crate) fn seen(args: &[&str]) -> Screen {
    Screen::of(&on_a_terminal(args).exp_eof().unwrap())
}

#[test]
fn a_file_that_is_written_tells_rows_bytes_and_requests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    let screen = seen(&["--mesh", path(shared()), "sql", "SELECT * FROM sales.lineitem", "--out", path(&file)]);
    let rows = std::fs::read_to_string(&file).unwrap().lines().count() - 1;
    let told = screen.gone.last().unwrap_or_else(|| panic!("no progress: {screen:?}"));
    let thousands = format!("{},{:03} rows · ", rows / 1000, rows % 1000);
    assert!(told.contains(&thousands) && told.contains(" read in ") && told.contains(" requests"), "{screen:?}");
    assert!(screen.text().starts_with(thousands.trim_end_matches(" · ")), "what it cost is told behind it: {screen:?}");
    assert!(!screen.text().contains("⠋") && screen.text().lines().all(|line| !line.contains("planning")), "{screen:?}");
}

/// A folder of contracts over one empty folder each.
fn contracts(mesh: &Path) -> String {
    let folder = mesh.join("contracts");
    std::fs::create_dir(&folder).unwrap();
    for name in ["apples", "pears", "plums"] {
        std::fs::write(folder.join(format!("{name}.yaml")), contract(name, "1.0.0")).unwrap();
    }
    path(&folder).to_owned()
}

#[test]
fn registering_many_counts_them() {
    let mesh = empty();
    let contracts = contracts(mesh.path());
    let screen = seen(&["--mesh", path(mesh.path()), "register", &contracts]);
    assert!(screen.gone.iter().any(|line| line.contains("registering ") && line.contains(" of 3 ")), "{screen:?}");
    assert!(
        screen.text().contains("shop.apples@1.0.0 registered") && !screen.text().contains("registering"),
        "{screen:?}"
    );
}

#[test]
fn the_demo_tells_which_product_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let screen = seen(&["demo", "--dir", path(&demo), "--tpch", SCALE]);
    assert!(screen.gone.iter().any(|line| line.contains("writing ") && line.contains(" of ")), "{:?}", screen.gone);
    assert!(screen.gone.iter().any(|line| line.contains("registering ")), "{:?}", screen.gone);
}

#[test]
fn a_pipe_and_quiet_get_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.csv");
    let args = ["--mesh", path(shared()), "sql", "SELECT * FROM sales.lineitem", "--out", path(&file)];
    assert_eq!(run(&args).stderr, "", "not when stderr is a pipe");
    let mesh = empty();
    let registered = run(&["--mesh", path(mesh.path()), "register", &contracts(mesh.path())]);
    assert!(!registered.stderr.contains("registering") && !registered.ok().contains('\u{1b}'));
    let quiet = seen(&[&args[..], &["--quiet"]].concat());
    assert_eq!((quiet.text().as_str(), quiet.gone.len()), ("", 0), "{quiet:?}");
    assert!(command(&args).status().unwrap().success());
}
