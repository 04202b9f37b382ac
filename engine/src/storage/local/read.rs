//! Looks at an open local file and reads all that was asked for, in one go on a thread that may wait.
//!
//! In: the file with its path, and a request as stores take it, with [`Ranges`] when several stretches are wanted. Out: the answer.
//! Holds always:
//! - conditions are compared with the file that was opened, not with the name;
//! - what is read with [`Ranges`] is of one state of the file: its size and time are looked at again after the last byte, through the
//!   same handle, so a file that is replaced in between gives the old bytes, and one that is written in between an error.
//!
//! Start reading at [`get`].

use std::fs::{File, Metadata};
use std::io::{Error as IoError, ErrorKind, Result as IoResult};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{Attributes, Error, GetOptions, GetResult, GetResultPayload, ObjectMeta, Result};

/// What this store is called in errors.
pub(super) const STORE: &str = "local files";

/// Several stretches of one object in one request, put into [`GetOptions::extensions`]; the answer's stream then gives one chunk for
/// each, in their order.
///
/// Local files know it. Where a store does not, its answer holds what [`GetOptions::range`] says.
#[derive(Debug, Clone)]
pub struct Ranges(pub Arc<[Range<u64>]>);

/// Answers one request.
///
/// # Errors
/// [`Error::NotFound`] when it is a folder; [`Error::Precondition`] when it is not the one that was meant, or was written while it was
/// read.
pub(super) fn get(file: File, path: &FilePath, location: Path, options: &GetOptions) -> Result<GetResult> {
    let metadata = file.metadata().map_err(|error| unopened(error, path))?;
    if metadata.is_dir() {
        return Err(unopened(IoError::from(ErrorKind::NotFound), path));
    }
    let meta = described(&Seen::of(&metadata)?, location);
    options.check_preconditions(&meta)?;
    let range = match &options.range {
        Some(range) => range.as_range(meta.size).map_err(failed)?,
        None => 0..meta.size,
    };
    let payload = match options.extensions.get::<Ranges>() {
        Some(Ranges(ranges)) if !options.head => {
            let chunks = read(&file, meta.size, ranges).map_err(failed)?;
            unchanged(&file, &metadata, &meta)?;
            GetResultPayload::Stream(stream::iter(chunks.into_iter().map(Ok)).boxed())
        }
        _ => GetResultPayload::File(file, path.to_owned()),
    };
    Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
}

/// The bytes of every range; what lies behind the file's end is left out.
fn read(file: &File, size: u64, ranges: &[Range<u64>]) -> IoResult<Vec<Bytes>> {
    let one = |range: &Range<u64>| {
        let length = range.end.min(size).saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).map_err(IoError::other)?];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(Bytes::from(bytes))
    };
    ranges.iter().map(one).collect()
}

fn unchanged(file: &File, before: &Metadata, meta: &ObjectMeta) -> Result<()> {
    let now = file.metadata().map_err(failed)?;
    if now.len() == before.len() && now.modified().map_err(failed)? == before.modified().map_err(failed)? {
        return Ok(());
    }
    let source = "the file was written while it was read".into();
    Err(Error::Precondition { path: meta.location.to_string(), source })
}

/// A file as stores describe objects.
///
/// The ETag is the one that `object_store` gives local files (inode, time in microseconds and size, in hexadecimal digits, as web servers
/// do), since manifests that were kept and other requests tell it too.
///
pub(super) fn described(seen: &Seen, location: Path) -> ObjectMeta {
    let Seen { inode, size, modified } = *seen;
    let micros = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let e_tag = Some(format!("{inode:x}-{micros:x}-{size:x}"));
    ObjectMeta { location, last_modified: modified.into(), size, e_tag, version: None }
}

/// What a look at a file shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Seen {
    /// # Errors
    /// When the file system tells no times.
    fn of(metadata: &Metadata) -> Result<Self> {
        let modified = metadata.modified().map_err(failed)?;
        Ok(Self { inode: metadata.ino(), size: metadata.len(), modified })
    }
}

