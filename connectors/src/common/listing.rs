//! Which objects make up a table right now: a file, a folder with everything below it, or a glob.
//!
//! In: a port's location. Out: the objects' metadata, any order. Listed afresh every time.
//! A location that names its files (`{a,b}.parquet`) is never listed: each file is looked up, and must be there.
//!
//! What is passed over: names that begin with `.` or `_` (folders too, unless they are partition folders), objects
//! without bytes, and objects whose name does not end as the kind's files do, unless the glob itself ends in a literal
//! extension.
//!
//! Start reading at [`list`].

use chrono::DateTime;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use glob::{MatchOptions, Pattern};
use meshweave_engine::connect::Port;
use meshweave_engine::storage::pattern;
use meshweave_engine::{Error, Failure, Result};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::kind::Kind;
use super::storage_failure;

/// Named files that are looked up at a time.
const LOOKED_UP_AT_A_TIME: usize = 16;

/// Lists the objects of a table.
///
/// A folder without objects is an empty table. A location that ends like a file of its kind and names nothing, and a local
/// folder that does not exist, are not.
///
/// # Errors
/// [`Failure::Unavailable`] when the store does not answer or nothing lies there;
/// [`Failure::ContractBroken`] when the location holds a Delta table;
/// [`Failure::InvalidConfiguration`] for a glob that is none.
pub(crate) async fn list(kind: &Kind, port: &Port, store: &dyn ObjectStore) -> Result<Vec<ObjectMeta>> {
    let place = &port.location;
    let product = port.product.name.to_string();
    if place.pattern.is_none()
        && let Some(file) = single(&product, port, store).await?
    {
        return Ok(vec![file]);
    }
    if let Some(files) = place.files() {
        return named(&product, &files, store).await;
    }
    let choice = Choice::of(kind, port)?;
    let prefix = (!place.path.as_ref().is_empty()).then_some(&place.path);
    let found: Vec<ObjectMeta> =
        store.list(prefix).try_collect().await.map_err(|error| unlisted(&product, port, error))?;
    refuse_delta(kind, &product, port, &found)?;
    let files: Vec<ObjectMeta> = found
        .iter()
        .filter(|object| choice.takes(&below(&place.path, &object.location), object.size))
        .cloned()
        .collect();
    if found.is_empty() {
        must_exist(kind, &product, port, store).await?;
    }
    Ok(files)
}

/// Looks up every file that the location names.
async fn named(product: &str, files: &[Path], store: &dyn ObjectStore) -> Result<Vec<ObjectMeta>> {
    let asked: Vec<_> = files.iter().map(|file| look_up(product, file, store).boxed()).collect();
    stream::iter(asked).buffered(LOOKED_UP_AT_A_TIME).try_collect().await
}

async fn look_up(product: &str, file: &Path, store: &dyn ObjectStore) -> Result<ObjectMeta> {
    let meta = store.head(file).await.map_err(|error| storage_failure(product, file, false, error))?;
    pinnable(product, meta)
}

/// An object whose store tells neither ETag nor time could be replaced unseen.
fn pinnable(product: &str, meta: ObjectMeta) -> Result<ObjectMeta> {
    if meta.e_tag.is_some() || meta.last_modified != DateTime::UNIX_EPOCH {
        return Ok(meta);
    }
    Err(Failure::Unsupported {
        what: format!("\"{}\" of {product}, whose server tells neither ETag nor Last-Modified,", meta.location),
        hint: Some("Let the server send one of both: without it nobody sees that a file was replaced.".to_owned()),
    }
    .into())
}

fn unlisted(product: &str, port: &Port, error: object_store::Error) -> Error {
    let place = &port.location;
    place.cannot_be_listed(&error).unwrap_or_else(|| storage_failure(product, &place.path, false, error))
}

/// The path of an object below its table's folder.
pub(crate) fn below(folder: &Path, object: &Path) -> String {
    let (folder, object) = (folder.as_ref(), object.as_ref());
    object.strip_prefix(folder).unwrap_or(object).trim_start_matches('/').to_owned()
}

/// The object that the location itself names, when it names one.
async fn single(product: &str, port: &Port, store: &dyn ObjectStore) -> Result<Option<ObjectMeta>> {
    let path = &port.location.path;
    let is_named = path.filename().is_some_and(|name| name.contains('.')) && !port.location.url.path().ends_with('/');
    if !is_named {
        return Ok(None);
    }
    match store.head(path).await {
        Ok(meta) => pinnable(product, meta).map(Some),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(storage_failure(product, path, false, error)),
    }
}

fn refuse_delta(kind: &Kind, product: &str, port: &Port, found: &[ObjectMeta]) -> Result<()> {
    let is_delta = |object: &&ObjectMeta| {
        let relative = below(&port.location.path, &object.location);
        relative.starts_with("_delta_log/") && relative.ends_with(".json")
    };
    match found.iter().find(is_delta) {
        None => Ok(()),
        Some(_) => Err(Failure::ContractBroken {
            product: product.to_owned(),
            message: format!("{} holds a Delta table, the contract promises {} files", port.location.url, kind.people),
            hint: Some("Set the storage format to delta; plain files would include rows that were deleted.".to_owned()),
        }
        .into()),
    }
}

