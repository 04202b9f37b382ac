//! What the demo shows, for people and for machines.
//!
//! Start reading at [`Page::text`].

use std::collections::BTreeMap;
use std::path::Path;

use meshweave_engine::catalog::Entry;
use meshweave_engine::context::{Pushed, ScanReport};
use meshweave_engine::policy::Action;
use serde_json::json;

use super::Shown;
use crate::commands::products;
use crate::failure::{self, Outcome};
use crate::output::table::Table;
use crate::output::units::{bytes, count, seconds};
use crate::output::{Output, Style};
use crate::session::Session;

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// The mesh's folder, as it was typed.
    pub(super) dir: &'a Path,
    /// Whether it was made just now.
    pub(super) made: bool,
    /// The open mesh.
    pub(super) session: &'a Session,
    /// The join.
    pub(super) sql: &'a str,
    /// Its answer.
    pub(super) shown: &'a Shown,
}

impl Page<'_> {
    /// The page for people.
    ///
    /// # Errors
    /// A value that cannot be shown.
    pub(super) fn text(&self, output: &Output) -> Outcome<String> {
        let style = output.style();
        let parts = [self.mesh(output), self.join(output)?, self.pushed(output), self.next(style)];
        Ok(parts.join("\n"))
    }

    /// Domains, their owners and products.
    fn mesh(&self, output: &Output) -> String {
        let mut domains: BTreeMap<&str, (String, Vec<String>)> = BTreeMap::new();
        let found = self.found();
        for entry in &found {
            let owner = entry.domain.owner_team.clone().unwrap_or_default();
            let (_, names) = domains.entry(entry.id().name.domain.as_str()).or_insert((owner, Vec::new()));
            names.push(named(entry, &found));
        }
        let rows =
            domains.iter().map(|(domain, (owner, names))| [(*domain).to_owned(), owner.clone(), names.join(", ")]);
        let style = output.style();
        let title = format!("The mesh in {}: {}", self.dir.display(), self.totals(domains.len()));
        let table = Table::of_texts(["domain", "owner", "products"], rows.collect());
        format!("{}\n\n{}", style.bold(title), indented(&table.render(style, narrowed(output))))
    }

    fn totals(&self, domains: usize) -> String {
        let versions = self.found().len() as u64;
        format!("{} and {}", count(domains as u64, "domain"), count(versions, "product version"))
    }

    /// Product versions that the principal may find.
    fn found(&self) -> Vec<std::sync::Arc<Entry>> {
        let snapshot = self.session.engine.snapshot();
        snapshot.entries.iter().filter(|entry| self.session.may(Action::Discover, entry)).cloned().collect()
    }

    /// The statement and its rows.
    fn join(&self, output: &Output) -> Outcome<String> {
        let style = output.style();
        let mut table = Table::new(&self.shown.schema, 0);
        self.shown.batches.iter().try_for_each(|batch| table.add(batch))?;
        let domains: std::collections::BTreeSet<_> = self.shown.scans.iter().map(|scan| &scan.domain).collect();
        let title = format!("One statement over {}", count(domains.len() as u64, "domain"));
        let rows = format!("{} in {}", count(table.total(), "row"), seconds(self.shown.took));
        Ok(format!(
            "{}\n\n{}\n{}  {}\n",
            style.bold(title),
            indented(&style.name(self.sql)),
            indented(&table.render(style, narrowed(output))),
            style.dim(rows),
        ))
    }

    /// What each domain's storage was asked for: files, bytes, columns, predicates.
    fn pushed(&self, output: &Output) -> String {
        let style = output.style();
        let rows = self.shown.scans.iter().map(|scan| {
            [
                scan.product.clone(),
                scan.connector.to_owned(),
                format!("{} of {}", scan.files_kept, scan.files_total),
                format!("{} of {}", bytes(scan.bytes_kept), bytes(scan.bytes_total)),
                format!("{} of {}", scan.columns.len(), scan.columns_total),
                scan.version.clone(),
            ]
        });
        let header = ["product", "from", "files", "bytes at most", "columns", "pinned version"];
        let table = Table::of_texts(header, rows.collect()).right(2).right(3).right(4);
        let mut text = format!(
            "{}\n\n{}\n",
            style.bold("What was pushed into each domain's storage"),
            indented(&table.render(style, narrowed(output))),
        );
        for scan in &self.shown.scans {
            predicates(&mut text, scan, style);
        }
        let read = format!("read: {} in {}", bytes(self.shown.bytes), count(self.shown.requests, "request"));
        text.push_str(&format!("  {}\n", style.dim(read)));
        text
    }

    fn next(&self, style: Style) -> String {
        let commands = self.commands().into_iter().map(|command| format!("  {}\n", style.name(command)));
        format!("{}\n\n{}", style.bold("Try next"), commands.collect::<String>())
    }

    /// Three commands that run as they stand, from where this one was typed.
    fn commands(&self) -> [String; 3] {
        let program = format!("{} --mesh {}", program(), quoted(&self.dir.display().to_string()));
        [
            format!("{program} describe commerce.orders"),
            format!("{program} sql --explain {}", quoted(&self.sql.replace('\n', " "))),
            format!("{program} serve"),
        ]
    }

    /// The page for machines.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub(super) fn json(&self) -> Outcome<serde_json::Value> {
        let failed = |error| failure::internal("writing the rows as JSON", error);
        let mut writer = arrow::json::ArrayWriter::new(Vec::new());
        self.shown.batches.iter().try_for_each(|batch| writer.write(batch)).map_err(failed)?;
        writer.finish().map_err(failed)?;
        let rows: serde_json::Value = serde_json::from_slice(&writer.into_inner())
            .map_err(|error| failure::internal("reading the rows as JSON", error))?;
        let products: Vec<_> = self.found().iter().map(|entry| entry.id().to_string()).collect();
        Ok(json!({
            "dir": self.dir,
            "made": self.made,
            "products": products,
            "sql": self.sql,
            "rows": rows,
            "scans": self.shown.scans.iter().map(scan_json).collect::<Vec<_>>(),
            "bytes_read": self.shown.bytes,
            "requests": self.shown.requests,
            "next": self.commands(),
        }))
    }
}

