//! From a name in SQL to a product version: one to four parts, majors, further tables, folding, suggestions.
//!
//! In: the parts of a name as they were typed. Out: a [`Resolved`], or an error with the nearest visible names.
//! Holds always:
//! - what the caller may not discover does not exist: no error and no suggestion tells it apart from nothing;
//! - one lookup costs a few hashes, whatever the size of the mesh; only an error looks at every name.
//!
//! Start reading at [`CatalogSnapshot::resolve`].

use std::collections::HashMap;
use std::sync::Arc;

use meshweave_contract::model::{Product, Status};
use meshweave_contract::name::{alike, fold};
use meshweave_contract::parse::nearest;

use super::{CatalogSnapshot, Entry, Listed, NamePart, Resolved, system};
use crate::error::{Error, Failure, Result};

/// The schema of the engine's own tables, whatever the catalog is called.
const SYSTEM_SCHEMA: &str = "mesh";
const INFORMATION_SCHEMA: &str = "information_schema";

/// Names to positions in the snapshot's entries.
#[derive(Debug)]
pub(super) struct Index {
    /// Folded `domain.product` to entries, oldest version first.
    products: HashMap<String, Vec<usize>>,
}

impl Index {
    /// Indexes sorted entries.
    pub(super) fn new(entries: &[Arc<Entry>]) -> Self {
        let mut products: HashMap<String, Vec<usize>> = HashMap::with_capacity(entries.len());
        for (i, entry) in entries.iter().enumerate() {
            products.entry(entry.id().name.folded()).or_default().push(i);
        }
        Self { products }
    }

    /// Positions of all versions of a product, oldest first.
    pub(super) fn versions(&self, folded: &str) -> &[usize] {
        self.products.get(folded).map_or(&[], Vec::as_slice)
    }
}

/// A predicate that says what the caller may discover.
type Visible<'a> = &'a dyn Fn(&Product) -> bool;

/// A name with its parts told apart.
struct Reference<'a> {
    domain: &'a NamePart,
    product: Word<'a>,
    table: Option<Word<'a>>,
    major: Option<u64>,
    /// The name as it was written, for errors.
    written: String,
}

/// A part of a part: `orders` of `"orders.items@2"`.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    quoted: bool,
}

impl Word<'_> {
    /// Whether this word means the name spelled `spelling`.
    fn means(&self, spelling: &str) -> bool {
        if self.quoted { self.text == spelling } else { alike(self.text, spelling) }
    }
}

impl CatalogSnapshot {
    /// Finds what a name in SQL stands for (surfaces section 3): one to four parts, `@major`, further tables, folding.
    ///
    /// Without a major it is the newest active version of the newest active major, else the newest deprecated one; drafts are
    /// reached by their major only, retired versions not at all.
    ///
    /// - `default_schema`: the domain that a one-part name belongs to.
    /// - `visible`: what the caller may discover; the rest does not exist for them, not even as a suggestion.
    ///
    /// # Errors
    /// [`crate::Failure::ProductNotFound`] and [`crate::Failure::NameNotFound`], with the nearest visible names.
    pub fn resolve(&self, name: &[NamePart], default_schema: Option<&str>, visible: Visible<'_>) -> Result<Resolved> {
        let written = name.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(".");
        let default = default_schema.map(NamePart::plain);
        match (name, &default) {
            ([table], Some(schema)) => self.in_schema(schema, table, None, written, visible),
            ([table], None) => Err(self.without_schema(table, visible)),
            ([schema, table], _) => self.in_schema(schema, table, None, written, visible),
            ([catalog, schema, table], _) if self.is_catalog(catalog) => {
                self.in_schema(schema, table, None, written, visible)
            }
            ([domain, product, table], _) => self.in_schema(domain, product, Some(table), written, visible),
            ([catalog, domain, product, table], _) if self.is_catalog(catalog) => {
                self.in_schema(domain, product, Some(table), written, visible)
            }
            ([catalog, ..], _) if name.len() == 4 => Err(Failure::NameNotFound {
                what: "catalog",
                name: catalog.text.clone(),
                product: None,
                nearest: vec![self.catalog_name.clone()],
            }
            .into()),
            _ => Err(Error::invalid_query_hint(
                format!("\"{written}\" is no name of a table"),
                "Write domain.product, domain.product.table, or either with the catalog's name before it.",
            )),
        }
    }

    fn is_catalog(&self, part: &NamePart) -> bool {
        Word { text: &part.text, quoted: part.quoted }.means(&self.catalog_name)
    }