/// An empty listing is an empty table only where a folder may be empty.
async fn must_exist(kind: &Kind, product: &str, port: &Port, store: &dyn ObjectStore) -> Result<()> {
    let place = &port.location;
    let nothing = || -> Error {
        Failure::Unavailable {
            what: product.to_owned(),
            message: format!("nothing lies at {}", place.url),
            cause: None,
        }
        .into()
    };
    if place.pattern.is_none() && kind.has(place.path.as_ref()) && !place.url.path().ends_with('/') {
        return Err(nothing());
    }
    if place.url.scheme() != "file" || place.path.as_ref().is_empty() {
        return Ok(());
    }
    let parts: Vec<_> = place.path.parts().collect();
    let parent = Path::from_iter(parts[..parts.len() - 1].iter().cloned());
    let siblings = store
        .list_with_delimiter(Some(&parent))
        .await
        .map_err(|error| storage_failure(product, &place.path, false, error))?;
    if siblings.common_prefixes.contains(&place.path) { Ok(()) } else { Err(nothing()) }
}

/// What of a folder belongs to the table.
struct Choice<'a> {
    kind: &'a Kind,
    /// Any of these; none when everything in the folder does.
    patterns: Option<Vec<Pattern>>,
    any_extension: bool,
}

impl<'a> Choice<'a> {
    fn of(kind: &'a Kind, port: &Port) -> Result<Self> {
        let Some(text) = &port.location.pattern else {
            return Ok(Self { kind, patterns: None, any_extension: false });
        };
        let bad = |message: String| Failure::InvalidConfiguration {
            place: format!("storage location of {}", port.product.name),
            message,
            hint: Some(
                "`*`, `?` and `[a-z]` stay within one folder, `**` spans folders, `{a,b}` is either.".to_owned(),
            ),
        };
        let texts = pattern::expanded(text).ok_or_else(|| bad(format!("\"{text}\" holds a list that is none")))?;
        let read = |text: &String| Pattern::new(text).map_err(|e| bad(format!("\"{text}\" is no pattern: {e}")));
        let patterns: Vec<Pattern> = texts.iter().map(read).collect::<Result<_, _>>()?;
        let name = text.rsplit('/').next().unwrap_or(text);
        let literal = name.rsplit_once('.').is_some_and(|(_, end)| !end.is_empty() && !end.contains(['*', '?', '[']));
        Ok(Self { kind, patterns: Some(patterns), any_extension: literal })
    }

    fn takes(&self, relative: &str, size: u64) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        size > 0
            && !is_hidden(relative)
            && (self.any_extension || self.kind.has(relative))
            && self.patterns.as_ref().is_none_or(|any| any.iter().any(|p| p.matches_with(relative, options)))
    }
}

fn is_hidden(relative: &str) -> bool {
    let mut parts = relative.split('/').rev();
    let name = parts.next().unwrap_or(relative);
    name.starts_with(['.', '_']) || parts.any(|folder| folder.starts_with(['.', '_']) && !folder.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARQUET: Kind = Kind { word: "parquet", people: "Parquet", endings: &[".parquet"], may_be_packed: false };

    fn takes(pattern: Option<&str>, relative: &str) -> bool {
        let any_extension = pattern.is_some_and(|text| text.ends_with(".pq"));
        let patterns = pattern.map(|text| vec![Pattern::new(text).unwrap()]);
        Choice { kind: &PARQUET, patterns, any_extension }.takes(relative, 1)
    }

    #[test]
    fn hidden_names_and_foreign_files_are_passed_over() {
        assert!(takes(None, "a/b.parquet"));
        assert!(takes(None, "_k=1/b.parquet"), "a partition folder may begin with an underscore");
        for name in ["_SUCCESS", "_x.parquet", ".x.parquet", "_tmp/a.parquet", "a/.tmp/a.parquet", "readme.md", "a.csv"]
        {
            assert!(!takes(None, name), "{name}");
        }
        let nothing = Choice { kind: &PARQUET, patterns: None, any_extension: false };
        assert!(!nothing.takes("a.parquet", 0), "an object without bytes");
    }

    #[test]
    fn a_star_stays_within_its_folder() {
        assert!(takes(Some("*.parquet"), "a.parquet"));
        assert!(!takes(Some("*.parquet"), "sub/a.parquet"));
        assert!(takes(Some("dt=*/part-?.parquet"), "dt=1/part-0.parquet"));
        assert!(takes(Some("**/*.parquet"), "a/b/c.parquet"));
        assert!(takes(Some("*.pq"), "a.pq"));
    }

    #[test]
    fn below_is_relative() {
        assert_eq!(below(&Path::from("a/b"), &Path::from("a/b/c/d.parquet")), "c/d.parquet");
        assert_eq!(below(&Path::default(), &Path::from("c.parquet")), "c.parquet");
    }
}
