//! Everything that a product holds is compared, and what comparing promises as laws.

use std::sync::LazyLock;

use meshweave_contract::compare::{Class, compare};
use meshweave_contract::model::{Column, Product};
use meshweave_contract::types::LogicalType as T;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::forms::{names, read};
use crate::full::full;

/// Values that may stand where `value` stands, other than it.
fn others(value: &Value) -> Vec<Value> {
    let words = ["P2Y", "retired", "public", "private", "int64", "int32", "micro", "second", "view", "2.0.0", "3.0.0"];
    match value {
        Value::String(text) => {
            let longer = [format!("{text}x"), format!("{text}_x")];
            longer.into_iter().chain(words.map(str::to_owned)).filter(|t| t != text).map(Value::from).collect()
        }
        Value::Number(n) => match n.as_u64() {
            Some(n) => vec![json!(n + 1), json!(n.saturating_sub(1))],
            None => vec![json!(0.75), json!(0.25)],
        },
        Value::Bool(b) => vec![json!(!b)],
        Value::Array(items) if items.len() > 1 => {
            let mut turned = items.clone();
            turned.rotate_left(1);
            vec![Value::Array(items[1..].to_vec()), Value::Array(turned)]
        }
        Value::Array(items) => vec![json!([]), Value::Array([items.clone(), items.clone()].concat())],
        Value::Null | Value::Object(_) => vec![],
    }
}

/// A change of one place: another value, or none.
struct Edit {
    path: String,
    to: Option<Value>,
}

impl Edit {
    fn apply(&self, value: &Value) -> Value {
        let mut value = value.clone();
        match (&self.to, self.path.rsplit_once('/')) {
            (Some(to), _) => *value.pointer_mut(&self.path).unwrap() = to.clone(),
            (None, Some((parent, key))) => {
                let key = key.replace("~1", "/").replace("~0", "~");
                drop(value.pointer_mut(parent).and_then(Value::as_object_mut).and_then(|map| map.remove(&key)));
            }
            (None, None) => {}
        }
        value
    }
}

/// Every change of `value` in one place.
fn edits(value: &Value, path: &str, found: &mut Vec<Edit>) {
    found.extend(others(value).into_iter().map(|other| Edit { path: path.to_owned(), to: Some(other) }));
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let below = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                edits(inner, &below, found);
                found.push(Edit { path: below, to: None });
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| edits(inner, &format!("{path}/{i}"), found));
        }
        _ => {}
    }
}

fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| {
            leaves(v, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{path}/{i}"), found)),
        Value::Null => {}
        _ => found.push(path.to_owned()),
    }
}

fn products() -> Vec<(String, Product)> {
    let mut all: Vec<_> = names("").into_iter().map(|name| (name.clone(), read(&name).product.unwrap())).collect();
    all.push(("full".to_owned(), full()));
    all
}

#[test]
fn every_leaf_of_every_product_is_compared() {
    let mut compared = 0;
    for (name, old) in products() {
        let json = serde_json::to_value(&old).unwrap();
        let mut wanted = Vec::new();
        leaves(&json, "", &mut wanted);
        let mut all = Vec::new();
        edits(&json, "", &mut all);
        let mut reached = std::collections::HashSet::new();
        for edit in all {
            let Ok(new) = serde_json::from_value::<Product>(edit.apply(&json)) else { continue };
            let path = edit.path;
            if new == old || path.starts_with("/id/version") {
                reached.insert(path);
                continue;
            }
            let (there, back) = (compare(&old, &new), compare(&new, &old));
            assert!(!there.changes.is_empty() && !back.changes.is_empty(), "{name}: {path}: nothing was noticed");
            let (a, b) = (there.class().unwrap(), back.class().unwrap());
            assert_eq!(
                a == Class::Patch,
                b == Class::Patch,
                "{name}: {path}: {:#?} {:#?}",
                there.changes,
                back.changes
            );
            for change in there.changes.iter().chain(&back.changes) {
                assert!(!change.path.is_empty() && !change.why.is_empty() && !change.why.ends_with('.'), "{change:?}");
            }
            reached.insert(path);
            compared += 1;
        }
        // The kind of a body is told with its SQL; no other kind has the same fields.
        let missed: Vec<_> = wanted.iter().filter(|leaf| !reached.contains(*leaf) && *leaf != "/body/kind").collect();
        assert_eq!(missed, Vec::<&String>::new(), "{name}");
    }
    assert!(compared > 3000, "{compared}");
    eprintln!("{compared} mutants compared");
}

#[test]
fn versions_are_told_but_are_no_change() {
    let old = full();
    let mut new = old.clone();
    new.id.version = semver::Version::new(1, 3, 0);
    let comparison = compare(&old, &new);
    assert_eq!((comparison.changes.len(), comparison.new_version), (0, new.id.version));
}

