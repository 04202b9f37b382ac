//! Local folders: symbolic links are followed before anything is compared, when a place is named and at every request.
//!
//! Reading and listing are done here, each in one turn of a thread that may wait. Looks at a few files that are at hand (`at_hand.rs`)
//! take no such turn: to change threads takes longer than to look. Whatever writes is the library's.
//!
//! Start reading at [`real_path`] and [`ConfinedFiles`].

mod at_hand;
mod read;
mod unlinked;
mod walk;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::future::ready;
use std::ops::Range;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

pub use self::read::Ranges;
use self::unlinked::Opened;
pub(super) use self::unlinked::is_real;
use self::walk::Walk;

/// Files that a listing finds in one turn.
const LISTED_AT_A_TIME: usize = 1024;
/// Entries of a folder at hand that are looked at without a turn of another thread, which takes longer than so many looks.
const LOOKED_AT: usize = 24;

/// Follows every symbolic link of a path; what does not exist yet is appended to its nearest ancestor that does.
///
/// # Errors
/// Any but "not found": a loop of links, no right to look.
pub(super) fn real_path(path: &FilePath) -> std::io::Result<PathBuf> {
    if is_real(path) {
        return Ok(path.components().collect());
    }
    let mut missing = Vec::new();
    let mut existing = path;
    loop {
        match existing.canonicalize() {
            Ok(mut real) => {
                real.extend(missing.iter().rev());
                return Ok(real);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A link that leads nowhere could lead anywhere tomorrow.
                if existing.is_symlink() {
                    return Err(error);
                }
                match (existing.parent(), existing.components().next_back()) {
                    (Some(parent), Some(Component::Normal(name))) => {
                        missing.push(name.to_owned());
                        existing = parent;
                    }
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// The file system below some folders; a symbolic link that leads out of them is refused at every request.
#[derive(Debug)]
pub(super) struct ConfinedFiles {
    files: Arc<LocalFileSystem>,
    roots: Arc<Vec<PathBuf>>,
}

impl ConfinedFiles {
    /// Files below `roots`, which are real paths.
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        Self { files: Arc::new(LocalFileSystem::new()), roots: Arc::new(roots) }
    }

    fn allow(&self, location: &Path) -> Result<()> {
        allow(&self.files, &self.roots, location)
    }

    /// A listing without a prefix is one of the whole file system, which no domain may see.
    fn allow_below(&self, prefix: Option<&Path>) -> Result<()> {
        match prefix {
            Some(prefix) => self.allow(prefix),
            None => self.allow(&Path::ROOT),
        }
    }
}

fn allow(files: &LocalFileSystem, roots: &[PathBuf], location: &Path) -> Result<()> {
    confined(&files.path_to_filesystem(location)?, roots, location).map(drop)
}

/// Runs what waits for the file system where waiting is allowed.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Ok(SpawnedTask::spawn_blocking(work).await?)
}

/// The real path of what lies at `path`.
fn confined(path: &FilePath, roots: &[PathBuf], location: &Path) -> Result<PathBuf> {
    let real = real_path(path).map_err(|error| refused(location, format!("the path cannot be followed: {error}")))?;
    if is_below(&real, roots) {
        return Ok(real);
    }
    Err(refused(location, "a symbolic link leads out of the domain's folders".to_owned()))
}

fn refused(location: &Path, why: String) -> object_store::Error {
    object_store::Error::PermissionDenied { path: location.to_string(), source: why.into() }
}

fn is_below(path: &FilePath, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}

/// Opens what lies below the roots; what has been compared is what is opened, where the system can tell.
///
/// - `unlinked`: opens a path without links; `linked`: opens any, for systems that cannot tell.
fn open_below(
    path: &FilePath,
    roots: &[PathBuf],
    location: &Path,
    unlinked: fn(&FilePath) -> Opened,
    linked: fn(&FilePath) -> std::io::Result<File>,
) -> Result<std::io::Result<File>> {
    if is_below(path, roots)
        && let Opened::Sure(opened) = unlinked(path)
    {
        return Ok(opened);
    }
    let real = confined(path, roots, location)?;
    match unlinked(&real) {
        Opened::Sure(opened) => Ok(opened),
        Opened::Unknown => Ok(linked(&real)),
        Opened::Linked => Err(refused(location, "a symbolic link has just been put in its way".to_owned())),
    }
}

/// Opens a file below the roots.
fn opened(path: &FilePath, roots: &[PathBuf], location: &Path) -> Result<File> {
    let opened = open_below(path, roots, location, unlinked::open, |path| File::open(path))?;
    opened.map_err(|error| read::unopened(error, path))
}

/// Opens a folder below the roots; none when no folder lies there.
fn opened_folder(path: &FilePath, roots: &[PathBuf], location: &Path) -> Result<Option<File>> {
    walk::present(open_below(path, roots, location, unlinked::open_folder, walk::open)?)
}

/// What a first turn of a listing finds.
fn begun(mut walk: Walk, turn: impl FnOnce(&mut Walk) -> (VecDeque<Result<ObjectMeta>>, bool)) -> Result<Listing> {
    let (found, is_all) = turn(&mut walk);
    Ok((found, (!is_all).then_some(walk)))
}

/// The next file of a listing, from what was found last or from a further turn.
async fn listed((mut found, mut rest): Listing) -> Result<Option<(ObjectMeta, Listing)>> {
    if found.is_empty()
        && let Some(mut walk) = rest.take()
    {
        (found, rest) = waiting(move || {
            let (found, is_all) = walk.take(LISTED_AT_A_TIME);
            (found, (!is_all).then_some(walk))
        })
        .await?;
    }
    match found.pop_front() {
        Some(file) => Ok(Some((file?, (found, rest)))),
        None => Ok(None),
    }
}

/// What a listing has found and not told yet, and what goes on when there is more.
type Listing = (VecDeque<Result<ObjectMeta>>, Option<Walk>);

impl fmt::Display for ConfinedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("local files")
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ObjectStore for ConfinedFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.allow(location)?;
        self.files.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.allow(location)?;
        self.files.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let path = self.files.path_to_filesystem(location)?;
        if options.head
            && is_below(&path, &self.roots)
            && let Some(file) = at_hand::file(&path)
        {
            return read::get(file, &path, location.clone(), &options);
        }
        let (roots, location) = (Arc::clone(&self.roots), location.clone());
        waiting(move || read::get(opened(&path, &roots, &location)?, &path, location, &options)).await?
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.allow(location)?;
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (files, roots) = (Arc::clone(&self.files), Arc::clone(&self.roots));
        let checked = locations.map(move |location| {
            let location = location?;
            allow(&files, &roots, &location)?;
            Ok(location)
        });
        self.files.delete_stream(checked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned().unwrap_or(Path::ROOT);
        // A path that ends in what no object may be called is a folder like any other.
        let folder = prefix.parts().fold(PathBuf::from("/"), |path, part| path.join(part.as_ref()));
        let (roots, location) = (Arc::clone(&self.roots), prefix.clone());
        let begin = async move || {
            if let Some(opened) = is_below(&folder, &roots).then(|| at_hand::folder(&folder)).flatten() {
                return begun(Walk::new(opened, folder, location)?, |walk| walk.take_at_hand(LOOKED_AT));
            }
            waiting(move || match opened_folder(&folder, &roots, &location)? {
                Some(opened) => begun(Walk::new(opened, folder, location)?, |walk| walk.take(LISTED_AT_A_TIME)),
                None => Ok((VecDeque::new(), None)),
            })
            .await?
        };
        let listed = async move { Ok(stream::try_unfold(begin().await?, listed)) };
        listed.try_flatten_stream().boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        self.list(prefix).try_filter(move |found| ready(found.location > offset)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.allow_below(prefix)?;
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.allow(from)?;
        self.allow(to)?;
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.allow(from)?;
        self.allow(to)?;
        self.files.rename_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_appears_after_the_look_is_refused_where_the_system_can_tell() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("file"), "x").unwrap();
        symlink(root.join("file"), root.join("link")).unwrap();
        let roots = [root.clone()];
        let open = |unlinked: fn(&FilePath) -> Opened| {
            let never = |_: &FilePath| Err(std::io::Error::other("opened with its links followed"));
            open_below(&root.join("link"), &roots, &Path::from("link"), unlinked, never)
        };
        let refused = open(|_| Opened::Linked).unwrap_err();
        assert!(matches!(refused, object_store::Error::PermissionDenied { .. }), "{refused}");
        let followed = open(|_| Opened::Unknown).unwrap().unwrap_err();
        assert!(followed.to_string().contains("links followed"), "{followed}");
        assert!(open(unlinked::open).unwrap().is_ok(), "a link that stays below the roots is one");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_few_files_at_hand_take_no_turn_of_another_thread() {
        use futures::FutureExt;
        use object_store::ObjectStoreExt;

        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["a", "b"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        let prefix = Path::from_absolute_path(&root).unwrap();
        let store = ConfinedFiles::new(vec![root.clone()]);
        let sorted = |mut found: Vec<ObjectMeta>| {
            found.sort_by(|a, b| a.location.cmp(&b.location));
            found
        };
        // Whoever may wait meets the disk.
        let first = sorted(store.list(Some(&prefix)).try_collect().await.unwrap());
        let head = prefix.clone().join("a");
        let at_once = store.list(Some(&prefix)).try_collect::<Vec<_>>().now_or_never();
        let looked = store.head(&head).now_or_never();
        assert_eq!(
            (at_once.is_some(), looked.is_some()),
            (at_hand::can_be_at_hand(&root), at_hand::can_be_at_hand(&root))
        );
        assert!(at_once.is_none_or(|listed| sorted(listed.unwrap()) == first));
        assert!(looked.is_none_or(|looked| looked.unwrap() == first[0]));

        std::fs::create_dir(root.join("below")).unwrap();
        std::fs::write(root.join("below/c"), "c").unwrap();
        symlink(root.join("a"), root.join("link")).unwrap();
        assert!(
            store.list(Some(&prefix)).try_collect::<Vec<_>>().now_or_never().is_none(),
            "a folder may lead elsewhere"
        );
        assert!(store.head(&prefix.clone().join("link")).now_or_never().is_none(), "and so may a link");
        let all = sorted(store.list(Some(&prefix)).try_collect().await.unwrap());
        let theirs: Vec<ObjectMeta> = LocalFileSystem::new().list(Some(&prefix)).try_collect().await.unwrap();
        assert_eq!(all, sorted(theirs));
    }

    #[test]
    fn a_link_out_of_the_roots_is_opened_by_nobody() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = inside.path().canonicalize().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        let location = Path::from("out");
        let file = opened(&root.join("out/secret"), std::slice::from_ref(&root), &location).unwrap_err();
        let folder = opened_folder(&root.join("out"), std::slice::from_ref(&root), &location).unwrap_err();
        for refused in [file, folder] {
            assert!(matches!(refused, object_store::Error::PermissionDenied { .. }), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_listing_after_an_object_is_what_the_library_lists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["1.json", "2.json", "3.json", "sub/0.json"] {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), name).unwrap();
        }
        let prefix = Path::from_absolute_path(&root).unwrap();
        let after = prefix.clone().join("2.json");
        let sorted = async |store: &dyn ObjectStore| {
            let found = store.list_with_offset(Some(&prefix), &after).try_collect::<Vec<_>>().await;
            let mut found = found.unwrap();
            found.sort_by(|a, b| a.location.cmp(&b.location));
            found
        };
        let ours = sorted(&ConfinedFiles::new(vec![root])).await;
        assert_eq!(ours.len(), 2);
        assert_eq!(ours, sorted(&LocalFileSystem::new()).await);
    }
}
