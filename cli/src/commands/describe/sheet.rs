//! A product version on one page.
//!
//! In: a catalog entry. Out: text in the order a consumer asks: what it is, who answers for it, who may read it, its
//! columns, where it lies; then what is declared and not enforced yet; then how it was registered.
//!
//! Start reading at [`text`].

use meshweave_contract::describe::{self, Item, State};
use meshweave_contract::model::{
    Access, Body, Column, Custom, Lifecycle, Product, Range, Table as Promised, Visibility,
};
use meshweave_engine::catalog::{Entry, ResolvedTable};

use crate::commands::products;
use crate::output::Style;
use crate::output::table::Table;

/// Headings and facts, one below the other.
struct Sheet {
    text: String,
    style: Style,
    width: Option<usize>,
}

impl Sheet {
    fn heading(&mut self, title: &str) {
        let title = self.style.bold(title);
        self.text.push_str(&format!("\n{title}\n"));
    }

    fn fact(&mut self, name: &str, value: &str) {
        let mut lines = value.trim().lines();
        let first = lines.next().unwrap_or_default();
        let name = self.style.dim(format!("{name:<14}"));
        self.text.push_str(&format!("  {name} {first}\n"));
        lines.for_each(|line| self.text.push_str(&format!("  {:<14} {line}\n", "")));
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.fact(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.fact(name, &values.join(", "));
        }
    }

    fn custom(&mut self, custom: &Custom) {
        custom.iter().for_each(|(key, value)| self.fact(key, &in_words(value)));
    }
}

/// Everything the contract says.
pub(super) fn text(entry: &Entry, readable: bool, style: Style, width: Option<usize>) -> String {
    let mut sheet = Sheet { text: String::new(), style, width };
    let product = &entry.product;
    head(&mut sheet, product);
    people(&mut sheet, entry, readable);
    for table in &entry.tables {
        columns(&mut sheet, entry, table);
    }
    body(&mut sheet, product);
    declared(&mut sheet, product);
    sheet.heading("registered");
    sheet.fact("form", &entry.form);
    sheet.fact("hash", &entry.hash);
    sheet.maybe("at", entry.registered_at.as_deref());
    sheet.maybe("by", entry.registered_by.as_deref());
    sheet.text
}

fn head(sheet: &mut Sheet, product: &Product) {
    let name = sheet.style.name(sheet.style.bold(&product.id));
    sheet.text.push_str(&format!("{name}  {}\n", products::status(product.status)));
    if let Some(about) = &product.description {
        sheet.text.push_str(&format!("{}\n", about.trim()));
    }
    let Lifecycle { deprecated_at, sunset_at, successor } = &product.lifecycle;
    sheet.maybe("deprecated", deprecated_at.as_deref());
    sheet.maybe("sunset", sunset_at.as_deref());
    sheet.maybe("successor", successor.as_deref());
    sheet.list("tags", &product.tags);
    sheet.list("glossary", &product.glossary);
}

fn people(sheet: &mut Sheet, entry: &Entry, readable: bool) {
    let product = &entry.product;
    sheet.heading("owner and access");
    sheet.fact("team", product.owner.team.as_deref().unwrap_or("none named"));
    sheet.maybe("contact", product.owner.contact.as_deref());
    sheet.list("support", &product.owner.support);
    sheet.fact("may find", &audience(product.access.discovery, product));
    sheet.fact("may read", &audience(product.access.read, product));
    sheet.fact("you", if readable { "may read it" } else { "may not read it" });
}

/// For whom something is open.
fn audience(visibility: Visibility, product: &Product) -> String {
    let Access { readers, .. } = &product.access;
    let owner = product.owner.team.as_deref().unwrap_or("nobody: no team is named");
    match visibility {
        Visibility::Public => "everyone".to_owned(),
        Visibility::Private => format!("private: {owner}"),
        Visibility::Restricted => {
            let teams: Vec<_> = std::iter::once(owner).chain(readers.iter().map(String::as_str)).collect();
            format!("restricted: {}", teams.join(", "))
        }
    }
}

fn columns(sheet: &mut Sheet, entry: &Entry, table: &ResolvedTable) {
    let name = entry.id().name.to_string();
    let main = entry.tables.first().is_some_and(|first| first.name == table.name);
    let name = if main { name } else { format!("{name}.{}", table.name) };
    sheet.heading(&format!("columns of {name}"));
    let promised = entry.product.sql_table(&table.name);
    sheet.maybe("about", promised.and_then(|promised| promised.description.as_deref()));
    if table.columns.is_empty() {
        sheet.fact("none yet", "the contract names none, and what is stored was not looked at");
    } else {
        let rows = table.columns.iter().map(column).collect();
        let shown = Table::of_texts(["column", "type", "null", "is", "about"], rows).render(sheet.style, sheet.width);
        shown.lines().for_each(|line| sheet.text.push_str(&format!("  {line}\n")));
        // What has no column of its own would make the table too wide for any terminal.
        for column in table.columns.iter().filter(|column| !column.custom.is_empty()) {
            let words = column.custom.iter().map(|(key, value)| format!("{key} {}", in_words(value)));
            sheet.fact("also said", &format!("{}: {}", column.name, words.collect::<Vec<_>>().join(", ")));
        }
    }
    if let Some(promised) = promised {
        where_it_lies(sheet, promised);
    }
}

