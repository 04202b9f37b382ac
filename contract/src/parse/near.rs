//! Finds what a mistyped name was meant to be.

use crate::name::fold;

/// The candidates nearest to a mistyped name, nearest first, at most three; none that is too far away to be meant.
///
/// Names are compared folded and without separators, so `primaryKey` is next to `primary_key`. A candidate is near when at
/// most a third of its letters (and at least one) would have to change. A name longer than 64 letters is no slip of the finger, and
/// nothing is near it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = bare(name);
    let length = wanted.chars().count();
    if length > 64 {
        return Vec::new();
    }
    let allowed = (length / 3).max(1);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len() <= 1024)
        .filter(|candidate| bare(candidate).chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &bare(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < bare(candidate).chars().count())
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

fn bare(name: &str) -> String {
    fold(name).replace('_', "")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    fn check(name: &str, expected: &[&str]) {
        let candidates = ["freshness", "availability", "latency", "support", "primary_key", "pii"];
        assert_eq!(nearest(name, candidates), expected, "{name}");
    }

    #[test]
    fn typos_find_what_was_meant() {
        check("freshnes", &["freshness"]);
        check("avalability", &["availability"]);
        check("primaryKey", &["primary_key"]);
        check("Latency", &["latency"]);
        check("lantecy", &["latency"]);
    }

    #[test]
    fn far_names_are_not_offered() {
        check("colour", &[]);
        check("x", &[]);
        check("", &[]);
    }

    #[test]
    fn at_most_three_nearest_first() {
        assert_eq!(
            nearest("orders", ["order", "ordes", "borders", "orders2", "orders"]),
            ["borders", "order", "orders2"]
        );
    }
}
