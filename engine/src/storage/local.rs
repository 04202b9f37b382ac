//! Local folders: symbolic links are followed before anything is compared, when a place is named and at every request.
//!
//! Start reading at [`real_path`] and [`ConfinedFiles`].

use std::fmt;
use std::ops::Range;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// Follows every symbolic link of a path; what does not exist yet is appended to its nearest ancestor that does.
///
/// # Errors
/// Any but "not found": a loop of links, no right to look.
pub(super) fn real_path(path: &FilePath) -> std::io::Result<PathBuf> {
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
}

fn allow(files: &LocalFileSystem, roots: &[PathBuf], location: &Path) -> Result<()> {
    let path = files.path_to_filesystem(location)?;
    let refused =
        |why: String| object_store::Error::PermissionDenied { path: location.to_string(), source: why.into() };
    let real = real_path(&path).map_err(|error| refused(format!("the path cannot be followed: {error}")))?;
    if roots.iter().any(|root| real.starts_with(root)) {
        return Ok(());
    }
    Err(refused("a symbolic link leads out of the domain's folders".to_owned()))
}

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
        self.allow(location)?;
        self.files.get_opts(location, options).await
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
        match self.allow(prefix.unwrap_or(&Path::default())) {
            Ok(()) => self.files.list(prefix),
            Err(error) => async move { Err(error) }.into_stream().boxed(),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.allow(prefix.unwrap_or(&Path::default())) {
            Ok(()) => self.files.list_with_offset(prefix, offset),
            Err(error) => async move { Err(error) }.into_stream().boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.allow(prefix.unwrap_or(&Path::default()))?;
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