fn scan_json(scan: &ScanReport) -> serde_json::Value {
    let predicates: Vec<_> = scan
        .predicates
        .iter()
        .map(|(sql, pushed, why)| json!({"predicate": sql, "pushed": word(*pushed), "why": why}))
        .collect();
    json!({
        "product": scan.product,
        "domain": scan.domain,
        "connector": scan.connector,
        "version": scan.version,
        "files": {"total": scan.files_total, "kept": scan.files_kept},
        "bytes": {"total": scan.bytes_total, "kept": scan.bytes_kept},
        "columns": {"total": scan.columns_total, "kept": scan.columns},
        "predicates": predicates,
    })
}

/// A product by its local name, with its major when there are several, and what it is made of when it is not Parquet.
fn named(entry: &Entry, all: &[std::sync::Arc<Entry>]) -> String {
    let versions = all.iter().filter(|other| other.id().name == entry.id().name).count();
    let name = &entry.id().name.product;
    let name = if versions > 1 { format!("{name}@{}", entry.id().version.major) } else { name.to_string() };
    match products::kind(entry) {
        "parquet" | "" => name,
        kind => format!("{name} ({kind})"),
    }
}

fn predicates(text: &mut String, scan: &ScanReport, style: Style) {
    for (sql, pushed, why) in &scan.predicates {
        let why = if why.is_empty() { String::new() } else { style.dim(format!(": {why}")) };
        let how = match pushed {
            Pushed::Exact => style.good(word(*pushed)),
            Pushed::Superset => style.hint(word(*pushed)),
            Pushed::No => style.warning(word(*pushed)),
        };
        text.push_str(&format!("  {}  {}  {how}{why}\n", scan.product, style.name(sql)));
    }
}

fn word(pushed: Pushed) -> &'static str {
    match pushed {
        Pushed::Exact => "exact",
        Pushed::Superset => "superset",
        Pushed::No => "not pushed",
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The terminal's width without the indentation.
fn narrowed(output: &Output) -> Option<usize> {
    output.width().map(|width| width.saturating_sub(2))
}

/// This program as it was called: a path stays a path, so that the commands run where this one ran.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains(std::path::MAIN_SEPARATOR) { quoted(&called) } else { "meshweave".to_owned() }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    // Between double quotes these keep their meaning.
    let special = |c: char| matches!(c, '"' | '\\' | '$' | '`' | '!');
    if text.chars().any(special) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(quoted("meshweave-demo"), "meshweave-demo");
        assert_eq!(quoted("SELECT 'a'"), "\"SELECT 'a'\"");
        assert_eq!(quoted("a$b 'c'"), r"'a$b '\''c'\'''");
        assert_eq!(quoted(""), "\"\"");
    }
}
