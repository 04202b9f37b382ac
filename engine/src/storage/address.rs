//! Addresses in storage, read as text: no URL library may tidy `..` away before it was seen.
//!
//! In: `s3://bucket/key`, `file:///path`, `file://./path`, `/path`, `./path`. Out: an [`Address`] of plain segments.
//! Holds always:
//! - no segment is `.`, `..` or empty, nor becomes one when percent signs are decoded, once or more often;
//! - whether one address lies under another is decided segment by segment, never by the text's beginning.
//!
//! Pure: nothing is read. Start reading at [`Address::parse`].

use std::fmt;

/// Where something lies, in words that compare exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// Which store.
    pub(crate) root: Root,
    /// The path in it; no segment is empty, `.` or `..`.
    pub(crate) segments: Vec<String>,
}

/// Which store an address is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Root {
    /// A bucket behind an S3 endpoint.
    Bucket(String),
    /// The file system's root.
    FileSystem,
    /// The mesh folder.
    MeshFolder,
}

/// Why a text is no address that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    /// The scheme is not one of ours.
    #[error("storage of this kind is not offered in this version; use s3:// or file://")]
    Scheme,
    /// The bucket's name has characters that no bucket has.
    #[error("the bucket's name is not valid")]
    Bucket,
    /// A segment that leads elsewhere.
    #[error("the path holds `.`, `..`, an empty segment, a backslash or a control character, plain or percent-encoded")]
    Path,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BadAddress`]; nothing is tidied: what looks like a trick is refused.
    pub(crate) fn parse(text: &str) -> Result<Self, BadAddress> {
        let (root, path) = split(text)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<String> =
            if path.is_empty() { Vec::new() } else { path.split('/').map(str::to_owned).collect() };
        if segments.iter().all(|segment| is_plain(segment)) {
            Ok(Self { root, segments })
        } else {
            Err(BadAddress::Path)
        }
    }

    /// Whether this address is `prefix` or lies under it.
    pub(crate) fn is_under(&self, prefix: &Self) -> bool {
        self.root == prefix.root && self.segments.starts_with(&prefix.segments)
    }

    /// Cuts at the first segment with a wildcard: the address before it, and the pattern from there on.
    pub(crate) fn split_pattern(mut self) -> (Self, Option<String>) {
        match self.segments.iter().position(|s| s.contains(['*', '?', '['])) {
            Some(at) => {
                let pattern = self.segments.split_off(at).join("/");
                (self, Some(pattern))
            }
            None => (self, None),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.segments.join("/");
        match &self.root {
            Root::Bucket(bucket) => write!(f, "s3://{bucket}/{path}"),
            Root::FileSystem => write!(f, "file:///{path}"),
            Root::MeshFolder => write!(f, "file://./{path}"),
        }
    }
}

fn split(text: &str) -> Result<(Root, &str), BadAddress> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => {
                let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
                if is_bucket(bucket) { Ok((Root::Bucket(bucket.to_owned()), path)) } else { Err(BadAddress::Bucket) }
            }
            "file" if rest == "." => Ok((Root::MeshFolder, "")),
            "file" if rest.starts_with("./") => Ok((Root::MeshFolder, &rest[2..])),
            "file" if rest.starts_with('/') => Ok((Root::FileSystem, &rest[1..])),
            "file" => Err(BadAddress::Path),
            _ => Err(BadAddress::Scheme),
        };
    }
    match (text.strip_prefix("./"), text.strip_prefix('/')) {
        (Some(path), _) => Ok((Root::MeshFolder, path)),
        (None, Some(path)) => Ok((Root::FileSystem, path)),
        (None, None) => Err(BadAddress::Scheme),
    }
}

fn is_bucket(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && name.chars().any(|c| c.is_ascii_alphanumeric())
}

/// Whether a segment stands for itself, however often somebody decodes its percent signs.
fn is_plain(segment: &str) -> bool {
    let mut text = segment.as_bytes().to_vec();
    loop {
        let leads_elsewhere = text.is_empty() || text == b"." || text == b"..";
        if leads_elsewhere || text.iter().any(|b| b.is_ascii_control() || matches!(b, b'/' | b'\\')) {
            return false;
        }
        match decoded(&text) {
            Some(next) => text = next,
            None => return true,
        }
    }
}

/// Decodes percent signs once; none when there is nothing to decode.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = |i: usize| text.get(i).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    (out.len() < text.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn prefixes_end_at_segments() {
        let check = |prefix: &str, text: &str, under: bool| {
            assert_eq!(address(text).is_under(&address(prefix)), under, "{text} under {prefix}");
        };
        check("s3://data/com", "s3://data/commerce/orders", false);
        check("s3://data/com", "s3://data/com/orders", true);
        check("s3://data/com/", "s3://data/com", true);
        check("s3://data/", "s3://data/com/orders/", true);
        check("s3://data/", "s3://data2/com", false);
        check("file://./data", "file://./data/x", true);
        check("file://./data", "file:///data/x", false);
    }

    #[test]
    fn tricks_are_refused() {
        for text in [
            "s3://data/a/../b",
            "s3://data/a/./b",
            "s3://data/a//b",
            "s3://data/a/%2e%2e/b",
            "s3://data/a/.%2E/b",
            "s3://data/a/%252e%252e/b",
            "s3://data/a%2fb",
            "s3://data/a%5c..%5cb",
            "s3://data/a\\b",
            "s3://data/a%00b",
            "file://./../x",
            "file://host/x",
            "file://./%2e%2e/x",
            "s3://key:secret@data/x",
            "s3:///x",
            "memory://x",
            "gs://data/x",
            "http://host/x",
            "data/x",
            "",
        ] {
            assert!(Address::parse(text).is_err(), "{text} must be refused");
        }
    }

    #[test]
    fn percent_signs_that_mean_nothing_bad_stay_as_written() {
        let address = address("s3://data/dt=2020-01-01%2010/50%/x%zz");
        assert_eq!(address.segments, ["dt=2020-01-01%2010", "50%", "x%zz"]);
    }

    #[test]
    fn a_pattern_starts_at_its_first_wildcard_segment() {
        let check = |text: &str, base: &str, pattern: Option<&str>| {
            let (address, found) = address(text).split_pattern();
            assert_eq!((address.to_string().as_str(), found.as_deref()), (base, pattern), "{text}");
        };
        check("s3://data/a/dt=*/part-?.parquet", "s3://data/a", Some("dt=*/part-?.parquet"));
        check("s3://data/a/b.parquet", "s3://data/a/b.parquet", None);
        check("file://./*.parquet", "file://./", Some("*.parquet"));
    }

    proptest! {
        #[test]
        fn what_is_accepted_never_leads_out(text in "(s3://b|file://\\.|file://)/(\\.|%|2|e|E|f|F|5|c|/|a|\\\\){0,24}") {
            if let Ok(address) = Address::parse(&text) {
                for segment in &address.segments {
                    let mut text = segment.clone();
                    for _ in 0..8 {
                        prop_assert!(!text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\\']));
                        text = text.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/")
                            .replace("%5c", "\\").replace("%5C", "\\").replace("%25", "%");
                    }
                }
            }
        }

        #[test]
        fn under_means_the_prefix_and_a_slash(a in "[a-c]{1,3}(/[a-c]{1,3}){0,3}", b in "[a-c]{1,3}(/[a-c]{1,3}){0,3}") {
            let (text, prefix) = (address(&format!("s3://x/{a}")), address(&format!("s3://x/{b}")));
            prop_assert_eq!(text.is_under(&prefix), a == b || a.starts_with(&format!("{b}/")));
        }
    }
}
