//! Opens paths that no symbolic link stands on the way to, in one step: what was compared is what is opened.
//!
//! Linux can tell (`openat2`, since 5.6); where it cannot, or forbids to ask, the callers follow every link by hand.
//!
//! Start reading at [`open`].

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::path::{Component, Path};

use rustix::fs::OFlags;

/// Opens a file for reading; none when a link stands on the way, or nobody can tell.
///
/// # Errors
/// [`ErrorKind::NotFound`] when nothing lies there, nor a link that would lead on.
pub(super) fn open(path: &Path) -> Option<Result<File>> {
    only_what_is_sure(resolve::open(path, OFlags::RDONLY))
}

/// Opens a folder for listing; none when a link stands on the way, or nobody can tell.
///
/// # Errors
/// As [`open`]; [`ErrorKind::NotADirectory`] when a file lies there.
pub(super) fn open_folder(path: &Path) -> Option<Result<File>> {
    only_what_is_sure(resolve::open(path, OFlags::RDONLY | OFlags::DIRECTORY))
}

/// Whether a path exists and is its own real path: absolute, without `.` and `..`, and no link on the way.
pub(super) fn is_real(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.components().all(is_plain) && matches!(resolve::open(path, OFlags::PATH), Some(Ok(_)))
}

fn only_what_is_sure(opened: Option<Result<File>>) -> Option<Result<File>> {
    opened.filter(|opened| match opened {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    })
}

#[cfg(target_os = "linux")]
mod resolve {
    use std::fs::File;
    use std::io::Result;
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

    pub(super) fn open(path: &Path, how: OFlags) -> Option<Result<File>> {
        let opened = openat2(CWD, path, how | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        Some(opened.map(File::from).map_err(Into::into))
    }
}

#[cfg(not(target_os = "linux"))]
mod resolve {
    use std::fs::File;
    use std::io::Result;
    use std::path::Path;

    use rustix::fs::OFlags;

    pub(super) fn open(_: &Path, _: OFlags) -> Option<Result<File>> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_through_a_link_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("a")).unwrap();
        std::fs::write(real.join("a/file"), "x").unwrap();
        symlink(real.join("a"), real.join("link")).unwrap();
        symlink(real.join("nowhere"), real.join("dangling")).unwrap();

        assert!(is_real(&real.join("a/file")) && is_real(&real.join("a")));
        assert!(!is_real(&real.join("link")) && !is_real(&real.join("link/file")) && !is_real(&real.join("none")));
        assert!(!is_real(&real.join("a/../a/file")) && !is_real(Path::new("a/file")));

        let mut text = String::new();
        open(&real.join("a/file")).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(open_folder(&real.join("a")).unwrap().is_ok() && open_folder(&real.join("link")).is_none());
        assert_eq!(open_folder(&real.join("a/file")).unwrap().unwrap_err().kind(), ErrorKind::NotADirectory);
        assert!(open(&real.join("link/file")).is_none() && open(&real.join("dangling")).is_none());
        assert_eq!(open(&real.join("a/none")).unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    }
}