/// Why a file could not be opened, as stores tell it.
pub(super) fn unopened(error: IoError, path: &FilePath) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound { path: path.display().to_string(), source: Box::new(error) },
        _ => {
            let message = format!("{} cannot be opened: {error}", path.display());
            failed(IoError::new(error.kind(), message))
        }
    }
}

/// An error of the file system, as stores tell it.
pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: STORE, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::local::LocalFileSystem;
    use object_store::{GetRange, ObjectStore, ObjectStoreExt};

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf, Path) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("a b#c.parquet");
        std::fs::write(&path, text).unwrap();
        let location = Path::from_absolute_path(&path).unwrap();
        (folder, path, location)
    }

    fn open(path: &FilePath, location: &Path, options: &GetOptions) -> Result<GetResult> {
        let file = File::open(path).map_err(|error| unopened(error, path))?;
        get(file, path, location.clone(), options)
    }

    async fn chunks(path: &FilePath, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut options = GetOptions::default();
        options.extensions.insert(Ranges(ranges.into()));
        let GetResultPayload::Stream(chunks) = open(path, location, &options)?.payload else {
            panic!("several ranges come as chunks");
        };
        chunks.try_collect().await
    }

    #[tokio::test]
    async fn every_range_is_a_chunk_in_the_order_that_was_asked_for() {
        let (_folder, path, location) = file("0123456789");
        let found = chunks(&path, &location, &[7..9, 0..2, 3..3, 8..20, 90..99]).await.unwrap();
        let texts: Vec<&[u8]> = found.iter().map(AsRef::as_ref).collect();
        assert_eq!(texts, [b"78".as_slice(), b"01", b"", b"89", b""]);
    }

    #[tokio::test]
    async fn a_file_is_described_as_the_library_does() {
        let (_folder, path, location) = file("0123456789");
        let theirs = LocalFileSystem::new().head(&location).await.unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(described(&Seen::of(&metadata).unwrap(), location.clone()), theirs);
        let range = Some(GetRange::Bounded(2..4));
        let options = GetOptions { range, if_match: theirs.e_tag.clone(), ..GetOptions::default() };
        let ours = open(&path, &location, &options).unwrap();
        let library = LocalFileSystem::new().get_opts(&location, options).await.unwrap();
        assert_eq!((&ours.meta, &ours.range), (&library.meta, &library.range));
        assert_eq!(ours.bytes().await.unwrap(), library.bytes().await.unwrap());
    }

    #[tokio::test]
    async fn another_file_of_the_name_is_not_the_one_that_was_meant() {
        let (_folder, path, location) = file("0123456789");
        let pinned = LocalFileSystem::new().head(&location).await.unwrap();
        std::fs::write(path.with_extension("new"), "9876543210").unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
        let options = GetOptions { if_match: pinned.e_tag, ..GetOptions::default() };
        assert!(matches!(open(&path, &location, &options), Err(Error::Precondition { .. })));
    }

    #[test]
    fn what_is_written_while_it_is_read_is_refused() {
        let (_folder, path, location) = file("0123456789");
        let open = File::open(&path).unwrap();
        let before = open.metadata().unwrap();
        let meta = described(&Seen::of(&before).unwrap(), location);
        unchanged(&open, &before, &meta).unwrap();
        std::fs::write(&path, "0").unwrap();
        assert!(matches!(unchanged(&open, &before, &meta), Err(Error::Precondition { .. })));
    }

    #[test]
    fn neither_folders_nor_missing_files_are_objects() {
        let (folder, path, location) = file("0");
        assert!(matches!(open(folder.path(), &location, &GetOptions::default()), Err(Error::NotFound { .. })));
        let missing = open(&path.with_extension("none"), &location, &GetOptions::default());
        assert!(matches!(missing, Err(Error::NotFound { .. })));
    }
}