/// Name, type, nullability, marks, description.
fn column(column: &Column) -> [String; 5] {
    let nullable = if column.nullable { "yes" } else { "no" };
    [
        column.name.clone(),
        column.logical_type.to_string(),
        nullable.to_owned(),
        marks(column).join(", "),
        column.description.clone().unwrap_or_default(),
    ]
}

/// What else is said of a column, in few words.
fn marks(column: &Column) -> Vec<String> {
    let mut marks = Vec::new();
    marks.extend(column.key_position.map(|position| format!("key {position}")));
    marks.extend(column.unique.then(|| "unique".to_owned()));
    marks.extend(column.classification.clone());
    marks.extend(column.pii.map(|pii| if pii { "personal" } else { "not personal" }.to_owned()));
    marks.extend(column.encrypted.map(|yes| if yes { "encrypted" } else { "not encrypted" }.to_owned()));
    if let Some(values) = &column.allowed_values {
        marks.push(format!("one of {}", values.iter().map(in_words).collect::<Vec<_>>().join("|")));
    }
    marks.extend(column.pattern.as_ref().map(|pattern| format!("like /{pattern}/")));
    marks.extend(range(&column.range));
    marks.extend(column.glossary_ref.as_ref().map(|term| format!("term {term}")));
    marks.extend(column.tags.iter().map(|tag| format!("#{tag}")));
    marks
}

fn range(range: &Range) -> Vec<String> {
    let bounds = [(">=", &range.min), (">", &range.above), ("<=", &range.max), ("<", &range.below)];
    let mut words: Vec<_> = bounds
        .into_iter()
        .filter_map(|(sign, bound)| bound.as_ref().map(|bound| format!("{sign} {}", in_words(bound))))
        .collect();
    words.extend(range.min_length.map(|n| format!("length >= {n}")));
    words.extend(range.max_length.map(|n| format!("length <= {n}")));
    words
}

fn where_it_lies(sheet: &mut Sheet, table: &Promised) {
    if let Some(storage) = &table.storage {
        let location = storage.location.as_deref().unwrap_or("where the domain's template says");
        sheet.fact("storage", &format!("{} at {location}", storage.format));
        if let Some(csv) = &storage.csv {
            sheet.fact("written with", &csv.in_words());
        }
        let partitions: Vec<_> = storage
            .partitioning
            .iter()
            .map(|part| {
                part.granularity.as_ref().map_or_else(|| part.field.clone(), |by| format!("{} by {by}", part.field))
            })
            .collect();
        sheet.list("partitions", &partitions);
        sheet.maybe("layout", storage.layout.as_deref());
    }
    for relationship in &table.relationships {
        let (from, to) = (relationship.columns.join(", "), relationship.to_columns.join(", "));
        sheet.fact("refers", &format!("({from}) to {} ({to})", relationship.to));
    }
    sheet.custom(&table.custom);
}

fn body(sheet: &mut Sheet, product: &Product) {
    match &product.body {
        Body::Stored => {}
        Body::View { sql } => {
            sheet.heading("view");
            sheet.fact("sql", sql);
        }
        Body::Materialization { sql, refresh } => {
            sheet.heading("materialization");
            sheet.fact("sql", sql);
            sheet.fact("refresh", &in_words(refresh));
        }
    }
    if !product.sample_queries.is_empty() {
        sheet.heading("how to use it");
        for sample in &product.sample_queries {
            sheet.fact(sample.description.as_deref().unwrap_or("query"), &sample.sql);
        }
    }
}

/// What the contract promises and the engine only tells of; what other parts of the page show is not said again.
fn declared(sheet: &mut Sheet, product: &Product) {
    let shown_above =
        |group: &str| ["product", "owner", "sample queries", "definition"].contains(&group) || group.contains("table ");
    let items = describe::describe(product).into_iter().filter(|item| item.state == State::Declared);
    let items: Vec<Item> = items.filter(|item| !shown_above(&item.group)).collect();
    if items.is_empty() {
        return;
    }
    sheet.heading("declared, not enforced by the engine");
    let rows = items.into_iter().map(|item| [item.group, item.name, item.value]).collect();
    let shown = Table::of_texts(["about", "what", "promise"], rows).render(sheet.style, sheet.width);
    shown.lines().for_each(|line| sheet.text.push_str(&format!("  {line}\n")));
}

/// A JSON value without the quotes of a plain text.
fn in_words(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
