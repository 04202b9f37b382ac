//! The manifest: which objects make up one version of a table, and its stored text.
//!
//! In: a listing, or the text of a manifest kept before. Out: the same files in the same order, and the hash they are known by.
//! Holds always: files are sorted by path; equal files give equal text and so an equal hash.
//!
//! Start reading at [`Manifest::of`].

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use meshweave_engine::version::Version;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The format's version.
const FORMAT: u32 = 1;

/// One version of a table of plain files.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    /// Its objects, sorted by path.
    pub(crate) files: Vec<ObjectMeta>,
    /// Its text.
    pub(crate) text: Bytes,
    /// `sha256:` and the hex digits of the text's hash.
    pub(crate) hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u32,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    modified: String,
}

impl Manifest {
    /// The manifest of a listing, any order.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn of(mut files: Vec<ObjectMeta>) -> Result<Self, serde_json::Error> {
        files.sort_by(|a, b| a.location.cmp(&b.location));
        let entries = files.iter().map(Entry::of).collect();
        let text = Bytes::from(serde_json::to_vec(&Document { v: FORMAT, files: entries })?);
        let hash = hash(&text);
        Ok(Self { files, text, hash })
    }

    /// Reads a manifest that was kept under `hash`.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub(crate) fn read(text: &Bytes, expected: &str) -> Result<Self, String> {
        let found = hash(text);
        if found != expected {
            return Err(format!("the kept manifest hashes to {found} instead of {expected}"));
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|e| format!("the kept manifest is unreadable: {e}"))?;
        if document.v != FORMAT {
            return Err(format!("the kept manifest has format {}, this version reads {FORMAT}", document.v));
        }
        let files = document.files.into_iter().map(Entry::into_meta).collect::<Result<_, _>>()?;
        Ok(Self { files, text: text.clone(), hash: found })
    }

    /// Its entry in the version vector.
    pub(crate) fn version(&self) -> Version {
        Version::Manifest(self.hash.clone())
    }

    /// Bytes of all its objects, on storage.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// `manifest sha256:ab12…`: the version for people.
    pub(crate) fn in_words(&self) -> String {
        let short: String = self.hash.chars().take("sha256:".len() + 12).collect();
        format!("manifest {short}…")
    }
}

fn hash(text: &Bytes) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

impl Entry {
    fn of(meta: &ObjectMeta) -> Self {
        Self {
            path: meta.location.to_string(),
            size: meta.size,
            etag: meta.e_tag.clone(),
            modified: meta.last_modified.to_rfc3339_opts(SecondsFormat::Nanos, true),
        }
    }

    fn into_meta(self) -> Result<ObjectMeta, String> {
        let location = Path::parse(&self.path).map_err(|e| format!("the kept manifest names no path: {e}"))?;
        let last_modified = DateTime::parse_from_rfc3339(&self.modified)
            .map_err(|e| format!("the kept manifest has no date for \"{}\": {e}", self.path))?
            .with_timezone(&Utc);
        Ok(ObjectMeta { location, last_modified, size: self.size, e_tag: self.etag, version: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(path: &str, etag: Option<&str>) -> ObjectMeta {
        ObjectMeta {
            location: Path::from(path),
            last_modified: DateTime::from_timestamp_nanos(1_700_000_000_123_456_789),
            size: 7,
            e_tag: etag.map(str::to_owned),
            version: None,
        }
    }

    /// The stored form of version 1; it must be readable for ever.
    const V1: &str = r#"{"v":1,"files":[{"path":"t/a.parquet","size":7,"etag":"x","modified":"2023-11-14T22:13:20.123456789Z"},{"path":"t/b.parquet","size":7,"modified":"2023-11-14T22:13:20.123456789Z"}]}"#;

    #[test]
    fn order_of_the_listing_does_not_matter() {
        let files = [meta("t/a.parquet", Some("x")), meta("t/b.parquet", None)];
        let one = Manifest::of(files.to_vec()).unwrap();
        let other = Manifest::of(files.iter().rev().cloned().collect()).unwrap();
        assert_eq!(one.hash, other.hash);
        assert_eq!(std::str::from_utf8(&one.text).unwrap(), V1);
    }

    #[test]
    fn version_one_is_read_back() {
        let text = Bytes::from_static(V1.as_bytes());
        let manifest = Manifest::read(&text, &hash(&text)).unwrap();
        assert_eq!(manifest.files, [meta("t/a.parquet", Some("x")), meta("t/b.parquet", None)]);
    }

    #[test]
    fn another_text_under_the_same_hash_is_refused() {
        let text = Bytes::from_static(V1.as_bytes());
        assert!(Manifest::read(&Bytes::from(V1.replace('7', "8")), &hash(&text)).is_err());
        let newer = Bytes::from(V1.replace("\"v\":1", "\"v\":2"));
        assert!(Manifest::read(&newer, &hash(&newer)).unwrap_err().contains("format 2"));
    }

    #[test]
    fn another_etag_is_another_version() {
        let one = Manifest::of(vec![meta("a", Some("x"))]).unwrap();
        let other = Manifest::of(vec![meta("a", Some("y"))]).unwrap();
        assert_ne!(one.version(), other.version());
    }
}
