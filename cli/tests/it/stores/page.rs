//! The page of the book that tells what faults were measured: its tables are written by the tests that measure them.
//!
//! `MESHWEAVE_WRITE_FAULTS=docs/src/faults.md cargo test -p meshweave --test it -- stores::faults stores::dead --test-threads 1`
//! (from the `cli` folder, `../docs/src/faults.md`) writes what the run measured; without the variable nothing is written.
//!
//! Start reading at [`keep`].

/// Puts a table between its marks in the page, when the run is to write it.
#[expect(clippy::disallowed_methods, reason = "the one who runs the tests says whether the page is to be written")]
pub(super) fn keep(name: &str, lines: &[String]) {
    let Ok(page) = std::env::var("MESHWEAVE_WRITE_FAULTS") else { return };
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    std::fs::write(&page, format!("{before}{begin}\n{}\n{end}{after}", lines.join("\n"))).unwrap();
}
