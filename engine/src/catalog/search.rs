//! Finding products by words: in names, tags, columns, descriptions and owners.
//!
//! Holds always:
//! - every word must be found somewhere in a product, and what may not be found does not exist;
//! - the catalog alone answers; no storage is touched.
//!
//! Start reading at [`CatalogSnapshot::search`].

use std::collections::BTreeMap;
use std::sync::Arc;

use meshweave_contract::model::Product;
use serde_json::{Value, json};

use super::{CatalogSnapshot, Entry};

/// Letters that a word needs before a typing mistake in it is forgiven.
const LEAST_LETTERS_FOR_A_MISTAKE: usize = 4;

/// One product that has every word.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its newest version that the caller may find.
    pub entry: Arc<Entry>,
    /// Higher is better; comparable within one search only.
    pub score: u32,
    /// Where the words were found, the best place of each, in the order of the words.
    pub places: Vec<Place>,
}

impl Hit {
    /// The hit as doors tell it to programs: the product and its version, its owner and description, the score, and the places
    /// where the words stand.
    pub fn told(&self) -> Value {
        let product = &self.entry.product;
        json!({
            "product": product.id.name.to_string(),
            "version": product.id.version.to_string(),
            "owner": product.owner.team,
            "description": product.description,
            "score": self.score,
            "places": self.places,
        })
    }
}

/// Where a word was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Place {
    /// `name`, `tag`, `column`, `description` or `owner`.
    pub kind: &'static str,
    /// What stands there.
    pub text: String,
}

/// A text of a product that words are looked for in.
struct Spot<'a> {
    kind: &'static str,
    text: &'a str,
    /// Points for the whole text, for one of its words, for the start of one, for a part of one.
    points: [u32; 4],
}

impl CatalogSnapshot {
    /// Products that have every word of `query`, the best first; equal ones by name.
    ///
    /// - `visible`: what the caller may discover.
    ///
    /// Names count most, then tags, columns, descriptions, owners; a whole word more than its start, that more than a part.
    /// A word of four letters or more may have one typing mistake.
    pub fn search(&self, query: &str, visible: &dyn Fn(&Product) -> bool) -> Vec<Hit> {
        let words: Vec<String> = words(query).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let mut newest: BTreeMap<String, &Arc<Entry>> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| visible(&entry.product)) {
            // Sorted by name, then version: the last of a name is its newest.
            newest.insert(entry.id().name.folded(), entry);
        }
        let mut hits: Vec<Hit> = newest.into_values().filter_map(|entry| hit(entry, &words)).collect();
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        hits
    }
}

fn hit(entry: &Arc<Entry>, words: &[String]) -> Option<Hit> {
    let name = entry.id().name.to_string();
    let spots = spots(entry, &name);
    let mut places = Vec::with_capacity(words.len());
    let mut score = 0;
    for word in words {
        let scored = spots.iter().map(|spot| (points(word, spot), spot));
        // The first of equal ones: spots stand from the most telling to the least.
        let (points, spot) = scored.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        if points == 0 {
            return None;
        }
        score += points;
        let place = Place { kind: spot.kind, text: spot.text.to_owned() };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Some(Hit { entry: Arc::clone(entry), score, places })
}

fn spots<'a>(entry: &'a Entry, name: &'a str) -> Vec<Spot<'a>> {
    let product = &entry.product;
    let spot = |kind, text, points| Spot { kind, text, points };
    let mut spots = vec![spot("name", name, [200, 100, 60, 30])];
    spots.extend(product.tags.iter().map(|tag| spot("tag", tag.as_str(), [80, 50, 30, 10])));
    for table in &entry.tables {
        spots.push(spot("name", table.name.as_str(), [90, 60, 40, 20]));
        spots.extend(table.columns.iter().map(|column| spot("column", column.name.as_str(), [60, 40, 25, 10])));
    }
    let described =
        entry.tables.iter().flat_map(|table| &table.columns).filter_map(|column| column.description.as_deref());
    spots.extend(product.description.as_deref().map(|text| spot("description", text, [30, 20, 15, 5])));
    spots.extend(described.map(|text| spot("description", text, [15, 10, 6, 2])));
    let owner = [product.owner.team.as_deref(), product.owner.contact.as_deref()];
    spots.extend(owner.into_iter().flatten().map(|text| spot("owner", text, [25, 15, 10, 3])));
    spots
}

/// How much a word counts in a spot; 0 where it is not.
fn points(word: &str, spot: &Spot<'_>) -> u32 {
    let [whole, of_word, start, part] = spot.points;
    let all: Vec<String> = words(spot.text).collect();
    if all.len() == 1 && all[0] == word {
        return whole;
    }
    let best = all.iter().map(|known| {
        if known == word {
            of_word
        } else if known.starts_with(word) {
            start
        } else if known.contains(word) {
            part
        } else if is_mistyped(word, known) {
            part.div_ceil(2)
        } else {
            0
        }
    });
    best.max().unwrap_or(0)
}

fn is_mistyped(word: &str, known: &str) -> bool {
    word.chars().count() >= LEAST_LETTERS_FOR_A_MISTAKE && strsim::damerau_levenshtein(word, known) == 1
}

/// Lower-case words: runs of letters and digits, split where a capital begins a new one (`orderId` is `order`, `id`).
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(humps)
}

fn humps(run: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = None;
    for c in run.chars() {
        let begins = before.is_none_or(|before: char| before.is_lowercase() && c.is_uppercase());
        match words.last_mut() {
            Some(word) if !begins => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
        before = Some(c);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        let split = |text: &str| words(text).collect::<Vec<_>>().join(" ");
        assert_eq!(split("customer-lifetime_value"), "customer lifetime value");
        assert_eq!(split("orderId, ORDER"), "order id order");
        assert_eq!(split("Größe: 3 m²"), "größe 3 m²");
        assert_eq!(split(" … "), "");
    }

    #[test]
    fn a_whole_word_counts_more_than_its_start_and_that_more_than_a_part() {
        let spot = Spot { kind: "name", text: "sales.orders", points: [200, 100, 60, 30] };
        let of = |word: &str| points(word, &spot);
        assert_eq!((of("orders"), of("order"), of("rder"), of("oders"), of("od")), (100, 60, 30, 15, 0));
    }
}