#[test]
fn other_words_for_the_same_are_no_change() {
    let (a, b) = ("form-a.datamesh-v1.yaml", "form-b.spec-1.0.yaml");
    for name in [a, b] {
        let product = read(name).product.unwrap();
        assert_eq!(compare(&product, &product).changes, []);
    }
}

/// For every place, every way from one value over a second to a third: made at once, it is no heavier than its heavier step.
#[test]
fn no_detour_at_one_place_is_lighter_than_the_straight_way() {
    let json = serde_json::to_value(full()).unwrap();
    let mut all = Vec::new();
    edits(&json, "", &mut all);
    let mut places: std::collections::BTreeMap<String, Vec<Product>> = std::collections::BTreeMap::new();
    for edit in all.iter().filter(|e| !e.path.starts_with("/id/version")) {
        if let Ok(product) = serde_json::from_value(edit.apply(&json)) {
            places.entry(edit.path.clone()).or_insert_with(|| vec![full()]).push(product);
        }
    }
    let (mut ways, mut lighter) = (0, std::collections::BTreeSet::new());
    for (path, products) in places {
        let classes: Vec<Vec<Option<Class>>> =
            products.iter().map(|a| products.iter().map(|b| compare(a, b).class()).collect()).collect();
        for (i, from) in classes.iter().enumerate() {
            for (k, straight) in from.iter().enumerate() {
                for (j, over) in from.iter().enumerate() {
                    let detour = (*over).max(classes[j][k]);
                    if *straight > detour {
                        let told = |a: &Product, b: &Product| {
                            compare(a, b).changes.iter().map(ToString::to_string).collect::<Vec<_>>()
                        };
                        let (a, b, c) = (&products[i], &products[j], &products[k]);
                        lighter.insert(format!(
                            "{path}: {:?} then {:?} at once {:?}",
                            told(a, b),
                            told(b, c),
                            told(a, c)
                        ));
                    }
                    ways += 1;
                }
            }
        }
    }
    assert_eq!(lighter, std::collections::BTreeSet::new());
    assert!(ways > 5000, "{ways}");
}

/// A product some steps away from one of the examples.
fn walk(start: &Product, steps: &[Index]) -> Vec<Product> {
    let mut way = vec![start.clone()];
    for step in steps {
        let json = serde_json::to_value(&way[way.len() - 1]).unwrap();
        let mut all = Vec::new();
        edits(&json, "", &mut all);
        let from = step.index(all.len());
        let next = all[from..].iter().chain(&all[..from]).find_map(|e| serde_json::from_value(e.apply(&json)).ok());
        way.extend(next);
    }
    way
}

static PRODUCTS: LazyLock<Vec<(String, Product)>> = LazyLock::new(products);

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_product_is_the_same_as_itself(which in any::<Index>(), steps in prop::collection::vec(any::<Index>(), 0..4)) {
        let way = walk(&PRODUCTS[which.index(PRODUCTS.len())].1, &steps);
        let last = &way[way.len() - 1];
        prop_assert_eq!(compare(last, last).changes, vec![]);
    }

    /// No way of small steps gets a change through that is heavier when made at once.
    #[test]
    fn two_steps_are_never_lighter_than_one(which in any::<Index>(), steps in prop::collection::vec(any::<Index>(), 2..3)) {
        let way = walk(&PRODUCTS[which.index(PRODUCTS.len())].1, &steps);
        prop_assume!(way.len() == 3);
        let (first, second, both) = (compare(&way[0], &way[1]), compare(&way[1], &way[2]), compare(&way[0], &way[2]));
        prop_assert!(
            both.class() <= first.class().max(second.class()),
            "{:#?}\n{:#?}\n{:#?}", first.changes, second.changes, both.changes
        );
    }

    /// A column is a MINOR to add and a MAJOR to drop, whatever else changes; and whatever changes beside a drop, it stays a MAJOR.
    #[test]
    fn a_drop_is_never_outweighed(steps in prop::collection::vec(any::<Index>(), 0..3)) {
        let mut old = full();
        old.input_ports.clear();
        let mut with = old.clone();
        with.output_ports[0].tables[1].columns.push(Column::new("brand_new", T::Date));
        let added = compare(&old, &with);
        prop_assert_eq!(added.changes.len(), 1);
        prop_assert_eq!(added.class(), Some(Class::Minor));
        prop_assert_eq!(compare(&with, &old).class(), Some(Class::Major));
        let way = walk(&old, &steps);
        prop_assert_eq!(compare(&with, &way[way.len() - 1]).class(), Some(Class::Major));
    }
}
