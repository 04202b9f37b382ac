//! A reader of OpenMetrics text that takes nothing which the standard does not allow.

use std::collections::BTreeMap;

/// One family as it was read.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) shape: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

/// One line with a number.
#[derive(Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads a page; fails on whatever is not as the standard says.
pub(crate) fn read(page: &str) -> BTreeMap<String, Family> {
    let body = page.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("the page does not end with # EOF"));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!families.contains_key(name), "{name} is told twice");
            current = name.to_owned();
            families.entry(current.clone()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, shape) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "TYPE follows the HELP of its family");
            families.get_mut(name).unwrap().shape = shape.to_owned();
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let sample = sample(line);
            let family = families.get_mut(&current).unwrap();
            let ending = sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} is not of {current}"));
            let endings: &[&str] = match family.shape.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                other => panic!("{other} is no type"),
            };
            assert!(endings.contains(&ending), "{line}");
            assert!(
                !family.samples.iter().any(|s| s.name == sample.name && s.labels == sample.labels),
                "twice: {line}"
            );
            family.samples.push(sample);
        }
    }
    for (name, family) in &families {
        check(name, family);
    }
    families
}

fn sample(line: &str) -> Sample {
    assert!(!line.contains("{}"), "brackets around nothing: {line}");
    let (head, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match head.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
        None => (head, ""),
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.chars().all(plain), "{line}");
    let mut read = BTreeMap::new();
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (key, value) = label.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or_else(|| panic!("{line}"));
        assert!(key.chars().all(plain) && !value.contains(['"', '\\', '\n']), "{line}");
        assert!(read.insert(key.to_owned(), value.to_owned()).is_none(), "{line}");
    }
    Sample { name: name.to_owned(), labels: read, value: value.parse().unwrap() }
}

/// Counters do not fall below nothing; buckets grow up to the infinite one, which holds the count.
fn check(name: &str, family: &Family) {
    assert!(!family.help.is_empty() && !family.shape.is_empty(), "{name}");
    assert!(family.samples.iter().all(|sample| sample.value >= 0.0), "{name}: {:?}", family.samples);
    if family.shape != "histogram" {
        return;
    }
    let buckets: Vec<&Sample> = family.samples.iter().filter(|s| s.name.ends_with("_bucket")).collect();
    assert!(buckets.is_sorted_by_key(|bucket| bucket.value), "{name}: {buckets:?}");
    let bounds: Vec<f64> = buckets.iter().map(|bucket| bucket.labels["le"].parse().unwrap()).collect();
    assert!(bounds.is_sorted() && bounds.last() == Some(&f64::INFINITY), "{name}: {bounds:?}");
    let count = family.samples.iter().find(|s| s.name.ends_with("_count")).unwrap();
    assert_eq!(buckets.last().unwrap().value, count.value, "{name}");
}
