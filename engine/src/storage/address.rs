//! Addresses in storage, read as text: no URL library may tidy `..` away before it was seen.
//!
//! In: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`, `abfss://container@account.dfs.core.windows.net/key`,
//! `https://host/path`, `file:///path`, `file://./path`, `/path`, `./path`. Out: an [`Address`] of plain segments.
//! Holds always:
//! - no segment is `.`, `..` or empty, nor becomes one when percent signs are decoded, once or more often;
//! - whether one address lies under another is decided segment by segment, never by the text's beginning.
//!
//! Pure: nothing is read. Start reading at [`Address::parse`].

use std::fmt;

use super::pattern;

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
    /// A bucket, a container or a web server; the text between `://` and the path.
    Remote(Scheme, String),
    /// The file system's root.
    FileSystem,
    /// The mesh folder.
    MeshFolder,
}

/// How a remote store is spoken to, as addresses write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// `s3://bucket/`.
    S3,
    /// `gs://bucket/`.
    Gcs,
    /// `az://container/`; the account stands in the domain's document.
    Az,
    /// `abfss://container@account.dfs.core.windows.net/`.
    Abfss,
    /// `https://host/`.
    Https,
    /// `http://host/`.
    Http,
}

/// What kind of store answers: which settings and credentials it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Amazon S3 and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A web server.
    Http,
}

impl Scheme {
    /// Every scheme, and what else means it.
    const ALL: [(Self, &'static str, &'static [&'static str]); 6] = [
        (Self::S3, "s3", &["s3a"]),
        (Self::Gcs, "gs", &["gcs"]),
        (Self::Az, "az", &["azure"]),
        (Self::Abfss, "abfss", &[]),
        (Self::Https, "https", &[]),
        (Self::Http, "http", &[]),
    ];

    fn read(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|(_, name, others)| *name == word || others.contains(&word.as_str()));
        found.map(|(scheme, ..)| scheme)
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(scheme, ..)| *scheme == self).map_or("s3", |(_, word, _)| word)
    }

    /// What kind of store answers.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::S3 => Kind::S3,
            Self::Gcs => Kind::Gcs,
            Self::Az | Self::Abfss => Kind::Azure,
            Self::Https | Self::Http => Kind::Http,
        }
    }

    /// What stands between `://` and the path, checked; hosts in lower case.
    fn authority(self, text: &str) -> Result<String, BadAddress> {
        let is_right = match self {
            Self::S3 | Self::Gcs => is_bucket(text),
            Self::Az => is_container(text),
            Self::Abfss => azure_account(text).is_some(),
            Self::Https | Self::Http => {
                return is_host(text).then(|| text.to_ascii_lowercase()).ok_or(BadAddress::Host);
            }
        };
        if is_right { Ok(text.to_owned()) } else { Err(BadAddress::Bucket) }
    }
}

/// Container, account and the domain of the cloud in `container@account.dfs.core.windows.net`.
pub(crate) fn azure_account(authority: &str) -> Option<(&str, &str, &str)> {
    let (container, host) = authority.split_once('@')?;
    let (account, rest) = host.split_once('.')?;
    let cloud = rest.strip_prefix("dfs.").or_else(|| rest.strip_prefix("blob."))?;
    let is_account =
        (3..=24).contains(&account.len()) && account.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (is_container(container) && is_account && AZURE_CLOUDS.contains(&cloud)).then_some((container, account, cloud))
}

/// Azure's public cloud and its national ones.
const AZURE_CLOUDS: [&str; 3] = ["core.windows.net", "core.usgovcloudapi.net", "core.chinacloudapi.cn"];

