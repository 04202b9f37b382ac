//! Opens paths that no symbolic link stands on the way to, in one step: what was compared is what is opened.
//!
//! Linux can tell (`openat2`, since 5.6); where it cannot, or forbids to ask, the callers follow every link by hand.
//!
//! Start reading at [`open`].

use std::fs::File;
use std::io::Result;
use std::path::{Component, Path};

/// Opens a file for reading; none when a link stands on the way, or nobody can tell.
///
/// # Errors
/// [`std::io::ErrorKind::NotFound`] when nothing lies there, nor a link that would lead on.
pub(super) fn open(path: &Path) -> Option<Result<File>> {
    only_what_is_sure(resolve::open(path, false))
}

/// Whether a path exists and is its own real path: absolute, without `.` and `..`, and no link on the way.
pub(super) fn is_real(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    path.is_absolute() && path.components().all(is_plain) && matches!(resolve::open(path, true), Some(Ok(_)))
}

fn only_what_is_sure(opened: Option<Result<File>>) -> Option<Result<File>> {
    opened.filter(|opened| match opened {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    })
}

#[cfg(target_os = "linux")]
mod resolve {
    use std::fs::File;
    use std::io::Result;
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

    pub(super) fn open(path: &Path, only_look: bool) -> Option<Result<File>> {
        let how = if only_look { OFlags::PATH } else { OFlags::RDONLY };
        let opened = openat2(CWD, path, how | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        Some(opened.map(File::from).map_err(Into::into))
    }
}

#[cfg(not(target_os = "linux"))]
mod resolve {
    use std::fs::File;
    use std::io::Result;
    use std::path::Path;

    pub(super) fn open(_: &Path, _: bool) -> Option<Result<File>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};
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
        assert!(open(&real.join("link/file")).is_none() && open(&real.join("dangling")).is_none());
        assert_eq!(open(&real.join("a/none")).unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    }
}
