//! Patterns in locations: wildcards, and lists of files between braces.
//!
//! `part-{a,b}.parquet` names two files; a list without wildcards is looked up file by file and never listed, which is how
//! products on plain web servers say what they consist of.
//!
//! Pure. Start reading at [`expanded`].

/// The most files that one location may list.
pub const MOST: usize = 1000;

/// Every text that the lists in `text` stand for, in their order; `text` itself when it has none.
///
/// Returns none when a list has an empty entry, one twice, or another list in it, or when there are more than [`MOST`].
pub fn expanded(text: &str) -> Option<Vec<String>> {
    let Some(open) = list_starts(text) else { return Some(vec![text.to_owned()]) };
    let close = open + text[open..].find('}')?;
    let entries: Vec<&str> = text[open + 1..close].split(',').collect();
    let is_new = |at: usize| !entries[..at].contains(&entries[at]);
    if !entries.iter().all(|entry| !entry.is_empty() && !entry.contains('{')) || !(0..entries.len()).all(is_new) {
        return None;
    }
    let rests = expanded(&text[close + 1..])?;
    if entries.len().checked_mul(rests.len())? > MOST {
        return None;
    }
    let head = &text[..open];
    let each = |entry: &str| rests.iter().map(|rest| format!("{head}{entry}{rest}")).collect::<Vec<_>>();
    Some(entries.into_iter().flat_map(each).collect())
}

/// Where the first list begins: a brace that is closed, with a comma between.
pub(crate) fn list_starts(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let close = open + text[open..].find('}')?;
        if text[open..close].contains(',') {
            return Some(open);
        }
        from = open + 1;
    }
    None
}

/// The files that a pattern lists; none when it has no list, or wildcards too.
pub(crate) fn listed(pattern: &str) -> Option<Vec<String>> {
    list_starts(pattern)?;
    let files = expanded(pattern)?;
    files.iter().all(|file| !file.contains(['*', '?', '['])).then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[&str]>) {
        let found = expanded(text);
        assert_eq!(
            found.as_ref().map(|f| f.iter().map(String::as_str).collect()),
            expected.map(<[&str]>::to_vec),
            "{text}"
        );
    }

    #[test]
    fn lists_stand_for_their_entries_in_order() {
        check("a.parquet", Some(&["a.parquet"]));
        check("{b,a}.parquet", Some(&["b.parquet", "a.parquet"]));
        check("{x/1,y/2}/{p,q}", Some(&["x/1/p", "x/1/q", "y/2/p", "y/2/q"]));
        check("{one}.parquet", Some(&["{one}.parquet"]));
        check("a{b", Some(&["a{b"]));
    }

    #[test]
    fn what_is_no_list_and_what_is_too_long_are_refused() {
        check("{a,}", None);
        check("{,a}", None);
        check("{a,{b,c}}", None);
        check("{a,b,a}", None);
        let long = "{a,b}".repeat(10);
        check(&long, None);
        assert_eq!(expanded(&"{a,b}".repeat(9)).map(|f| f.len()), Some(512));
    }

    #[test]
    fn a_list_with_wildcards_is_no_list_of_files() {
        assert_eq!(listed("{a,b}.parquet").map(|f| f.len()), Some(2));
        assert_eq!(listed("{a,b}/*.parquet"), None);
        assert_eq!(listed("a.parquet"), None);
    }
}
