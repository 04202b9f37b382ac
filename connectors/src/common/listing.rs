//! Which objects make up a table right now: a file, a folder with everything below it, or a glob.
//!
//! In: a port's location. Out: the objects' metadata, any order. Listed afresh every time.
//!
//! What is passed over: names that begin with `.` or `_` (folders too, unless they are partition folders), objects
//! without bytes, and objects whose name does not end as the kind's files do, unless the glob itself ends in a literal
//! extension.
//!
//! Start reading at [`list`].

use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use meshweave_engine::connect::Port;
use meshweave_engine::{Error, Failure, Result};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::kind::Kind;
use super::storage_failure;

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
    let choice = Choice::of(kind, port)?;
    let prefix = (!place.path.as_ref().is_empty()).then_some(&place.path);
    let found: Vec<ObjectMeta> =
        store.list(prefix).try_collect().await.map_err(|error| storage_failure(&product, &place.path, false, error))?;
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
        Ok(meta) => Ok(Some(meta)),
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
    pattern: Option<Pattern>,
    any_extension: bool,
}

impl<'a> Choice<'a> {
    fn of(kind: &'a Kind, port: &Port) -> Result<Self> {
        let Some(text) = &port.location.pattern else {
            return Ok(Self { kind, pattern: None, any_extension: false });
        };
        let pattern = Pattern::new(text).map_err(|error| Failure::InvalidConfiguration {
            place: format!("storage location of {}", port.product.name),
            message: format!("\"{text}\" is no pattern: {error}"),
            hint: Some("`*`, `?` and `[a-z]` stay within one folder, `**` spans folders.".to_owned()),
        })?;
        let name = text.rsplit('/').next().unwrap_or(text);
        let literal = name.rsplit_once('.').is_some_and(|(_, end)| !end.is_empty() && !end.contains(['*', '?', '[']));
        Ok(Self { kind, pattern: Some(pattern), any_extension: literal })
    }

    fn takes(&self, relative: &str, size: u64) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        size > 0
            && !is_hidden(relative)
            && (self.any_extension || self.kind.has(relative))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches_with(relative, options))
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
        let pattern = pattern.map(|text| Pattern::new(text).unwrap());
        Choice { kind: &PARQUET, pattern, any_extension }.takes(relative, 1)
    }

    #[test]
    fn hidden_names_and_foreign_files_are_passed_over() {
        assert!(takes(None, "a/b.parquet"));
        assert!(takes(None, "_k=1/b.parquet"), "a partition folder may begin with an underscore");
        for name in ["_SUCCESS", "_x.parquet", ".x.parquet", "_tmp/a.parquet", "a/.tmp/a.parquet", "readme.md", "a.csv"]
        {
            assert!(!takes(None, name), "{name}");
        }
        assert!(
            !Choice { kind: &PARQUET, pattern: None, any_extension: false }.takes("a.parquet", 0),
            "an object without bytes"
        );
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
