//! What an answer cost and from which version of every product it was computed: the lines after a query on a terminal.

use std::sync::Arc;
use std::time::Instant;

use meshweave_engine::Answer;
use meshweave_engine::context::Usage;
use meshweave_engine::version::{Version, VersionVector};

use crate::output::Style;
use crate::output::units::{bytes, count, seconds};

/// What must be kept of an answer while its stream is read.
#[derive(Debug)]
pub(super) struct Footer {
    usage: Arc<Usage>,
    versions: VersionVector,
    started: Instant,
}

impl Footer {
    /// Remembers what the answer will have used.
    pub(super) fn new(answer: &Answer, started: Instant) -> Self {
        Self { usage: Arc::clone(&answer.usage), versions: answer.versions.clone(), started }
    }

    /// Rows, seconds, bytes, requests; one line per product.
    pub(super) fn text(&self, rows: u64, style: Style) -> String {
        let mut text = format!(
            "{} in {} · {} read in {}",
            count(rows, "row"),
            seconds(self.started.elapsed()),
            bytes(self.usage.bytes()),
            count(self.usage.requests(), "request"),
        );
        for (product, version) in &self.versions.products {
            text.push_str(&format!("\n  {product} · {}", words(version)));
        }
        style.dim(text)
    }
}

/// A pinned version in words.
pub(crate) fn words(version: &Version) -> String {
    match version {
        Version::Delta(number) => format!("delta version {number}"),
        Version::Manifest(hash) => format!("manifest {}", short(hash)),
        Version::Catalog(number) => format!("catalog version {number}"),
    }
}

/// A hash by its first digits.
fn short(hash: &str) -> String {
    match hash.split_once(':') {
        Some((kind, digits)) if digits.len() > 12 => format!("{kind}:{}…", digits.get(..12).unwrap_or(digits)),
        _ => hash.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_in_words() {
        assert_eq!(words(&Version::Delta(912)), "delta version 912");
        assert_eq!(words(&Version::Manifest("sha256:0123456789abcdef".into())), "manifest sha256:0123456789ab…");
        assert_eq!(words(&Version::Catalog(3)), "catalog version 3");
    }

    #[test]
    fn the_footer_tells_rows_bytes_requests_and_versions() {
        let usage = Arc::new(Usage::default());
        usage.add_request();
        usage.add_bytes(2048);
        let mut versions = VersionVector::default();
        versions.products.insert("crm.customer@3".into(), Version::Delta(7));
        let footer = Footer { usage, versions, started: Instant::now() };
        let text = footer.text(2, Style::plain());
        assert!(text.starts_with("2 rows in "), "{text}");
        assert!(text.ends_with("· 2.0 KiB read in 1 request\n  crm.customer@3 · delta version 7"), "{text}");
    }
}
