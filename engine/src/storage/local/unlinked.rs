//! Opens paths that no symbolic link stands on the way to, in one step: what was compared is what is opened.
//!
//! Linux can tell (`openat2`, since 5.6); where it cannot, or forbids to ask, the callers follow every link by hand.
//!
//! Start reading at [`open`].

use std::fs::File;
use std::io::Result;
use std::path::{Component, Path};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What came of opening a path.
#[derive(Debug)]
pub(super) enum Opened {
    /// No link stands on the way: what lies there, or that nothing does.
    Sure(Result<File>),
    /// A link stands on the way.
    Linked,
    /// Nobody can tell.
    Unknown,
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Opened {
    opened(path, OFlags::RDONLY)
}

/// Opens a folder for listing.
pub(super) fn open_folder(path: &Path) -> Opened {
    opened(path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Whether a path exists and is its own real path: absolute, without `.` and `..`, and no link on the way.
pub(in crate::storage) fn is_real(path: &Path) -> bool {
    matches!(opened(path, OFlags::PATH), Opened::Sure(Ok(_)))
}

fn opened(path: &Path, how: OFlags) -> Opened {
    if !is_plain(path) {
        return Opened::Unknown;
    }
    match resolve::open(path, how | OFlags::CLOEXEC) {
        Ok(file) => Opened::Sure(Ok(file)),
        Err(Errno::NOENT) => Opened::Sure(Err(Errno::NOENT.into())),
        Err(Errno::LOOP) => Opened::Linked,
        Err(_) => Opened::Unknown,
    }
}

/// Whether a path is absolute and holds neither `.` nor `..`.
pub(super) fn is_plain(path: &Path) -> bool {
    path.is_absolute() && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

#[cfg(target_os = "linux")]
mod resolve {
    use std::fs::File;
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{Result, retry_on_intr};

    pub(super) fn open(path: &Path, how: OFlags) -> Result<File> {
        let opened = || openat2(CWD, path, how, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        retry_on_intr(opened).map(File::from)
    }
}

#[cfg(not(target_os = "linux"))]
mod resolve {
    use std::fs::File;
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::io::{Errno, Result};

    pub(super) fn open(_: &Path, _: OFlags) -> Result<File> {
        Err(Errno::NOSYS)
    }
}

#[cfg(all(test, target_os = "linux"))]
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

        let Opened::Sure(Ok(mut file)) = open(&real.join("a/file")) else { panic!("it is there") };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(matches!(open(&real.join("link/file")), Opened::Linked));
        assert!(matches!(open(&real.join("dangling")), Opened::Linked));
        assert!(matches!(open(&real.join("a/../a/file")), Opened::Unknown));
        let Opened::Sure(Err(error)) = open(&real.join("a/none")) else { panic!("it is not there") };
        assert_eq!(error.kind(), ErrorKind::NotFound);

        assert!(matches!(open_folder(&real.join("a")), Opened::Sure(Ok(_))));
        assert!(matches!(open_folder(&real.join("link")), Opened::Linked));
        assert!(matches!(open_folder(&real.join("a/file")), Opened::Unknown));
    }
}