    fn in_schema(
        &self,
        schema: &NamePart,
        table: &NamePart,
        further: Option<&NamePart>,
        written: String,
        visible: Visible<'_>,
    ) -> Result<Resolved> {
        let word = Word { text: &schema.text, quoted: schema.quoted };
        if further.is_none() && word.means(SYSTEM_SCHEMA) {
            return own_table(SYSTEM_SCHEMA, &system::names(), table).map(Resolved::System);
        }
        if further.is_none() && word.means(INFORMATION_SCHEMA) {
            return own_table(INFORMATION_SCHEMA, &system::information_schema_names(), table)
                .map(Resolved::InformationSchema);
        }
        let reference = Reference::read(schema, table, further, written)?;
        self.product(&reference, visible)
    }

    fn product(&self, reference: &Reference<'_>, visible: Visible<'_>) -> Result<Resolved> {
        let key = format!("{}.{}", fold(&reference.domain.text), fold(reference.product.text));
        let domain = Word { text: &reference.domain.text, quoted: reference.domain.quoted };
        let versions: Vec<&Arc<Entry>> = self
            .index
            .versions(&key)
            .iter()
            .map(|i| &self.entries[*i])
            .filter(|e| {
                domain.means(e.id().name.domain.as_str()) && reference.product.means(e.id().name.product.as_str())
            })
            .filter(|e| visible(&e.product))
            .collect();
        if versions.is_empty() {
            return Err(self.no_product(reference, visible));
        }
        let entry = match reference.major {
            Some(major) => of_major(&versions, major).ok_or_else(|| no_major(reference, &versions, major))?,
            None => newest(&versions).ok_or_else(|| no_live_version(reference, &versions))?,
        };
        let table = match reference.table {
            None => 0,
            Some(table) => {
                let at = entry.tables.iter().position(|t| table.means(t.name.as_str()));
                at.ok_or_else(|| no_table(entry, table.text))?
            }
        };
        Ok(Resolved::Product { entry: Arc::clone(entry), table })
    }

    /// Every table that a caller may discover, as drivers list them: the newest major under the product's name, each further
    /// live major with `@major`. Sorted by schema, then table.
    pub fn listing(&self, visible: Visible<'_>) -> Vec<Listed> {
        let mut listed = Vec::new();
        let mut rest: &[Arc<Entry>] = &self.entries;
        while let Some(first) = rest.first() {
            let name = first.id().name.folded();
            let end = rest.iter().position(|e| e.id().name.folded() != name).unwrap_or(rest.len());
            let versions: Vec<&Arc<Entry>> = rest[..end].iter().filter(|e| visible(&e.product)).collect();
            list_product(&versions, &mut listed);
            rest = &rest[end..];
        }
        listed
    }

    fn no_product(&self, reference: &Reference<'_>, visible: Visible<'_>) -> Error {
        let written = format!("{}.{}", reference.domain.text, reference.product.text);
        let names = self.visible_names(visible);
        Failure::ProductNotFound {
            nearest: nearest(&written, names.iter().map(String::as_str)),
            product: reference.written.clone(),
        }
        .into()
    }

    /// A one-part name without a schema: the products of that name, wherever they are, are the suggestions.
    fn without_schema(&self, table: &NamePart, visible: Visible<'_>) -> Error {
        let word = Word { text: table.text.split('@').next().unwrap_or_default(), quoted: table.quoted };
        let names = self.visible_names(visible);
        let local = |name: &str| name.split_once('.').map_or_else(String::new, |(_, local)| local.to_owned());
        let mut found: Vec<String> = names.iter().filter(|name| word.means(&local(name))).cloned().collect();
        if found.is_empty() {
            let locals: Vec<String> = names.iter().map(|name| local(name)).collect();
            let near = nearest(word.text, locals.iter().map(String::as_str));
            found = names.iter().filter(|name| near.contains(&local(name))).cloned().collect();
        }
        found.truncate(3);
        Failure::ProductNotFound { product: table.text.clone(), nearest: found }.into()
    }

    /// Visible product names, each once, sorted.
    fn visible_names(&self, visible: Visible<'_>) -> Vec<String> {
        let mut names: Vec<String> =
            self.entries.iter().filter(|e| visible(&e.product)).map(|e| e.id().name.to_string()).collect();
        names.dedup();
        names
    }
}

impl<'a> Reference<'a> {
    fn read(domain: &'a NamePart, product: &'a NamePart, table: Option<&'a NamePart>, written: String) -> Result<Self> {
        let (product_text, major) = split_major(&product.text)?;
        let (inner, inner_table) = product_text.split_once('.').map_or((product_text, None), |(p, t)| (p, Some(t)));
        let (table, table_major) = match (table, inner_table) {
            (Some(part), _) => {
                let (text, major) = split_major(&part.text)?;
                (Some(Word { text, quoted: part.quoted }), major)
            }
            (None, inner) => (inner.map(|text| Word { text, quoted: product.quoted }), None),
        };
        if let (Some(a), Some(b)) = (major, table_major)
            && a != b
        {
            return Err(Error::invalid_query(format!("\"{written}\" names two major versions")));
        }
        let product = Word { text: inner, quoted: product.quoted };
        Ok(Self { domain, product, table, major: major.or(table_major), written })
    }
}