/// Why a text is no address that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    /// The scheme is not one of ours.
    #[error("storage of this kind is not offered; use s3://, gs://, az://, abfss://, https:// or file://")]
    Scheme,
    /// The bucket's name has characters that no bucket has.
    #[error("the bucket's or container's name is not valid")]
    Bucket,
    /// The host is none, or brings a user along.
    #[error("the host is not valid")]
    Host,
    /// A web address with more than a path.
    #[error("a web address has no query and no fragment here; name what it needs in the domain's credentials")]
    Query,
    /// A list of files that is not closed, or too long.
    #[error(
        "the list of files between `{{` and `}}` names nothing, one file twice, or more than {} files",
        pattern::MOST
    )]
    List,
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
        let is_web = matches!(root, Root::Remote(Scheme::Https | Scheme::Http, _));
        if is_web && path.contains(['?', '#']) {
            return Err(BadAddress::Query);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        // A list of files must not be put together to a path that leads elsewhere.
        for path in pattern::expanded(path).ok_or(BadAddress::List)? {
            if !path.is_empty() && !path.split('/').all(is_plain) {
                return Err(BadAddress::Path);
            }
        }
        let read = |segment: &str| if is_web { percent_decoded(segment) } else { Some(segment.to_owned()) };
        let segments: Option<Vec<String>> =
            if path.is_empty() { Some(Vec::new()) } else { path.split('/').map(read).collect() };
        Ok(Self { root, segments: segments.ok_or(BadAddress::Path)? })
    }

    /// How its store is spoken to; none for a local path.
    pub(crate) fn scheme(&self) -> Option<Scheme> {
        match self.root {
            Root::Remote(scheme, _) => Some(scheme),
            Root::FileSystem | Root::MeshFolder => None,
        }
    }

    /// Whether this address is `prefix` or lies under it.
    pub(crate) fn is_under(&self, prefix: &Self) -> bool {
        self.root == prefix.root && self.segments.starts_with(&prefix.segments)
    }

    /// Cuts at the first segment with a wildcard or a list: the address before it, and the pattern from there on.
    pub(crate) fn split_pattern(mut self) -> (Self, Option<String>) {
        let wildcard = self.segments.iter().position(|s| s.contains(['*', '?', '[']));
        let list =
            pattern::list_starts(&self.segments.join("/")).map(|at| self.segments.join("/")[..at].matches('/').count());
        match wildcard.into_iter().chain(list).min() {
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
            Root::Remote(scheme, authority) => write!(f, "{}://{authority}/{path}", scheme.word()),
            Root::FileSystem => write!(f, "file:///{path}"),
            Root::MeshFolder => write!(f, "file://./{path}"),
        }
    }
}

fn split(text: &str) -> Result<(Root, &str), BadAddress> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "file" if rest == "." => Ok((Root::MeshFolder, "")),
            "file" if rest.starts_with("./") => Ok((Root::MeshFolder, &rest[2..])),
            "file" if rest.starts_with('/') => Ok((Root::FileSystem, &rest[1..])),
            "file" => Err(BadAddress::Path),
            _ => {
                let scheme = Scheme::read(scheme).ok_or(BadAddress::Scheme)?;
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                Ok((Root::Remote(scheme, scheme.authority(authority)?), path))
            }
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

fn is_container(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    matches!(name, "$root" | "$web") || ((3..=63).contains(&name.len()) && name.chars().all(plain))
}

/// `host` or `host:port`; nobody's name before it.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_name = (1..=253).contains(&host.len())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
        && host.chars().any(|c| c.is_ascii_alphanumeric());
    is_name && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// The text that a web address means by a segment; none when it is no text.
fn percent_decoded(segment: &str) -> Option<String> {
    match decoded(segment.as_bytes()) {
        Some(bytes) => String::from_utf8(bytes).ok(),
        None => Some(segment.to_owned()),
    }
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
            "gs://key:secret@data/x",
            "gs://data/../x",
            "az://Container/x",
            "az://container@account/x",
            "abfss://container/x",
            "abfss://container@account.example.com/x",
            "abfss://container:secret@account.dfs.core.windows.net/x",
            "https://user:secret@host/x",
            "https://host/x?sig=secret",
            "https://host/x#y",
            "https://host:port/x",
            "https:///x",
            "https://host/%2e%2e/x",
            "s3://data/a/{.,b}{.,c}/x",
            "s3://data/a/{b/..,c}/x",
            "s3://data/a/{b,}/x",
            "ftp://host/x",
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
        check("https://host/a/{b,c}.parquet", "https://host/a", Some("{b,c}.parquet"));
        check("gs://data/a/{b/x,c/y}.parquet", "gs://data/a", Some("{b/x,c/y}.parquet"));
        check("s3://data/a/{one}.parquet", "s3://data/a/{one}.parquet", None);
    }

    #[test]
    fn every_kind_of_store_has_its_address() {
        let check = |text: &str, kind: Kind, shown: &str| {
            let address = address(text);
            let Root::Remote(scheme, _) = &address.root else { unreachable!() };
            assert_eq!((scheme.kind(), address.to_string().as_str()), (kind, shown), "{text}");
        };
        check("s3a://data/x/", Kind::S3, "s3://data/x");
        check("gcs://data/x", Kind::Gcs, "gs://data/x");
        check("az://data-1/x", Kind::Azure, "az://data-1/x");
        let abfss = "abfss://data@account1.dfs.core.windows.net/x";
        check(abfss, Kind::Azure, abfss);
        check("https://Data.Example.com:8443/a%20b/x", Kind::Http, "https://data.example.com:8443/a b/x");
        check("http://127.0.0.1:80/", Kind::Http, "http://127.0.0.1:80/");
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
