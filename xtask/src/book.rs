//! The book: generated pages, links that lead somewhere, and mdBook.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::environment;
use crate::process::{cargo_command, is_there, loud, quiet, root};

/// The version of mdBook that `cargo xtask docs` installs when the machine has none.
const MDBOOK: &str = "mdbook@0.5.4";

/// Checks every relative link in the Markdown of the workspace, and that each page of the book stands in its summary.
///
/// # Errors
/// With every link that leads nowhere and every page that the summary forgot.
pub(crate) fn check() -> Result<usize> {
    let pages = markdown(&root())?;
    let mut wrong = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page)?;
        for link in links(&text) {
            let folder = page.parent().unwrap_or_else(|| Path::new("."));
            if !folder.join(&link).exists() {
                wrong.push(format!("{}: {link} leads nowhere", page.display()));
            }
        }
    }
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).context("docs/src/SUMMARY.md")?;
    let listed = links(&summary);
    for page in pages.iter().filter_map(|p| p.strip_prefix(root().join("docs/src")).ok()) {
        let page = page.to_string_lossy();
        if page != "SUMMARY.md" && !listed.iter().any(|link| link == page.as_ref()) {
            wrong.push(format!("docs/src/{page} is not in SUMMARY.md"));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(pages.len())
}

/// Every Markdown file that git would keep, below `folder`.
fn markdown(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = quiet(Command::new("git").current_dir(folder).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.md",
    ]))?;
    Ok(list.lines().map(|line| folder.join(line)).filter(|path| path.exists()).collect())
}

/// The relative targets of `[text](target)` links outside code blocks, without their `#fragment`.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// Writes the generated pages, then builds the book into `target/book`.
///
/// # Errors
/// When the binary or the book cannot be built.
pub(crate) fn write_and_build() -> Result<ExitCode> {
    let page = settings_page()?;
    fs::write(root().join("docs/src/settings.md"), page)?;
    check()?;
    let mdbook = mdbook()?;
    loud(
        Command::new(mdbook)
            .arg("build")
            .arg(root().join("docs"))
            .arg("--dest-dir")
            .arg(environment::target().join("book")),
    )?;
    println!("the book is in {}", environment::target().join("book").display());
    Ok(ExitCode::SUCCESS)
}

/// The settings page, from the settings' own documentation.
fn settings_page() -> Result<String> {
    let output = cargo_command()
        .args(["run", "--quiet", "--bin", "meshweave", "--", "settings", "--markdown"])
        .output()
        .context("meshweave settings")?;
    if !output.status.success() {
        bail!("meshweave settings: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn mdbook() -> Result<PathBuf> {
    if is_there("mdbook") {
        return Ok(PathBuf::from("mdbook"));
    }
    let installed = environment::folder().join("bin/mdbook");
    if !installed.exists() {
        loud(cargo_command().args(["install", "--locked", "--root"]).arg(environment::folder()).arg(MDBOOK))?;
    }
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_and_on_the_web_are_left_alone() {
        let text = "[a](b.md#c) [w](https://example.com)\n```\n[x](y.md)\n```\n[d](e/f.md)";
        assert_eq!(links(text), ["b.md", "e/f.md"]);
    }
}