/// `orders@2` is `orders` and 2.
fn split_major(text: &str) -> Result<(&str, Option<u64>)> {
    let Some((name, major)) = text.rsplit_once('@') else { return Ok((text, None)) };
    let digits = major.strip_prefix('v').unwrap_or(major);
    match digits.parse() {
        Ok(major) => Ok((name, Some(major))),
        Err(_) => Err(Error::invalid_query_hint(
            format!("\"{text}\" does not end in a major version"),
            format!("Write \"{name}@2\" for the major version 2; minor versions are not chosen in SQL."),
        )),
    }
}

/// The version that answers when none is named: newest active, else newest deprecated. `versions` come oldest first.
fn newest<'a>(versions: &[&'a Arc<Entry>]) -> Option<&'a Arc<Entry>> {
    let of = |status| versions.iter().rev().find(|e| e.product.status == status).copied();
    of(Status::Active).or_else(|| of(Status::Deprecated))
}

/// The newest version of one major: active, else deprecated, else a draft.
fn of_major<'a>(versions: &[&'a Arc<Entry>], major: u64) -> Option<&'a Arc<Entry>> {
    let of_major: Vec<&Arc<Entry>> = versions.iter().filter(|e| e.id().version.major == major).copied().collect();
    newest(&of_major).or_else(|| of_major.iter().rev().find(|e| e.product.status == Status::Draft).copied())
}

fn list_product(versions: &[&Arc<Entry>], listed: &mut Vec<Listed>) {
    let Some(current) = newest(versions) else { return };
    list_tables(current, None, listed);
    let mut majors: Vec<u64> = versions.iter().map(|e| e.id().version.major).collect();
    majors.dedup();
    for major in majors.into_iter().filter(|m| *m != current.id().version.major) {
        let live: Vec<&Arc<Entry>> = versions.iter().filter(|e| e.id().version.major == major).copied().collect();
        if let Some(entry) = newest(&live) {
            list_tables(entry, Some(major), listed);
        }
    }
}

fn list_tables(entry: &Arc<Entry>, major: Option<u64>, listed: &mut Vec<Listed>) {
    let name = &entry.id().name;
    let suffix = major.map(|m| format!("@{m}")).unwrap_or_default();
    for (index, table) in entry.tables.iter().enumerate() {
        let further = if index == 0 { String::new() } else { format!(".{}", table.name) };
        listed.push(Listed {
            schema: name.domain.to_string(),
            table: format!("{}{further}{suffix}", name.product),
            entry: Arc::clone(entry),
            index,
        });
    }
}

/// A table of one of our own schemas.
fn own_table(schema: &'static str, known: &[&'static str], table: &NamePart) -> Result<String> {
    let word = Word { text: &table.text, quoted: table.quoted };
    known.iter().find(|name| word.means(name)).map(|name| (*name).to_owned()).ok_or_else(|| {
        Failure::NameNotFound {
            what: "system table",
            name: format!("{schema}.{}", table.text),
            product: None,
            nearest: nearest(&table.text, known.iter().copied()).iter().map(|n| format!("{schema}.{n}")).collect(),
        }
        .into()
    })
}

fn no_major(reference: &Reference<'_>, versions: &[&Arc<Entry>], major: u64) -> Error {
    let mut known: Vec<u64> =
        versions.iter().filter(|e| e.product.status != Status::Retired).map(|e| e.id().version.major).collect();
    known.dedup();
    Failure::NameNotFound {
        what: "major version",
        name: major.to_string(),
        product: Some(format!("{}.{}", reference.domain.text, reference.product.text)),
        nearest: known.iter().rev().take(3).map(|m| format!("\"{}@{m}\"", reference.product.text)).collect(),
    }
    .into()
}

fn no_live_version(reference: &Reference<'_>, versions: &[&Arc<Entry>]) -> Error {
    let drafts = versions.iter().rev().filter(|e| e.product.status == Status::Draft);
    Failure::NameNotFound {
        what: "active version of product",
        name: format!("{}.{}", reference.domain.text, reference.product.text),
        product: None,
        nearest: drafts
            .take(3)
            .map(|e| format!("{}.\"{}@{}\"", e.id().name.domain, e.id().name.product, e.id().version.major))
            .collect(),
    }
    .into()
}

fn no_table(entry: &Entry, written: &str) -> Error {
    let names: Vec<&str> = entry.tables.iter().skip(1).map(|t| t.name.as_str()).collect();
    Failure::NameNotFound {
        what: "table",
        name: written.to_owned(),
        product: Some(entry.id().name.to_string()),
        nearest: nearest(written, names.iter().copied()),
    }
    .into()
}
