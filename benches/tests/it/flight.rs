//! `meshweave-bench flight` runs from its data to its section.

use std::process::Command;

/// The section that a run with these words more writes.
fn section(words: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("section.md");
    let ran = Command::new(env!("CARGO_BIN_EXE_meshweave-bench"))
        .args(["flight", "--rounds", "1", "--statements", "3", "--mebibytes", "1", "--points", "400"])
        .args(["--products", "30", "--columns", "5", "--readers", "3", "--seconds", "1", "--dir"])
        .arg(folder.path().join("meshes"))
        .arg("--out")
        .arg(&out)
        .args(words)
        .env_remove("MESHWEAVE_BENCH_PYTHON")
        .env_remove("MESHWEAVE_BENCH_JDBC_JAR")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read_to_string(out).unwrap()
}

/// Cells of the table's row that begins so, without the first; every one of them is a number.
fn figures(section: &str, title: &str) -> Vec<f64> {
    let row = section.lines().find(|line| line.starts_with(&format!("| {title} |")));
    let row = row.unwrap_or_else(|| panic!("no row {title:?} in\n{section}"));
    let cells = row.trim_matches('|').split('|').skip(1).map(str::trim).filter(|cell| *cell != "–");
    let figures: Vec<f64> = cells.map(|cell| cell.parse().unwrap_or_else(|_| panic!("{cell:?} in {row}"))).collect();
    assert!(figures.iter().all(|figure| figure.is_finite()), "{row}");
    figures
}

#[test]
fn every_part_is_measured_and_told() {
    let section = section(&[]);
    assert_eq!(section.matches("\n### ").count(), 6, "{section}");
    assert_eq!(figures(&section, "Arrow's Rust client").len(), 3);
    assert!(section.contains("Left out: ADBC, Python (`--python`), JDBC (`--java`, `--jdbc-jar`)."), "{section}");
    for result in ["wide: 100 columns", "narrow: 3 columns"] {
        let figures = figures(&section, result);
        assert!(figures.iter().all(|figure| *figure > 0.0), "{result}: {figures:?}");
    }
    assert!(figures(&section, "compat")[0] > 0.0 && figures(&section, "arrow")[0] > 0.0, "{section}");
    assert!(figures(&section, "first")[0] > 0.0 && figures(&section, "repeated")[0] > 0.0, "{section}");
    assert!(figures(&section, "Flight SQL")[0] > 0.0, "{section}");
    assert!(section.contains("3 readers of an answer without end"), "{section}");
}

#[test]
fn a_real_driver_is_timed() {
    let python = meshweave_test_peers::python().unwrap();
    let section = section(&["--parts", "first-row", "--python", &python.to_string_lossy()]);
    for way in ["DB-API", "statement"] {
        assert!(figures(&section, &format!("ADBC, Python: {way}"))[0] > 0.0, "{section}");
    }
    assert_eq!(section.matches("\n### ").count(), 1, "{section}");
}
